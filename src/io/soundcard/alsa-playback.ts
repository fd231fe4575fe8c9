/**
 * The loudspeaker half. How much waits in its buffer is regulated (`fill.ts`): some frames of 10 ms are put in front at each
 * start, and later a few milliseconds are blended away or in.
 */
import type { Resampler } from '../../audio/index.ts';
import { Interleaved } from './alsa-frames.ts';
import { AlsaHalf } from './alsa-half.ts';
import { EAGAIN } from './alsa-library.ts';
import type { OpenPcm } from './alsa-open.ts';
import { blend, Fill, MOST_CORRECTION } from './fill.ts';
import { type Sleep, TICK_MS, type Wait } from './types.ts';

/** A correction waits for a pause in the sound, but not longer than so many frames. */
const PATIENCE = 50;
/** What passes for a pause: -50 dBFS. */
const QUIET = 100;

export class AlsaPlayback extends AlsaHalf {
  makeResampler: ((toHz: number) => Resampler) | undefined;
  engineHz = 16_000;
  /** Samples of the engine per frame of the card. */
  #toEngine = 1;
  underruns = 0;
  /** Frames of 10 ms put in before the sound, on a card and machine that keep time. */
  leastPrefill = 2;
  #fill = new Fill(2);
  /** Set at each (re)start, for the capture half to fall in step. */
  restarted = false;
  reference: ((frame: Int16Array) => void) | undefined;
  #resampler: Resampler | undefined;
  /** At the engine's rate. */
  #silence = new Int16Array(0);
  #blended = new Int16Array(0);
  /** At the card's. */
  #mono = new Int16Array(0);
  #frames = new Interleaved('s16', 1, 0);
  /** Of 10 ms. */
  #period = 0;
  /** Samples to be put in or taken out, and since how many frames. */
  #due = 0;
  #waited = 0;
  /** Frames since the start. */
  #written = 0;
  #played = 0;

  protected override started(open: OpenPcm, now: number): void {
    const most = 1 + MOST_CORRECTION;
    this.#period = open.rateHz / 100;
    this.#mono = new Int16Array(Math.ceil(most * this.#period) + 1);
    this.#frames = new Interleaved(open.format, open.channels, this.#mono.length);
    this.#silence = new Int16Array(this.engineHz / 100);
    this.#blended = new Int16Array(Math.ceil(most * this.#silence.length));
    this.#resampler = this.makeResampler?.(open.rateHz);
    this.#toEngine = this.engineHz / open.rateHz;
    // A card that moves in long steps takes a whole step at once, and the next frame must be there before it does.
    this.#fill = new Fill(Math.max(this.leastPrefill, 1 + Math.ceil(open.periodFrames / this.#period)));
    this.#begin(open, now);
  }

  protected override recovered(open: OpenPcm, now: number): void {
    this.underruns++;
    // What stands still is not outlasted by a higher level: it would only be heard later from then on.
    if (!this.stood(now)) this.#fill.underrun(now);
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
    const low = (this.#fill.prefill - 1) * this.#period;
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
    const fill = this.#observe(open, available, now);
    if (available < this.#period) {
      this.timing.playShift -= frame.length;
      this.idle(now);
      return false;
    }
    this.timing.playDelay = (this.delay(fill) + (this.#resampler?.delaySamples ?? 0)) * this.#toEngine;
    const change = paced ? this.#correction(frame, fill, now) : 0;
    if (change === 0) return this.#put(open, frame, now);
    this.timing.playShift += change;
    return this.#put(open, this.#blended.subarray(0, blend(frame, change, this.#blended)), now);
  }

  /** Samples to be put into this frame (above 0) or taken out. */
  #correction(frame: Int16Array, fill: number, now: number): number {
    if (this.#due === 0) {
      const frames = this.#fill.judge(fill / this.#period, now);
      if (frames === 0) return 0;
      this.#due = Math.round(frames * frame.length);
      this.#waited = Math.abs(frames) < MOST_CORRECTION ? 0 : PATIENCE;
    }
    if (this.#waited++ < PATIENCE && !isQuiet(frame)) return 0;
    const change = this.#due;
    this.#due = 0;
    return change;
  }

  /** The frames that wait; and whether the card has played any since the last look. */
  #observe(open: OpenPcm, available: number, now: number): number {
    const fill = open.bufferFrames - available;
    const played = this.#written - fill;
    if (played > this.#played) this.moved(now);
    this.#played = played;
    return fill;
  }

  #begin(open: OpenPcm, now: number): void {
    this.#fill.begin();
    this.#due = 0;
    this.#written = 0;
    this.#played = 0;
    this.restarted = true;
    this.timing.playBreaks++;
    this.#resampler?.reset();
    // No second xrun handling from within the first: what is wrong shows at the next write.
    for (let i = 0; i < this.#fill.prefill && this.#give(open, this.#silence) > 0; i++);
    this.moved(now);
  }

  #put(open: OpenPcm, frame: Int16Array, now: number): boolean {
    const result = this.#give(open, frame);
    if (result < 0 && result !== -EAGAIN) this.trouble(result, now);
    return result > 0;
  }

  #give(open: OpenPcm, frame: Int16Array): number {
    const { buffer, frameLength } = this.#frames;
    const count = this.#resampler?.process(frame, 0, frame.length, this.#mono, 0) ?? 0;
    this.#frames.spread(this.#mono, count);
    let result = Number(this.alsa().write(open.pcm, buffer, count));
    if (result <= 0) return result;
    this.#written += result;
    if (result < count) {
      // A short write: the rest may go now, and what does not is left out.
      const done = result;
      result = Number(this.alsa().write(open.pcm, buffer.subarray(done * frameLength), count - done));
      if (result > 0) this.#written += result;
      this.timing.playShift -= (count - done - Math.max(0, result)) * this.#toEngine;
      if (result === -EAGAIN) result = done;
    }
    this.reference?.(frame);
    return result;
  }
}

function isQuiet(frame: Int16Array): boolean {
  for (let i = 0; i < frame.length; i++) if (frame[i] > QUIET || frame[i] < -QUIET) return false;
  return true;
}
