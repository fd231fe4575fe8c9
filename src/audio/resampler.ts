/**
 * Changes the sample rate by a ratio of whole numbers: polyphase FIR, Kaiser-windowed sinc. Keeps state between calls, so
 * frames of any length join without a seam; the count that comes out is exact in the long run.
 */

/** Half length of the filter, in samples of the lower of the two rates: also the delay. */
const HALF = 20;
/** Kaiser window parameter: about 80 dB of stop band. */
const BETA = 7.86;
/** Half-way point of the slope, as a share of the lower rate's half. */
const CUTOFF = 0.95;
/** Phases of the filter: 44100 -> 48000 has 160. */
const MAX_PHASES = 4096;

export class Resampler {
  readonly fromHz: number;
  readonly toHz: number;
  readonly #up: number;
  readonly #down: number;
  readonly #taps: number;
  readonly #filter: Float64Array;
  /** The last `taps` samples, twice over, so that a window never wraps. */
  readonly #past: Float64Array;
  #at = 0;
  #phase = 0;

  constructor(fromHz: number, toHz: number) {
    const divisor = greatestCommonDivisor(fromHz, toHz);
    this.fromHz = fromHz;
    this.toHz = toHz;
    this.#up = toHz / divisor;
    this.#down = fromHz / divisor;
    if (!Number.isInteger(fromHz) || !Number.isInteger(toHz) || fromHz <= 0 || toHz <= 0 || this.#up > MAX_PHASES)
      throw new RangeError(`Cannot resample ${fromHz} Hz to ${toHz} Hz: the ratio is not one of small whole numbers`);
    this.#taps = fromHz === toHz ? 1 : tapsFor(fromHz, toHz);
    this.#filter = design(this.#up, this.#up, this.#taps, fromHz, toHz);
    this.#past = new Float64Array(2 * this.#taps);
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
    const taps = this.#taps;
    const up = this.#up;
    const past = this.#past;
    const filter = this.#filter;
    let written = to;
    for (let i = 0; i < count; i++) {
      past[this.#at] = past[this.#at + taps] = input[from + i];
      if (++this.#at === taps) this.#at = 0;
      // The newest sample lies at the end of the window that begins at #at.
      const at = this.#at;
      for (; this.#phase < up; this.#phase += this.#down) {
        const row = this.#phase * taps;
        // Four sums side by side (`taps` is a multiple of four): a single one would wait for each addition.
        let sum0 = 0;
        let sum1 = 0;
        let sum2 = 0;
        let sum3 = 0;
        for (let k = row, j = at; k < row + taps; k += 4, j += 4) {
          sum0 += past[j] * filter[k];
          sum1 += past[j + 1] * filter[k + 1];
          sum2 += past[j + 2] * filter[k + 2];
          sum3 += past[j + 3] * filter[k + 3];
        }
        const sum = sum0 + sum1 + sum2 + sum3;
        output[written++] = sum > 32767 ? 32767 : sum < -32768 ? -32768 : Math.round(sum);
      }
      this.#phase -= up;
    }
    return written - to;
  }

  reset(): void {
    this.#past.fill(0);
    this.#at = 0;
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

function greatestCommonDivisor(a: number, b: number): number {
  while (b > 0) [a, b] = [b, a % b];
  return a;
}
