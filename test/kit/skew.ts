/** How far two recordings of one sound are apart in time, by cross-correlation. */
import type { Sound } from './wav.ts';

/** A recording, and when its first sample sounded, ms since 1970. */
export interface Recording extends Sound {
  unixMs: number;
}

const WINDOW_MS = 200;
const STEP_MS = 250;
const MAX_SKEW_MS = 25;
/** Whatever the rate of a recording. */
const LOOKED_AT_HZ = 16_000;
/** Below this nothing sounds that could be compared. */
const QUIET = 0.003;

/** What sounds at that time, between the samples on a straight line: 1/10 of a sample is good enough. */
function at({ rateHz, samples, unixMs }: Recording, ms: number): number {
  const place = ((ms - unixMs) * rateHz) / 1000;
  const whole = Math.floor(place);
  return (samples[whole] ?? 0) * (1 - place + whole) + (samples[whole + 1] ?? 0) * (place - whole);
}

/** `b` is so much later than `a`, every quarter of a second of what both play between the two times; ms. */
export function skews(a: Recording, b: Recording, fromMs: number, toMs: number): number[] {
  const found: number[] = [];
  const count = (WINDOW_MS * LOOKED_AT_HZ) / 1000;
  const stepMs = 1000 / LOOKED_AT_HZ;
  const play = (sound: Recording, ms: number): Float64Array =>
    Float64Array.from({ length: count }, (_, i) => at(sound, ms + i * stepMs));
  const energy = (of: Float64Array): number => of.reduce((sum, value) => sum + value * value, 0);
  for (let ms = fromMs; ms + WINDOW_MS < toMs; ms += STEP_MS) {
    const here = play(a, ms);
    const loud = energy(here);
    if (Math.sqrt(loud / count) < QUIET) continue;
    const likeness = (skewMs: number): number => {
      const there = play(b, ms + skewMs);
      let sum = 0;
      for (let i = 0; i < count; i++) sum += here[i] * there[i];
      return sum / Math.sqrt(loud * energy(there) + 1e-12);
    };
    let best = { skewMs: 0, match: 0 };
    const look = (from: number, to: number, by: number): void => {
      for (let skewMs = from; skewMs <= to; skewMs += by) {
        const match = likeness(skewMs);
        if (match > best.match) best = { skewMs, match };
      }
    };
    look(-MAX_SKEW_MS, MAX_SKEW_MS, 2 * stepMs);
    look(best.skewMs - 2 * stepMs, best.skewMs + 2 * stepMs, stepMs / 4);
    if (best.match > 0.5) found.push(best.skewMs);
  }
  return found;
}

export const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1];
