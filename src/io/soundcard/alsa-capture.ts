/** The microphone half: the clock of the tick while it runs. */
import type { Resampler } from '../../audio/index.ts';
import { Interleaved } from './alsa-frames.ts';
import { AlsaHalf } from './alsa-half.ts';
import { EAGAIN, EINTR } from './alsa-library.ts';
import type { OpenPcm } from './alsa-open.ts';
import { type Sleep, TICK_MS, type Wait } from './types.ts';

/** One wait in the driver, so that messages are seen in time. */
const WAIT_MS = 20;
/**
 * Where the driver cannot wait: the next period is looked for so much sooner after the last than it is due, so that a late look
 * makes no later ones; and again after `AGAIN_MS`.
 */
const AHEAD_MS = 0.125;
const AGAIN_MS = 0.75;

export class AlsaCapture extends AlsaHalf {
  /** Delivered its first period and is in step: only then it is the clock. */
  flowing = false;
  makeResampler: ((fromHz: number) => Resampler) | undefined;
  engineHz = 16_000;
  /** Samples of the engine per frame of the card. */
  #toEngine = 1;
  #resampler: Resampler | undefined;
  #frames = new Interleaved('s16', 1, 0);
  #mono = new Int16Array(0);
  /** The driver says ready with less than a period there (PulseAudio's plugin): the wait is ours, until `#dueAt`. */
  #blind = false;
  #dueAt = 0;
  /** Frames that `wait` found for the `read` after it; -1: none. */
  #found = -1;

  protected override started(open: OpenPcm, now: number): void {
    const frames = open.rateHz / 100;
    this.#frames = new Interleaved(open.format, open.channels, frames);
    this.#mono = new Int16Array(frames);
    this.#resampler = this.makeResampler?.(open.rateHz);
    this.flowing = false;
    this.#blind = false;
    this.#toEngine = this.engineHz / open.rateHz;
    this.timing.captureBreaks++;
    this.moved(now);
  }

  protected override recovered(open: OpenPcm, now: number): void {
    this.timing.captureBreaks++;
    this.flowing = false;
    const result = this.alsa().start(open.pcm);
    // Not mended once more from here: a start that fails right after a recovery means the card is gone.
    if (result < 0) this.lose(result, now);
  }

  /** Drops what waits, up to the last period: the start of a capture, or after the loudspeaker had to begin anew. */
  catchUp(now: number): void {
    if (this.open === undefined) return;
    const period = this.#mono.length;
    this.#found = -1;
    while (this.available(now) >= 2 * period && this.open !== undefined) {
      if (Number(this.alsa().read(this.open.pcm, this.#frames.buffer, period)) <= 0) return;
      this.timing.captureShift -= period * this.#toEngine;
    }
  }

  /** Blocks until a period is there. */
  wait(now: () => number, sleep: Sleep): Wait {
    if (this.open === undefined) return 'none';
    let ready = 0;
    if (this.#blind) {
      const dueInMs = this.#dueAt - now();
      if (dueInMs > 0 && sleep(dueInMs)) return 'again';
    } else {
      ready = this.alsa().wait(this.open.pcm, WAIT_MS);
      if (ready < 0) {
        if (ready !== -EINTR) this.trouble(ready, now());
        return 'again';
      }
    }
    const at = now();
    const period = this.#mono.length;
    const found = this.available(at);
    if (found >= period) {
      this.#found = found;
      this.#dueAt = found < 2 * period ? at + TICK_MS - AHEAD_MS : at;
      return 'tick';
    }
    this.idle(at);
    if (this.late(at) || this.open === undefined) {
      // What it piles up until it moves again is dropped then.
      this.flowing = false;
      return 'none';
    }
    this.#blind ||= ready > 0;
    this.#dueAt = at + AGAIN_MS;
    return 'again';
  }

  /** Reads one period, at the engine's rate, when a whole one is there. */
  read(frame: Int16Array, now: number): boolean {
    const read = this.#read(frame, now);
    if (!read && this.flowing) this.timing.captureShift += frame.length;
    return read;
  }

  #read(frame: Int16Array, now: number): boolean {
    if (this.open === undefined) return false;
    const period = this.#mono.length;
    const available = this.#found >= 0 ? this.#found : this.available(now);
    this.#found = -1;
    if (available < period) {
      this.idle(now);
      return false;
    }
    if (!this.flowing) {
      this.catchUp(now);
      this.flowing = true;
    }
    if (this.open === undefined) return false;
    const result = Number(this.alsa().read(this.open.pcm, this.#frames.buffer, period));
    if (result < period) {
      if (result < 0 && result !== -EAGAIN) this.trouble(result, now);
      // A short read: what it gave is left out.
      else if (result > 0) this.timing.captureShift -= result * this.#toEngine;
      return false;
    }
    this.moved(now);
    this.#frames.gather(this.#mono);
    this.#resampler?.process(this.#mono, 0, period, frame, 0);
    this.timing.captureDelay = this.delay(available - period) * this.#toEngine + (this.#resampler?.delaySamples ?? 0);
    return true;
  }
}
