/** A card whose driver hangs when it is told to: the PCM `stuck`, which writes into a pipe that is read or not. */
import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SoundCards } from './soundcard.ts';

/** More often than the pipe, of two seconds, could fill up. */
const READ_MS = 50;

export class StuckCard {
  /** What a program needs in its environment to see it, beside the cards there are. */
  readonly env: SoundCards['env'];
  readonly #reader: number;
  readonly #into = Buffer.alloc(1 << 18);
  #timer: NodeJS.Timeout | undefined;

  /** In `directory`. It plays until it hangs. */
  constructor(directory: string, { env }: SoundCards) {
    const pipe = join(directory, 'pipe');
    execFileSync('mkfifo', [pipe]);
    this.#reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
    const pcm = `pcm.stuck { type file slave.pcm "null" file "${pipe}" format "raw" }\n`;
    const all = join(directory, 'asound.conf');
    writeFileSync(all, pcm + readFileSync(env.ALSA_CONFIG_PATH, 'utf8'));
    this.env = { ...env, ALSA_CONFIG_PATH: all };
    this.letGo();
  }

  /** Within two seconds, when what it is given has filled the pipe. */
  hang(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  letGo(): void {
    this.#timer ??= setInterval(() => this.#read(), READ_MS).unref();
  }

  close(): void {
    this.hang();
    closeSync(this.#reader);
  }

  #read(): void {
    try {
      readSync(this.#reader, this.#into);
    } catch {
      // nothing in it
    }
  }
}
