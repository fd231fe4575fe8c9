/** The period of a voice, by the likeness of a stretch of sound with itself a little earlier. */

/** 400 Hz. */
export const SHORTEST_PERIOD_MS = 2.5;
/** 66 Hz. */
export const LONGEST_PERIOD_MS = 15;

/** `likeness`: normalized correlation, 1 for a stretch that repeats exactly. One object, rewritten by each search. */
const result = { period: 0, likeness: 0 };

/**
 * Compares the `window` samples before `end` with those a period earlier, for all periods from `SHORTEST_PERIOD_MS` to
 * `longest` samples. Coarse in steps of 1/8000 s, then exact. The result is valid until the next call.
 */
export function findPeriod(
  samples: Int16Array,
  end: number,
  window: number,
  rateHz: number,
  longest: number = Math.round((rateHz * LONGEST_PERIOD_MS) / 1000),
): { readonly period: number; readonly likeness: number } {
  const stride = Math.max(1, Math.round(rateHz / 8000));
  const shortest = Math.round((rateHz * SHORTEST_PERIOD_MS) / 1000);
  result.period = longest;
  result.likeness = -1;
  for (let period = shortest; period <= longest; period += stride) compare(samples, end, window, period, stride);
  const coarse = result.period;
  if (stride > 1) {
    result.likeness = -1;
    const last = Math.min(longest, coarse + stride - 1);
    for (let period = Math.max(shortest, coarse - stride + 1); period <= last; period++)
      compare(samples, end, window, period, 1);
  }
  return result;
}

function compare(samples: Int16Array, end: number, window: number, period: number, stride: number): void {
  let product = 0;
  let now = 1;
  let before = 1;
  for (let i = end - window; i < end; i += stride) {
    const a = samples[i];
    const b = samples[i - period];
    product += a * b;
    now += a * a;
    before += b * b;
  }
  const likeness = product / Math.sqrt(now * before);
  if (likeness > result.likeness) {
    result.likeness = likeness;
    result.period = period;
  }
}
