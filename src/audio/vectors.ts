/**
 * Arrays of float32 and the transform of real signals on them, by `kernels.ts`. What the kernels touch lies in one memory that
 * belongs to whoever makes it, here an echo canceller; it is never given back in parts.
 */
import { type Kernels, kernelsOver } from './kernels.ts';
import { WebAssembly } from './wasm.ts';

/** Of 64 kB: far more than a canceller at 48 kHz takes. What is not touched costs nothing. */
const PAGES = 64;
/** Numbers of one. */
export const VECTOR = 4;

declare const inVectors: unique symbol;
/** An array in the memory of a `Vectors`. */
export type Floats = Float32Array<ArrayBuffer> & {
  readonly [inVectors]: true;
  fill(value: number, from?: number, to?: number): Floats;
};

export class Vectors {
  readonly #memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES });
  readonly kernels: Kernels = kernelsOver(this.#memory);
  #used = 0;

  /** Zeros; begins where a vector does. */
  floats(length: number): Floats {
    const floats = new Float32Array(this.#memory.buffer, this.#used, length);
    this.#used += 4 * VECTOR * Math.ceil(length / VECTOR);
    return floats as Floats;
  }
}

/**
 * For multiples of 32 made of the factors 2, 3 and 5: frames of 10 ms are no power of two at any rate. A spectrum takes `stride`
 * numbers: `bins`, and zeros up to a whole vector.
 */
export class VectorFft extends Vectors {
  readonly size: number;
  readonly bins: number;
  readonly stride: number;
  readonly #half: number;
  readonly #passes: { pass: (...parameters: number[]) => void; groups: number; bytes: number }[] = [];
  readonly #cos: Floats;
  readonly #sin: Floats;
  readonly #partCos: Floats;
  readonly #partSin: Floats;
  readonly #woven: Floats;
  readonly #scale: Floats;
  /** The two sides of the passes, re and im: a vector of room before and behind each. */
  readonly #sides: readonly number[];

  constructor(size: number) {
    super();
    const half = size / 2;
    this.size = size;
    this.bins = half + 1;
    this.stride = VECTOR * Math.ceil(this.bins / VECTOR);
    this.#half = half;
    this.#plan();
    const turn = (length: number, of: number, wave: (angle: number) => number): Floats => {
      const floats = this.floats(length);
      for (let k = 0; k < length; k++) floats[k] = wave((2 * Math.PI * k) / of);
      return floats;
    };
    this.#cos = turn(half, half, Math.cos);
    this.#sin = turn(half, half, Math.sin);
    this.#partCos = turn(this.stride, size, Math.cos);
    this.#partSin = turn(this.stride, size, Math.sin);
    this.#woven = this.floats(size);
    this.#scale = this.floats(VECTOR).fill(0.5 / half);
    this.#sides = [0, 1, 2, 3].map(() => this.floats(half + 3 * VECTOR).byteOffset + 4 * VECTOR);
  }

  /** `size` samples of `time` to `bins` bins of `re` and `im` at `at`; unscaled. */
  forward(time: Floats, re: Floats, im: Floats, at = 0): void {
    const to = this.#transform(time.byteOffset);
    const { byteOffset: cos } = this.#partCos;
    const { byteOffset: sin } = this.#partSin;
    const sides = this.#sides;
    const reAt = re.byteOffset + 4 * at;
    const imAt = im.byteOffset + 4 * at;
    this.kernels.part(4 * this.#half, 4 * this.stride, sides[to], sides[to + 1], reAt, imAt, cos, sin);
  }

  /** `bins` bins at `at` back to `size` samples; `inverse(forward(x))` is x. */
  inverse(re: Floats, im: Floats, time: Floats, at = 0): void {
    const bytes = 4 * this.#half;
    const { byteOffset: cos } = this.#partCos;
    const { byteOffset: sin } = this.#partSin;
    const { byteOffset: woven } = this.#woven;
    this.kernels.join(bytes, re.byteOffset + 4 * at, im.byteOffset + 4 * at, woven, cos, sin, this.#scale.byteOffset);
    const to = this.#transform(woven);
    this.kernels.weave(bytes, this.#sides[to], this.#sides[to + 1], time.byteOffset);
  }

  /** The complex transform of what is woven at `from`; which of the sides it ends at. */
  #transform(from: number): 0 | 2 {
    const { byteOffset: cos } = this.#cos;
    const { byteOffset: sin } = this.#sin;
    const [aRe, aIm, bRe, bIm] = this.#sides;
    this.kernels.begin(this.#half, from, aRe, aIm, cos, sin); // a quarter of them, of four bytes
    let first = true;
    for (let i = 0; i < this.#passes.length; i++) {
      const { pass, groups, bytes } = this.#passes[i];
      if (first) pass(groups, bytes, aRe, aIm, bRe, bIm, cos, sin);
      else pass(groups, bytes, bRe, bIm, aRe, aIm, cos, sin);
      first = !first;
    }
    return first ? 0 : 2;
  }

  #plan(): void {
    const { kernels } = this;
    if (this.#half % 16 !== 0) throw new RangeError(`No transform of ${this.size} samples`);
    let rest = this.#half / 4;
    for (const [radix, pass] of [
      [5, kernels.pass5],
      [3, kernels.pass3],
      [4, kernels.pass4],
      [2, kernels.pass2],
    ] as const)
      while (rest % radix === 0) {
        const bytes = (4 * this.#half) / rest;
        rest /= radix;
        this.#passes.push({ pass, groups: rest, bytes });
      }
    if (rest !== 1) throw new RangeError(`No transform of ${this.size} samples`);
  }
}
