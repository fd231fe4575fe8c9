/** Sound files, decoded once. Those the configuration names are read at the start: a broken disk does not silence a prompt. */
import { readFile } from 'node:fs/promises';
import { parseWav } from '../audio/index.ts';
import type { Logger } from '../base/index.ts';
import type { MediaEngine } from '../media/types.ts';

/** A minute of 48 kHz mono; longer files are cut. */
const maxSamples = 60 * 48_000;

interface Sound {
  samples: Int16Array;
  rateHz: number;
}

export class Sounds {
  readonly #media: MediaEngine;
  readonly #log: Logger;
  readonly #kept = new Map<string, Sound>();
  #playing?: string;
  #asked = 0;

  constructor(media: MediaEngine, log: Logger) {
    this.#media = media;
    this.#log = log;
  }

  async keep(files: Iterable<string>): Promise<void> {
    for (const file of new Set(files)) {
      const sound = await this.#read(file);
      if (sound) this.#kept.set(file, sound);
    }
  }

  /** Plays `file`, in place of what plays; `onMissing` is called with the reason when it cannot. */
  play(file: string, onMissing: (reason: string) => void): void {
    this.stop();
    const kept = this.#kept.get(file);
    if (kept) return this.#start(kept);
    const asked = ++this.#asked;
    void this.#read(file).then((sound) => {
      if (!sound) onMissing(`cannot play ${file}`);
      else if (asked === this.#asked) this.#start(sound); // nobody has asked for another, or for silence, meanwhile
    });
  }

  /** Hands `file` to `use`, when it can be read. */
  take(file: string, use: (samples: Int16Array, rateHz: number) => void): void {
    const kept = this.#kept.get(file);
    if (kept) return use(kept.samples, kept.rateHz);
    void this.#read(file).then((sound) => sound && use(sound.samples, sound.rateHz));
  }

  stop(): void {
    this.#asked++;
    if (this.#playing !== undefined) this.#media.stopPlaying(this.#playing);
    this.#playing = undefined;
  }

  #start({ samples, rateHz }: Sound): void {
    this.#playing = this.#media.play(samples, rateHz);
  }

  async #read(file: string): Promise<Sound | undefined> {
    try {
      const { samples, rateHz } = parseWav(await readFile(file));
      return { samples: samples.subarray(0, maxSamples), rateHz };
    } catch (error) {
      this.#log.warn('Cannot read a sound file', { file, reason: (error as Error).message });
      return undefined;
    }
  }
}
