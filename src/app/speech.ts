/**
 * Text to speech by espeak-ng, when it is installed. The text goes in by its standard input: no shell, no option ever sees it.
 * What was spoken once is kept on disk: a prompt is there after a restart, on a slow board too, and when espeak-ng has gone.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseWav, type Wav } from '../audio/index.ts';

const program = 'espeak-ng';
/** It speaks a page of text in less, on a board too. */
const limitMs = 10_000;
/** A minute of its 22 050 Hz, and something for the header. */
const maxBytes = 60 * 22_050 * 2 + 4_096;
/** They are spoken one after the other. One more that waits is told that it is too much. */
const maxWaiting = 32;

/** Kept on disk; beyond it the one longest unused goes. Some 100 kB each. */
const maxKept = 64;

export class Speech {
  /** A name of `espeak-ng --voices`. */
  readonly voice: string;
  readonly #folder: string;
  #waiting = 0;
  #last: Promise<unknown> = Promise.resolve();

  /** `folder`: where sounds are kept; made when there is one. */
  constructor(voice: string, folder: string) {
    this.voice = voice;
    this.#folder = folder;
  }

  /** The text as sound, or why there is none. */
  async say(text: string, voice: string = this.voice): Promise<Wav | string> {
    const file = join(this.#folder, `${createHash('sha256').update(`${voice}\n${text}`).digest('hex')}.wav`);
    const kept = await this.#kept(file);
    if (kept) return kept;
    if (this.#waiting >= maxWaiting) return 'too much is being spoken already';
    this.#waiting++;
    try {
      const running = this.#last.then(() => this.#run(text, voice));
      this.#last = running;
      const bytes = await running;
      if (typeof bytes === 'string') return bytes;
      const sound = parseWav(bytes);
      await this.#keep(file, bytes);
      return sound;
    } catch (error) {
      return `${program}: ${(error as Error).message}`;
    } finally {
      this.#waiting--;
    }
  }

  async #kept(file: string): Promise<Wav | undefined> {
    try {
      const sound = parseWav(await readFile(file));
      const now = new Date();
      await utimes(file, now, now);
      return sound;
    } catch {
      return undefined; // it is not there, or not whole: it is spoken
    }
  }

  /** A full disk costs the next time a moment, nothing more. */
  async #keep(file: string, bytes: Buffer): Promise<void> {
    try {
      await mkdir(this.#folder, { recursive: true });
      await writeFile(`${file}.new`, bytes);
      await rename(`${file}.new`, file);
      const files = (await readdir(this.#folder)).map((name) => join(this.#folder, name));
      const ages = await Promise.all(files.map(async (path) => ({ path, usedMs: (await stat(path)).mtimeMs })));
      ages.sort((a, b) => b.usedMs - a.usedMs);
      await Promise.all(ages.slice(maxKept).map(({ path }) => rm(path, { force: true })));
    } catch {
      await rm(`${file}.new`, { force: true }).catch(() => {});
    }
  }

  #run(text: string, voice: string): Promise<Buffer | string> {
    return new Promise((resolve) => {
      const args = ['-v', voice, '-b', '1', '--stdin', '--stdout'];
      const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], timeout: limitMs, killSignal: 'SIGKILL' });
      const parts: Buffer[] = [];
      let length = 0;
      let complaint = '';
      child.stdout.on('data', (part: Buffer) => {
        // Longer than a minute: what is there is spoken.
        if (length < maxBytes) parts.push(part);
        length += part.length;
        if (length >= maxBytes) child.kill('SIGKILL');
      });
      child.stderr.on('data', (part: Buffer) => (complaint = (complaint + part.toString()).slice(0, 200)));
      child.on('error', (error: NodeJS.ErrnoException) =>
        resolve(
          error.code === 'ENOENT'
            ? `${program} is not installed: apt install ${program}`
            : `cannot run ${program}: ${error.message}`,
        ),
      );
      child.on('close', (code, signal) => {
        if (code === 0 || length >= maxBytes) return resolve(Buffer.concat(parts));
        const how = signal === null ? `ended with ${code}` : `did not end within ${limitMs / 1000} s`;
        resolve(`${program} ${how}${complaint === '' ? '' : `: ${complaint.trim()}`}`);
      });
      child.stdin.on('error', () => {}); // it went before it had read all: `close` says why
      child.stdin.end(text);
    });
  }
}
