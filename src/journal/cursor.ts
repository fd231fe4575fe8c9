/**
 * The place of a consumer, in a file of its own: one position a line, the last whole line counts. Appending keeps the older
 * places should the power go; the file starts anew, by renaming, when it has grown.
 */
import { appendFileSync, closeSync, fsyncSync, openSync, readFileSync, renameSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '../base/index.ts';

const CURSOR_FILE_BYTES = 4096;

export class CursorFile {
  readonly #file: string;
  readonly #logger: Logger;
  #position = 0;
  #size = 0;
  /** Said once, until a place is kept again: a card that is read-only stays so for every event. */
  #complained = false;

  constructor(directory: string, consumer: string, logger: Logger) {
    this.#file = join(directory, `cursor-${consumer}`);
    this.#logger = logger;
    try {
      const lines = readFileSync(this.#file, 'latin1').split('\n');
      const whole = lines.slice(0, -1).filter((line) => /^\d{1,15}$/.test(line));
      this.#position = Number(whole.at(-1) ?? 0);
      // Behind a line that was cut short nothing may be appended.
      this.#size = lines.at(-1) === '' ? statSync(this.#file).size : CURSOR_FILE_BYTES;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.#complain(error);
    }
  }

  get position(): number {
    return this.#position;
  }

  set position(position: number) {
    this.#position = position;
    const line = `${position}\n`;
    try {
      if (this.#size + line.length > CURSOR_FILE_BYTES) this.#startAnew(line);
      else {
        appendFileSync(this.#file, line, { mode: 0o640 });
        this.#size += line.length;
      }
      this.#complained = false;
    } catch (error) {
      // Not lost, only not remembered: after a restart these events would come again.
      this.#size = CURSOR_FILE_BYTES;
      this.#complain(error);
    }
  }

  #startAnew(line: string): void {
    const temporary = `${this.#file}.new`;
    const fd = openSync(temporary, 'w', 0o640);
    try {
      if (writeSync(fd, line) !== line.length) throw new Error(`${temporary}: the disk is full`);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, this.#file);
    this.#size = line.length;
  }

  #complain(error: unknown): void {
    if (this.#complained) return;
    this.#complained = true;
    this.#logger.warn('journal: a place is not kept', { file: this.#file, reason: (error as Error).message });
  }
}
