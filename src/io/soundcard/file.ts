/**
 * The `file` driver: the loudspeaker is a WAV that grows in real time from start to stop, silence included; the microphone is a
 * WAV that is heard from the moment it is opened, then silence. Either half may be absent. The pace is the media thread's own.
 */
import { closeSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { formatWavHeader, parseWav, Resampler, WAV_HEADER_BYTES } from '../../audio/index.ts';
import { type HalfState, noTiming, type SoundCard, SoundError, TICK_MS } from './types.ts';

/** Samples are written this often and the header with them, so that after a `kill -9` a reader misses no more than this. */
const FLUSH_FRAMES = 20;

export interface FileOptions {
  speaker?: string;
  microphone?: string;
  /** Of the engine, and of the WAV written. */
  rateHz: number;
  /** ms, monotonic; absent: nobody asks when a frame sounds. */
  now?(): number;
  /** The recording begins, at that time of `now`. */
  onBegin?(atMs: number): void;
}

export class FileCard implements SoundCard {
  readonly driver = 'file';
  readonly timing = noTiming();
  readonly underruns = 0;
  /** Never asked: what this card plays it does not hear. */
  reference: undefined;
  readonly alwaysRunning: boolean;
  readonly restless = false;
  readonly opening = false;
  readonly #rateHz: number;
  readonly #now: FileOptions['now'];
  readonly #onBegin: FileOptions['onBegin'];
  /** When the sample written next sounds: the file is as long as the time since its beginning. */
  #dueMs = Number.NaN;
  readonly #writer: WavWriter | undefined;
  readonly #reader: WavReader | undefined;
  microphoneOpened = 0;
  #microphoneOpen = false;

  constructor({ speaker, microphone, rateHz, now, onBegin }: FileOptions) {
    this.#rateHz = rateHz;
    this.#now = now;
    this.#onBegin = onBegin;
    if (speaker !== undefined) this.#writer = new WavWriter(speaker, rateHz);
    if (microphone !== undefined) this.#reader = new WavReader(microphone, rateHz);
    this.alwaysRunning = speaker !== undefined;
  }

  get speaker(): HalfState {
    if (this.#writer === undefined) return 'closed';
    return this.#writer.reason === '' ? 'open' : 'fault';
  }

  get microphone(): HalfState {
    if (!this.#microphoneOpen || this.#reader === undefined) return 'closed';
    return this.#reader.reason === '' ? 'open' : 'fault';
  }

  get reason(): string {
    const microphone = this.#microphoneOpen ? this.#reader?.reason : '';
    return [this.#writer?.reason, microphone].filter((reason) => reason !== undefined && reason !== '').join('; ');
  }

  want(_speaker: boolean, microphone: boolean): void {
    if (microphone === this.#microphoneOpen) return;
    this.#microphoneOpen = microphone;
    if (!microphone || this.#reader === undefined) return;
    this.microphoneOpened++;
    this.#reader.begin();
  }

  wait(): 'none' {
    return 'none';
  }

  read(frame: Int16Array): boolean {
    frame.fill(0);
    return this.#microphoneOpen && this.#reader?.take(frame) === true;
  }

  write(frame: Int16Array): boolean {
    this.#writer?.put(frame);
    if (this.#now === undefined) return true;
    const now = this.#now();
    if (Number.isNaN(this.#dueMs)) {
      this.#dueMs = now;
      this.#onBegin?.(now);
    }
    this.timing.playDelay = ((this.#dueMs - now) * this.#rateHz) / 1000;
    this.#dueMs += TICK_MS;
    return true;
  }

  skip(ms: number): void {
    const silence = new Int16Array((this.#rateHz * TICK_MS) / 1000);
    for (let skipped = 0; skipped < ms; skipped += TICK_MS) this.#writer?.put(silence);
    this.#dueMs += ms;
  }

  close(): void {
    this.#writer?.close();
    this.#microphoneOpen = false;
  }
}

class WavWriter {
  readonly #path: string;
  readonly #rateHz: number;
  readonly #pending: Int16Array;
  #fd = -1;
  #filled = 0;
  #dataBytes = 0;
  reason = '';

  constructor(path: string, rateHz: number) {
    this.#path = path;
    this.#rateHz = rateHz;
    this.#pending = new Int16Array((FLUSH_FRAMES * rateHz * TICK_MS) / 1000);
    this.#attempt(() => {
      this.#fd = openSync(path, 'w');
      writeSync(this.#fd, formatWavHeader(rateHz, 0));
    });
  }

  put(frame: Int16Array): void {
    this.#pending.set(frame, this.#filled);
    this.#filled += frame.length;
    if (this.#filled + frame.length > this.#pending.length) this.#flush();
  }

  close(): void {
    this.#flush();
    if (this.#fd >= 0) this.#attempt(() => closeSync(this.#fd));
    this.#fd = -1;
  }

  /** The samples first, then the header that counts them: at no moment does it promise more than there is. */
  #flush(): void {
    const length = 2 * this.#filled;
    this.#filled = 0;
    if (this.#fd < 0 || length === 0) return;
    this.#attempt(() => {
      const bytes = new Uint8Array(this.#pending.buffer, 0, length);
      // A disk that becomes full takes a part of it.
      this.#dataBytes += writeSync(this.#fd, bytes, 0, length, WAV_HEADER_BYTES + this.#dataBytes) & ~1;
      writeSync(this.#fd, formatWavHeader(this.#rateHz, this.#dataBytes), 0, WAV_HEADER_BYTES, 0);
      this.reason = '';
    });
  }

  /** A full disk is a fault of the loudspeaker, not the end of the call. */
  #attempt(write: () => void): void {
    try {
      write();
    } catch (cause) {
      this.reason = new SoundError('sound-file', `Cannot write "${this.#path}": ${(cause as Error).message}`).message;
    }
  }
}

class WavReader {
  readonly #path: string;
  readonly #rateHz: number;
  #samples: Int16Array = new Int16Array(0);
  #at = 0;
  #loaded = '';
  reason = '';

  constructor(path: string, rateHz: number) {
    this.#path = path;
    this.#rateHz = rateHz;
    this.#load();
  }

  /** From the beginning; read again when the file has changed since. */
  begin(): void {
    this.#at = 0;
    this.#load();
  }

  /** False when everything is said. */
  take(frame: Int16Array): boolean {
    const rest = this.#samples.subarray(this.#at, this.#at + frame.length);
    frame.set(rest);
    this.#at += rest.length;
    return rest.length > 0;
  }

  #load(): void {
    try {
      const { mtimeMs, size } = statSync(this.#path);
      if (this.#loaded === `${mtimeMs} ${size}`) return;
      const { rateHz, samples } = parseWav(readFileSync(this.#path));
      this.#samples = convert(samples, rateHz, this.#rateHz);
      this.#loaded = `${mtimeMs} ${size}`;
      this.reason = '';
    } catch (cause) {
      this.#samples = new Int16Array(0);
      this.#loaded = '';
      this.reason = new SoundError('sound-file', `Cannot read "${this.#path}": ${(cause as Error).message}`).message;
    }
  }
}

/** The whole of a sound at another rate, its beginning in place. */
export function convert(samples: Int16Array, fromHz: number, toHz: number): Int16Array {
  if (fromHz === toHz) return samples;
  const resampler = new Resampler(fromHz, toHz);
  const delay = Math.round(resampler.delaySamples);
  const tail = new Int16Array(Math.ceil((delay * fromHz) / toHz));
  const out = new Int16Array(resampler.maxOutput(samples.length) + resampler.maxOutput(tail.length));
  const count = resampler.process(samples, 0, samples.length, out, 0);
  resampler.process(tail, 0, tail.length, out, count);
  return out.subarray(delay, delay + Math.round((samples.length * toHz) / fromHz));
}
