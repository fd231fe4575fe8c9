/**
 * Finds when the loudspeaker is heard in the microphone: cross-correlation of the whitened spectra (GCC-PHAT), leaky, in
 * partitions of one frame; each frame one of them is turned back into lags, so a sweep takes as many frames as are searched. Lags
 * below zero are searched too: after a lost period the echo may lead.
 */
import { type Floats, VECTOR, type VectorFft } from '../vectors.ts';

/**
 * What is searched: from `before` frames of 10 ms before the reference to `after` frames after it, by a memory of 1 / `rate`; `skipped`:
 * the first of them are left out at first.
 */
export type Search = { before: number; after: number; rate: number; skipped?: number };
/** A spectrum is followed, for the whitening, by this share per frame. */
const FOLLOW = 0.05;
/** A peak counts when it stands out from the mean square of all lags by this factor, in amplitude. */
const PEAK = 7;
/** A sweep has to rest on this share of the memory. */
const ENOUGH = 0.6;

export class DelayFinder {
  readonly #fft: VectorFft;
  readonly #frame: number;
  readonly #bins: number;
  readonly #before: number;
  readonly #partitions: number;
  /** A vector of it. */
  readonly #rate: Floats;
  readonly #reference: Floats;
  /** The microphone of the last frames, the oldest first. */
  readonly #microphone: Floats;
  /** Without soft edges each border of frames would correlate with all others. */
  readonly #window: Float32Array;
  readonly #time: Floats;
  readonly #re: Floats;
  readonly #im: Floats;
  readonly #xRe: Floats;
  readonly #xIm: Floats;
  readonly #cRe: Floats;
  readonly #cIm: Floats;
  readonly #xPower: Floats;
  readonly #dPower: Floats;
  readonly #lags: Floats;
  #newest = 0;
  #turn: number;
  #heard = 0;
  /** Frames at the beginning of what is searched that are left out, until they may hold something. */
  skipped: number;
  /** Samples from the reference to the echo, as of the last sweep that was clear; undefined before. */
  lag: number | undefined;
  /** How far the peak stands out. */
  clarity = 0;

  constructor(fft: VectorFft, search: Search) {
    this.#before = search.before;
    this.skipped = this.#turn = search.skipped ?? 0;
    this.#partitions = search.before + search.after;
    this.#rate = fft.floats(VECTOR).fill(search.rate);
    this.#fft = fft;
    this.#frame = fft.size / 2;
    this.#bins = fft.stride;
    this.#reference = fft.floats(fft.size);
    this.#microphone = fft.floats((search.before + 1) * this.#frame);
    this.#window = Float32Array.from({ length: this.#frame }, (_, i) => Math.sin((Math.PI * (i + 0.5)) / this.#frame));
    this.#time = fft.floats(fft.size);
    this.#re = fft.floats(fft.stride);
    this.#im = fft.floats(fft.stride);
    this.#xRe = fft.floats(this.#partitions * fft.stride);
    this.#xIm = fft.floats(this.#partitions * fft.stride);
    this.#cRe = fft.floats(this.#partitions * fft.stride);
    this.#cIm = fft.floats(this.#partitions * fft.stride);
    this.#xPower = fft.floats(fft.stride);
    this.#dPower = fft.floats(fft.stride);
    this.#lags = fft.floats(this.#partitions * this.#frame);
  }

  /** Forgets what was heard, not what was sent: the delay may have changed. */
  restart(): void {
    this.#cRe.fill(0);
    this.#cIm.fill(0);
    this.#lags.fill(0);
    this.#turn = this.skipped;
    this.#heard = 0;
    this.lag = undefined;
  }

  /** One frame of each, as they came. True when a sweep has ended with a clear result in `lag`. */
  process(microphone: ArrayLike<number>, reference: ArrayLike<number>): boolean {
    const frame = this.#frame;
    const bins = this.#bins;
    this.#reference.copyWithin(0, frame);
    this.#microphone.copyWithin(0, frame);
    let loud = 0;
    for (let i = 0; i < frame; i++) {
      this.#reference[frame + i] = reference[i];
      this.#microphone[this.#before * frame + i] = microphone[i];
      loud += reference[i] * reference[i];
    }
    this.#newest = this.#newest === 0 ? this.#partitions - 1 : this.#newest - 1;
    const x = this.#newest * bins;
    this.#fft.forward(this.#reference, this.#xRe, this.#xIm, x);
    this.#time.fill(0, 0, frame);
    for (let i = 0; i < frame; i++) this.#time[frame + i] = this.#microphone[i] * this.#window[i];
    this.#fft.forward(this.#time, this.#re, this.#im);
    // Silence teaches nothing, and its whitened noise would only blur.
    const active = loud > frame * QUIET * QUIET;
    whiten(this.#xRe, this.#xIm, x, this.#xPower, active ? FOLLOW : 0);
    whiten(this.#re, this.#im, 0, this.#dPower, FOLLOW);
    if (active) this.#correlate();
    return this.#sweep();
  }

  #correlate(): void {
    this.#heard++;
    const { kernels } = this.#fft;
    const bytes = 4 * this.#bins;
    const xRe = this.#xRe.byteOffset;
    const xIm = this.#xIm.byteOffset;
    const cRe = this.#cRe.byteOffset;
    const cIm = this.#cIm.byteOffset;
    const re = this.#re.byteOffset;
    const im = this.#im.byteOffset;
    const rate = this.#rate.byteOffset;
    // The ring from the newest to its end, and the rest of it from its beginning.
    const newest = this.#newest;
    const ahead = this.#partitions - newest;
    const x = bytes * newest;
    const c = bytes * ahead;
    kernels.correlate(ahead, bytes, xRe + x, xIm + x, cRe, cIm, re, im, rate);
    if (newest > 0) kernels.correlate(newest, bytes, xRe, xIm, cRe + c, cIm + c, re, im, rate);
  }

  #sweep(): boolean {
    const frame = this.#frame;
    this.#fft.inverse(this.#cRe, this.#cIm, this.#time, this.#turn * this.#bins);
    for (let i = 0; i < frame; i++) this.#lags[this.#turn * frame + i] = Math.abs(this.#time[i]);
    if (++this.#turn < this.#partitions) return false;
    const swept = this.#partitions - this.skipped;
    this.#turn = this.skipped;
    if (this.#heard * this.#rate[0] < ENOUGH) return false;
    let best = 0;
    let power = 0;
    for (let i = 0; i < this.#lags.length; i++) {
      power += this.#lags[i] * this.#lags[i];
      if (this.#lags[i] > this.#lags[best]) best = i;
    }
    this.clarity = this.#lags[best] / Math.sqrt(power / (swept * frame) + 1e-30);
    if (this.clarity < PEAK) return false;
    // A parabola through the peak and its neighbours puts it between samples.
    const before = best > 0 ? this.#lags[best - 1] : 0;
    const after = best + 1 < this.#lags.length ? this.#lags[best + 1] : 0;
    const bend = before - 2 * this.#lags[best] + after;
    this.lag = best - this.#before * frame + (bend < 0 ? (0.5 * (before - after)) / bend : 0);
    return true;
  }

  /** How strong the correlation at `lag` (give or take `around`) is beside the peak's, 0..1. */
  strength(lag: number, around: number): number {
    if (this.lag === undefined) return 0;
    const centre = Math.round(lag) + this.#before * this.#frame;
    let most = 0;
    for (let i = Math.max(0, centre - around); i <= Math.min(this.#lags.length - 1, centre + around); i++)
      if (this.#lags[i] > most) most = this.#lags[i];
    return most / (this.#lags[Math.round(this.lag) + this.#before * this.#frame] + 1e-30);
  }
}

/** RMS of a frame of reference below which it is silence. */
const QUIET = 60;

function whiten(re: Floats, im: Floats, at: number, power: Floats, follow: number): void {
  let total = 0;
  for (let k = 0; k < power.length; k++) {
    power[k] += follow * (re[at + k] * re[at + k] + im[at + k] * im[at + k] - power[k]);
    total += power[k];
  }
  // Bins 40 dB below the mean are not lifted any more.
  const least = (1e-4 * total) / power.length + 1;
  for (let k = 0; k < power.length; k++) {
    const scale = 1 / Math.sqrt(power[k] + least);
    re[at + k] *= scale;
    im[at + k] *= scale;
  }
}
