/** The period of a voice, by the likeness of a stretch of sound with itself a little earlier. */

/** 400 Hz. */
export const SHORTEST_PERIOD_MS = 2.5;
/** 66 Hz. */
export const LONGEST_PERIOD_MS = 15;

/** How alike the two stretches of the last search were: normalized correlation, 1 for a sound that repeats exactly. */
export const likeness = (): number => found[0];

/** A typed array, because a number in an object is boxed at each change. */
const found = new Float64Array(1);

/**
 * Compares the `window` samples before `end` with those a period earlier, for all periods from `shortest` to `longest` samples;
 * returns the period that fits best, and leaves how well in `likeness`. Coarse in steps of 1/8000 s, then exact.
 */
export function findPeriod(
  samples: Int16Array,
  end: number,
  window: number,
  rateHz: number,
  longest: number = Math.round((rateHz * LONGEST_PERIOD_MS) / 1000),
  shortest: number = Math.round((rateHz * SHORTEST_PERIOD_MS) / 1000),
): number {
  const stride = Math.max(1, Math.round(rateHz / 8000));
  const coarse = search(samples, end, window, shortest, longest, stride);
  if (stride === 1) return coarse;
  const first = Math.max(shortest, coarse - stride + 1);
  return search(samples, end, window, first, Math.min(longest, coarse + stride - 1), 1);
}

/** Samples as fractions: sums that never were whole numbers stay in registers. */
const SCALE = 1 / 32768;

function search(samples: Int16Array, end: number, window: number, first: number, last: number, stride: number): number {
  let best = last;
  let bestLikeness = -1.5;
  for (let period = first; period <= last; period += stride) {
    let product = 1e-9;
    let now = 1e-9;
    let before = 1e-9;
    for (let i = end - window; i < end; i += stride) {
      const a = samples[i] * SCALE;
      const b = samples[i - period] * SCALE;
      product += a * b;
      now += a * a;
      before += b * b;
    }
    const alike = product / Math.sqrt(now * before);
    if (alike > bestLikeness) {
      bestLikeness = alike;
      best = period;
    }
  }
  found[0] = bestLikeness;
  return best;
}
