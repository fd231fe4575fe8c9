/**
 * Takes the noise of a place out of a voice: what is steady in each band is estimated by how likely it is that nobody speaks
 * there (Gerkmann and Hendriks 2012), and the bands are weighted by a Wiener gain. The weights become a short symmetric filter
 * in the time domain, so the delay is half of it and not a whole window.
 */
import { RealFft } from './fft.ts';
import { gainOf } from './level.ts';

/** Half of the filter, and so the delay. */
const HALF_MS = 4;
/** What was a moment ago counts less than what is: the window falls within this, for a word that begins must not be cut. */
const FALL_MS = 5;
/** The share of a band that is left when it holds nothing but noise: a place that falls silent sounds like a broken line. */
const LEAST_GAIN = gainOf(-14);
/** A voice, where there is one, is taken to be 15 dB above the noise. */
const SPEECH_RATIO = 10 ** 1.5;
const LOG_PRIOR = Math.log(1 + SPEECH_RATIO);
const SPEECH_SHARE = SPEECH_RATIO / (1 + SPEECH_RATIO);
const NOISE_SMOOTHING = 0.2;
const PRESENCE_SMOOTHING = 0.1;
/** Nobody speaks for ever: what seems to is let into the noise by and by. */
const MOST_PRESENCE = 0.99;
/** A steady tone louder than this is no noise but an alarm, or somebody's test of the line; dBFS. */
const LOUDEST_TONE_DBFS = -40;
/** Weight of the last frame in what the signal is thought to be now. */
const DECISION = 0.92;
/** Between Wiener's gain (1) and its root: noise is left rather than speech taken. Tried by ear's stand-in, STOI and segSNR. */
const EXPONENT = 0.7;
const FIRST_FRAMES = 8;

export class NoiseSuppressor {
  readonly delaySamples: number;
  readonly #frame: number;
  readonly #fft: RealFft;
  readonly #window: Float64Array;
  readonly #taper: Float64Array;
  /** The last two frames, and the last of the window before. */
  readonly #past: Float64Array;
  readonly #time: Float64Array;
  readonly #re: Float64Array;
  readonly #im: Float64Array;
  readonly #noise: Float64Array;
  readonly #presence: Float64Array;
  /** Power of the signal without noise, of the last frame. */
  readonly #clean: Float64Array;
  readonly #taps: Float64Array;
  readonly #tapsTo: Float64Array;
  readonly #mostNoise: number;
  #frames = 0;

  /** Frames of 10 ms at `rateHz`. */
  constructor(rateHz: number) {
    const frame = rateHz / 100;
    this.#frame = frame;
    this.delaySamples = Math.round((rateHz * HALF_MS) / 1000);
    this.#fft = new RealFft(2 * frame);
    const { bins, size } = this.#fft;
    this.#window = Float64Array.from({ length: size }, (_, i) => {
      const fall = (rateHz * FALL_MS) / 1000;
      const rise = size - fall;
      return 0.5 - 0.5 * Math.cos(Math.PI * (i < rise ? (i + 0.5) / rise : (size - i - 0.5) / fall));
    });
    const taps = 2 * this.delaySamples + 1;
    this.#taper = Float64Array.from(
      { length: taps },
      (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * (i + 1)) / (taps + 1)),
    );
    this.#past = new Float64Array(size + taps);
    this.#time = new Float64Array(size);
    this.#re = new Float64Array(bins);
    this.#im = new Float64Array(bins);
    this.#noise = new Float64Array(bins);
    this.#presence = new Float64Array(bins);
    this.#clean = new Float64Array(bins);
    this.#taps = new Float64Array(taps);
    this.#tapsTo = new Float64Array(taps);
    this.#taps[this.delaySamples] = 1;
    // A tone of amplitude A stands in its band with (A * size / 4) ** 2.
    this.#mostNoise = ((32768 * Math.SQRT2 * gainOf(LOUDEST_TONE_DBFS) * size) / 4) ** 2;
  }

  /** 10 ms, in place; what comes out is `delaySamples` late. */
  process(frame: Float32Array): void {
    const { size } = this.#fft;
    const past = this.#past;
    const length = past.length;
    past.copyWithin(0, this.#frame);
    for (let i = 0; i < this.#frame; i++) past[length - this.#frame + i] = frame[i];
    for (let i = 0; i < size; i++) this.#time[i] = past[length - size + i] * this.#window[i];
    this.#fft.forward(this.#time, this.#re, this.#im);
    this.#weigh();
    this.#fft.inverse(this.#re, this.#im, this.#time);
    const half = this.delaySamples;
    for (let i = 0; i <= half; i++) {
      const tap = this.#time[i] * this.#taper[half + i];
      this.#tapsTo[half + i] = tap;
      this.#tapsTo[half - i] = tap;
    }
    this.#filter(frame);
  }

  /** From the spectrum to the weights of its bands, in `#re`. */
  #weigh(): void {
    const re = this.#re;
    const im = this.#im;
    const noise = this.#noise;
    const first = this.#frames < FIRST_FRAMES;
    if (first) this.#frames++;
    for (let k = 0; k < re.length; k++) {
      const power = re[k] * re[k] + im[k] * im[k] + 1;
      if (first) noise[k] += (power - noise[k]) / this.#frames;
      const ratio = power / (noise[k] + 1);
      let presence = 1 / (1 + Math.exp(LOG_PRIOR - ratio * SPEECH_SHARE));
      this.#presence[k] += PRESENCE_SMOOTHING * (presence - this.#presence[k]);
      if (this.#presence[k] > MOST_PRESENCE && presence > MOST_PRESENCE) presence = MOST_PRESENCE;
      noise[k] += NOISE_SMOOTHING * (1 - presence) * (power - noise[k]);
      if (noise[k] > this.#mostNoise) noise[k] = this.#mostNoise;
      const now = power / (noise[k] + 1);
      const prior = (DECISION * this.#clean[k]) / (noise[k] + 1) + (1 - DECISION) * Math.max(0, now - 1);
      const gain = Math.max(LEAST_GAIN, (prior / (1 + prior)) ** EXPONENT);
      this.#clean[k] = gain * gain * power;
      re[k] = gain;
      im[k] = 0;
    }
  }

  /** From the last filter to the next within a quarter of the frame, then with the next. */
  #filter(frame: Float32Array): void {
    const past = this.#past;
    const taps = this.#taps;
    const count = taps.length;
    // The newest sample of the window lies at the end of `past`.
    let from = past.length - this.#frame - count + 1;
    const blended = this.#frame / 4;
    for (let i = 0; i < this.#frame; i++, from++) {
      let sum = convolve(past, from, this.#tapsTo, count);
      if (i < blended) {
        const before = convolve(past, from, taps, count);
        sum = before + ((sum - before) * (i + 1)) / blended;
      }
      frame[i] = sum;
    }
    taps.set(this.#tapsTo);
  }
}

/** Two sums side by side: a single one would wait for each addition. `count` is odd. */
function convolve(past: Float64Array, from: number, taps: Float64Array, count: number): number {
  let sum0 = past[from] * taps[0];
  let sum1 = 0;
  for (let k = 1; k < count; k += 2) {
    sum0 += past[from + k] * taps[k];
    sum1 += past[from + k + 1] * taps[k + 1];
  }
  return sum0 + sum1;
}
