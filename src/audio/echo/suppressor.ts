/**
 * What the filter leaves of the echo, and steady noise, taken out by a gain per bin. Residual echo is taken to be the echo
 * estimate times a leakage, learned per band from how the error's loudness follows the estimate's (a near voice does not follow
 * it, so it is kept); or what the filter itself says it may be wrong by, whichever is more. What remains has the colour and
 * loudness of the room's noise, lowered by `noiseReductionDb`. The gains are applied by a short symmetric filter: 4 ms of delay.
 */
import type { Floats, VectorFft } from '../vectors.ts';
import { NoiseFloor } from './noise.ts';

/** Half the length of the filter that applies the gains: its delay. */
const HALF_FILTER_MS = 4;
/** Upper edges of the bands in which leakage is learned, Hz. */
const BAND_EDGES_HZ = [200, 400, 600, 800, 1100, 1500, 2000, 2600, 3400, 4400, 5800, 8000, 24000];
const BANDS = BAND_EDGES_HZ.length;
/** Leakage follows by this share per frame, `LEAK_NEAR` of that while somebody speaks; loudness is compared with a mean of 0.3 s. */
const LEAK_RATE = 0.01;
const LEAK_NEAR = 0.2;
const MEAN_RATE = 0.03;
const LEAST_LEAK = 3e-4;
/** The echo goes on in the room, beyond what the filter holds: by this share of its power per frame. */
const REVERB = 0.5;
/** Residual echo is taken as this many times what is estimated: while only the loudspeaker sounds, and while somebody speaks. */
const OVER_FAR = 4;
const OVER_NEAR = 0.5;
/** Memory of the signal-to-noise ratio from frame to frame (decision-directed, Ephraim and Malah 1984), the same. */
const MEMORY_FAR = 0.9;
const MEMORY_NEAR = 0.2;
/** No bin of a near voice is lowered below this. */
const LEAST_NEAR = 0.2;
/** Somebody speaks near when the bands stand out from all that is expected by this, dB, in the mean: surely not, surely. */
const NEAR_NOT_DB = 1.5;
const NEAR_SURE_DB = 4;
/** While the room is not known yet, it takes so much more. */
const UNSETTLED_DB = 1;
const NEAR_MOST_DB = 15;
const NEAR_RISE = 0.5;
const NEAR_FALL = 0.05;
/**
 * A steady tone louder than this is no noise but an alarm, or a test of the line. The filter is short, so its neighbours must let
 * it pass, too.
 */
const LOUD_TONE_DBFS = -36;
const NEIGHBOURS = 5;
const SURELY = 0.7;

const bands = (): Float64Array => new Float64Array(BANDS);

export class Suppressor {
  readonly delaySamples: number;
  readonly #fft: VectorFft;
  readonly #frame: number;
  readonly #bins: number;
  readonly #noise: NoiseFloor;
  readonly #noiseGain: number;
  readonly #loudTone: number;
  readonly #window: Float32Array;
  readonly #taper: Float32Array;
  readonly #error: Floats;
  readonly #echo: Floats;
  readonly #time: Floats;
  readonly #eRe: Floats;
  readonly #eIm: Floats;
  readonly #re: Floats;
  readonly #im: Floats;
  readonly #power: Floats;
  readonly #echoPower: Floats;
  readonly #gain: Floats;
  readonly #kept: Floats;
  readonly #filterRe: Floats;
  readonly #filterIm: Floats;
  readonly #oldRe: Floats;
  readonly #oldIm: Floats;
  readonly #oldOut: Floats;
  readonly #band: Uint8Array;
  readonly #leak = bands().fill(1);
  readonly #bandError = bands();
  readonly #bandEcho = bands();
  readonly #meanError = bands();
  readonly #meanEcho = bands();
  readonly #both = bands();
  readonly #alone = bands();
  readonly #bandNoise = bands();
  readonly #bandLeft = bands();
  /** Bands below half the rate. */
  readonly #usedBands: number;
  /** How far the error stands out from what echo and noise explain, and how surely that is somebody near, 0..1. */
  #standDb = 0;
  #near = 0;
  #excess = 0;

  constructor(fft: VectorFft, rateHz: number, noiseReductionDb: number) {
    const frame = fft.size / 2;
    this.#fft = fft;
    this.#frame = frame;
    this.#bins = fft.bins;
    this.delaySamples = Math.round((rateHz * HALF_FILTER_MS) / 1000);
    // A tone of amplitude A stands in its bin with (A * size / 4) ** 2, noise of that loudness far below in each of many.
    this.#loudTone = ((32768 * Math.SQRT2 * 10 ** (LOUD_TONE_DBFS / 20) * fft.size) / 4) ** 2;
    this.#noise = new NoiseFloor(fft.bins, this.#loudTone);
    this.#noiseGain = 10 ** (-noiseReductionDb / 20);
    this.#window = Float32Array.from(
      { length: fft.size },
      (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * (i + 0.5)) / fft.size),
    );
    this.#taper = Float32Array.from(
      { length: this.delaySamples + 1 },
      (_, i) => Math.cos((Math.PI * i) / (2 * this.delaySamples + 2)) ** 2,
    );
    const samples = () => fft.floats(fft.size);
    const spectrum = () => fft.floats(fft.stride);
    this.#error = samples();
    this.#echo = samples();
    this.#time = samples();
    this.#oldOut = samples();
    this.#eRe = spectrum();
    this.#eIm = spectrum();
    this.#re = spectrum();
    this.#im = spectrum();
    this.#power = spectrum();
    this.#echoPower = spectrum();
    this.#gain = spectrum();
    this.#kept = spectrum();
    this.#filterRe = spectrum();
    this.#filterIm = spectrum();
    this.#oldRe = spectrum();
    this.#oldIm = spectrum();
    this.#band = Uint8Array.from({ length: fft.bins }, (_, k) =>
      BAND_EDGES_HZ.findIndex((hz) => (k * rateHz) / fft.size <= hz),
    );
    this.#usedBands = this.#band[fft.bins - 2] + 1;
  }

  /** How surely somebody speaks near, 0..1. */
  get near(): number {
    return this.#near;
  }

  /** How far the error stands out from what is expected, whatever the reason, 0..1. */
  get excess(): number {
    return this.#excess;
  }

  /**
   * One frame: what the filter left (`error`), what it took off (`echo`), and per bin the residual it expects of itself, as
   * power of a rectangular frame; `known`: how surely what stands out is echo, 0..1; `settled`: the room is known. Writes the
   * frame that ended `delaySamples` ago.
   */
  process(error: Floats, echo: Floats, expected: Floats, known: number, settled: boolean, out: Int16Array): void {
    const frame = this.#frame;
    const bins = this.#bins;
    const time = this.#time;
    this.#error.copyWithin(0, frame);
    this.#echo.copyWithin(0, frame);
    for (let i = 0; i < frame; i++) {
      this.#error[frame + i] = error[i];
      this.#echo[frame + i] = echo[i];
    }
    for (let i = 0; i < time.length; i++) time[i] = this.#echo[i] * this.#window[i];
    this.#fft.forward(time, this.#re, this.#im);
    for (let k = 0; k < bins; k++)
      this.#echoPower[k] = Math.max(this.#re[k] ** 2 + this.#im[k] ** 2, this.#echoPower[k] * REVERB);
    for (let i = 0; i < time.length; i++) time[i] = this.#error[i] * this.#window[i];
    this.#fft.forward(time, this.#eRe, this.#eIm);
    for (let k = 0; k < bins; k++) this.#power[k] = this.#eRe[k] ** 2 + this.#eIm[k] ** 2;
    this.#noise.learn(this.#power);
    this.#learnLeak();
    this.#gains(expected, known, settled);
    this.#apply(out);
  }

  #learnLeak(): void {
    this.#bandError.fill(0);
    this.#bandEcho.fill(0);
    for (let k = 1; k < this.#bins; k++) {
      this.#bandError[this.#band[k]] += this.#power[k];
      this.#bandEcho[this.#band[k]] += this.#re[k] ** 2 + this.#im[k] ** 2;
    }
    for (let b = 0; b < this.#leak.length; b++) {
      const echo = this.#bandEcho[b] - this.#meanEcho[b];
      const error = this.#bandError[b] - this.#meanError[b];
      this.#meanEcho[b] += MEAN_RATE * echo;
      this.#meanError[b] += MEAN_RATE * error;
      const rate = LEAK_RATE * (1 - (1 - LEAK_NEAR) * this.#near);
      this.#both[b] += rate * (echo * error - this.#both[b]);
      this.#alone[b] += rate * (echo * echo - this.#alone[b]);
      const leak = this.#alone[b] > 0 ? this.#both[b] / this.#alone[b] : 1;
      this.#leak[b] = Math.min(1, Math.max(LEAST_LEAK, leak));
    }
  }

  #gains(expected: Floats, known: number, settled: boolean): void {
    const gain = this.#gain;
    const floor = this.#noise.power;
    this.#bandNoise.fill(0);
    this.#bandLeft.fill(0);
    for (let k = 1; k < this.#bins; k++) {
      this.#bandNoise[this.#band[k]] += floor[k];
      this.#bandLeft[this.#band[k]] += Math.max(this.#leak[this.#band[k]] * this.#echoPower[k], 0.75 * expected[k]);
    }
    let stand = 0;
    for (let b = 0; b < BANDS; b++) {
      const ratio = (this.#bandError[b] + 1) / (this.#bandNoise[b] + this.#bandLeft[b] + 1);
      if (ratio > 1 && b < this.#usedBands) stand += Math.min(NEAR_MOST_DB, 10 * Math.log10(ratio)) / this.#usedBands;
    }
    this.#standDb += (stand > this.#standDb ? NEAR_RISE : NEAR_FALL) * (stand - this.#standDb);
    const notDb = settled ? NEAR_NOT_DB : NEAR_NOT_DB + UNSETTLED_DB;
    this.#excess = Math.max(0, Math.min(1, (this.#standDb - notDb) / (NEAR_SURE_DB - NEAR_NOT_DB)));
    this.#near = this.#excess * (1 - known);
    const over = OVER_FAR * (OVER_NEAR / OVER_FAR) ** this.#near;
    const memory = MEMORY_FAR + (MEMORY_NEAR - MEMORY_FAR) * this.#near;
    for (let k = 0; k < this.#bins; k++) {
      const power = this.#power[k] + 1e-3;
      const residual = Math.max(this.#leak[this.#band[k]] * this.#echoPower[k], 0.75 * expected[k]);
      const unwanted = floor[k] + Math.max(over * residual, known * power) + 1e-3;
      const after = power / unwanted;
      const before = memory * (this.#kept[k] / unwanted) + (1 - memory) * Math.max(0, after - 1);
      const wiener = before / (1 + before);
      this.#kept[k] = wiener * wiener * power;
      gain[k] = Math.min(
        1,
        Math.max(wiener, LEAST_NEAR * this.#near, this.#noiseGain * Math.sqrt(Math.min(1, floor[k] / power))),
      );
    }
    for (let k = NEIGHBOURS; k < this.#bins - NEIGHBOURS; k++) {
      if (this.#power[k] < this.#loudTone || gain[k] < SURELY || this.#power[k] < this.#power[k - 1]) continue;
      if (this.#power[k] < this.#power[k + 1]) continue;
      for (let i = k - NEIGHBOURS; i <= k + NEIGHBOURS; i++) if (gain[i] < gain[k]) gain[i] = gain[k];
      k += NEIGHBOURS;
    }
  }

  /** Filters the error by the gains, from the last frame's to this one's across the frame. */
  #apply(out: Int16Array): void {
    const frame = this.#frame;
    const half = this.delaySamples;
    const size = 2 * frame;
    const time = this.#time;
    this.#im.fill(0);
    this.#fft.inverse(this.#gain, this.#im, time);
    // The impulse is symmetric around 0: cut to +-half, tapered, moved to begin at 0.
    for (let i = 0; i <= half; i++) this.#oldOut[half + i] = this.#oldOut[half - i] = time[i] * this.#taper[i];
    this.#oldOut.fill(0, 2 * half + 1, size);
    this.#oldRe.set(this.#filterRe);
    this.#oldIm.set(this.#filterIm);
    this.#fft.forward(this.#oldOut, this.#filterRe, this.#filterIm);
    this.#fft.forward(this.#error, this.#eRe, this.#eIm);
    this.#through(this.#oldRe, this.#oldIm, this.#oldOut);
    this.#through(this.#filterRe, this.#filterIm, time);
    for (let i = 0; i < frame; i++) {
      const share = (i + 0.5) / frame;
      const value = Math.round(this.#oldOut[frame + i] * (1 - share) + time[frame + i] * share);
      out[i] = Math.max(-32768, Math.min(32767, value));
    }
  }

  #through(filterRe: Floats, filterIm: Floats, time: Floats): void {
    for (let k = 0; k < this.#bins; k++) {
      this.#re[k] = this.#eRe[k] * filterRe[k] - this.#eIm[k] * filterIm[k];
      this.#im[k] = this.#eRe[k] * filterIm[k] + this.#eIm[k] * filterRe[k];
    }
    this.#fft.inverse(this.#re, this.#im, time);
  }
}
