/**
 * Sums what is to be heard, one frame at a time, and keeps the sum below -1 dBFS. The limiter looks 2 ms ahead (that is its
 * delay): the gain is down before the peak comes, so nothing is ever clipped, and speech that stays below is not touched.
 */
import { gainOf } from './level.ts';

/** -1 dBFS, the most that ever comes out. */
export const CEILING = Math.floor(32768 * gainOf(-1));
const LOOK_AHEAD_MS = 2;
/** The gain waits this long after the last peak (longer than a pitch period, so that it does not follow the wave). */
const HOLD_MS = 30;
/** And then comes back by half of what is missing in this time. */
const RELEASE_HALF_MS = 60;

/** One frame of loudspeaker sound in the making; mono, any rate. */
export class Mixer {
  readonly #sum: Float32Array;
  readonly #limiter: Limiter;

  constructor(rateHz: number, frameSamples: number) {
    this.#sum = new Float32Array(frameSamples);
    this.#limiter = new Limiter(rateHz);
  }

  get delaySamples(): number {
    return this.#limiter.delaySamples;
  }

  /** Adds `count` samples of `samples` at `from`, with a gain that goes evenly from `gain` to `gainTo`. */
  add(samples: Int16Array, from: number, count: number, gain: number, gainTo: number = gain): void {
    const step = (gainTo - gain) / count;
    for (let i = 0; i < count; i++) this.#sum[i] += samples[from + i] * (gain + step * i);
  }

  /** Writes the limited frame to `into` at `at` and begins the next, empty. */
  finish(into: Int16Array, at = 0): void {
    this.#limiter.process(this.#sum, into, at);
    this.#sum.fill(0);
  }
}

export class Limiter {
  readonly delaySamples: number;
  readonly #holdSamples: number;
  readonly #release: number;
  readonly #delayed: Float32Array;
  #at = 0;
  #gain = 1;
  /** The gain on its way down: `#goal` is reached, by `#step` per sample, when its peak comes out. */
  #goal = 1;
  #step = 0;
  #hold = 0;

  constructor(rateHz: number) {
    this.delaySamples = Math.max(1, Math.round((rateHz * LOOK_AHEAD_MS) / 1000));
    this.#holdSamples = Math.round((rateHz * HOLD_MS) / 1000);
    this.#release = 1 - 0.5 ** (1000 / RELEASE_HALF_MS / rateHz);
    this.#delayed = new Float32Array(this.delaySamples);
  }

  process(frame: Float32Array, into: Int16Array, at: number): void {
    const delayed = this.#delayed;
    for (let i = 0; i < frame.length; i++) {
      const coming = frame[i];
      const magnitude = Math.abs(coming);
      if (magnitude * this.#goal > CEILING) {
        this.#goal = CEILING / magnitude;
        this.#step = Math.max(this.#step, (this.#gain - this.#goal) / this.delaySamples);
        this.#hold = this.#holdSamples + this.delaySamples;
      } else if (magnitude * this.#goal > CEILING * 0.98) {
        this.#hold = this.#holdSamples + this.delaySamples;
      }
      if (this.#gain > this.#goal) {
        this.#gain = Math.max(this.#goal, this.#gain - this.#step);
      } else {
        this.#step = 0;
        if (this.#hold > 0) this.#hold--;
        else if (this.#gain < 1) {
          this.#gain += (1 - this.#gain) * this.#release;
          if (this.#gain > 0.9999) this.#gain = 1;
          this.#goal = this.#gain;
        }
      }
      const value = delayed[this.#at] * this.#gain;
      delayed[this.#at] = coming;
      if (++this.#at === this.delaySamples) this.#at = 0;
      into[at + i] = value > CEILING ? CEILING : value < -CEILING ? -CEILING : Math.round(value);
    }
  }
}
