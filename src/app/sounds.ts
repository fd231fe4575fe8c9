/**
 * What is played: files, texts, and prompts made of both. Those the configuration names are made at the start: a broken disk, or
 * a voice that takes its time, does not silence a prompt.
 */
import { readFile } from 'node:fs/promises';
import { isOgg, parseOggOpus, parseWav, Resampler } from '../audio/index.ts';
import type { Logger } from '../base/index.ts';
import type { Config } from '../config/index.ts';
import type { MediaEngine } from '../media/types.ts';
import type { Prompt, SpokenText } from '../terminal/types.ts';
import type { Speech } from './speech.ts';

/** A minute of 48 kHz mono; longer sounds are cut. */
const maxSamples = 60 * 48_000;

interface Sound {
  samples: Int16Array;
  rateHz: number;
}

/** What there is of a prompt, and why there is not all of it. */
interface Made {
  sound?: Sound;
  problem?: string;
}

/** All that the configuration names. */
export function promptsOf({ calls, buttons }: Config['terminal']): Prompt[] {
  const ofPlans = Object.values(calls).flatMap(({ prompt, confirm }) => [prompt, confirm?.prompt]);
  const ofPages = Object.values(buttons).map(({ press }) => (press && 'page' in press ? press.play : undefined));
  return [...ofPlans, ...ofPages].filter((one) => one !== undefined);
}

export class Sounds {
  readonly #media: MediaEngine;
  readonly #speech: Speech;
  readonly #log: Logger;
  readonly #kept = new Map<string, Sound>();
  /** Made for the next `play`. */
  #loaded?: { name: string; sound: Sound };
  #playing?: { sound: string; onPlayed: () => void };
  #asked = 0;

  constructor(media: MediaEngine, speech: Speech, log: Logger) {
    this.#media = media;
    this.#speech = speech;
    this.#log = log;
  }

  /** Makes `prompt` for good. Resolves with the reason when it cannot be played, or not whole. */
  async keep(prompt: Prompt): Promise<string | undefined> {
    const { sound, problem } = await this.#make(prompt);
    if (sound) this.#kept.set(nameOf(prompt), sound);
    return problem;
  }

  /** Makes `prompt` for the `play` that follows. Resolves with the reason when it cannot be played. */
  async load(prompt: Prompt): Promise<string | undefined> {
    const { sound, problem } = await this.#make(prompt);
    if (sound) this.#loaded = { name: nameOf(prompt), sound };
    return problem;
  }

  /**
   * Plays `prompt`, in place of what plays. `onOutcome`: it plays, or the reason why it cannot. `onPlayed`: it is over, was cut, or
   * there is nothing to play.
   */
  play(prompt: Prompt, onOutcome: (problem?: string) => void, onPlayed: () => void = () => {}): void {
    this.stop();
    const name = nameOf(prompt);
    const ready = this.#kept.get(name) ?? (this.#loaded?.name === name ? this.#loaded.sound : undefined);
    this.#loaded = undefined;
    if (ready) {
      this.#start(ready, onPlayed);
      return onOutcome();
    }
    const asked = ++this.#asked;
    void this.#make(prompt).then(({ sound, problem }) => {
      // Somebody may have asked for another meanwhile, or for silence.
      if (sound && asked === this.#asked) this.#start(sound, onPlayed);
      else onPlayed();
      onOutcome(problem);
    });
  }

  /** Hands `prompt` to `use`, when it can be made. `onOutcome` as for `play`. */
  take(
    prompt: Prompt,
    use: (samples: Int16Array, rateHz: number) => void,
    onOutcome: (problem?: string) => void,
  ): void {
    const give = ({ sound, problem }: Made): void => {
      if (sound) use(sound.samples, sound.rateHz);
      onOutcome(problem);
    };
    const kept = this.#kept.get(nameOf(prompt));
    if (kept) return give({ sound: kept });
    void this.#make(prompt).then(give);
  }

  stop(): void {
    this.#asked++;
    if (this.#playing !== undefined) this.#media.stopPlaying(this.#playing.sound);
    const cut = this.#playing;
    this.#playing = undefined;
    cut?.onPlayed();
  }

  /** A text in the terminal's own voice. */
  spoken(text: string): Prompt {
    return [{ say: text, voice: this.#speech.voice }];
  }

  /** `sound` is over: what the media engine says. */
  played(sound: string): void {
    if (this.#playing?.sound !== sound) return;
    const { onPlayed } = this.#playing;
    this.#playing = undefined;
    onPlayed();
  }

  #start({ samples, rateHz }: Sound, onPlayed: () => void): void {
    this.#playing = { sound: this.#media.play(samples, rateHz), onPlayed };
  }

  /** A part that cannot be made does not silence the others. */
  async #make(prompt: Prompt): Promise<Made> {
    const parts = typeof prompt === 'string' ? [prompt] : prompt;
    const made = await Promise.all(
      parts.map((part) => (typeof part === 'string' ? this.#read(part) : this.#say(part))),
    );
    const sounds = made.filter((one) => typeof one !== 'string');
    const problem = made.find((one) => typeof one === 'string');
    return { ...(sounds.length > 0 && { sound: joined(sounds) }), ...(problem !== undefined && { problem }) };
  }

  #say({ say, voice }: SpokenText): Promise<Sound | string> {
    return this.#speech.say(say, voice);
  }

  /** The sound, or why there is none. */
  async #read(file: string): Promise<Sound | string> {
    try {
      const bytes = await readFile(file);
      const { samples, rateHz } = isOgg(bytes) ? parseOggOpus(bytes, maxSamples) : parseWav(bytes);
      if (samples.length === 0) throw new Error('it holds no sound');
      return { samples: samples.subarray(0, maxSamples), rateHz };
    } catch (error) {
      const reason = `cannot play ${file}: ${(error as Error).message}`;
      this.#log.warn('Cannot read a sound file', { file, reason });
      return reason;
    }
  }
}

const nameOf = (prompt: Prompt): string => (typeof prompt === 'string' ? prompt : JSON.stringify(prompt));

/** One after the other, at the highest of their rates. */
function joined(sounds: readonly Sound[]): Sound {
  if (sounds.length === 1) return sounds[0];
  const rateHz = Math.max(...sounds.map((sound) => sound.rateHz));
  const parts = sounds.map((sound) => {
    const resampler = new Resampler(sound.rateHz, rateHz);
    const into = new Int16Array(resampler.maxOutput(sound.samples.length));
    return into.subarray(0, resampler.process(sound.samples, 0, sound.samples.length, into, 0));
  });
  const samples = new Int16Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    samples.set(part, at);
    at += part.length;
  }
  return { rateHz, samples: samples.subarray(0, maxSamples) };
}
