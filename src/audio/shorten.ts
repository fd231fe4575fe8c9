/** Makes a stretch of sound a little shorter, to catch up when the jitter buffer holds more than it has to. */
import { rmsDbfs } from './level.ts';
import { findPeriod, likeness, SHORTEST_PERIOD_MS } from './period.ts';

/** Below this level any piece may go: nobody hears the difference. */
const QUIET_DBFS = -50;
/** Above it only a piece that repeats may go. */
const LIKENESS = 0.7;

/**
 * Takes one period (2.5 .. 15 ms, at most `mostMs`) out of `count` samples of `samples` at `from`, in place, by a cross-fade of
 * its own length. Returns how many samples are left: `count` when there is nothing that can go unheard.
 */
export function shorten(samples: Int16Array, from: number, count: number, rateHz: number, mostMs: number): number {
  const most = Math.min(count >> 1, Math.round((rateHz * Math.min(15, mostMs)) / 1000));
  if (most < Math.round((rateHz * SHORTEST_PERIOD_MS) / 1000)) return count;
  let period = most;
  if (rmsDbfs(samples, from, count) > QUIET_DBFS) {
    // Compare the end with what lies before it; what goes is the period before the last one.
    period = findPeriod(samples, from + count, Math.min(most, count - most), rateHz, most);
    if (likeness() < LIKENESS) return count;
  }
  const first = from + count - 2 * period;
  for (let i = 0; i < period; i++) {
    const weight = (i + 1) / (period + 1);
    samples[first + i] = Math.round(samples[first + i] * (1 - weight) + samples[first + period + i] * weight);
  }
  return count - period;
}
