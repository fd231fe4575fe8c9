/**
 * Reads sound between its samples: a Kaiser-windowed sinc about any point, so that a loudspeaker can be told which moment of a
 * recording it plays now, and go on a little faster or slower. No state and no delay: the caller holds the sound and the place.
 */
import { design } from './resampler.ts';

/** Half length of the filter, in samples of the lower of the two rates. */
const HALF = 16;
/** Between two rows of the table it goes on straight: 80 dB below. */
const ROWS = 128;

export class Interpolator {
  /** So many samples before and after a point are looked at. */
  readonly half: number;
  readonly #taps: number;
  readonly #filter: Float32Array;

  constructor(fromHz: number, toHz: number) {
    const share = Math.min(1, toHz / fromHz);
    this.half = 2 * Math.ceil(HALF / share / 2);
    this.#taps = 2 * this.half;
    // One row more than there are phases: the next sample itself.
    this.#filter = Float32Array.from(design(ROWS + 1, ROWS, this.#taps, fromHz, toHz));
  }

  /**
   * `count` samples into `into`, the first from the point `position` of what `ring` (a power of two long) holds, each `step` after
   * the one before it. Sample n of the sound lies at n modulo the length.
   */
  read(ring: Int16Array, position: number, step: number, into: Int16Array, count: number): void {
    const mask = ring.length - 1;
    const taps = this.#taps;
    const filter = this.#filter;
    for (let i = 0; i < count; i++) {
      const point = position + i * step;
      const whole = Math.floor(point);
      const place = (point - whole) * ROWS;
      const row = Math.floor(place);
      const share = place - row;
      const first = whole - this.half + 1;
      const at = row * taps;
      let here = 0;
      let next = 0;
      for (let k = 0; k < taps; k++) {
        const sample = ring[(first + k) & mask];
        here += sample * filter[at + k];
        next += sample * filter[at + taps + k];
      }
      const sum = here + (next - here) * share;
      into[i] = sum > 32767 ? 32767 : sum < -32768 ? -32768 : Math.round(sum);
    }
  }
}
