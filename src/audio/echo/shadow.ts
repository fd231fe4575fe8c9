/**
 * Tells a room that has changed from somebody who speaks near: both leave the filter with an error it did not expect. A second,
 * short and eager filter (normalised least mean squares) learns what of the error still follows the reference. Of a voice that
 * is nothing; when it takes away most of the error, the room has changed, and what it learned is added to the room as known.
 */
import type { Floats, VectorFft } from '../vectors.ts';
import { convolve, type EchoFilter } from './filter.ts';

/** The first tenth of a second of the room. */
const PARTITIONS = 12;
const STEP = 1;
/** Partitions whose time aliasing is taken away per frame. */
const TIDY = 3;
/** Errors are compared over some 1 / RATE frames; below this ratio the room has changed. */
const RATE = 0.06;
const CHANGED = 0.4;
const MAYBE = 0.6;
const DIVERGED = 1.5;
/** Frames before it decides: a lost period looks the same for a moment, and needs no learning. */
const PATIENCE = 50;
/** Without a reason for so many frames, it rests. */
const REST = 100;
/** The reference is never taken to be quieter than this share of its mean power. */
const LEAST_LEVEL = 0.3;

export class Shadow {
  readonly #fft: VectorFft;
  readonly #filter: EchoFilter;
  readonly #frame: number;
  readonly #bins: number;
  readonly #re: Floats;
  readonly #im: Floats;
  readonly #vRe: Floats;
  readonly #vIm: Floats;
  readonly #time: Floats;
  #before = 1;
  #after = 1;
  #rested = REST;
  #watched = 0;
  #level = 0;
  #tidied = 0;

  constructor(fft: VectorFft, filter: EchoFilter) {
    this.#fft = fft;
    this.#filter = filter;
    this.#frame = fft.size / 2;
    this.#bins = fft.stride;
    this.#re = fft.floats(fft.stride);
    this.#im = fft.floats(fft.stride);
    this.#vRe = fft.floats(PARTITIONS * fft.stride);
    this.#vIm = fft.floats(PARTITIONS * fft.stride);
    this.#time = fft.floats(fft.size);
  }

  reset(): void {
    this.#vRe.fill(0);
    this.#vIm.fill(0);
    this.#before = this.#after = 1;
    this.#rested = REST;
    this.#watched = 0;
  }

  /** How surely what stands out is echo, 0..1. */
  get echo(): number {
    if (this.#rested > 0) return 0;
    return Math.max(0, Math.min(1, (MAYBE - this.#after / this.#before) / (MAYBE - CHANGED)));
  }

  /** Takes what the filter left of the frame; `near`: how far that is more than expected. True when the room has changed. */
  follow(error: Floats, near: number): boolean {
    if (near > 0.2) {
      if (this.#rested >= REST) this.reset();
      this.#rested = 0;
    } else if (++this.#rested >= REST) {
      return false;
    }
    const frame = this.#frame;
    const time = this.#time;
    const re = this.#re;
    const im = this.#im;
    const { xRe, xIm, newest, partitions } = this.#filter;
    convolve(this.#fft, PARTITIONS, xRe, xIm, newest, partitions, this.#vRe, this.#vIm, re, im);
    this.#fft.inverse(re, im, time);
    let before = 0;
    let after = 0;
    for (let i = 0; i < frame; i++) {
      const left = error[i] - time[frame + i];
      before += error[i] * error[i];
      after += left * left;
      time[frame + i] = left;
    }
    time.fill(0, 0, frame);
    this.#before += RATE * (before - this.#before);
    this.#after += RATE * (after - this.#after);
    this.#fft.forward(time, re, im);
    this.#learn(xRe, xIm, newest, partitions);
    if (this.#after > DIVERGED * this.#before) {
      this.#vRe.fill(0);
      this.#vIm.fill(0);
      this.#after = this.#before;
    }
    if (++this.#watched < PATIENCE || this.#after > CHANGED * this.#before) return false;
    this.#filter.keep();
    this.#filter.add(this.#vRe, this.#vIm, PARTITIONS);
    this.reset();
    return true;
  }

  #learn(xRe: Floats, xIm: Floats, newest: number, ring: number): void {
    const bins = this.#bins;
    const re = this.#re;
    const im = this.#im;
    const power = this.#time;
    power.fill(0, 0, bins);
    let total = 0;
    for (let p = 0; p < PARTITIONS; p++) {
      let x = ((newest + p) % ring) * bins;
      for (let k = 0; k < bins; k++, x++) power[k] += xRe[x] * xRe[x] + xIm[x] * xIm[x];
    }
    for (let k = 0; k < bins; k++) total += power[k];
    // A quiet moment's reference is no measure: the room still sounds with what was loud before.
    this.#level += 0.02 * (total - this.#level);
    const least = (LEAST_LEVEL * this.#level) / bins + 1e4;
    for (let k = 0; k < bins; k++) {
      const scale = STEP / (power[k] + least);
      re[k] *= scale;
      im[k] *= scale;
    }
    for (let p = 0; p < PARTITIONS; p++) {
      let x = ((newest + p) % ring) * bins;
      let v = p * bins;
      for (let k = 0; k < bins; k++, x++, v++) {
        this.#vRe[v] += xRe[x] * re[k] + xIm[x] * im[k];
        this.#vIm[v] += xRe[x] * im[k] - xIm[x] * re[k];
      }
    }
    for (let i = 0; i < TIDY; i++) {
      this.#tidied = (this.#tidied + 1) % PARTITIONS;
      const at = this.#tidied * bins;
      this.#fft.inverse(this.#vRe, this.#vIm, this.#time, at);
      this.#time.fill(0, this.#frame);
      this.#fft.forward(this.#time, this.#vRe, this.#vIm, at);
    }
  }
}
