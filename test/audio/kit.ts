/** Signals to measure with, and the measures. Mono s16. */
import { SILENCE_DBFS } from '../../src/audio/level.ts';

export function sine(hz: number, rateHz: number, count: number, peak = 10_000): Int16Array {
  return Int16Array.from({ length: count }, (_, i) => Math.round(peak * Math.sin((2 * Math.PI * hz * i) / rateHz)));
}

/** The amplitude of one frequency in `samples`, by correlation over all of them under a Hann window. */
export function amplitude(samples: Int16Array, hz: number, rateHz: number, from = 0, to = samples.length): number {
  let re = 0;
  let im = 0;
  let sum = 0;
  for (let i = from; i < to; i++) {
    const weight = 0.5 - 0.5 * Math.cos((2 * Math.PI * (i - from)) / (to - from));
    re += weight * samples[i] * Math.cos((2 * Math.PI * hz * i) / rateHz);
    im += weight * samples[i] * Math.sin((2 * Math.PI * hz * i) / rateHz);
    sum += weight;
  }
  return (2 * Math.hypot(re, im)) / sum;
}

/** The largest magnitude, dBFS. */
export function peakDbfs(samples: Int16Array): number {
  const peak = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
  return peak === 0 ? SILENCE_DBFS : 20 * Math.log10(peak / 32768);
}

export const decibels = (ratio: number): number => 20 * Math.log10(Math.max(ratio, 1e-9));

/**
 * Something like a voice at 8 kHz: pulses whose pitch wanders between 90 and 150 Hz through three resonances that move, with
 * the loudness of syllables. The same for each call.
 */
export function voice(count: number): Int16Array {
  const samples = new Float64Array(count);
  let phase = 0;
  for (let i = 0; i < count; i++) {
    const t = i / 8000;
    phase += (120 + 30 * Math.sin(2 * Math.PI * 0.7 * t)) / 8000;
    if (phase >= 1) phase -= 1;
    samples[i] = phase < 0.4 ? Math.sin(Math.PI * (phase / 0.4)) ** 2 - 0.2 : -0.2;
  }
  const formants = [
    [500, 80, 200, 0.9],
    [1400, 110, 350, 0.6],
    [2500, 160, 200, 0.4],
  ] as const;
  for (const [centre, width, swing, hz] of formants) {
    let y1 = 0;
    let y2 = 0;
    for (let i = 0; i < count; i++) {
      const frequency = centre + swing * Math.sin((2 * Math.PI * hz * i) / 8000);
      const r = Math.exp((-Math.PI * width) / 8000);
      const y = samples[i] + 2 * r * Math.cos((2 * Math.PI * frequency) / 8000) * y1 - r * r * y2;
      y2 = y1;
      y1 = y;
      samples[i] = y;
    }
  }
  let peak = 0;
  for (let i = 0; i < count; i++) {
    samples[i] *= 0.55 + 0.45 * Math.sin((2 * Math.PI * 3 * i) / 8000);
    peak = Math.max(peak, Math.abs(samples[i]));
  }
  return Int16Array.from(samples, (value) => Math.round((value / peak) * 16_000));
}

/** Mean over the listed stretches of the signal-to-error ratio, each held within -10 .. 35 dB. */
export function segmentalSnr(
  reference: Int16Array,
  heard: Int16Array,
  starts: readonly number[],
  length: number,
): number {
  let total = 0;
  for (const start of starts) {
    let signal = 1;
    let error = 1;
    for (let i = start; i < start + length; i++) {
      signal += reference[i] ** 2;
      error += (reference[i] - heard[i]) ** 2;
    }
    total += Math.max(-10, Math.min(35, 10 * Math.log10(signal / error)));
  }
  return total / starts.length;
}

/** Mean distance of the spectra, in 250 Hz steps to 3.5 kHz with a floor 40 dB below the loudest, dB. */
export function spectralDistance(
  reference: Int16Array,
  heard: Int16Array,
  starts: readonly number[],
  length: number,
): number {
  let total = 0;
  for (const start of starts) {
    const spectra = [reference, heard].map((samples) =>
      Array.from({ length: 14 }, (_, i) => amplitude(samples, 125 + 250 * i, 8000, start, start + length)),
    );
    const floor = Math.max(...spectra[0]) / 100;
    const squares = spectra[0].map((a, i) => decibels((a + floor) / (spectra[1][i] + floor)) ** 2);
    total += Math.sqrt(squares.reduce((a, b) => a + b) / squares.length);
  }
  return total / starts.length;
}
