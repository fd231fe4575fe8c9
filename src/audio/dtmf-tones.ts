/** Digits as pairs of tones in the sound itself, ITU-T Q.23; heard within the limits of Q.24. For who has no telephone-event. */
import { gainOf } from './level.ts';

const ROWS_HZ = [697, 770, 852, 941];
const COLUMNS_HZ = [1209, 1336, 1477, 1633];
const DIGITS = '123A456B789C*0#D';

/** The higher tone is the louder one, as lines weaken it more. */
const ROW_GAIN = gainOf(-12);
const COLUMN_GAIN = gainOf(-10);
/** A tone that begins at once clicks. */
const EDGE_MS = 2;
/** Digits that may wait. */
export const MAX_QUEUED_TONES = 64;

/** Tones for the digits that are queued, one after the other. */
export class DtmfTones {
  readonly #rateHz: number;
  #digitSamples = 0;
  #gapSamples = 0;
  #queue = '';
  #rowHz = 0;
  #columnHz = 0;
  /** Of the digit that sounds, its gap included; -1: none does. */
  #at = -1;

  constructor(rateHz: number) {
    this.#rateHz = rateHz;
  }

  /** Adds digits `0-9 * # A-D` (either case); others are left out. Returns how many were taken. */
  queue(digits: string, digitMs: number, gapMs: number): number {
    this.#digitSamples = Math.round((this.#rateHz * digitMs) / 1000);
    this.#gapSamples = Math.round((this.#rateHz * gapMs) / 1000);
    const known = [...digits.toUpperCase()].filter((digit) => DIGITS.includes(digit)).join('');
    const taken = known.slice(0, MAX_QUEUED_TONES - this.#queue.length);
    this.#queue += taken;
    return taken.length;
  }

  get active(): boolean {
    return this.#at >= 0 || this.#queue !== '';
  }

  /** The next samples, in place of what was to be said. */
  fill(frame: Int16Array): void {
    const edge = (this.#rateHz * EDGE_MS) / 1000;
    for (let i = 0; i < frame.length; i++) {
      if (this.#at < 0 && !this.#next()) {
        frame[i] = 0;
        continue;
      }
      const at = this.#at;
      const rest = this.#digitSamples - at;
      const gain = rest <= 0 ? 0 : 32767 * Math.min(1, at / edge, rest / edge);
      const angle = (2 * Math.PI * at) / this.#rateHz;
      const value = ROW_GAIN * Math.sin(angle * this.#rowHz) + COLUMN_GAIN * Math.sin(angle * this.#columnHz);
      frame[i] = Math.round(gain * value);
      if (++this.#at >= this.#digitSamples + this.#gapSamples) this.#at = -1;
    }
  }

  #next(): boolean {
    if (this.#queue === '') return false;
    const place = DIGITS.indexOf(this.#queue[0]);
    this.#queue = this.#queue.slice(1);
    this.#rowHz = ROWS_HZ[place >> 2];
    this.#columnHz = COLUMNS_HZ[place & 3];
    this.#at = 0;
    return true;
  }
}

const TONES_HZ = [...ROWS_HZ, ...COLUMNS_HZ];
const HOP_MS = 10;
/** Each tone, as the amplitude of a sine; Q.24 asks for -25 dBm0 (-22 of its sine in full scale) and more. */
const LEAST_AMPLITUDE = 32768 * gainOf(-34);
/** Columns may be so much louder or softer than rows, dB: Q.24 asks for 4 and 8 at least. */
const LOUDER_DB = 6;
const SOFTER_DB = 10;
/** Q.24: 1.5 % off is heard, 3.5 % is not. */
const MOST_OFF = 0.025;
/** The two tones are so much of all the power there is; to begin, and to go on. Voices come near it, but not for long. */
const PURE = 0.88;
const STILL_PURE = 0.3;
/** A tone fills its windows; what begins or ends in one does not. */
const EVEN = 0.72;
/** So many windows of 20 ms, 10 ms apart, that agree: 40 ms of tone always hold two, 23 ms never. */
const BEGIN_HOPS = 2;
/** Shorter interruptions are none. */
const END_HOPS = 2;

/**
 * Each window is two hops. A tone's strength is that of its line in the spectrum of the window; how far it is off comes from how
 * its phase goes on from the first hop to the second, which is far finer than the line is wide.
 */
export class DtmfDetector {
  readonly #hop: number;
  /** Lines of the last hop. */
  readonly #re = new Float64Array(8);
  readonly #im = new Float64Array(8);
  /** Of the window, as that of a sine. */
  readonly #amplitude = new Float64Array(8);
  /** How far what is there is off the tone, as a share of its frequency. */
  readonly #off = new Float64Array(8);
  readonly #cosine: Float64Array;
  readonly #sine: Float64Array;
  /** How the phase of each goes on over a hop. */
  readonly #turnRe: Float64Array;
  readonly #turnIm: Float64Array;
  #power = 0;
  /** Of the window: the weaker hop's share of the stronger one's power. */
  #even = 0;
  #candidate = -1;
  #hops = 0;
  #sounding = -1;
  #missed = 0;

  /** `rateHz`: of frames of 10 ms. */
  constructor(rateHz: number) {
    this.#hop = (rateHz * HOP_MS) / 1000;
    this.#cosine = new Float64Array(8 * this.#hop);
    this.#sine = new Float64Array(8 * this.#hop);
    for (let tone = 0; tone < 8; tone++)
      for (let i = 0; i < this.#hop; i++) {
        this.#cosine[tone * this.#hop + i] = Math.cos((2 * Math.PI * TONES_HZ[tone] * i) / rateHz);
        this.#sine[tone * this.#hop + i] = Math.sin((2 * Math.PI * TONES_HZ[tone] * i) / rateHz);
      }
    this.#turnRe = Float64Array.from(TONES_HZ, (hz) => Math.cos((2 * Math.PI * hz * HOP_MS) / 1000));
    this.#turnIm = Float64Array.from(TONES_HZ, (hz) => -Math.sin((2 * Math.PI * hz * HOP_MS) / 1000));
  }

  /** Takes the next 10 ms; returns the digit that begins, or undefined. */
  process(frame: Int16Array): string | undefined {
    const windowPower = this.#analyse(frame);
    const found = this.#find(windowPower);
    if (this.#sounding >= 0) {
      // It goes on through what would not do to begin with.
      if (found === this.#sounding || this.#share(this.#sounding, windowPower) >= STILL_PURE) this.#missed = 0;
      else if (++this.#missed >= END_HOPS) this.#sounding = -1;
      if (this.#sounding >= 0) return undefined;
    }
    this.#hops = found >= 0 && found === this.#candidate ? this.#hops + 1 : Number(found >= 0);
    this.#candidate = found;
    if (this.#hops < BEGIN_HOPS) return undefined;
    this.#sounding = found;
    this.#missed = this.#hops = 0;
    this.#candidate = -1;
    return DIGITS[found];
  }

  /** Adds the hop to the window before it; returns the mean power of the window. */
  #analyse(frame: Int16Array): number {
    const hop = this.#hop;
    let power = 0;
    for (let i = 0; i < hop; i++) power += frame[i] * frame[i];
    power /= hop;
    const windowPower = (power + this.#power) / 2;
    this.#even = Math.min(power, this.#power) / Math.max(power, this.#power, 1);
    this.#power = power;
    for (let tone = 0; tone < 8; tone++) {
      let re = 0;
      let im = 0;
      for (let i = 0, k = tone * hop; i < hop; i++, k++) {
        re += frame[i] * this.#cosine[k];
        im -= frame[i] * this.#sine[k];
      }
      const turnRe = this.#turnRe[tone];
      const turnIm = this.#turnIm[tone];
      const windowRe = this.#re[tone] + re * turnRe - im * turnIm;
      const windowIm = this.#im[tone] + re * turnIm + im * turnRe;
      // What the phase did beyond that of the tone itself: second hop against first, the tone's own turn taken off.
      const acrossRe = (re * turnRe - im * turnIm) * this.#re[tone] + (re * turnIm + im * turnRe) * this.#im[tone];
      const acrossIm = (re * turnIm + im * turnRe) * this.#re[tone] - (re * turnRe - im * turnIm) * this.#im[tone];
      const offHz = (Math.atan2(acrossIm, acrossRe) / (2 * Math.PI)) * (1000 / HOP_MS);
      this.#re[tone] = re;
      this.#im[tone] = im;
      this.#off[tone] = Math.abs(offHz) / TONES_HZ[tone];
      // A line beside the tone has less of it: the shape of a window without slopes.
      const x = (Math.PI * offHz * 2 * HOP_MS) / 1000;
      this.#amplitude[tone] = Math.hypot(windowRe, windowIm) / hop / Math.max(0.4, x === 0 ? 1 : Math.sin(x) / x);
    }
    return windowPower;
  }

  /** Place of the digit, -1: none. */
  #find(windowPower: number): number {
    let row = 0;
    let column = 4;
    for (let tone = 1; tone < 4; tone++) {
      if (this.#amplitude[tone] > this.#amplitude[row]) row = tone;
      if (this.#amplitude[4 + tone] > this.#amplitude[column]) column = 4 + tone;
    }
    if (Math.min(this.#amplitude[row], this.#amplitude[column]) < LEAST_AMPLITUDE) return -1;
    const twistDb = 20 * Math.log10(this.#amplitude[column] / this.#amplitude[row]);
    if (twistDb > LOUDER_DB || twistDb < -SOFTER_DB) return -1;
    if (this.#off[row] > MOST_OFF || this.#off[column] > MOST_OFF) return -1;
    if (this.#even < EVEN) return -1;
    const place = 4 * row + column - 4;
    return this.#share(place, windowPower) >= PURE ? place : -1;
  }

  /** What part of the power the tones of a digit are. */
  #share(place: number, windowPower: number): number {
    const row = this.#amplitude[place >> 2];
    const column = this.#amplitude[4 + (place & 3)];
    return (row * row + column * column) / 2 / Math.max(windowPower, 1);
  }
}
