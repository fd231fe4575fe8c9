/**
 * The loudspeaker half. How much waits in its buffer is regulated: less is a click, more is delay that never goes away by itself
 * (after one xrun an unregulated loop keeps 40-70 ms for good). Some frames of 10 ms are put in front at each start; later the
 * level is corrected by one frame at a time, two frames blended into one or one stretched over two.
 */
import type { Resampler } from '../../audio/index.ts';
import { Interleaved } from './alsa-frames.ts';
import { AlsaHalf } from './alsa-half.ts';
import { EAGAIN } from './alsa-library.ts';
import type { OpenPcm } from './alsa-open.ts';
import { type Sleep, TICK_MS, type Wait } from './types.ts';

/** Writes between two looks at the lowest level seen. */
const WINDOW = 50;
const MOST_PREFILL = 4;
const UNSTEADY_MS = 5000;
/** Far too full: not so long. */
const SHORT_WINDOW = 10;

export class AlsaPlayback extends AlsaHalf {
  makeResampler: ((toHz: number) => Resampler) | undefined;
  engineHz = 16_000;
  /** Samples of the engine per frame of the card. */
  #toEngine = 1;
  underruns = 0;
  /** Frames of 10 ms put in before the sound, on a card and machine that keep time. */
  leastPrefill = 2;
  /** And now, on this one. */
  #prefill = 2;
  #underrunAt = Number.NEGATIVE_INFINITY;
  /** Set at each (re)start, for the capture half to fall in step. */
  restarted = false;
  reference: ((frame: Int16Array) => void) | undefined;
  #resampler: Resampler | undefined;
  /** At the engine's rate. */
  #previous = new Int16Array(0);
  #blend = new Int16Array(0);
  #silence = new Int16Array(0);
  /** At the card's. */
  #mono = new Int16Array(0);
  #frames = new Interleaved('s16', 1, 0);
  #lowest = Number.POSITIVE_INFINITY;
  #writes = 0;
  #held = false;
  /** Frames since the start. */
  #written = 0;
  #played = 0;

  protected override started(open: OpenPcm, now: number): void {
    const frames = open.rateHz / 100;
    this.#mono = new Int16Array(frames);
    this.#frames = new Interleaved(open.format, open.channels, frames);
    this.#previous = new Int16Array(this.engineHz / 100);
    this.#blend = new Int16Array(this.engineHz / 100);
    this.#silence = new Int16Array(this.engineHz / 100);
    this.#resampler = this.makeResampler?.(open.rateHz);
    this.#toEngine = this.engineHz / open.rateHz;
    // A card that moves in long steps takes a whole step at once, and the next frame must be there before it does.
    this.#prefill = Math.min(MOST_PREFILL, Math.max(this.leastPrefill, 1 + Math.ceil(open.periodFrames / frames)));
    this.#begin(open, now);
  }

  protected override recovered(open: OpenPcm, now: number): void {
    this.underruns++;
    // Two in short succession: this machine cannot hold so short a delay.
    if (now - this.#underrunAt < UNSTEADY_MS) this.#prefill = Math.min(MOST_PREFILL, this.#prefill + 1);
    this.#underrunAt = now;
    this.#begin(open, now);
  }

  /** Sleeps until the level has fallen by a frame: for when the microphone is not the clock. */
  wait(now: () => number, sleep: Sleep): Wait {
    const { open } = this;
    if (open === undefined || this.stalled) return 'none';
    const at = now();
    const available = this.available(at);
    if (available < 0) return 'again';
    const fill = this.#observe(open, available, at);
    const low = (this.#prefill - 1) * this.#mono.length;
    if (fill <= low) return 'tick';
    this.idle(at);
    if (this.late(at)) return 'none';
    const surplusMs = ((fill - low) * 1000) / open.rateHz;
    sleep(Math.min(TICK_MS, Math.max(0.5, surplusMs)));
    return 'again';
  }

  /** 10 ms at the engine's rate. `paced`: the microphone is the clock, so the level must be regulated. */
  write(frame: Int16Array, now: number, paced: boolean): boolean {
    const { open } = this;
    if (open === undefined) return false;
    const available = this.available(now);
    if (available < 0 || this.open === undefined) return false;
    const period = this.#mono.length;
    const fill = this.#observe(open, available, now);
    if (available < period) {
      this.timing.playShift -= frame.length;
      this.idle(now);
      return false;
    }
    this.timing.playDelay = (this.delay(fill) + (this.#resampler?.delaySamples ?? 0)) * this.#toEngine;
    if (this.#held) {
      this.#held = false;
      crossFade(this.#previous, frame, this.#blend);
      return this.#put(open, this.#blend, now);
    }
    if (paced) {
      const correction = this.#judge(fill / period);
      if (correction === 'shorten') {
        this.#previous.set(frame);
        this.#held = true;
        this.timing.playShift -= frame.length;
        return true;
      }
      if (correction === 'stretch') {
        crossFade(frame, this.#previous, this.#blend);
        this.timing.playShift += frame.length;
        this.#put(open, this.#blend, now);
      }
    }
    this.#previous.set(frame);
    return this.#put(open, frame, now);
  }

  /** The frames that wait; and whether the card has played any since the last look. */
  #observe(open: OpenPcm, available: number, now: number): number {
    const fill = open.bufferFrames - available;
    const played = this.#written - fill;
    if (played > this.#played) this.moved(now);
    this.#played = played;
    return fill;
  }

  /** `level`: frames waiting just before this write. */
  #judge(level: number): 'shorten' | 'stretch' | 'none' {
    this.#lowest = Math.min(this.#lowest, level);
    this.#writes++;
    const lowest = this.#lowest;
    const tooFull = lowest >= this.#prefill + (this.#writes < WINDOW ? 1 : 0);
    if (this.#writes < SHORT_WINDOW || (this.#writes < WINDOW && !tooFull)) return 'none';
    this.#lowest = Number.POSITIVE_INFINITY;
    this.#writes = 0;
    if (tooFull) return 'shorten';
    return lowest < this.#prefill - 1.75 ? 'stretch' : 'none';
  }

  #begin(open: OpenPcm, now: number): void {
    this.#lowest = Number.POSITIVE_INFINITY;
    this.#writes = 0;
    this.#held = false;
    this.#written = 0;
    this.#played = 0;
    this.restarted = true;
    this.timing.playBreaks++;
    this.#resampler?.reset();
    // No second xrun handling from within the first: what is wrong shows at the next write.
    for (let i = 0; i < this.#prefill && this.#give(open, this.#silence) > 0; i++);
    this.moved(now);
  }

  #put(open: OpenPcm, frame: Int16Array, now: number): boolean {
    const result = this.#give(open, frame);
    if (result < 0 && result !== -EAGAIN) this.trouble(result, now);
    return result > 0;
  }

  #give(open: OpenPcm, frame: Int16Array): number {
    const mono = this.#mono;
    const { buffer, frameLength } = this.#frames;
    this.#resampler?.process(frame, 0, frame.length, mono, 0);
    this.#frames.spread(mono);
    let result = Number(this.alsa().write(open.pcm, buffer, mono.length));
    if (result <= 0) return result;
    this.#written += result;
    if (result < mono.length) {
      // A short write: the rest may go now, and what does not is left out.
      const done = result;
      result = Number(this.alsa().write(open.pcm, buffer.subarray(done * frameLength), mono.length - done));
      if (result > 0) this.#written += result;
      this.timing.playShift -= (mono.length - done - Math.max(0, result)) * this.#toEngine;
      if (result === -EAGAIN) result = done;
    }
    this.reference?.(frame);
    return result;
  }
}

/** `into` begins as `from` and ends as `to`. */
function crossFade(from: Int16Array, to: Int16Array, into: Int16Array): void {
  const { length } = into;
  for (let i = 0; i < length; i++) into[i] = from[i] + ((to[i] - from[i]) * i) / length;
}
