/**
 * A terminal in a room, in virtual time: a sound card whose loudspeaker is heard by its microphone, with buffers, delays that
 * are told not quite exactly, lost periods and two clocks; and what is sent of it.
 */
import type { CardTiming, SoundCard } from '../../src/io/soundcard/index.ts';
import { noTiming } from '../../src/io/soundcard/types.ts';
import { Handsfree } from '../../src/media/handsfree.ts';
import { type HandsfreeConfig, handsfreeDefaults } from '../../src/media/types.ts';

export const RATE = 16_000;
export const FRAME = 160;
/** Frames of silence in front of the loudspeaker, and what the air and the converters add, samples. */
const PREFILL = 2;

export interface RoomOptions {
  config?: Partial<HandsfreeConfig>;
  /** From the card's connector to the microphone's, samples. */
  airSamples?: number;
  /** How much faster the loudspeaker's clock is. */
  ppm?: number;
  /** How strong the echo is. */
  coupling?: number;
  /** By how much the card's figures are wrong, samples; noise of either sign. */
  wrong?: number;
  noise?: number;
  /** Of the card. */
  driver?: 'alsa' | 'file';
}

export class Room {
  readonly timing: CardTiming = noTiming();
  readonly handsfree: Handsfree;
  /** What the microphone heard, and what was sent. */
  readonly heard: number[] = [];
  readonly sent: number[] = [];
  #options: Required<Omit<RoomOptions, 'config'>>;
  readonly #card: { driver: string; timing: CardTiming; reference?: (frame: Int16Array) => void };
  readonly #impulse: Float64Array;
  readonly #queue: number[] = [];
  /** All that ever sounded, at the microphone's clock. */
  readonly #air: number[] = [];
  #phase = 0;
  #seed = 5;
  #lost = 0;

  constructor(options: RoomOptions = {}) {
    const { config, ...rest } = options;
    this.#options = { airSamples: 48, ppm: 0, coupling: 0.3, wrong: 0, noise: 20, driver: 'alsa', ...rest };
    this.#card = { driver: this.#options.driver, timing: this.timing };
    this.handsfree = new Handsfree({ ...handsfreeDefaults(100), ...config }, this.#card as unknown as SoundCard, RATE);
    this.#impulse = Float64Array.from({ length: 1600 }, (_, i) =>
      i === 0 ? 1 : (i < 20 ? 0 : 0.16) * this.#random() * Math.exp((-6.9 * i) / (0.2 * RATE)),
    );
    this.#start();
    // Whoever opens a microphone hears the room before anybody speaks.
    for (let i = 0; i < 30; i++) this.tick(undefined, undefined);
    this.heard.length = this.sent.length = 0;
  }

  /** Nothing is written for `ticks`: the loudspeaker runs dry, and begins anew. */
  underrun(ticks: number): void {
    for (let i = 0; i < ticks; i++) this.tick(undefined, undefined, false);
    this.#start();
  }

  /** The echo is so strong from now on. */
  loud(coupling: number): void {
    this.#options = { ...this.#options, coupling };
  }

  /** The microphone loses so many samples: told as a break. */
  lose(samples: number): void {
    this.#lost += samples;
    this.timing.captureBreaks++;
  }

  /** `far`: 10 ms for the loudspeaker; `near`: what is said in the room. */
  tick(far: Int16Array | undefined, near: Int16Array | undefined, writes = true): void {
    const { wrong } = this.#options;
    for (let i = 0; i < this.#lost; i++) this.#sound();
    this.#lost = 0;
    const frame = new Int16Array(FRAME);
    for (let i = 0; i < FRAME; i++) {
      frame[i] = Math.max(-32768, Math.min(32767, Math.round(this.#sound() + (near?.[i] ?? 0))));
      this.heard.push(frame[i]);
    }
    this.timing.captureDelay = 0;
    this.timing.playDelay = this.#queue.length + wrong * this.#random();
    const volume = this.handsfree.volume;
    const played = new Int16Array(FRAME);
    for (let i = 0; i < FRAME; i++) played[i] = Math.round((far?.[i] ?? 0) * volume);
    if (writes) this.#play(played);
    this.handsfree.process(frame, true, true);
    for (const sample of frame) this.sent.push(sample);
  }

  #start(): void {
    this.timing.playBreaks++;
    for (let i = 0; i < PREFILL; i++) this.#play(new Int16Array(FRAME));
  }

  #play(frame: Int16Array): void {
    for (const sample of frame) this.#queue.push(sample);
    this.#card.reference?.(frame);
  }

  /** One sample at the microphone's clock: what sounds now goes into the air, and what of it all is heard comes back. */
  #sound(): number {
    const { ppm, airSamples, coupling, noise } = this.#options;
    const [a = 0, b = 0] = this.#queue;
    this.#air.push(a + (b - a) * this.#phase);
    this.#phase += 1 + ppm * 1e-6;
    for (; this.#phase >= 1; this.#phase--) this.#queue.shift();
    let sum = 0;
    const last = this.#air.length - 1 - airSamples;
    for (let i = 0; i < this.#impulse.length && last - i >= 0; i++) sum += this.#impulse[i] * this.#air[last - i];
    return coupling * sum + noise * this.#random();
  }

  /** -1 to 1, the same each time. */
  #random(): number {
    this.#seed = (Math.imul(this.#seed, 1664525) + 1013904223) >>> 0;
    return this.#seed / 2 ** 31 - 1;
  }
}

/**
 * Something like speech at 16 kHz: voiced syllables through three resonances, hisses between them, pauses after every few.
 * Another talker for each seed.
 */
export function talk(seconds: number, seed: number, level = 6000): Int16Array {
  let state = seed >>> 0;
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const samples = new Float64Array(seconds * RATE);
  const pitchHz = 90 + 80 * random();
  let at = 0;
  while (at < samples.length) {
    const length = Math.round((0.09 + 0.14 * random()) * RATE);
    const loud = 0.4 + 0.6 * random();
    const hiss = random() < 0.3;
    const formants = [300 + 500 * random(), 900 + 1300 * random(), 2300 + 1200 * random()];
    if (hiss) formants.splice(0, 3, 3500 + 2500 * random());
    const y1 = [0, 0, 0];
    const y2 = [0, 0, 0];
    let phase = 0;
    const tune = 0.8 + 0.4 * random();
    const bend = 0.4 * (random() - 0.5);
    for (let i = 0; i < length && at + i < samples.length; i++) {
      phase += (pitchHz * (tune + (bend * i) / length + 0.02 * (random() - 0.5))) / RATE;
      const pulse = phase >= 1 ? 1 : 0;
      phase -= pulse;
      const source = hiss ? 0.25 * (random() - 0.5) : pulse + 0.02 * (random() - 0.5);
      let sum = 0;
      for (let k = 0; k < formants.length; k++) {
        const r = Math.exp((-Math.PI * (hiss ? 900 : 90 + 40 * k)) / RATE);
        const y = source + 2 * r * Math.cos((2 * Math.PI * formants[k]) / RATE) * y1[k] - r * r * y2[k];
        y2[k] = y1[k];
        y1[k] = y;
        sum += y / (k + 1);
      }
      samples[at + i] = loud * Math.sin((Math.PI * i) / length) * sum;
    }
    at += length + Math.round((random() < 0.15 ? 0.3 : 0.03 * random()) * RATE);
  }
  let power = 0;
  for (const sample of samples) power += sample * sample;
  const gain = level / Math.sqrt(power / samples.length) / 3;
  return Int16Array.from(samples, (value) => Math.max(-32000, Math.min(32000, Math.round(gain * value))));
}

/** dB of what was sent from `fromS` to `toS` against what was heard. */
export function lossDb(room: Room, fromS: number, toS: number): number {
  const power = (samples: readonly number[]): number => {
    let sum = 1;
    for (let i = fromS * RATE; i < toS * RATE; i++) sum += samples[i] ** 2;
    return sum;
  };
  return 10 * Math.log10(power(room.heard) / power(room.sent));
}
