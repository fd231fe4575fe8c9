/**
 * Recordings on disk: WAV files that are whole whatever happens, for their header is written anew with every piece. The folder has
 * an end: the oldest go. Where the disk is full, nothing is recorded, and the call goes on.
 */
import { type FileHandle, mkdir, open, readdir, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { formatWavHeader, rmsDbfs, WAV_HEADER_BYTES } from '../audio/index.ts';
import type { Logger } from '../base/index.ts';
import type { MediaEngine, RecordListener } from '../media/types.ts';
import type { TerminalEvent } from '../terminal/types.ts';

export interface RecordingsConfig {
  /** What all of them may take, and what is left free on the disk. */
  maxBytes: number;
  freeBytes: number;
  /** Older ones go. */
  keepMs: number;
}

/** As an event tells it. */
export type RecordingNews = Omit<Extract<TerminalEvent, { type: 'recording' }>, 'type'>;

/** What comes while the disk is busy, in bytes; more is a disk that does not answer. */
const waitingMaxBytes = 8 << 20;
/** Of a voice message: so long without a voice, and it is over. And what is a voice. */
const silenceMs = 6000;
const voiceDbfs = -50;
const syncEveryMs = 5000;
/** Also after so much. */
const syncEveryBytes = 1 << 20;

export class Recorder {
  readonly #folder: string;
  readonly #config: RecordingsConfig;
  readonly #log: Logger;
  readonly #tell: (news: RecordingNews) => void;
  /** Files that are being written. */
  readonly #open = new Set<string>();
  /** A new recording waits for the room it needs. */
  #room: Promise<unknown> = Promise.resolve();

  constructor(folder: string, config: RecordingsConfig, log: Logger, tell: (news: RecordingNews) => void) {
    this.#folder = folder;
    this.#config = config;
    this.#log = log;
    this.#tell = tell;
  }

  /** A listener for `MediaStream.record` that keeps what it is given. */
  begin(call: string, what: RecordingNews['what'], onEnd: (news: RecordingNews) => void = () => {}): RecordListener {
    const day = new Date().toISOString().replaceAll(/[:.]/g, '-');
    const name = `${day}_${what}_${call.replaceAll(/[^\w.-]/g, '_')}.wav`;
    const file = join(this.#folder, name);
    const tape = new Tape(file, () => this.#makeRoom());
    this.#open.add(file);
    // One that cannot be made says nothing about the next one.
    this.#room = this.#room
      .then(() => this.#makeRoom())
      .then(
        () => tape.start(),
        (error: Error) => tape.fail(error),
      );
    const about = { call, what, file };
    this.#tell({ ...about, state: 'started' });
    void tape.done.then(({ seconds, error }) => {
      this.#open.delete(file);
      const news: RecordingNews = error
        ? { ...about, state: 'failed', durationMs: Math.round(1000 * seconds), reason: error }
        : { ...about, state: 'ended', durationMs: Math.round(1000 * seconds) };
      if (error) this.#log.warn('A recording failed', { file, error });
      this.#tell(news);
      onEnd(news);
    });
    return (samples, rateHz, final) => tape.put(samples, rateHz, final);
  }

  /** What the microphone hears, until `forMs` are over, nobody speaks any more, or the function that comes back is called. */
  message(
    media: MediaEngine,
    call: string,
    forMs: number,
    onEnd: (news: RecordingNews, spoken: boolean) => void,
  ): () => void {
    let heardMs = 0;
    let voiceMs = 0;
    const keep = this.begin(call, 'message', (news) => onEnd(news, voiceMs > 0));
    const stop = media.record((samples, rateHz, final) => {
      heardMs += (1000 * samples.length) / rateHz;
      if (samples.length > 0 && rmsDbfs(samples, 0, samples.length) > voiceDbfs) voiceMs = heardMs;
      keep(samples, rateHz, final);
      if (!final && (heardMs >= forMs || heardMs - voiceMs >= silenceMs)) stop();
    });
    return stop;
  }

  /** How many messages that people have left are kept. */
  async messages(): Promise<number> {
    return (await this.#files()).filter(({ path }) => /Z_message_[^/]*$/.test(path)).length;
  }

  /** After a power cut: what had been written is made whole. */
  async mend(): Promise<void> {
    for (const { path, bytes } of await this.#files()) {
      const file = await open(path, 'r+').catch(() => undefined);
      try {
        const head = Buffer.alloc(WAV_HEADER_BYTES);
        if (file === undefined || (await file.read(head, 0, head.length, 0)).bytesRead < head.length) continue;
        const data = (bytes - WAV_HEADER_BYTES) & ~1;
        if (head.readUInt32LE(40) !== data)
          await file.write(formatWavHeader(head.readUInt32LE(24), data), 0, head.length, 0);
      } catch (error) {
        this.#log.warn('A recording could not be made whole', { path, error: (error as Error).message });
      } finally {
        await file?.close();
      }
    }
  }

  /** For a new recording, and for one that goes on. The oldest go, but none that is being made. Rejects when there is none to be made. */
  async #makeRoom(): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    const { maxBytes, freeBytes, keepMs } = this.#config;
    const files = await this.#files();
    const oldest = Date.now() - keepMs;
    let total = files.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const { path, bytes, changedMs } of files) {
      if (this.#open.has(path)) continue;
      if (total < maxBytes && changedMs >= oldest && (await this.#free()) >= freeBytes) break;
      await rm(path, { force: true });
      total -= bytes;
    }
    if (total >= maxBytes)
      throw new Error(`recordings take ${Math.ceil(total / 1e6)} MB, ${Math.floor(maxBytes / 1e6)} MB are allowed`);
    await this.#checkFree();
  }

  async #checkFree(): Promise<void> {
    const { freeBytes } = this.#config;
    const free = await this.#free();
    if (free < freeBytes)
      throw new Error(
        `the disk has ${Math.floor(free / 1e6)} MB left, ${Math.floor(freeBytes / 1e6)} MB are to stay free`,
      );
  }

  async #free(): Promise<number> {
    const { bavail, bsize } = await statfs(this.#folder);
    return bavail * bsize;
  }

  /** The oldest first. */
  async #files(): Promise<{ path: string; bytes: number; changedMs: number }[]> {
    const names = await readdir(this.#folder).catch((): string[] => []);
    const found = names
      .filter((name) => name.endsWith('.wav'))
      .map(async (name) => {
        const path = join(this.#folder, name);
        const { size, mtimeMs } = await stat(path);
        return { path, bytes: size, changedMs: mtimeMs };
      });
    return (await Promise.all(found)).sort((a, b) => a.changedMs - b.changedMs);
  }
}

/** One file, written piece by piece behind whoever hands them in. */
class Tape {
  readonly #path: string;
  readonly #check: () => Promise<void>;
  readonly done: Promise<{ seconds: number; error?: string }>;
  #finish: (outcome: { seconds: number; error?: string }) => void = () => {};
  #waiting: Int16Array[] = [];
  #waitingBytes = 0;
  #rateHz = 0;
  #dataBytes = 0;
  #final = false;
  #over = false;
  #writing = true; // until `start`
  #file?: FileHandle;
  #syncedMs = 0;
  #syncedBytes = 0;

  /** `check` is asked now and then, and rejects when there is no more room. */
  constructor(path: string, check: () => Promise<void>) {
    this.#path = path;
    this.#check = check;
    this.done = new Promise((resolve) => {
      this.#finish = resolve;
    });
  }

  start(): void {
    this.#syncedMs = performance.now();
    this.#writing = false;
    this.#write();
  }

  put(samples: Int16Array, rateHz: number, final: boolean): void {
    this.#rateHz = rateHz;
    this.#final ||= final;
    if (this.#over) return;
    this.#waiting.push(samples);
    this.#waitingBytes += samples.byteLength;
    if (this.#waitingBytes > waitingMaxBytes) this.fail(new Error('the disk does not keep up'));
    else this.#write();
  }

  fail(error: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#waiting = [];
    void this.#file?.close().catch(() => {});
    this.#finish({ seconds: this.#seconds, error: error.message });
  }

  get #seconds(): number {
    return this.#rateHz === 0 ? 0 : this.#dataBytes / 2 / this.#rateHz;
  }

  #write(): void {
    if (this.#writing || this.#over || this.#rateHz === 0) return;
    this.#writing = true;
    void this.#writeAll()
      .then(() => {
        this.#writing = false;
        if (this.#waiting.length > 0) this.#write();
      })
      .catch((error: Error) => this.fail(error));
  }

  async #writeAll(): Promise<void> {
    this.#file ??= await open(this.#path, 'w', 0o640);
    while (this.#waiting.length > 0 && !this.#over) {
      const pieces = this.#waiting
        .splice(0)
        .map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength));
      const bytes = Buffer.concat(pieces);
      this.#waitingBytes = 0;
      // A disk that becomes full takes a part of it, and complains the next time.
      for (let done = 0; done < bytes.length; )
        done += (await this.#file.write(bytes, done, undefined, WAV_HEADER_BYTES + this.#dataBytes + done))
          .bytesWritten;
      this.#dataBytes += bytes.length;
      await this.#file.write(formatWavHeader(this.#rateHz, this.#dataBytes), 0, WAV_HEADER_BYTES, 0);
      const recent =
        performance.now() - this.#syncedMs < syncEveryMs && this.#dataBytes - this.#syncedBytes < syncEveryBytes;
      if (!this.#final && recent) continue;
      await this.#file.datasync();
      if (!this.#final) await this.#check();
      this.#syncedMs = performance.now();
      this.#syncedBytes = this.#dataBytes;
    }
    if (!this.#final || this.#over) return;
    this.#over = true;
    await this.#file.close();
    this.#finish({ seconds: this.#seconds });
  }
}
