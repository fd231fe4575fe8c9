/** Tones and prompts of the media thread, added to what the loudspeaker plays. */
import { type Country, type Mixer, Resampler, SampleFifo, Tone } from '../audio/index.ts';
import type { ToneName } from './types.ts';

/** Prompts at once; more are refused (an operator's loop must not fill the memory). */
const MAX_SOUNDS = 8;
const FRAME_MS = 10;

/** Samples of any rate, handed out in frames of the engine's. */
export class Prompt {
  readonly #samples: Int16Array;
  readonly #resampler: Resampler;
  readonly #resampled: Int16Array;
  readonly #ready: SampleFifo;
  readonly #chunk: number;
  #at = 0;
  stopped = false;

  constructor(samples: Int16Array, fromHz: number, rateHz: number) {
    this.#samples = samples;
    this.#resampler = new Resampler(fromHz, rateHz);
    this.#chunk = Math.ceil((fromHz * FRAME_MS) / 1000);
    this.#resampled = new Int16Array(this.#resampler.maxOutput(this.#chunk));
    this.#ready = new SampleFifo(this.#resampled.length + (rateHz * FRAME_MS) / 1000);
  }

  get ended(): boolean {
    return this.#at >= this.#samples.length && this.#ready.length === 0;
  }

  fill(frame: Int16Array): void {
    while (this.#ready.length < frame.length && this.#at < this.#samples.length) {
      const count = Math.min(this.#chunk, this.#samples.length - this.#at);
      this.#ready.put(this.#resampled, 0, this.#resampler.process(this.#samples, this.#at, count, this.#resampled, 0));
      this.#at += count;
    }
    frame.fill(0, this.#ready.take(frame, 0, frame.length));
  }
}

export class Sounds {
  readonly #rateHz: number;
  readonly #country: Country | undefined;
  readonly #played: (sound: string) => void;
  readonly #tones = new Map<ToneName, { tone: Tone; stopped: boolean }>();
  readonly #prompts = new Map<string, Prompt>();
  readonly #frame: Int16Array;
  /** Of the last frame. */
  #volume = Number.NaN;

  /** `played` is called for each prompt that ended or was stopped. */
  constructor(rateHz: number, played: (sound: string) => void, country?: Country) {
    this.#rateHz = rateHz;
    this.#country = country;
    this.#played = played;
    this.#frame = new Int16Array((rateHz * FRAME_MS) / 1000);
  }

  get active(): boolean {
    return this.#tones.size > 0 || this.#prompts.size > 0;
  }

  /** Starting a tone that sounds begins it anew. */
  tone(name: ToneName, on: boolean): void {
    if (on) this.#tones.set(name, { tone: new Tone(name, this.#rateHz, this.#country), stopped: false });
    else {
      const sounding = this.#tones.get(name);
      if (sounding !== undefined) sounding.stopped = true;
    }
  }

  /** Throws `RangeError` for a rate that cannot be converted, or when too many play. */
  play(sound: string, samples: Int16Array, rateHz: number): void {
    if (this.#prompts.size >= MAX_SOUNDS) throw new RangeError(`Cannot play: ${MAX_SOUNDS} sounds are playing already`);
    this.#prompts.set(sound, new Prompt(samples, rateHz, this.#rateHz));
  }

  stop(sound: string): void {
    const prompt = this.#prompts.get(sound);
    if (prompt !== undefined) prompt.stopped = true;
  }

  /** Adds 10 ms of all that sounds, times `volume`. */
  mix(mixer: Mixer, volume: number): void {
    const frame = this.#frame;
    const from = Number.isNaN(this.#volume) ? volume : this.#volume;
    this.#volume = volume;
    for (const [name, { tone, stopped }] of this.#tones) {
      tone.fill(frame, 0, frame.length);
      mixer.add(frame, 0, frame.length, from, stopped ? 0 : volume);
      if (stopped || tone.ended) this.#tones.delete(name);
    }
    for (const [sound, prompt] of this.#prompts) {
      prompt.fill(frame);
      mixer.add(frame, 0, frame.length, from, prompt.stopped ? 0 : volume);
      if (!prompt.stopped && !prompt.ended) continue;
      this.#prompts.delete(sound);
      this.#played(sound);
    }
  }
}
