/**
 * The `alsa` driver: two halves of a card (or of two cards) in the media thread. The microphone is the clock while it runs, else
 * the loudspeaker; when neither moves, the thread goes on by its own clock and the card is a fault that mends itself.
 */
import type { Resampler } from '../../audio/index.ts';
import { AlsaCapture } from './alsa-capture.ts';
import type { AlsaDoor } from './alsa-half.ts';
import { type AlsaLibrary, loadAlsa } from './alsa-library.ts';
import type { Half, OpenPcm } from './alsa-open.ts';
import { AlsaPlayback } from './alsa-playback.ts';
import { type HalfState, noTiming, type Sleep, type SoundCard, type Wait } from './types.ts';

export interface AlsaOptions {
  speaker: string;
  microphone: string;
  /** The cards to turn to when those fail. */
  fallback?: { speaker?: string; microphone?: string };
  /** The engine's rate. */
  rateHz: number;
  /** Frames of 10 ms in front of the loudspeaker: 2 with real-time priority, else 3. */
  prefill: number;
  resampler(fromHz: number, toHz: number): Resampler;
  now(): number;
  sleep: Sleep;
  /** Default: the system's. */
  alsa?(): AlsaLibrary;
}

export class AlsaCard implements SoundCard {
  readonly driver = 'alsa';
  readonly alwaysRunning = false;
  readonly timing = noTiming();
  readonly #options: AlsaOptions;
  readonly #playback: AlsaPlayback;
  readonly #capture: AlsaCapture;

  constructor(options: AlsaOptions, door: AlsaDoor) {
    this.#options = options;
    const alsa = options.alsa ?? loadAlsa;
    this.#playback = new AlsaPlayback(
      'speaker',
      both(options.speaker, options.fallback?.speaker),
      this.timing,
      alsa,
      door,
    );
    this.#playback.engineHz = options.rateHz;
    this.#playback.leastPrefill = options.prefill;
    this.#playback.makeResampler = (toHz) => options.resampler(options.rateHz, toHz);
    this.#capture = new AlsaCapture(
      'microphone',
      both(options.microphone, options.fallback?.microphone),
      this.timing,
      alsa,
      door,
    );
    this.#capture.engineHz = options.rateHz;
    this.#capture.makeResampler = (fromHz) => options.resampler(fromHz, options.rateHz);
  }

  get speaker(): HalfState {
    return this.#playback.state;
  }

  get microphone(): HalfState {
    return this.#capture.state;
  }

  get opening(): boolean {
    return this.#playback.opening;
  }

  get reason(): string {
    const [speaker, microphone] = [this.#playback.reason, this.#capture.reason];
    return speaker === '' || microphone === '' ? speaker + microphone : `${speaker}; ${microphone}`;
  }

  get restless(): boolean {
    return this.#playback.restless;
  }

  get microphoneOpened(): number {
    return this.#capture.openedCount;
  }

  get underruns(): number {
    return this.#playback.underruns;
  }

  get reference(): ((frame: Int16Array) => void) | undefined {
    return this.#playback.reference;
  }

  set reference(take: ((frame: Int16Array) => void) | undefined) {
    this.#playback.reference = take;
  }

  want(speaker: boolean, microphone: boolean, now: number): void {
    this.#playback.want(speaker, now);
    this.#capture.want(microphone, now);
    if (!microphone) this.#capture.flowing = false;
  }

  /** The main thread's answers to `AlsaDoor.open`. */
  opened(half: Half, attempt: number, device: string, pcm: OpenPcm): void {
    this.#half(half).opened(attempt, device, pcm, this.#options.now());
  }

  failed(half: Half, attempt: number, reason: string): void {
    this.#half(half).failed(attempt, reason, this.#options.now());
  }

  /** Cards have come or gone: is that of each half there? */
  look(speaker: boolean, microphone: boolean): void {
    this.#playback.look(speaker);
    this.#capture.look(microphone);
  }

  wait(): Wait {
    const { now, sleep } = this.#options;
    if (this.#capture.running && this.#capture.flowing) return this.#capture.wait(now, sleep);
    if (this.#playback.running) return this.#playback.wait(now, sleep);
    return 'none';
  }

  read(frame: Int16Array): boolean {
    const now = this.#options.now();
    if (this.#playback.restarted) {
      // The loudspeaker starts with its full margin: what the microphone has piled up meanwhile would only add to it.
      this.#playback.restarted = false;
      this.#capture.catchUp(now);
    }
    if (this.#capture.read(frame, now)) return true;
    frame.fill(0);
    return false;
  }

  write(frame: Int16Array): boolean {
    return this.#playback.write(frame, this.#options.now(), this.#capture.running && this.#capture.flowing);
  }

  skip(): void {}

  close(): void {
    this.#playback.abandon();
    this.#capture.abandon();
  }

  #half(half: Half): AlsaPlayback | AlsaCapture {
    return half === 'speaker' ? this.#playback : this.#capture;
  }
}

function both(first: string, second: string | undefined): string[] {
  return second === undefined ? [first] : [first, second];
}
