/**
 * A chirp through loudspeaker and microphone tells all there is to know of the way between them: an exponential sweep whose
 * recording, divided by the sweep itself, is the impulse response, with what each harmonic of distortion adds lying a known
 * time before it (Farina, AES 108, 2000). Noise that is no echo of the sweep spreads over the whole and weighs little.
 */
import { RealFft } from './fft.ts';
import { rmsDbfs } from './level.ts';

/** What it sweeps over, and what of that is looked at: its soft ends are not. */
const SWEEP_FROM_HZ = 170;
const SWEEP_TO_HZ = 7200;
const FROM_HZ = 200;
const TO_HZ = 6500;
const SWEEP_S = 1;
/** Recorded before it, for the ambient, and after it, for the way and the room. */
const LEAD_S = 0.3;
const TAIL_S = 0.5;
/** Both ends come and go so softly. */
const EDGE_S = 0.02;
/** Of the impulse response: before its peak and after it. A room's first echoes are in it. */
const BEFORE_S = 0.003;
const AFTER_S = 0.08;
/** Of that: where the sound alone is, by which it is known to be there. */
const DIRECT_S = 0.005;
/** The same around each harmonic, and which are looked at. */
const HARMONIC_S = 0.02;
const HARMONICS = [2, 3, 4];
/** Before the sound: behind the harmonics that are looked at, with as much noise as they have. */
const FLOOR_FROM_S = 0.62;
const FLOOR_S = 0.12;
/** Where neither sound nor harmonic can lie: only noise does. */
const NOISE_FROM_S = 0.75;
const NOISE_TO_S = 1.35;
/** What was not there before the chirp has to be so much of the noise: people talk, and go on talking. */
const ROUGH_SHARE = 0.75;
/** What a full-scale converter clips at. */
const CLIPPED = 32_700;

/** Octaves, by their middle; the last is what lies above. */
export const BANDS_HZ = [250, 500, 1000, 2000, 4000, 6300] as const;

export interface Acoustics {
  /** How far the chirp stands out of everything else, dB. Below 10 it was not heard, and the rest means nothing. */
  clearDb: number;
  /** From digital full scale to digital full scale, all bands. */
  gainDb: number;
  /** From the converter out to the converter in, with all that waits in between, ms. */
  delayMs: number;
  /** By band: below or above `gainDb`. */
  bandsDb: number[];
  /** Harmonics 2 to 4 in percent of the sound. */
  distortionPercent: number;
  /** Noise that comes with the sound and is neither harmonic nor there before: what rattles, beside the sound, dB; -100: none. */
  roughDb: number;
  /** Before the chirp. */
  ambientDbfs: number;
  /** Loudest while it sounded: share of samples at the limit of the converter. */
  clipped: number;
}

/** What the loudspeaker plays, silence in front and behind included; the recording is as long. */
export function makeChirp(rateHz: number, levelDbfs: number): Int16Array {
  const samples = new Int16Array(Math.round((LEAD_S + SWEEP_S + TAIL_S) * rateHz));
  const gain = 32_767 * Math.SQRT2 * 10 ** (levelDbfs / 20);
  const sweep = sweepOf(rateHz);
  const lead = Math.round(LEAD_S * rateHz);
  for (let i = 0; i < sweep.length; i++) samples[lead + i] = Math.round(gain * sweep[i]);
  return samples;
}

/** `recorded` while `makeChirp(rateHz, levelDbfs)` was played. Takes some ms: not for a tick. */
export function measureChirp(recorded: Int16Array, rateHz: number, levelDbfs: number): Acoustics {
  const lead = Math.round(LEAD_S * rateHz);
  const size = 2 ** Math.ceil(Math.log2(2 * Math.round(1.024 * rateHz)));
  const gain = 32_767 * Math.SQRT2 * 10 ** (levelDbfs / 20);
  const response = responseOf(recorded.subarray(lead), rateHz, size, gain);
  const peak = indexOfPeak(response, Math.round(TAIL_S * rateHz));
  const [before, after] = [Math.round(BEFORE_S * rateHz), Math.round(AFTER_S * rateHz)];
  const sound = energy(response, peak - before, before + after);
  const noise = noiseOf(response, rateHz);
  const floor = energy(response, peak - FLOOR_FROM_S * rateHz, FLOOR_S * rateHz) / (FLOOR_S * rateHz);
  const spectrum = spectrumOf(response, peak - before, before + after);
  // Where only noise can lie, as long as that and as often as it fits.
  const [from, to] = [NOISE_FROM_S * rateHz, NOISE_TO_S * rateHz];
  const windows = Math.floor((to - from) / (before + after));
  for (let window = 0; window < windows; window++) {
    const quiet = spectrumOf(response, Math.round(from) + window * (before + after), before + after);
    for (let bin = 0; bin < spectrum.length; bin++) spectrum[bin] -= quiet[bin] / windows;
  }
  const gainDb = bandDb(spectrum, rateHz, FROM_HZ, topOf(rateHz));
  let harmonics = 0;
  const direct = before + Math.round(DIRECT_S * rateHz);
  const around = Math.round(HARMONIC_S * rateHz);
  for (const harmonic of HARMONICS) {
    const at =
      peak - Math.round(((SWEEP_S * Math.log(harmonic)) / Math.log(sweepTopOf(rateHz) / SWEEP_FROM_HZ)) * rateHz);
    harmonics += energy(response, at - around / 2, around) - floor * around;
  }
  const clear = energy(response, peak - before, direct) / direct;
  const rough = noise - noiseBefore(recorded, lead, rateHz, size, gain);
  const sounding = recorded.subarray(lead);
  return {
    clearDb: ratioDb(clear, noise),
    gainDb,
    delayMs: (1000 * peak) / rateHz,
    bandsDb: BANDS_HZ.filter((hz) => lowerEdge(hz) < topOf(rateHz)).map(
      (hz) =>
        bandDb(spectrum, rateHz, Math.max(FROM_HZ, lowerEdge(hz)), Math.min(topOf(rateHz), hz * Math.SQRT2)) - gainDb,
    ),
    distortionPercent: 100 * Math.sqrt(Math.max(0, harmonics) / Math.max(1e-30, sound)),
    roughDb: rough > ROUGH_SHARE * noise ? ratioDb(rough, clear) : -100,
    ambientDbfs: rmsDbfs(recorded, 0, lead),
    clipped: sounding.reduce((count, sample) => (Math.abs(sample) >= CLIPPED ? count + 1 : count), 0) / sounding.length,
  };
}

const topOf = (rateHz: number): number => Math.min(TO_HZ, 0.4 * rateHz);
const sweepTopOf = (rateHz: number): number => Math.min(SWEEP_TO_HZ, 0.45 * rateHz);
const lowerEdge = (hz: number): number => (hz === 6300 ? 4000 * Math.SQRT2 : hz / Math.SQRT2);
const ratioDb = (one: number, other: number): number => 10 * Math.log10(Math.max(1e-30, one) / Math.max(1e-30, other));

/** Amplitude 1 with soft ends. */
function sweepOf(rateHz: number): Float64Array {
  const length = Math.round(SWEEP_S * rateHz);
  const growth = SWEEP_S / Math.log(sweepTopOf(rateHz) / SWEEP_FROM_HZ);
  const edge = EDGE_S * rateHz;
  return Float64Array.from({ length }, (_, i) => {
    const soft = Math.min(1, (i + 1) / edge, (length - i) / edge);
    return (
      Math.sin(2 * Math.PI * SWEEP_FROM_HZ * growth * (Math.exp(i / rateHz / growth) - 1)) *
      Math.sin((Math.PI / 2) * soft) ** 2
    );
  });
}

/** Of length `size`; what lies before its beginning stands at its end. */
function responseOf(recorded: Int16Array, rateHz: number, size: number, gain: number): Float64Array {
  const fft = new RealFft(size);
  const time = new Float64Array(size);
  const spectrum = (): [Float64Array, Float64Array] => {
    const [re, im] = [new Float64Array(fft.bins), new Float64Array(fft.bins)];
    fft.forward(time, re, im);
    return [re, im];
  };
  sweepOf(rateHz).forEach((sample, i) => {
    time[i] = gain * sample;
  });
  const [xRe, xIm] = spectrum();
  time.fill(0);
  for (let i = 0; i < Math.min(size, recorded.length); i++) time[i] = recorded[i];
  const [yRe, yIm] = spectrum();
  for (let bin = 0; bin < fft.bins; bin++) {
    const hz = (bin * rateHz) / size;
    const inside = hz >= FROM_HZ && hz <= topOf(rateHz);
    const power = xRe[bin] ** 2 + xIm[bin] ** 2;
    const [re, im] = [yRe[bin], yIm[bin]];
    yRe[bin] = inside ? (re * xRe[bin] + im * xIm[bin]) / power : 0;
    yIm[bin] = inside ? (im * xRe[bin] - re * xIm[bin]) / power : 0;
  }
  fft.inverse(yRe, yIm, time);
  return time;
}

function indexOfPeak(response: Float64Array, until: number): number {
  let peak = 0;
  for (let i = 0; i < until; i++) if (Math.abs(response[i]) > Math.abs(response[peak])) peak = i;
  return peak;
}

/** From `from`, which may lie before the beginning. */
function energy(response: Float64Array, from: number, count: number): number {
  const { length } = response;
  let sum = 0;
  for (let i = 0; i < count; i++) sum += response[(Math.round(from) + i + length) % length] ** 2;
  return sum;
}

/** Energy of one sample. */
function noiseOf(response: Float64Array, rateHz: number): number {
  const [from, to] = [NOISE_FROM_S * rateHz, NOISE_TO_S * rateHz].map(Math.round);
  return energy(response, from, to - from) / (to - from);
}

/** The same, of what was there before the chirp, as if it had gone on. */
function noiseBefore(recorded: Int16Array, lead: number, rateHz: number, size: number, gain: number): number {
  const on = Int16Array.from({ length: recorded.length - lead }, (_, i) => recorded[i % lead]);
  return noiseOf(responseOf(on, rateHz, size, gain), rateHz);
}

/** Power by bin of the part of `response` from `from`. */
function spectrumOf(response: Float64Array, from: number, count: number): Float64Array {
  const { length } = response;
  const fft = new RealFft(length / 8);
  const time = new Float64Array(fft.size);
  for (let i = 0; i < count; i++) time[i] = response[(from + i + length) % length];
  const [re, im] = [new Float64Array(fft.bins), new Float64Array(fft.bins)];
  fft.forward(time, re, im);
  return re.map((value, bin) => value ** 2 + im[bin] ** 2);
}

/** Mean power between two frequencies, each octave of the same weight. */
function bandDb(spectrum: Float64Array, rateHz: number, fromHz: number, toHz: number): number {
  const perBin = rateHz / (2 * (spectrum.length - 1));
  let sum = 0;
  let weight = 0;
  for (let bin = Math.ceil(fromHz / perBin); bin * perBin <= toHz; bin++) {
    sum += spectrum[bin] / bin;
    weight += 1 / bin;
  }
  return 10 * Math.log10(Math.max(1e-12, sum / weight));
}
