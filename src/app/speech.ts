/** Text to speech by espeak-ng, when it is installed. The text goes in by its standard input: no shell, no option ever sees it. */
import { spawn } from 'node:child_process';
import { parseWav, type Wav } from '../audio/index.ts';

const program = 'espeak-ng';
/** It speaks a page of text in less, on a board too. */
const limitMs = 10_000;
/** A minute of its 22 050 Hz, and something for the header. */
const maxBytes = 60 * 22_050 * 2 + 4_096;
/** At once. One more is told that it is too much. */
const maxRunning = 2;

export class Speech {
  readonly #voice: string;
  #running = 0;

  /** `voice`: a name of `espeak-ng --voices`. */
  constructor(voice: string) {
    this.#voice = voice;
  }

  /** The text as sound, or why there is none. */
  async say(text: string): Promise<Wav | string> {
    if (this.#running >= maxRunning) return 'too much is being spoken already';
    this.#running++;
    try {
      const bytes = await this.#run(text);
      if (typeof bytes === 'string') return bytes;
      return parseWav(bytes);
    } catch (error) {
      return `${program}: ${(error as Error).message}`;
    } finally {
      this.#running--;
    }
  }

  #run(text: string): Promise<Buffer | string> {
    return new Promise((resolve) => {
      const args = ['-v', this.#voice, '-b', '1', '--stdin', '--stdout'];
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
