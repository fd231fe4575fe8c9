/**
 * A small loudspeaker turned up bends loud sounds, and no room response makes up for that. Its curve is taken to be straight at
 * first, then bent at a few magnitudes; how much at each is learned from what the filter leaves, by least squares over the last
 * seconds: each bend is passed through the room as known so far and compared with the error.
 */
import type { Floats, VectorFft } from '../vectors.ts';
import type { EchoFilter } from './filter.ts';

/** Where the curve may bend, as shares of full scale. */
const BENDS = [0.08, 0.2, 0.35, 0.55];
const COUNT = BENDS.length;
/** The first part of the room is enough to tell the bends apart. */
const PARTITIONS = 8;
/** Shares per frame: of the memory that goes, and of the way to what would fit best. */
const FORGET = 0.005;
const STEP = 0.02;
/** What is hard to tell apart stays near zero: added to the diagonal, as shares of its own value and of the mean one. */
const RIDGE = 0.05;
const RIDGE_MEAN = 0.001;

export class LoudspeakerCurve {
  readonly #fft: VectorFft;
  readonly #filter: EchoFilter;
  readonly #frame: number;
  readonly #bins: number;
  readonly #plain: Floats;
  readonly #time: Floats;
  readonly #xRe: Floats[];
  readonly #xIm: Floats[];
  readonly #gRe: Floats[];
  readonly #gIm: Floats[];
  readonly #eRe: Floats;
  readonly #eIm: Floats;
  #newest = 0;
  /** Frames since the reference was last loud enough to be bent. */
  #quiet = PARTITIONS;
  readonly #products = new Float64Array(COUNT * COUNT);
  readonly #sums = new Float64Array(COUNT);
  readonly #rows = new Float64Array(COUNT * (COUNT + 1));
  /** By how much the slope changes at each bend. */
  readonly slopes: Float64Array = new Float64Array(COUNT);

  constructor(fft: VectorFft, filter: EchoFilter) {
    this.#fft = fft;
    this.#filter = filter;
    this.#frame = fft.size / 2;
    this.#bins = fft.stride;
    this.#plain = fft.floats(fft.size);
    this.#time = fft.floats(fft.size);
    const spectra = (length: number) => BENDS.map(() => fft.floats(length));
    this.#xRe = spectra(PARTITIONS * fft.stride);
    this.#xIm = spectra(PARTITIONS * fft.stride);
    this.#gRe = spectra(fft.stride);
    this.#gIm = spectra(fft.stride);
    this.#eRe = fft.floats(fft.stride);
    this.#eIm = fft.floats(fft.stride);
  }

  /** The past has been read anew. */
  forget(): void {
    for (let j = 0; j < COUNT; j++) {
      this.#xRe[j].fill(0);
      this.#xIm[j].fill(0);
    }
  }

  /** Bends `count` samples in place. */
  apply(samples: Floats, from: number, count: number): void {
    for (let i = from; i < from + count; i++) {
      const x = samples[i];
      const magnitude = Math.abs(x);
      let more = 0;
      for (let j = 0; j < COUNT; j++) {
        const beyond = magnitude - BENDS[j] * 32768;
        if (beyond > 0) more += this.slopes[j] * beyond;
      }
      samples[i] = x < 0 ? x - more : x + more;
    }
  }

  /** Keeps the frame as it was before `apply`. */
  push(plain: Floats, from: number): void {
    const frame = this.#frame;
    this.#plain.copyWithin(0, frame);
    let peak = 0;
    for (let i = 0; i < frame; i++) {
      this.#plain[frame + i] = plain[from + i];
      peak = Math.max(peak, Math.abs(plain[from + i]));
    }
    this.#quiet = peak > BENDS[0] * 32768 ? 0 : this.#quiet + 1;
    this.#newest = this.#newest === 0 ? PARTITIONS - 1 : this.#newest - 1;
    const at = this.#newest * this.#bins;
    for (let j = 0; j < COUNT; j++) {
      if (this.#quiet > 1) {
        this.#xRe[j].fill(0, at, at + this.#bins);
        this.#xIm[j].fill(0, at, at + this.#bins);
        continue;
      }
      const edge = BENDS[j] * 32768;
      for (let i = 0; i < 2 * frame; i++) {
        const x = this.#plain[i];
        this.#time[i] = x > edge ? x - edge : x < -edge ? x + edge : 0;
      }
      this.#fft.forward(this.#time, this.#xRe[j], this.#xIm[j], at);
    }
  }

  /** Learns from what the filter left of the frame. */
  learn(error: Floats): void {
    if (this.#quiet >= PARTITIONS) return;
    const frame = this.#frame;
    const bins = this.#bins;
    this.#time.fill(0, 0, frame);
    let power = frame;
    for (let i = 0; i < frame; i++) {
      this.#time[frame + i] = error[i];
      power += error[i] * error[i];
    }
    this.#fft.forward(this.#time, this.#eRe, this.#eIm);
    for (let j = 0; j < COUNT; j++)
      this.#filter.pass(this.#xRe[j], this.#xIm[j], this.#newest, PARTITIONS, this.#gRe[j], this.#gIm[j]);
    const weight = 1 / power;
    for (let i = 0; i < COUNT; i++) {
      const re = this.#gRe[i];
      const im = this.#gIm[i];
      let sum = 0;
      for (let k = 0; k < bins; k++) sum += this.#eRe[k] * re[k] + this.#eIm[k] * im[k];
      this.#sums[i] += FORGET * (sum * weight - this.#sums[i]);
      for (let j = i; j < COUNT; j++) {
        let product = 0;
        for (let k = 0; k < bins; k++) product += re[k] * this.#gRe[j][k] + im[k] * this.#gIm[j][k];
        const at = i * COUNT + j;
        this.#products[at] += FORGET * (0.5 * product * weight - this.#products[at]);
      }
    }
    this.#solve();
  }

  /** One small step towards the bends that would explain most of the error. */
  #solve(): void {
    const rows = this.#rows;
    const width = COUNT + 1;
    let mean = 0;
    for (let i = 0; i < COUNT; i++) mean += this.#products[i * COUNT + i] / COUNT;
    if (mean < 1e-3) return;
    for (let i = 0; i < COUNT; i++) {
      for (let j = 0; j < COUNT; j++) rows[i * width + j] = this.#products[Math.min(i, j) * COUNT + Math.max(i, j)];
      rows[i * width + i] = rows[i * width + i] * (1 + RIDGE) + mean * RIDGE_MEAN;
      rows[i * width + COUNT] = this.#sums[i];
    }
    // Elimination; the matrix is positive definite, so the pivots are where they should be.
    for (let i = 0; i < COUNT; i++)
      for (let r = 0; r < COUNT; r++) {
        if (r === i) continue;
        const share = rows[r * width + i] / rows[i * width + i];
        for (let j = i; j < width; j++) rows[r * width + j] -= share * rows[i * width + j];
      }
    for (let i = 0; i < COUNT; i++) {
      const wanted = rows[i * width + COUNT] / rows[i * width + i];
      this.slopes[i] = Math.max(-1, Math.min(1, this.slopes[i] + STEP * wanted));
    }
  }
}
