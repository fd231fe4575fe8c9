/**
 * Changes the sample rate by a ratio of whole numbers: polyphase FIR, Kaiser-windowed sinc. Keeps state between calls, so
 * frames of any length join without a seam; the count that comes out is exact in the long run. Rates without a ratio of small
 * numbers (15991 to 16000 Hz) get the nearest one, at most 0.25 per mille off: nobody hears half a hundredth of a semitone.
 */

import { fir, MOST_IN, MOST_OUT, padded, paddedTaps } from './fir.ts';

/** Half length of the filter, in samples of the lower of the two rates: also the delay. */
const HALF = 20;
/** Kaiser window parameter: about 80 dB of stop band. */
const BETA = 7.86;
/** Half-way point of the slope, as a share of the lower rate's half. */
const CUTOFF = 0.95;
/** Phases of the filter: 44100 -> 48000 has 160, 11025 -> 16000 has 640. */
const MAX_PHASES = 4096;

export class Resampler {
  readonly fromHz: number;
  readonly toHz: number;
  readonly #up: number;
  readonly #down: number;
  readonly #taps: number;
  readonly #width: number;
  readonly #filter: Float32Array;
  /** The last samples, as many as a row has taps. */
  readonly #past: Float32Array;
  #phase = 0;

  constructor(fromHz: number, toHz: number) {
    this.fromHz = fromHz;
    this.toHz = toHz;
    if (!Number.isInteger(fromHz) || !Number.isInteger(toHz) || fromHz <= 0 || toHz <= 0 || toHz / fromHz > MAX_PHASES)
      throw new RangeError(`Cannot resample ${fromHz} Hz to ${toHz} Hz`);
    [this.#up, this.#down] = ratioOf(toHz, fromHz);
    this.#taps = fromHz === toHz ? 1 : tapsFor(fromHz, toHz);
    this.#width = paddedTaps(this.#taps);
    this.#filter = padded(design(this.#up, this.#up, this.#taps, fromHz, toHz), this.#taps);
    this.#past = new Float32Array(this.#width);
  }

  /** How much later a sound comes out, in samples of the output. */
  get delaySamples(): number {
    return this.fromHz === this.toHz ? 0 : ((this.#taps / 2) * this.toHz) / this.fromHz;
  }

  /** The most that `process` writes for `count` samples. */
  maxOutput(count: number): number {
    return Math.ceil((count * this.#up) / this.#down) + 1;
  }

  /** `count` samples from `input` at `from`; writes to `output` at `to` and returns how many. */
  process(input: Int16Array, from: number, count: number, output: Int16Array, to: number): number {
    if (this.#up === this.#down) {
      for (let i = 0; i < count; i++) output[to + i] = input[from + i];
      return count;
    }
    const most = Math.min(MOST_IN - this.#width, Math.floor(((MOST_OUT - 1) * this.#down) / this.#up));
    let written = to;
    for (let done = 0; done < count; done += most)
      written += this.#some(input, from + done, Math.min(most, count - done), output, written);
    return written - to;
  }

  /** No more than fits. */
  #some(input: Int16Array, from: number, count: number, output: Int16Array, to: number): number {
    const up = this.#up;
    const down = this.#down;
    const filter = fir();
    filter.begin(this.#filter, this.#width);
    filter.feed(this.#past, input, from, count);
    let phase = this.#phase;
    for (let i = 0; i < count; i++) {
      // The newest sample lies at the end of the window.
      for (; phase < up; phase += down) filter.next(i + 1, phase);
      phase -= up;
    }
    this.#phase = phase;
    const made = filter.single();
    filter.drain(this.#past, count, made, output, to);
    return made;
  }

  reset(): void {
    this.#past.fill(0);
    this.#phase = 0;
  }
}

/** A multiple of four. */
export function tapsFor(fromHz: number, toHz: number): number {
  return 4 * Math.ceil((HALF * fromHz) / Math.min(fromHz, toHz) / 2);
}

/**
 * `rows` rows of `taps`, one per phase, oldest sample first; there are `phases` from one input sample to the next. Each row sums
 * to 1, so that a constant stays one at every phase.
 */
export function design(rows: number, phases: number, taps: number, fromHz: number, toHz: number): Float64Array {
  const filter = new Float64Array(rows * taps);
  const cutoff = CUTOFF * Math.min(1, toHz / fromHz); // relative to half the input rate
  for (let phase = 0; phase < rows; phase++) {
    const row = phase * taps;
    let sum = 0;
    for (let k = 0; k < taps; k++) {
      const x = taps / 2 - 1 - k + phase / phases; // distance from the sample to the point wanted, in input samples
      const angle = Math.PI * cutoff * x;
      const sinc = angle === 0 ? 1 : Math.sin(angle) / angle;
      const window = bessel(BETA * Math.sqrt(Math.max(0, 1 - (x / (taps / 2)) ** 2)));
      sum += filter[row + k] = sinc * window;
    }
    for (let k = 0; k < taps; k++) filter[row + k] = taps === 1 ? 1 : filter[row + k] / sum;
  }
  return filter;
}

/** Modified Bessel function of the first kind, order 0, by its power series. */
function bessel(x: number): number {
  let term = 1;
  let sum = 1;
  for (let k = 1; term > 1e-9 * sum; k++) sum += term *= (x / (2 * k)) ** 2;
  return sum;
}

/** `over` / `under` as the nearest of whole numbers that its continued fraction has, the upper one at most `MAX_PHASES`. */
function ratioOf(over: number, under: number): [number, number] {
  let [p, q, p0, q0] = [1, 0, 0, 1];
  for (let [a, b] = [over, under]; b > 0; [a, b] = [b, a % b]) {
    const whole = Math.floor(a / b);
    if (whole * p + p0 > MAX_PHASES) break;
    [p, q, p0, q0] = [whole * p + p0, whole * q + q0, p, q];
  }
  return [p, q];
}
