/**
 * Filters whose rows are their phases: each number that comes out is one row, or lies between two neighbouring ones, over a stretch
 * of what goes in. All resamplers of a thread share one memory, in which nothing stays from one call to the next but their filters.
 */
import { type Kernels, kernelsOver } from './kernels.ts';
import { WebAssembly } from './wasm.ts';

/** Of 64 kB. What is not touched costs nothing. */
const PAGES = 64;
/** Numbers that come out of one call, and that go in. */
export const MOST_OUT = 8192;
export const MOST_IN = 8192;
/** The taps of a row are a multiple of these. */
const STEP = 8;

export const paddedTaps = (taps: number): number => STEP * Math.ceil(taps / STEP);

/** Rows of `taps`, each with zeros before it up to `paddedTaps`. */
export function padded(filter: Float64Array, taps: number): Float32Array {
  const width = paddedTaps(taps);
  const rows = new Float32Array((filter.length / taps) * width);
  for (let row = 0; row * taps < filter.length; row++)
    rows.set(filter.subarray(row * taps, (row + 1) * taps), (row + 1) * width - taps);
  return rows;
}

export class Fir {
  readonly #memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES });
  readonly #kernels: Kernels = kernelsOver(this.#memory);
  /** What goes in, the past first. */
  readonly input = new Float32Array(this.#memory.buffer, 0, MOST_IN);
  readonly output = new Float32Array(this.#memory.buffer, 4 * MOST_IN, MOST_OUT);
  readonly #at = new Int32Array(this.#memory.buffer, 4 * (MOST_IN + MOST_OUT), MOST_OUT);
  readonly #row = new Int32Array(this.#memory.buffer, 4 * (MOST_IN + 2 * MOST_OUT), MOST_OUT);
  readonly #share = new Float32Array(this.#memory.buffer, 4 * (MOST_IN + 3 * MOST_OUT), MOST_OUT);
  readonly #filters = new Float32Array(this.#memory.buffer, 4 * (MOST_IN + 4 * MOST_OUT));
  /** Where each begins in `#filters`. */
  readonly #places = new Map<Float32Array, number>();
  #used = 0;
  /** Bytes of a row, and the address of the first one. */
  #bytes = 0;
  #first = 0;
  #count = 0;

  /** From now on it is this one, of rows of `taps`. Throws `RangeError` when it is too long. */
  begin(filter: Float32Array, taps: number): void {
    let place = this.#places.get(filter);
    if (place === undefined) {
      if (filter.length > this.#filters.length) throw new RangeError(`A filter of ${filter.length} taps is too long`);
      if (this.#used + filter.length > this.#filters.length) {
        this.#places.clear();
        this.#used = 0;
      }
      place = this.#used;
      this.#filters.set(filter, place);
      this.#places.set(filter, place);
      this.#used += filter.length;
    }
    this.#bytes = 4 * taps;
    this.#first = this.#filters.byteOffset + 4 * place;
    this.#count = 0;
  }

  /** What goes in: the past, as long as a row, and `count` samples behind it. */
  feed(past: Float32Array, from: Int16Array, at: number, count: number): void {
    const sound = this.input;
    const width = past.length;
    for (let i = 0; i < width; i++) sound[i] = past[i];
    for (let i = 0; i < count; i++) sound[width + i] = from[at + i];
  }

  /** The past of the next time, `count` samples later; the `made` numbers that came out go to `to` as samples. */
  drain(past: Float32Array, count: number, made: number, to: Int16Array, at: number): void {
    const sound = this.input;
    const sums = this.output;
    for (let i = 0; i < past.length; i++) past[i] = sound[count + i];
    for (let i = 0; i < made; i++) {
      const sum = sums[i];
      to[at + i] = sum > 32767 ? 32767 : sum < -32768 ? -32768 : Math.round(sum);
    }
  }

  /** The next that comes out is `row`, or `share` of the way to the next row, over what begins at `at` in `input`. */
  next(at: number, row: number, share = 0): void {
    this.#at[this.#count] = 4 * at;
    this.#row[this.#count] = this.#first + row * this.#bytes;
    this.#share[this.#count++] = share;
  }

  /** Writes all of those to `output`, as the rows are. Returns how many. */
  single(): number {
    const count = this.#count;
    const { byteOffset: out } = this.output;
    if (count > 0) this.#kernels.single(count, this.#bytes, this.#at.byteOffset, this.#row.byteOffset, out);
    return count;
  }

  /** The same between the rows. */
  between(): number {
    const count = this.#count;
    const { byteOffset: out } = this.output;
    const { byteOffset: share } = this.#share;
    if (count > 0) this.#kernels.between(count, this.#bytes, this.#at.byteOffset, this.#row.byteOffset, out, share);
    return count;
  }
}

let shared: Fir | undefined;

/** Of this thread. */
export function fir(): Fir {
  shared ??= new Fir();
  return shared;
}
