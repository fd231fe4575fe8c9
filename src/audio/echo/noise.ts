/**
 * How loud the steady noise of the room is, per bin: the least the smoothed spectrum has come to in the last 1.5 s (minimum
 * statistics, Martin 2001, in its simplest form), raised by what a minimum lies below the mean. Speech does not lift it.
 */

/** Frames of a stretch, and stretches that are looked back on. */
const STRETCH = 19;
const STRETCHES = 8;
/** The mean of the noise over its smoothed minimum. */
const BIAS = 2.2;
const SMOOTH = 0.2;

export class NoiseFloor {
  /** Power per bin, in the units of what `learn` is given. */
  readonly power: Float32Array;
  readonly #most: number;
  readonly #smooth: Float32Array;
  readonly #least: Float32Array;
  readonly #stretches: Float32Array[];
  #frames = 0;
  #stretch = 0;
  #first = true;

  /** `most`: what is steady and louder than this in one bin is no noise. */
  constructor(bins: number, most: number) {
    this.#most = most;
    this.power = new Float32Array(bins);
    this.#smooth = new Float32Array(bins);
    this.#least = new Float32Array(bins).fill(Number.POSITIVE_INFINITY);
    this.#stretches = Array.from({ length: STRETCHES }, () => new Float32Array(bins).fill(Number.POSITIVE_INFINITY));
  }

  learn(power: Float32Array): void {
    const bins = this.power.length;
    const rate = this.#first ? 1 : SMOOTH;
    this.#first = false;
    const now = this.#stretches[this.#stretch];
    for (let k = 0; k < bins; k++) {
      const smooth = this.#smooth[k] + rate * (power[k] - this.#smooth[k]);
      this.#smooth[k] = smooth;
      if (smooth < now[k]) now[k] = smooth;
      const floor = Math.min(this.#most, BIAS * Math.min(this.#least[k], now[k]));
      // Down at once, up in a tenth of a second.
      this.power[k] += (floor < this.power[k] ? 0.5 : 0.1) * (floor - this.power[k]);
    }
    if (++this.#frames < STRETCH) return;
    this.#frames = 0;
    this.#stretch = (this.#stretch + 1) % STRETCHES;
    this.#stretches[this.#stretch].fill(Number.POSITIVE_INFINITY);
    for (let k = 0; k < bins; k++) {
      let least = Number.POSITIVE_INFINITY;
      for (const stretch of this.#stretches) if (stretch[k] < least) least = stretch[k];
      this.#least[k] = least;
    }
  }
}
