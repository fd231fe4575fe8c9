/**
 * Two clocks meet in the jitter buffer, that of who speaks and that of the sound card, and one of them is a little fast. How much,
 * is the slope of a line through many minutes: how far the card is behind the time, less how late the fastest packets come. The
 * sound is resampled by as much, and by a little more or less while the delay is not what is wanted.
 *
 * Packets are seen once a tick, so on a quiet network their lateness does not grow, but jumps by a tick now and then.
 */

/** Crystals are within +-100 ppm each; what is left moves the delay. Nobody hears a third of a per mille. */
const MAX_PPM = 300;
/** For each ms too short: what makes it longer must be done before the next packet is late. */
const PPM_PER_MS_SHORT = 15;
/** For each ms too long: there is time. */
const PPM_PER_MS_LONG = 6;
/** Of the delay's low-pass. */
const SMOOTH_MS = 1000;
/** One point of the line is taken for so long. */
const POINT_MS = 8000;

/** What there is to know about the packet that is played. */
export interface Played {
  /** How much longer than wanted it is held. */
  readonly excessMs: number;
  /** Transit of the fastest packet of late. */
  readonly fastestMs: number;
}

export class Pace {
  readonly #line = new Line();
  /** Numbers that change all the time, in a typed array, because in an object they would be boxed at each change. */
  readonly #state = Float64Array.of(Number.POSITIVE_INFINITY, Number.NaN, 0);
  readonly #frameMs: number;
  #frames = 0;

  constructor(frameMs: number) {
    this.#frameMs = frameMs;
  }

  /** A frame is played. */
  tick(): void {
    this.#frames++;
  }

  /** A packet of `durationMs` is played at `now`. Returns the ppm by which to go faster. */
  observe(played: Played, durationMs: number, now: number): number {
    const state = this.#state;
    // A tick may be late, but not early.
    state[LEAST] = Math.min(state[LEAST], now - this.#frames * this.#frameMs);
    if (!(now < state[POINT_AT])) {
      // The first one begins with the first packet.
      if (now >= state[POINT_AT]) this.#line.add(now / 1000, state[LEAST] - played.fastestMs);
      state[LEAST] = Number.POSITIVE_INFINITY;
      state[POINT_AT] = now + POINT_MS;
    }
    state[OFF] += (played.excessMs - state[OFF]) * Math.min(1, durationMs / SMOOTH_MS);
    const back = state[OFF] * (state[OFF] < 0 ? PPM_PER_MS_SHORT : PPM_PER_MS_LONG);
    return held(this.#line.slope * 1000 + back);
  }

  /** How much faster their clock is than the card's, as far as is known, ppm. */
  get driftPpm(): number {
    return held(this.#line.slope * 1000);
  }
}

/** How far the card is behind the time, at least, since the last point; ms. */
const LEAST = 0;
const POINT_AT = 1;
/** The delay less the one that is wanted, smoothed, ms. */
const OFF = 2;

const held = (ppm: number): number => Math.max(-MAX_PPM, Math.min(MAX_PPM, ppm));

/** Points count less by a factor e in this time. */
const MEMORY_S = 900;
/** So unsure, s^2, that one jump by a tick in the first half minute is no drift yet. */
const DOUBT_S2 = 400;
/** A point so far from the line, ms, is a new way through the network, or a time that was left out: the line goes on from there. */
const BREAK_MS = 15;

/** The line through points that are slowly forgotten, by least squares. */
class Line {
  /** Times are kept relative to the last point. */
  readonly #state = new Float64Array(8);

  /** Per second. */
  get slope(): number {
    return this.#state[SLOPE];
  }

  add(timeS: number, value: number): void {
    const state = this.#state;
    if (state[WEIGHT] === 0) {
      state[LAST_S] = timeS;
      state[BASE] = value;
    }
    const passedS = timeS - state[LAST_S];
    state[LAST_S] = timeS;
    state[TT] += passedS * (passedS * state[WEIGHT] - 2 * state[T]);
    state[T] -= passedS * state[WEIGHT];
    state[TX] -= passedS * state[X];
    const kept = Math.exp(-passedS / MEMORY_S);
    for (let i = WEIGHT; i <= TX; i++) state[i] *= kept;
    const expected = state[WEIGHT] === 0 ? 0 : (state[X] - state[SLOPE] * state[T]) / state[WEIGHT];
    const off = value - state[BASE] - expected;
    if (Math.abs(off) > BREAK_MS) state[BASE] += off;
    state[WEIGHT] += 1;
    state[X] += value - state[BASE];
    const spread = state[WEIGHT] * (state[TT] + DOUBT_S2) - state[T] * state[T];
    state[SLOPE] = (state[WEIGHT] * state[TX] - state[T] * state[X]) / spread;
  }
}

/** Sums over the points: their weights, times, squares of times, values, times by values. */
const WEIGHT = 0;
const T = 1;
const TT = 2;
const X = 3;
const TX = 4;
const SLOPE = 5;
const LAST_S = 6;
/** What values are kept relative to; it follows the breaks. */
const BASE = 7;
