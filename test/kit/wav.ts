/**
 * Judges recordings: is it that speech, how loud, clipped, with holes, which tone. It reads and writes WAV files by
 * itself, so that it does not share a mistake with the program that it judges.
 */
import { readFileSync } from 'node:fs';

/** Mono: the first channel. Samples from -1 to 1. */
export interface Sound {
  rateHz: number;
  samples: Float64Array;
}

/** 16-bit PCM. A file still being written (its data size 0 or beyond the end) is read as far as it goes. */
export function readWav(path: string): Sound {
  const bytes = readFileSync(path);
  if (bytes.toString('latin1', 0, 4) !== 'RIFF') throw new Error(`${path} is no WAV file`);
  let at = 12;
  let rateHz = 0;
  let channels = 1;
  while (at + 8 <= bytes.length) {
    const id = bytes.toString('latin1', at, at + 4);
    const size = bytes.readUInt32LE(at + 4);
    if (id === 'fmt ') {
      channels = bytes.readUInt16LE(at + 10);
      rateHz = bytes.readUInt32LE(at + 12);
      if (bytes.readUInt16LE(at + 22) !== 16) throw new Error(`${path} does not hold 16-bit samples`);
    }
    if (id === 'data') {
      const rest = bytes.length - at - 8;
      const data = bytes.subarray(at + 8, at + 8 + (size === 0 ? rest : Math.min(size, rest)));
      const samples = new Float64Array(Math.floor(data.length / 2 / channels));
      for (let i = 0; i < samples.length; i++) samples[i] = data.readInt16LE(i * 2 * channels) / 32768;
      return { rateHz, samples };
    }
    at += 8 + size + (size & 1);
  }
  throw new Error(`${path} holds no data`);
}

/** A whole file of mono s16. */
export function formatWav(samples: Int16Array, rateHz: number): Buffer {
  const bytes = Buffer.alloc(44 + 2 * samples.length);
  bytes.write('RIFF____WAVEfmt ', 'latin1');
  bytes.writeUInt32LE(bytes.length - 8, 4);
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20); // PCM
  bytes.writeUInt16LE(1, 22);
  bytes.writeUInt32LE(rateHz, 24);
  bytes.writeUInt32LE(rateHz * 2, 28);
  bytes.writeUInt16LE(2, 32);
  bytes.writeUInt16LE(16, 34);
  bytes.write('data', 36, 'latin1');
  bytes.writeUInt32LE(2 * samples.length, 40);
  for (let i = 0; i < samples.length; i++) bytes.writeInt16LE(samples[i], 44 + 2 * i);
  return bytes;
}

/** Root mean square of each successive stretch of `stepMs`. */
function envelope({ rateHz, samples }: Sound, stepMs: number): Float64Array {
  const step = Math.round((rateHz * stepMs) / 1000);
  const out = new Float64Array(Math.floor(samples.length / step));
  for (let i = 0; i < out.length; i++) {
    let sum = 0;
    for (let j = i * step; j < (i + 1) * step; j++) sum += samples[j] ** 2;
    out[i] = Math.sqrt(sum / step);
  }
  return out;
}

/** Pearson correlation of `a` with `b` moved `lag` to the left, where they overlap. */
function correlate(a: Float64Array, b: Float64Array, lag: number): number {
  const from = Math.max(0, -lag);
  const to = Math.min(a.length, b.length - lag);
  const n = to - from;
  if (n < 50) return -1;
  let meanA = 0;
  let meanB = 0;
  for (let i = from; i < to; i++) {
    meanA += a[i] / n;
    meanB += b[i + lag] / n;
  }
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = from; i < to; i++) {
    const x = a[i] - meanA;
    const y = b[i + lag] - meanB;
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return aa > 0 && bb > 0 ? ab / Math.sqrt(aa * bb) : 0;
}

const coarseMs = 20;
const fineMs = 5;

function align(recording: Sound, reference: Sound): { match: number; lagMs: number } {
  const rec = envelope(recording, coarseMs);
  const ref = envelope(reference, coarseMs);
  let best = { match: -1, lag: 0 };
  for (let lag = -ref.length; lag < rec.length; lag++) {
    const overlap = Math.min(ref.length, rec.length - lag) - Math.max(0, -lag);
    if (overlap < Math.min(ref.length, rec.length) / 2) continue;
    const match = correlate(ref, rec, lag);
    if (match > best.match) best = { match, lag };
  }
  // The frames of the two need not begin at the same moment: the best quarter of a frame counts.
  let fine = { match: best.match, lagMs: best.lag * coarseMs };
  for (let ms = fineMs - coarseMs; ms < coarseMs; ms += fineMs) {
    const lagMs = best.lag * coarseMs + ms;
    const phaseMs = ((lagMs % coarseMs) + coarseMs) % coarseMs;
    const moved = cut(recording, phaseMs, Number.POSITIVE_INFINITY);
    const match = correlate(ref, envelope(moved, coarseMs), (lagMs - phaseMs) / coarseMs);
    if (match > fine.match) fine = { match, lagMs };
  }
  return fine;
}

/** Longest time the recording is silent while the reference, and 20 ms around, speaks. */
function longestGapMs(recording: Sound, reference: Sound, lagMs: number): number {
  const rec = envelope(recording, fineMs);
  const ref = envelope(reference, fineMs);
  const lag = lagMs / fineMs;
  const margin = 20 / fineMs;
  const speaks = (i: number): boolean => ref[i] > 0.02;
  let longest = 0;
  let run = 0;
  for (let i = margin; i < ref.length - margin && i + lag < rec.length; i++) {
    const silent = i + lag >= 0 && rec[i + lag] < Math.min(0.003, ref[i] / 30);
    let within = true;
    for (let j = i - margin; j <= i + margin; j++) within &&= speaks(j);
    run = silent && (within || run > 0) && speaks(i) ? run + 1 : 0;
    longest = Math.max(longest, run);
  }
  return longest * fineMs;
}

export interface Verdict {
  seconds: number;
  /** Correlation of the loudness envelopes at the best alignment: the same speech 0.96 and more, another below 0.5. */
  match: number;
  /** Where in the recording the reference begins. */
  lagMs: number;
  /** Largest sample, of 1. */
  peak: number;
  /** Samples at full scale. */
  clipped: number;
  gapMs: number;
}

export function judge(recording: Sound, reference: Sound): Verdict {
  const { match, lagMs } = align(recording, reference);
  let peak = 0;
  let clipped = 0;
  for (const sample of recording.samples) {
    const size = Math.abs(sample);
    if (size > peak) peak = size;
    if (size >= 32767 / 32768) clipped += 1;
  }
  const seconds = recording.samples.length / recording.rateHz;
  return { seconds, match, lagMs, peak, clipped, gapMs: longestGapMs(recording, reference, lagMs) };
}

/** Level of the sine of `hz` in the sound (Goertzel), dBFS: a full-scale sine is 0. */
export function toneDbfs({ rateHz, samples }: Sound, hz: number): number {
  const step = 2 * Math.cos((2 * Math.PI * hz) / rateHz);
  let [s1, s2] = [0, 0];
  for (const sample of samples) {
    const s0 = sample + step * s1 - s2;
    s2 = s1;
    s1 = s0;
  }
  const power = Math.max(0, s1 * s1 + s2 * s2 - step * s1 * s2);
  return 20 * Math.log10((2 * Math.sqrt(power)) / samples.length + 1e-12);
}

/** Level of everything, dBFS: a full-scale sine is -3. */
export function levelDbfs({ samples }: Sound): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return 10 * Math.log10(sum / Math.max(1, samples.length) + 1e-24);
}

/** From `fromMs` to `toMs`. */
export function cut({ rateHz, samples }: Sound, fromMs: number, toMs: number): Sound {
  return {
    rateHz,
    samples: samples.subarray(Math.round((fromMs * rateHz) / 1000), Math.round((toMs * rateHz) / 1000)),
  };
}

/** The file that the loudspeaker of a terminal writes: what it played since the last `mark`. */
export class Ear {
  readonly path: string;
  #fromMs = 0;

  constructor(path: string) {
    this.path = path;
  }

  mark(): void {
    const { rateHz, samples } = readWav(this.path);
    this.#fromMs = (samples.length / rateHz) * 1000;
  }

  heard(): Sound {
    return cut(readWav(this.path), this.#fromMs, Number.POSITIVE_INFINITY);
  }
}
