/**
 * Where the loudspeaker is on a tape, and how fast it goes on, so that it is where it should be. The first sound is exactly in
 * place; small errors are made good by a pace nobody hears, a large one (the card lost a period, the sender's clock was set) at once.
 */

/** Errors are averaged over about this: what the card says of its delay is not exact. */
const SMOOTH_MS = 60;
/** What is left of an error goes within about this. */
const CORRECT_MS = 250;
/** A sixth of a semitone. */
const MAX_SHARE = 0.01;
/** A larger error for so many frames running, while nothing is there that could be played: it is waited for. */
const LEAP_MS = 8;
const LEAP_FRAMES = 5;
/** And one that no pace makes good. */
const FAR_MS = 100;

export class Pace {
  readonly #samplesPerMs: number;
  readonly #step: number;
  #errorMs = 0;
  #far = 0;
  /** The next sample to be played; NaN before the first. */
  position = Number.NaN;
  /** Samples of the tape per sample played. */
  step: number;
  /** Where the old place was, when there has been a leap in this frame; else NaN. */
  from = Number.NaN;

  /** `rateHz` of the tape, `playedHz` of the loudspeaker. */
  constructor(rateHz: number, playedHz: number) {
    this.#samplesPerMs = rateHz / 1000;
    this.#step = this.step = rateHz / playedHz;
  }

  /**
   * `target`: the sample that is due at the beginning of the frame that is filled next, of `count` samples; `end`: behind the last one
   * that there is.
   */
  aim(target: number, count: number, end: number): void {
    this.from = Number.NaN;
    if (Number.isNaN(this.position)) {
      this.position = target;
      return;
    }
    const frameMs = (count * this.#step) / this.#samplesPerMs;
    const errorMs = (target - this.position) / this.#samplesPerMs;
    const starved = this.position + count * this.#step > end;
    this.#far = Math.abs(errorMs) > (starved ? LEAP_MS : FAR_MS) ? this.#far + 1 : 0;
    if (this.#far >= LEAP_FRAMES) {
      this.from = this.position;
      this.position = target;
      this.step = this.#step;
      this.#errorMs = 0;
      this.#far = 0;
      return;
    }
    // One that may be a mistake of measurement waits for the next ones.
    if (this.#far === 0) this.#errorMs += (errorMs - this.#errorMs) * Math.min(1, frameMs / SMOOTH_MS);
    const share = Math.max(-MAX_SHARE, Math.min(MAX_SHARE, this.#errorMs / CORRECT_MS));
    this.step = this.#step * (1 + share);
  }

  /** The frame has been filled. */
  advance(count: number): void {
    const before = this.position;
    this.position = before + count * this.step;
    // What the pace has corrected is no error any more, without waiting for the average to see it.
    this.#errorMs -= (count * (this.step - this.#step)) / this.#samplesPerMs;
  }
}
