/**
 * Reads sound between its samples: a Kaiser-windowed sinc about any point, so that a loudspeaker can be told which moment of a
 * recording it plays now, and go on a little faster or slower. No state and no delay: the caller holds the sound and the place.
 */

/** Half length of the filter, in samples of the lower of the two rates. */
const HALF = 16;
const BETA = 7.86;
/** Half-way point of the slope, as a share of the lower rate's half. */
const CUTOFF = 0.95;
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
    this.#filter = design(this.#taps, CUTOFF * share);
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

/** One row per place between two samples and one for the next sample itself; each sums to 1. */
function design(taps: number, cutoff: number): Float32Array {
  const filter = new Float32Array((ROWS + 1) * taps);
  for (let row = 0; row <= ROWS; row++) {
    let sum = 0;
    for (let k = 0; k < taps; k++) {
      const x = k - (taps / 2 - 1) - row / ROWS;
      const angle = Math.PI * cutoff * x;
      const window = bessel(BETA * Math.sqrt(Math.max(0, 1 - (x / (taps / 2)) ** 2)));
      sum += filter[row * taps + k] = (angle === 0 ? 1 : Math.sin(angle) / angle) * window;
    }
    for (let k = 0; k < taps; k++) filter[row * taps + k] /= sum;
  }
  return filter;
}

/** Modified Bessel function of the first kind, order 0, by its power series. */
function bessel(x: number): number {
  let term = 1;
  let sum = 1;
  for (let k = 1; term > 1e-9 * sum; k++) sum += term *= (x / (2 * k)) ** 2;
  return sum;
}
