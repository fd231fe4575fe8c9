/** Digits of one stream as tones in its sound, ours and theirs: for who has no telephone-event. Allocates nothing per frame. */
import { DtmfDetector, DtmfTones } from '../audio/index.ts';
import type { DigitsConfig } from './types.ts';

/** As RFC 4733 senders do. */
const DEFAULTS: DigitsConfig = { durationMs: 160, gapMs: 100, tones: 'never' };
/** Who sends an event and lets the tone through as well means one digit: the tone comes later, by the jitter buffer. */
const SAME_DIGIT_MS = 1000;

export class Digits {
  readonly #rateHz: number;
  readonly #tones: DtmfTones;
  readonly #frame: Int16Array;
  #config = DEFAULTS;
  /** Both sides have telephone-events. */
  #events = false;
  #detector: DtmfDetector | undefined;
  #event = '';
  #eventMs = Number.NEGATIVE_INFINITY;

  constructor(rateHz: number) {
    this.#rateHz = rateHz;
    this.#tones = new DtmfTones(rateHz);
    this.#frame = new Int16Array(rateHz / 100);
  }

  configure(config: DigitsConfig | undefined, events: boolean): void {
    this.#config = config ?? DEFAULTS;
    this.#events = events;
    const { tones } = this.#config;
    const listens = tones === 'always' || (tones === 'fallback' && !events);
    this.#detector = listens ? (this.#detector ?? new DtmfDetector(this.#rateHz)) : undefined;
  }

  /** True: ours go as tones. */
  get inBand(): boolean {
    return !this.#events;
  }

  /** Returns how many were taken. */
  send(digits: string): number {
    return this.#tones.queue(digits, this.#config.durationMs, this.#config.gapMs);
  }

  /** What is to be said in place of anything else; undefined: nothing. */
  say(): Int16Array | undefined {
    if (!this.#tones.active) return undefined;
    this.#tones.fill(this.#frame);
    return this.#frame;
  }

  /** The digit that begins in what was heard, or undefined. */
  hear(frame: Int16Array, now: number): string | undefined {
    const digit = this.#detector?.process(frame);
    return digit === this.#event && now - this.#eventMs < SAME_DIGIT_MS ? undefined : digit;
  }

  /** A telephone-event came. */
  event(digit: string, now: number): void {
    this.#event = digit;
    this.#eventMs = now;
  }
}
