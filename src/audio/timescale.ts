/**
 * Makes sound a little longer or shorter without changing its pitch: one period of the voice is left out or some are repeated under a
 * cross-fade, at the end of a stretch, where it is most like the one before. What was played before belongs to the search, so
 * that short packets have long periods too.
 */
import { gainOf } from './level.ts';
import { findPeriod, LONGEST_PERIOD_MS, likeness, SHORTEST_PERIOD_MS } from './period.ts';

/** Mean square of -50 dBFS. Below this level any piece may go or come: nobody hears the difference. */
const QUIET = (32768 * gainOf(-50)) ** 2;
/** Above it only one that repeats. */
const LIKENESS = 0.6;
const LIKENESS_OF_SEVERAL = 0.8;
/** Cross-fades last a period, within these limits. */
const SHORTEST_FADE_MS = 2.5;
const LONGEST_FADE_MS = 10;
/** What the search compares. */
const WINDOW_MS = 10;
const PAST_MS = 2 * LONGEST_PERIOD_MS + WINDOW_MS;

export class TimeScale {
  readonly #rateHz: number;
  /** What was played last, then room for the stretch at hand. */
  readonly #work: Int16Array;
  readonly #past: number;

  /** `longestMs`: of the stretches, before they grow. */
  constructor(rateHz: number, longestMs: number) {
    this.#rateHz = rateHz;
    this.#past = this.#samples(PAST_MS);
    this.#work = new Int16Array(this.#past + this.#samples(longestMs + LONGEST_PERIOD_MS));
  }

  /**
   * The `count` samples at the beginning of `samples` are what is played next. They are made at most `changeMs` longer (below 0:
   * shorter), in place; returns how many they are then. Unchanged when nothing of that length repeats.
   */
  process(samples: Int16Array, count: number, changeMs: number): number {
    const work = this.#work;
    const past = this.#past;
    for (let i = 0; i < count; i++) work[past + i] = samples[i];
    let length = count;
    const most = Math.min(LONGEST_PERIOD_MS, Math.abs(changeMs));
    if (most >= SHORTEST_PERIOD_MS) {
      length = changeMs > 0 ? this.#lengthen(count, most) : this.#shorten(count, most);
      for (let i = 0; i < length; i++) samples[i] = work[past + i];
    }
    work.copyWithin(0, length, length + past);
    return length;
  }

  /** Whether the last stretch was next to silent: then time may pass there as it likes. */
  quiet(samples: Int16Array, count: number): boolean {
    return isQuiet(samples, 0, count);
  }

  #shorten(count: number, mostMs: number): number {
    const work = this.#work;
    const end = this.#past + count;
    const least = this.#samples(SHORTEST_FADE_MS);
    const period = this.#period(count, Math.min(this.#samples(mostMs), count - least));
    if (period === 0) return count;
    const fade = Math.min(period, this.#samples(LONGEST_FADE_MS), count - period);
    for (let i = 0; i < fade; i++) {
      const at = end - period - fade + i;
      const weight = (i + 1) / (fade + 1);
      work[at] = Math.round(work[at] * (1 - weight) + work[at + period] * weight);
    }
    return count - period;
  }

  #lengthen(count: number, mostMs: number): number {
    const work = this.#work;
    const end = this.#past + count;
    const period = this.#periods(count, this.#samples(mostMs));
    if (period === 0) return count;
    const fade = Math.min(period, this.#samples(LONGEST_FADE_MS), count);
    work.copyWithin(end, end - period, end);
    for (let i = 0; i < fade; i++) {
      const at = end - fade + i;
      const weight = (i + 1) / (fade + 1);
      work[at] = Math.round(work[at] * (1 - weight) + work[at - period] * weight);
    }
    return count + period;
  }

  /** Several of them where they fit and are alike: what is too short is soon too late. */
  #periods(count: number, longest: number): number {
    const period = this.#period(count, longest);
    if (period === 0 || 2 * period > longest) return period;
    const end = this.#past + count;
    const window = this.#samples(WINDOW_MS);
    const several = findPeriod(this.#work, end, window, this.#rateHz, longest, longest - period + 1);
    return likeness() >= LIKENESS_OF_SEVERAL ? several : period;
  }

  /** In samples; 0: none that would go unheard. */
  #period(count: number, longest: number): number {
    if (longest < this.#samples(SHORTEST_PERIOD_MS)) return 0;
    const end = this.#past + count;
    const window = this.#samples(WINDOW_MS);
    const period = findPeriod(this.#work, end, window, this.#rateHz, longest);
    if (likeness() >= LIKENESS) return period;
    return isQuiet(this.#work, end - window, window) ? longest : 0;
  }

  #samples(ms: number): number {
    return Math.round((this.#rateHz * ms) / 1000);
  }
}

function isQuiet(samples: Int16Array, from: number, count: number): boolean {
  let sum = 0;
  for (let i = from; i < from + count; i++) sum += samples[i] * samples[i];
  return sum < QUIET * count;
}
