/**
 * A room for echo cancellers, made of numbers: a far voice through a loudspeaker and a seeded impulse response into a microphone
 * that hears noise and, for a while, a near voice; clocks that drift, periods that get lost or put in, a room that changes. The
 * voices are made here as well (`talk`), so that it is the same everywhere. 16 kHz, floating point, full scale 1.
 */
import { RealFft } from '../../src/audio/fft.ts';

export const RATE_HZ = 16_000;
const TAPS = 4096;
/** A voice reaches over the whole band, between its resonances too. */
const DIRECT = 0.03;

/** Uniform in 0..1 and normal numbers, the same for each seed. */
export function seeded(seed: number): { uniform: () => number; normal: () => number } {
  let state = (seed * 2654435761) >>> 0 || 1;
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
  const normal = () => Math.sqrt(-2 * Math.log(uniform() + 1e-12)) * Math.cos(2 * Math.PI * uniform());
  return { uniform, normal };
}

export type Room = {
  seed?: number;
  /** Time in which the reverberation falls by 60 dB. */
  rt60Seconds?: number;
  delaySamples?: number;
  /** tanh compression of the loudspeaker. */
  bent?: boolean;
  peak?: number;
  noiseDbfs?: number;
  /** Of the loudspeaker's clock against the microphone's. */
  driftPpm?: number;
  /** At `eventSeconds`: samples of the microphone lost (negative) or put in. */
  insertSamples?: number;
  /** At `eventSeconds`: another room. */
  moves?: boolean;
  nearDb?: number;
  /** The far side plays music, and speaks from `eventSeconds` on. */
  music?: boolean;
};
export type Timeline = { seconds: number; eventSeconds: number; nearFrom: number; nearTo: number };
export type Sound = { far: Float64Array; echo: Float64Array; near: Float64Array; microphone: Float64Array };

export function soundOf(room: Room, time: Timeline): Sound {
  const { seed = 7, rt60Seconds = 0.2, delaySamples = 96, peak = 0.25, noiseDbfs = -68, nearDb = -2.6 } = room;
  const count = time.seconds * RATE_HZ;
  const event = time.eventSeconds * RATE_HZ;
  const random = seeded(seed);
  const far = talk(count, seed, 110);
  if (room.music) far.set(music(event, random.normal));
  const spoken = room.bent ? far.map((x) => (Math.tanh(3 * x) / Math.tanh(3)) * 0.9) : far;
  let echo = convolved(spoken, impulse(rt60Seconds, delaySamples, random.normal));
  if (room.moves) {
    const other = convolved(spoken, impulse(rt60Seconds, delaySamples, random.normal));
    echo = echo.map((x, i) => (i < event ? x : other[i]));
  }
  const loudest = echo.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  echo = echo.map((x) => (x * peak) / loudest + random.normal() * 10 ** (noiseDbfs / 20));
  const near = new Float64Array(count);
  const voice = talk((time.nearTo - time.nearFrom) * RATE_HZ, seed + 1, 190);
  const gain = (rms(echo) / rms(voice)) * 10 ** (nearDb / 20);
  for (let i = 0; i < voice.length; i++) near[time.nearFrom * RATE_HZ + i] = voice[i] * gain;
  const happens = (x: Float64Array): Float64Array => {
    const drifted = room.driftPpm ? resampled(x, 1 + room.driftPpm * 1e-6) : x;
    const insert = room.insertSamples ?? 0;
    return drifted.map((_, i) =>
      i < event ? drifted[i] : i < event + insert ? 0 : (drifted[Math.min(count - 1, i - insert)] ?? 0),
    );
  };
  const [heardEcho, heardNear] = [happens(echo), happens(near)];
  return { far, echo: heardEcho, near: heardNear, microphone: heardEcho.map((x, i) => x + heardNear[i]) };
}

/** Something like speech: syllables of voice and hiss with pauses between words; peak 0.7. */
export function talk(count: number, seed: number, pitchHz: number): Float64Array {
  const random = seeded(seed + 1000);
  const between = (low: number, high: number) => low + (high - low) * random.uniform();
  const out = new Float64Array(count);
  let at = 0;
  let phase = 0;
  while (at < count) {
    const voiced = random.uniform() < 0.7;
    const length = Math.round(between(voiced ? 0.09 : 0.04, voiced ? 0.25 : 0.12) * RATE_HZ);
    const formants = voiced
      ? [between(280, 800), between(900, 2200), between(2300, 3200)]
      : [between(2500, 4000), between(4000, 6500), between(1200, 5000)];
    const filters = formants.map((hz, i) => resonator(hz, voiced ? 70 + 50 * i : 900));
    const pitch = pitchHz * between(0.8, 1.25);
    const loud = voiced ? between(0.5, 1) : between(0.05, 0.2);
    for (let i = 0; i < length && at < count; i++, at++) {
      phase += (pitch * (1 + 0.1 * Math.sin((3 * i) / length))) / RATE_HZ;
      if (phase >= 1) phase -= 1;
      const source =
        (voiced ? (phase < 0.3 ? 1 - phase / 0.3 : 0) - 0.15 : 0) + random.normal() * (voiced ? 0.03 : 0.4);
      const shape = Math.min(1, i / 200, (length - i) / 400);
      const shaped = filters.reduce((sum, filter, n) => sum + filter(source) / (1 + n), DIRECT * source);
      out[at] = shaped * shape * loud;
    }
    if (random.uniform() < 0.25) at += Math.round(between(0.05, 0.35) * RATE_HZ);
  }
  const loudest = out.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  return out.map((x) => (x / loudest) * 0.7);
}

/** Chords of plucked strings and a drum, two beats a second; peak 0.7. */
function music(count: number, normal: () => number): Float64Array {
  const chords = [220, 196, 175, 165].map((hz) => [hz, 1.26 * hz, 1.5 * hz]);
  const beat = RATE_HZ / 2;
  const out = Float64Array.from({ length: count }, (_, at) => {
    const t = (at % beat) / RATE_HZ;
    let sum = 1.2 * normal() * Math.exp(-53 * t);
    for (const hz of chords[Math.floor(at / (4 * beat)) % 4])
      for (let k = 1; k < 8; k++) sum += (Math.sin(2 * Math.PI * hz * k * t) / k) * Math.exp(-3 * t);
    return sum;
  });
  const loudest = out.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  return out.map((x) => (x / loudest) * 0.7);
}

function resonator(hz: number, widthHz: number): (x: number) => number {
  const r = Math.exp((-Math.PI * widthHz) / RATE_HZ);
  const cos = 2 * r * Math.cos((2 * Math.PI * hz) / RATE_HZ);
  let [y1, y2] = [0, 0];
  return (x) => {
    const y = (1 - r) * x + cos * y1 - r * r * y2;
    y2 = y1;
    y1 = y;
    return y;
  };
}

/** A direct sound and, as loud as it, a reverberation that begins 3 ms later; nothing below 150 Hz. */
function impulse(rt60Seconds: number, delaySamples: number, normal: () => number): Float64Array {
  const h = new Float64Array(TAPS + delaySamples);
  let power = 0;
  for (let i = 0; i < TAPS - 48; i++) {
    const x = normal() * Math.exp((-6.9 * i) / RATE_HZ / rt60Seconds);
    h[delaySamples + 48 + i] = x;
    power += x * x;
  }
  for (let i = 0; i < h.length; i++) h[i] /= Math.sqrt(power);
  h[delaySamples] = 1;
  let [low, before] = [0, 0];
  return h.map((x) => {
    low = 0.943 * (low + x - before);
    before = x;
    return low;
  });
}

function convolved(x: Float64Array, h: Float64Array): Float64Array {
  const block = 8192;
  const fft = new RealFft(2 * block);
  const spectrum = () => new Float64Array(fft.bins);
  const [hRe, hIm, re, im] = [spectrum(), spectrum(), spectrum(), spectrum()];
  const time = new Float64Array(2 * block);
  time.set(h);
  fft.forward(time, hRe, hIm);
  const out = new Float64Array(x.length + 2 * block);
  for (let at = 0; at < x.length; at += block) {
    time.fill(0);
    time.set(x.subarray(at, at + block));
    fft.forward(time, re, im);
    for (let k = 0; k < re.length; k++) {
      const real = re[k] * hRe[k] - im[k] * hIm[k];
      im[k] = re[k] * hIm[k] + im[k] * hRe[k];
      re[k] = real;
    }
    fft.inverse(re, im, time);
    for (let i = 0; i < time.length; i++) out[at + i] += time[i];
  }
  return out.subarray(0, x.length);
}

/** `x` at the points i * `ratio`, by a windowed sinc of 32 taps. */
function resampled(x: Float64Array, ratio: number): Float64Array {
  return x.map((_, i) => {
    const at = i * ratio;
    const whole = Math.floor(at);
    let sum = 0;
    for (let k = whole - 15; k <= whole + 16; k++) {
      const t = at - k;
      const sinc = t === 0 ? 1 : Math.sin(Math.PI * t) / (Math.PI * t);
      sum += (x[k] ?? 0) * sinc * Math.cos((Math.PI * t) / 34) ** 2;
    }
    return sum;
  });
}

export const samplesOf = (x: Float64Array): Int16Array =>
  Int16Array.from(x, (value) => Math.round(Math.max(-1, Math.min(1, value)) * 32767));

function rms(x: Float64Array): number {
  return Math.sqrt(x.reduce((sum, value) => sum + value * value, 0) / x.length);
}

/** By how much `left` is quieter than `whole` between two times, dB. */
export function quieterDb(whole: Float64Array, left: Float64Array, from: number, to: number): number {
  const span = (x: Float64Array) => rms(x.subarray(from * RATE_HZ, to * RATE_HZ)) + 1e-9;
  return 20 * Math.log10(span(whole) / span(left));
}
