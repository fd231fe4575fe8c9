/**
 * When the next tick is due: by the microphone, else the loudspeaker, else by absolute deadlines. Time that no tick covered is
 * left out of the RTP time stamps too: they say when a sample was taken (RFC 3550 §5.1).
 */
import { type SoundCard, TICK_MS } from '../io/soundcard/index.ts';

/**
 * Later than this the own clock does not catch up, it leaves the time out: a burst of late packets would only teach the other
 * side's jitter buffer to wait. A recording is rather kept whole.
 */
const MAX_LATE_MS = 40;
const MAX_RECORDING_LATE_MS = 200;
/** Ticks missed for good (a clock stood still) are left out of the RTP time too, when they stay missed for `BEHIND_TICKS`. */
const BEHIND_MS = 50;
const BEHIND_TICKS = 30;
/** Clocks of cards differ a little: what is behind is forgotten by half in 14 s. */
const FORGET = 0.9995;

export class TickClock {
  readonly #card: SoundCard;
  readonly #now: () => number;
  readonly #bed: { sleep(ms: number): boolean };
  readonly #skip: (ms: number) => void;
  #resting = true;
  #nextMs = 0;
  #lastMs = 0;
  #behindMs = 0;
  #behindTicks = 0;

  /** `bed`: where to sleep until a tick; `skip` hears of time that no tick will cover. */
  constructor(card: SoundCard, now: () => number, bed: { sleep(ms: number): boolean }, skip: (ms: number) => void) {
    this.#card = card;
    this.#now = now;
    this.#bed = bed;
    this.#skip = skip;
  }

  /** Nothing is to be done: the next tick begins anew. */
  rest(): void {
    this.#resting = true;
  }

  /** Waits for it; false: something else woke us, or the card asks to be asked again. */
  due(): boolean {
    if (this.#resting) {
      this.#resting = false;
      this.#nextMs = this.#now();
      this.#lastMs = this.#nextMs - TICK_MS;
      this.#behindMs = 0;
    }
    const wait = this.#card.wait(this.#now());
    if (wait === 'again') return false;
    if (wait === 'tick') {
      this.#nextMs = this.#now() + TICK_MS;
      return true;
    }
    const lateMs = this.#now() - this.#nextMs;
    if (lateMs < 0) {
      this.#bed.sleep(-lateMs);
      return false;
    }
    this.#nextMs += TICK_MS;
    if (lateMs > (this.#card.alwaysRunning ? MAX_RECORDING_LATE_MS : MAX_LATE_MS)) {
      const skippedMs = Math.floor(lateMs / TICK_MS) * TICK_MS;
      this.#nextMs += skippedMs;
      this.#lastMs += skippedMs;
      this.#card.skip(skippedMs);
      this.#skip(skippedMs);
    }
    return true;
  }

  /** At the beginning of each tick. */
  keep(now: number): void {
    this.#behindMs = Math.max(0, this.#behindMs * FORGET + now - this.#lastMs - TICK_MS);
    this.#lastMs = now;
    this.#behindTicks = this.#behindMs < BEHIND_MS ? 0 : this.#behindTicks + 1;
    if (this.#behindTicks < BEHIND_TICKS) return;
    this.#skip(Math.floor(this.#behindMs / TICK_MS) * TICK_MS);
    this.#behindMs = 0;
    this.#behindTicks = 0;
  }
}
