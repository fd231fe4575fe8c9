/**
 * The echo path as a filter that learns: a Kalman filter in partitions of one frame, in the frequency domain (Enzner and Vary
 * 2006, Kuech, Mabande and Enzner 2014), each bin of each partition a state of its own. Beside its coefficients it keeps how
 * uncertain each is, so the step is large while the room is unknown and all but nothing while somebody speaks near.
 */
import { type Floats, VECTOR, type VectorFft } from '../vectors.ts';

/** What a coefficient may wander per frame, as a share of its power: while only the loudspeaker sounds, and while somebody speaks. */
const WANDER_FAR = 1e-3;
const WANDER_NEAR = 2e-5;
/** How much of the error is held against learning from it: part of it is echo still, unless somebody speaks near. */
const CAUTION_FAR = 0.5;
const CAUTION_NEAR = 1;
/** The error's spectrum is followed by this share per frame. */
const FOLLOW = 0.1;
/** Uncertainty at the start: this share of the loudness that the path seems to have, less by half for each `FALL` partitions. */
const FIRST_SHARE = 0.3;
const FIRST_GAIN = 0.1;
const FALL = 2;
/** Partitions whose time aliasing is taken away per frame. */
const TIDY = 6;

export class EchoFilter {
  readonly partitions: number;
  readonly #fft: VectorFft;
  readonly #frame: number;
  /** Numbers of one spectrum. */
  readonly #bins: number;
  /** Spectra of the reference, a ring of partitions, `newest` the last frame's. */
  readonly xRe: Floats;
  readonly xIm: Floats;
  newest = 0;
  readonly #wRe: Floats;
  readonly #wIm: Floats;
  readonly #uncertainty: Floats;
  readonly #time: Floats;
  readonly #re: Floats;
  readonly #im: Floats;
  /** What the residual echo of this frame should amount to, per bin; and what else the error held. */
  readonly residual: Floats;
  readonly #other: Floats;
  readonly #gain: Floats;
  readonly #wander: Floats;
  readonly #taps: Floats;
  readonly #kept: readonly Floats[];
  #tidied = 0;

  constructor(fft: VectorFft, partitions: number) {
    this.#fft = fft;
    this.#frame = fft.size / 2;
    this.#bins = fft.stride;
    this.partitions = partitions;
    const states = partitions * fft.stride;
    this.xRe = fft.floats(states);
    this.xIm = fft.floats(states);
    this.#wRe = fft.floats(states);
    this.#wIm = fft.floats(states);
    this.#uncertainty = fft.floats(states);
    this.#time = fft.floats(fft.size);
    this.#re = fft.floats(fft.stride);
    this.#im = fft.floats(fft.stride);
    this.residual = fft.floats(fft.stride);
    this.#other = fft.floats(fft.stride);
    this.#taps = fft.floats(partitions * this.#frame);
    this.#gain = fft.floats(fft.stride);
    this.#wander = fft.floats(VECTOR);
    this.#kept = [fft.floats(states), fft.floats(states), fft.floats(states)];
    this.begin(FIRST_GAIN);
  }

  /** The path may be anything of this gain (as a power): what is known is kept, but it is learned from as at the start. */
  begin(gain: number): void {
    for (let p = 0; p < this.partitions; p++)
      this.#uncertainty.fill(FIRST_SHARE * gain * 0.5 ** (p / FALL), p * this.#bins, (p + 1) * this.#bins);
  }

  /** Takes the next two frames of reference (the last one again, and the new one). */
  push(reference: Floats): void {
    this.newest = this.newest === 0 ? this.partitions - 1 : this.newest - 1;
    this.#fft.forward(reference, this.xRe, this.xIm, this.newest * this.#bins);
  }

  /** Replaces the two frames that ended `age` frames ago: the alignment has changed. */
  replace(age: number, reference: Floats): void {
    this.#fft.forward(reference, this.xRe, this.xIm, ((this.newest + age) % this.partitions) * this.#bins);
  }

  /** The echo expected in this frame, into the first `frame` samples of `echo`. */
  estimate(echo: Floats): void {
    const re = this.#re;
    const im = this.#im;
    this.pass(this.xRe, this.xIm, this.newest, this.partitions, re, im);
    this.#fft.inverse(re, im, this.#time);
    for (let i = 0; i < this.#frame; i++) echo[i] = this.#time[this.#frame + i];
  }

  /** What the room as known so far makes of other spectra (a ring of `partitions`, the newest at `newest`). */
  pass(xRe: Floats, xIm: Floats, newest: number, partitions: number, outRe: Floats, outIm: Floats): void {
    convolve(this.#fft, partitions, xRe, xIm, newest, partitions, this.#wRe, this.#wIm, outRe, outIm);
  }

  /** Keeps the room as it is known now, for `restore`. */
  keep(): void {
    this.#kept[0].set(this.#wRe);
    this.#kept[1].set(this.#wIm);
    this.#kept[2].set(this.#uncertainty);
  }

  restore(): void {
    this.#wRe.set(this.#kept[0]);
    this.#wIm.set(this.#kept[1]);
    this.#uncertainty.set(this.#kept[2]);
  }

  /** Adds a response of `partitions` to the room as known; by as much it was wrong, and may be wrong still. */
  add(re: Floats, im: Floats, partitions: number): void {
    const bins = this.#bins;
    let last = 0;
    for (let p = 0; p < this.partitions; p++) {
      if (p < partitions) {
        let power = 0;
        for (let w = p * bins; w < (p + 1) * bins; w++) {
          this.#wRe[w] += re[w];
          this.#wIm[w] += im[w];
          power += (re[w] * re[w] + im[w] * im[w]) / bins;
        }
        last = power;
      } else {
        last *= 0.5 ** (1 / FALL);
      }
      for (let w = p * bins; w < (p + 1) * bins; w++) this.#uncertainty[w] = Math.max(this.#uncertainty[w], last);
    }
  }

  /** Learns from what was left of the frame once `estimate` had been taken off; `near`: how surely somebody speaks, 0..1. */
  learn(error: Floats, near: number): void {
    const caution = CAUTION_FAR + (CAUTION_NEAR - CAUTION_FAR) * near;
    const bins = this.#bins;
    const frame = this.#frame;
    const residual = this.residual;
    const eRe = this.#re;
    const eIm = this.#im;
    const time = this.#time;
    time.fill(0, 0, frame);
    for (let i = 0; i < frame; i++) time[frame + i] = error[i];
    this.#fft.forward(time, eRe, eIm);
    residual.fill(0);
    const { kernels } = this.#fft;
    const bytes = 4 * bins;
    // The ring from the newest to its end, and the rest of it from its beginning.
    const ahead = this.partitions - this.newest;
    const x = bytes * this.newest;
    const w = bytes * ahead;
    const xr = this.xRe.byteOffset;
    const xi = this.xIm.byteOffset;
    const u = this.#uncertainty.byteOffset;
    kernels.weigh(ahead, bytes, xr + x, xi + x, u, residual.byteOffset);
    if (this.newest > 0) kernels.weigh(this.newest, bytes, xr, xi, u + w, residual.byteOffset);
    const other = this.#other;
    for (let k = 0; k < bins; k++) {
      residual[k] *= 0.5;
      const power = eRe[k] * eRe[k] + eIm[k] * eIm[k];
      other[k] += FOLLOW * (power - other[k]);
      const scale = 1 / (residual[k] + caution * Math.max(other[k], power) + 1);
      eRe[k] *= scale;
      eIm[k] *= scale;
      this.#gain[k] = 0.5 * scale;
    }
    const wander = WANDER_FAR * (WANDER_NEAR / WANDER_FAR) ** near;
    for (let i = 0; i < VECTOR; i++) this.#wander[i] = wander;
    const wr = this.#wRe.byteOffset;
    const wi = this.#wIm.byteOffset;
    const er = eRe.byteOffset;
    const ei = eIm.byteOffset;
    const gain = this.#gain.byteOffset;
    const much = this.#wander.byteOffset;
    kernels.correct(ahead, bytes, xr + x, xi + x, wr, wi, u, er, ei, gain, much);
    if (this.newest > 0) kernels.correct(this.newest, bytes, xr, xi, wr + w, wi + w, u + w, er, ei, gain, much);
    for (let i = 0; i < TIDY; i++) {
      this.#tidied = (this.#tidied + 1) % this.partitions;
      this.#tidy(this.#tidied);
    }
  }

  /** Moves the whole response by `samples` (later when positive): the reference is about to be read that much earlier. */
  move(samples: number): void {
    const frame = this.#frame;
    const taps = this.#taps;
    taps.fill(0);
    for (let p = 0; p < this.partitions; p++) {
      this.#fft.inverse(this.#wRe, this.#wIm, this.#time, p * this.#bins);
      for (let i = 0; i < frame; i++) {
        const to = p * frame + i + samples;
        if (to >= 0 && to < taps.length) taps[to] = this.#time[i];
      }
    }
    for (let p = 0; p < this.partitions; p++) {
      this.#time.fill(0);
      for (let i = 0; i < frame; i++) this.#time[i] = taps[p * frame + i];
      this.#fft.forward(this.#time, this.#wRe, this.#wIm, p * this.#bins);
    }
  }

  /** The share of the room's power that lies before its tap `samples`. */
  shareBefore(samples: number): number {
    const frame = this.#frame;
    let before = 0;
    let all = 0;
    for (let p = 0; p < this.partitions; p++) {
      this.#fft.inverse(this.#wRe, this.#wIm, this.#time, p * this.#bins);
      for (let i = 0; i < frame; i++) {
        const power = this.#time[i] * this.#time[i];
        all += power;
        if (p * frame + i < samples) before += power;
      }
    }
    return before / (all + 1e-30);
  }

  /** A partition has as many taps as a frame: what the circular transform put beyond is an artefact. */
  #tidy(partition: number): void {
    const at = partition * this.#bins;
    this.#fft.inverse(this.#wRe, this.#wIm, this.#time, at);
    this.#time.fill(0, this.#frame);
    this.#fft.forward(this.#time, this.#wRe, this.#wIm, at);
  }
}

/** Products of spectra (a ring of `ring` partitions, the newest at `newest`) and the first `partitions` of a response, summed. */
export function convolve(
  { kernels, stride }: VectorFft,
  partitions: number,
  xRe: Floats,
  xIm: Floats,
  newest: number,
  ring: number,
  wRe: Floats,
  wIm: Floats,
  outRe: Floats,
  outIm: Floats,
): void {
  outRe.fill(0);
  outIm.fill(0);
  const xr = xRe.byteOffset;
  const xi = xIm.byteOffset;
  const wr = wRe.byteOffset;
  const wi = wIm.byteOffset;
  const re = outRe.byteOffset;
  const im = outIm.byteOffset;
  const bytes = 4 * stride;
  const x = bytes * newest;
  const ahead = Math.min(partitions, ring - newest);
  const w = bytes * ahead;
  kernels.multiply(ahead, bytes, xr + x, xi + x, wr, wi, re, im);
  if (ahead < partitions) kernels.multiply(partitions - ahead, bytes, xr, xi, wr + w, wi + w, re, im);
}
