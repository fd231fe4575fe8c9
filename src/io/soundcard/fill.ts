/**
 * How much waits in front of the loudspeaker: less is a click, more is delay that never goes away by itself (after one xrun an
 * unregulated loop keeps 40-70 ms for good). Levels are in frames of 10 ms, seen just before a frame is written.
 */

/** Writes between two looks at the lowest level seen, and when it is far too high. */
const WINDOW = 50;
const SHORT_WINDOW = 20;
/** After it was too low: what is a little too high now may be what the next such moment needs. */
const LONG_WINDOW = 500;
/** Frames above the wanted level that are left alone, that cannot wait, and below it. */
const SURPLUS = 0.25;
const FAR_SURPLUS = 0.5;
const SHORTAGE = 0.75;
/** Frames above the wanted level that no such moment needs. */
const NEEDLESS_SURPLUS = 1.25;
/** The most that is taken out of one frame, or put in: what `blend` can hide. */
export const MOST_CORRECTION = 0.5;
const MOST_PREFILL = 4;
/** Two underruns within this: the machine cannot hold so short a delay. */
const UNSTEADY_MS = 5000;
/** It is tried again with less after this; each time in vain, twice as long after. */
const CALM_MS = 15_000;
const LONGEST_CALM_MS = 600_000;

export class Fill {
  readonly #least: number;
  /** Frames of silence in front of the sound when it starts; one less is the lowest level wanted. */
  prefill: number;
  #lowest = Number.POSITIVE_INFINITY;
  #writes = 0;
  /** Writes since the start, which is unsteady with many drivers. */
  #age = 0;
  /** Writes until a shortage is forgotten. */
  #wary = 0;
  #underrunAt = Number.NEGATIVE_INFINITY;
  #changedAt = Number.NEGATIVE_INFINITY;
  #calmMs = CALM_MS;
  #lowered = false;

  /** `least`: frames on a card and machine that keep time. */
  constructor(least: number) {
    this.#least = Math.min(MOST_PREFILL, least);
    this.prefill = this.#least;
  }

  /** A new start, with `prefill` frames. */
  begin(): void {
    this.#age = this.#wary = 0;
    this.#look();
  }

  #look(): void {
    this.#lowest = Number.POSITIVE_INFINITY;
    this.#writes = 0;
  }

  underrun(now: number): void {
    if (now - this.#underrunAt < UNSTEADY_MS && this.prefill < MOST_PREFILL) {
      this.prefill++;
      if (this.#lowered) this.#calmMs = Math.min(LONGEST_CALM_MS, 2 * this.#calmMs);
      this.#lowered = false;
    }
    this.#underrunAt = this.#changedAt = now;
  }

  /** Before each write: frames to be put in (above 0) or taken out, 0 mostly. */
  judge(level: number, now: number): number {
    if (this.prefill > this.#least && now - this.#changedAt >= this.#calmMs) {
      this.prefill--;
      this.#changedAt = now;
      this.#lowered = true;
    }
    this.#lowest = Math.min(this.#lowest, level);
    this.#writes++;
    this.#age++;
    const surplus = this.#lowest - (this.prefill - 1);
    if (this.#wary > 0) this.#wary--;
    if (this.#writes < this.#window(surplus)) return 0;
    this.#look();
    if (surplus >= SURPLUS) return -Math.min(MOST_CORRECTION, surplus);
    // Such moments go on, if what was put in is still needed.
    const settled = this.#age > LONG_WINDOW;
    if ((settled && surplus < -SHORTAGE) || (this.#wary > 0 && surplus < 0)) this.#wary = 2 * LONG_WINDOW;
    if (surplus >= -SHORTAGE) return 0;
    return Math.min(MOST_CORRECTION, -surplus);
  }

  #window(surplus: number): number {
    if (surplus >= NEEDLESS_SURPLUS) return SHORT_WINDOW;
    if (surplus < 0) return WINDOW;
    return this.#wary > 0 ? LONG_WINDOW : surplus >= FAR_SURPLUS ? SHORT_WINDOW : WINDOW;
  }
}

/** `frame` with `change` samples more (above 0) or less into `into`, its two ends as they were; returns how many there are. */
export function blend(frame: Int16Array, change: number, into: Int16Array): number {
  const length = frame.length + change;
  // From where the early and the late copy overlap, one goes over into the other.
  const first = Math.max(0, change);
  const overlap = Math.min(frame.length, length) - first;
  for (let i = 0; i < length; i++) {
    const share = Math.min(1, Math.max(0, (i - first) / (overlap - 1)));
    const early = i < frame.length ? frame[i] : 0;
    const late = i - change >= 0 ? frame[i - change] : 0;
    into[i] = share === 0 ? early : share === 1 ? late : early + (late - early) * share;
  }
  return length;
}
