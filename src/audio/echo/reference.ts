/**
 * What the loudspeaker was given, kept for a while and read at any point between samples: by this the reference is aligned with
 * the echo, and its clock with the microphone's. Windowed sinc of 24 taps in 128 phases, linear between the phases.
 */
import { fir } from '../fir.ts';

/** Samples of future and past that a point between samples is made of. */
export const HALF_TAPS = 12;
const TAPS = 2 * HALF_TAPS;
const PHASES = 128;
const ROLL_OFF = 0.96;

export class ReferenceLine {
  readonly #ring: Float32Array;
  readonly #mask: number;
  readonly #kernel: Float32Array;
  /** Samples written since the start: the index of the next one. */
  #written = 0;

  /** `keepSamples`: how far back it can be read. */
  constructor(keepSamples: number) {
    const size = 2 ** Math.ceil(Math.log2(keepSamples + 2 * TAPS));
    this.#ring = new Float32Array(size);
    this.#mask = size - 1;
    this.#kernel = kernel();
  }

  get written(): number {
    return this.#written;
  }

  put(samples: Int16Array, count: number): void {
    for (let i = 0; i < count; i++) this.#ring[this.#written++ & this.#mask] = samples[i];
  }

  /** `count` samples from the point `at` (an index, may lie between two) on, `1 + slope` apart, into `out`. */
  read(at: number, slope: number, out: Float32Array, to: number, count: number): void {
    const ring = this.#ring;
    const mask = this.#mask;
    const step = 1 + slope;
    const filter = fir();
    const sound = filter.input;
    const start = Math.floor(at) - HALF_TAPS + 1;
    const length = Math.ceil(count * Math.max(1, step)) + TAPS + 1;
    for (let i = 0; i < length; i++) sound[i] = ring[(start + i) & mask];
    filter.begin(this.#kernel, TAPS);
    for (let i = 0; i < count; i++) {
      const point = at + i * step;
      const whole = Math.floor(point);
      const phase = (point - whole) * PHASES;
      const row = Math.floor(phase);
      filter.next(whole - HALF_TAPS + 1 - start, row, phase - row);
    }
    filter.between();
    for (let i = 0; i < count; i++) out[to + i] = filter.output[i];
  }
}

/** `PHASES + 1` rows: the last is the first, one sample on. */
function kernel(): Float32Array {
  const rows = new Float32Array((PHASES + 1) * TAPS);
  for (let phase = 0; phase <= PHASES; phase++) {
    let sum = 0;
    for (let k = 0; k < TAPS; k++) {
      const x = k - HALF_TAPS + 1 - phase / PHASES;
      const angle = Math.PI * ROLL_OFF * x;
      const window = Math.cos((Math.PI * x) / (2 * HALF_TAPS + 2)) ** 2;
      sum += rows[phase * TAPS + k] = (angle === 0 ? 1 : Math.sin(angle) / angle) * window;
    }
    for (let k = 0; k < TAPS; k++) rows[phase * TAPS + k] /= sum;
  }
  return rows;
}
