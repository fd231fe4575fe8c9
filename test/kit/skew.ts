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
  const play = (sound: Recording, ms: number, samples = count): Float64Array =>
    Float64Array.from({ length: samples }, (_, i) => at(sound, ms + i * stepMs));
  const energy = (of: Float64Array): number => of.reduce((sum, value) => sum + value * value, 0);
  const reach = MAX_SKEW_MS / stepMs;
  for (let ms = fromMs; ms + WINDOW_MS < toMs; ms += STEP_MS) {
    const here = play(a, ms);
    const loud = energy(here);
    if (Math.sqrt(loud / count) < QUIET) continue;
    const likeness = (there: Float64Array): number => {
      let sum = 0;
      for (let i = 0; i < count; i++) sum += here[i] * there[i];
      return sum / Math.sqrt(loud * energy(there) + 1e-12);
    };
    let best = { skewMs: 0, match: 0 };
    const look = (skewMs: number, there: Float64Array): void => {
      const match = likeness(there);
      if (match > best.match) best = { skewMs, match };
    };
    // Every other sample first, read once for all of them.
    const around = play(b, ms - MAX_SKEW_MS, count + 2 * reach);
    for (let i = 0; i <= 2 * reach; i += 2) look(i * stepMs - MAX_SKEW_MS, around.subarray(i, i + count));
    const near = best.skewMs;
    for (let i = -8; i <= 8; i++) look(near + (i * stepMs) / 4, play(b, ms + near + (i * stepMs) / 4));
    if (best.match > 0.5) found.push(best.skewMs);
  }
  return found;
}

export const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1];
