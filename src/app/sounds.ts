/** Sound files, decoded once. Those the configuration names are read at the start: a broken disk does not silence a prompt. */
import { readFile } from 'node:fs/promises';
import { parseWav } from '../audio/index.ts';
import type { Logger } from '../base/index.ts';
import type { MediaEngine } from '../media/types.ts';
import type { Speech } from './speech.ts';

/** What `#loaded` calls the sound of a text: no path is relative there. */
const spoken = (text: string): string => `say:${text}`;

/** A minute of 48 kHz mono; longer files are cut. */
const maxSamples = 60 * 48_000;

interface Sound {
  samples: Int16Array;
  rateHz: number;
}

export class Sounds {
  readonly #media: MediaEngine;
  readonly #speech: Speech;
  readonly #log: Logger;
  readonly #kept = new Map<string, Sound>();
  /** Read for the next `play`. */
  #loaded?: { file: string; sound: Sound };
  #playing?: string;
  #asked = 0;

  constructor(media: MediaEngine, speech: Speech, log: Logger) {
    this.#media = media;
    this.#speech = speech;
    this.#log = log;
  }

  /** Reads `file` for good. Resolves with the reason when it cannot be played. */
  async keep(file: string): Promise<string | undefined> {
    const sound = await this.#read(file);
    if (typeof sound === 'string') return sound;
    this.#kept.set(file, sound);
    return undefined;
  }

  /** Reads `file` for the `play` that follows. Resolves with the reason when it cannot be played. */
  async load(file: string): Promise<string | undefined> {
    const sound = await this.#read(file);
    if (typeof sound === 'string') return sound;
    this.#loaded = { file, sound };
    return undefined;
  }

  /** Plays `file`, in place of what plays. `onOutcome`: it plays, or the reason why it cannot. */
  play(file: string, onOutcome: (missing?: string) => void): void {
    this.stop();
    const ready = this.#kept.get(file) ?? (this.#loaded?.file === file ? this.#loaded.sound : undefined);
    this.#loaded = undefined;
    if (ready) {
      this.#start(ready);
      return onOutcome();
    }
    this.#later(this.#read(file), onOutcome);
  }

  /** Makes sound of `text` for the `speak` that follows. Resolves with the reason when there is none. */
  async loadText(text: string): Promise<string | undefined> {
    const sound = await this.#speech.say(text);
    if (typeof sound === 'string') return sound;
    this.#loaded = { file: spoken(text), sound };
    return undefined;
  }

  /** Speaks `text`, in place of what plays. `onOutcome` as for `play`. */
  speak(text: string, onOutcome: (missing?: string) => void): void {
    this.stop();
    const ready = this.#loaded?.file === spoken(text) ? this.#loaded.sound : undefined;
    this.#loaded = undefined;
    if (!ready) return this.#later(this.#speech.say(text), onOutcome);
    this.#start(ready);
    onOutcome();
  }

  #later(coming: Promise<Sound | string>, onOutcome: (missing?: string) => void): void {
    const asked = ++this.#asked;
    void coming.then((sound) => {
      if (typeof sound === 'string') return onOutcome(sound);
      if (asked === this.#asked) this.#start(sound); // nobody has asked for another, or for silence, meanwhile
      onOutcome();
    });
  }

  /** Hands `file` to `use`, when it can be read. `onOutcome` as for `play`. */
  take(file: string, use: (samples: Int16Array, rateHz: number) => void, onOutcome: (missing?: string) => void): void {
    const give = ({ samples, rateHz }: Sound): void => {
      use(samples, rateHz);
      onOutcome();
    };
    const kept = this.#kept.get(file);
    if (kept) return give(kept);
    void this.#read(file).then((sound) => (typeof sound === 'string' ? onOutcome(sound) : give(sound)));
  }

  stop(): void {
    this.#asked++;
    if (this.#playing !== undefined) this.#media.stopPlaying(this.#playing);
    this.#playing = undefined;
  }

  #start({ samples, rateHz }: Sound): void {
    this.#playing = this.#media.play(samples, rateHz);
  }

  /** The sound, or why there is none. */
  async #read(file: string): Promise<Sound | string> {
    try {
      const { samples, rateHz } = parseWav(await readFile(file));
      return { samples: samples.subarray(0, maxSamples), rateHz };
    } catch (error) {
      const reason = `cannot play ${file}: ${(error as Error).message}`;
      this.#log.warn('Cannot read a sound file', { file, reason });
      return reason;
    }
  }
}
