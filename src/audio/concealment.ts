/**
 * Fills the holes lost packets leave: the last periods of the voice go on, ever more of them so that it does not buzz, while
 * the sound fades away; and when packets come again it cross-fades into them. The idea is that of ITU-T G.711 Appendix I,
 * but without its 3.75 ms of delay: the seam is levelled out on our side of it.
 */
import { findPeriod, LONGEST_PERIOD_MS, likeness } from './period.ts';

/** At most so many periods are played in turn. */
const MAX_PERIODS = 3;
const LOOK_BACK_MS = 15;
/** The second period comes in after this, the third after twice this. */
const PER_PERIOD_MS = 20;
/** From full level evenly down to nothing: what is made up is ever more likely to be wrong. */
const SILENT_MS = 80;
/** The step at the seam is spread over this. */
const SEAM_MS = 1.5;
/** Cross-fade back: this, and so much more per ms lost, up to the limit. Longer ones cost more of the true sound than they smooth. */
const RETURN_MS = 2;
const RETURN_PER_MS = 0.05;
const RETURN_LIMIT_MS = 5;

export class Concealer {
  readonly #rateHz: number;
  /** The last sound that was played, newest last; mono. */
  readonly #past: Int16Array;
  readonly #loop: Float32Array;
  #period = 0;
  #loopStart = 0;
  #position = 0;
  #lostSamples = 0;
  #step = 0;

  constructor(rateHz: number) {
    this.#rateHz = rateHz;
    const longest = this.#samples(LONGEST_PERIOD_MS);
    this.#past = new Int16Array(
      Math.max(MAX_PERIODS * longest + (longest >> 2), longest + this.#samples(LOOK_BACK_MS)) + 1,
    );
    this.#loop = new Float32Array(MAX_PERIODS * longest);
  }

  /** Hands over `count` samples that did arrive; after a hole their beginning is cross-faded, in place. */
  good(samples: Int16Array, from: number, count: number): void {
    if (this.#lostSamples > 0) {
      const lostMs = (this.#lostSamples * 1000) / this.#rateHz;
      const fade = Math.min(count, this.#samples(Math.min(RETURN_LIMIT_MS, RETURN_MS + RETURN_PER_MS * lostMs)));
      for (let i = 0; i < fade; i++) {
        const weight = (i + 1) / (fade + 1);
        samples[from + i] = Math.round(samples[from + i] * weight + this.#next() * (1 - weight));
      }
      this.#lostSamples = 0;
    }
    this.#remember(samples, from, count);
  }

  /** Writes `count` made-up samples to `into` at `at`. After 80 ms, and before the first sound, they are silence. */
  conceal(into: Int16Array, at: number, count: number): void {
    if (this.#lostSamples === 0) this.#prepare();
    for (let i = 0; i < count; i++) into[at + i] = Math.round(this.#next());
    this.#remember(into, at, count);
  }

  /** Cuts the loop out of the past. */
  #prepare(): void {
    const past = this.#past;
    const end = past.length;
    const found = findPeriod(past, end, this.#samples(LOOK_BACK_MS), this.#rateHz);
    // Without a clear pitch (s, f, breath) a long stretch is repeated: a short one would hum.
    this.#period = likeness() > 0.4 ? found : this.#samples(LONGEST_PERIOD_MS);
    const period = this.#period;
    const length = MAX_PERIODS * period;
    for (let i = 0; i < length; i++) this.#loop[i] = past[end - length + i];
    // The last quarter period of the loop runs into what came before each of its starting points, so it closes smoothly.
    const overlap = period >> 2;
    for (let i = 0; i < overlap; i++) {
      const weight = (i + 1) / (overlap + 1);
      const at = end - overlap + i;
      this.#loop[length - overlap + i] = past[at] * (1 - weight) + past[at - period] * weight;
    }
    this.#loopStart = length - period;
    this.#position = this.#loopStart;
    // Where the repetition sets in, it may miss the last sample played; the difference is led back to 0.
    this.#step = past[end - 1] - past[end - 1 - period];
    this.#lostSamples = 0;
  }

  #next(): number {
    const lost = this.#lostSamples++;
    const lostMs = (lost * 1000) / this.#rateHz;
    if (lostMs >= SILENT_MS) return 0;
    let value = this.#loop[this.#position];
    const seam = this.#samples(SEAM_MS);
    if (lost < seam) value += this.#step * (1 - (lost + 1) / (seam + 1));
    value *= 1 - lostMs / SILENT_MS;
    if (++this.#position >= MAX_PERIODS * this.#period) {
      const periods = Math.min(MAX_PERIODS, 1 + Math.floor(lostMs / PER_PERIOD_MS));
      this.#loopStart = (MAX_PERIODS - periods) * this.#period;
      this.#position = this.#loopStart;
    }
    return Math.max(-32768, Math.min(32767, value));
  }

  #remember(samples: Int16Array, from: number, count: number): void {
    const past = this.#past;
    const kept = Math.max(0, past.length - count);
    past.copyWithin(0, past.length - kept);
    for (let i = kept; i < past.length; i++) past[i] = samples[from + count - past.length + i];
  }

  #samples(ms: number): number {
    return Math.round((this.#rateHz * ms) / 1000);
  }
}
