/**
 * Leaves pauses out, for codecs that cannot do so by themselves: in their place comes comfort noise (RFC 3389), at the beginning
 * of a pause, when the noise changes, and now and then, so that the other side knows we are there. What might be a voice is sent.
 */
import type { Encoder, Made } from './codec.ts';
import { NoiseMeter } from './comfort.ts';
import { rmsDbfs } from './level.ts';

/** So much above the noise of the place somebody speaks. */
const VOICE_DB = 6;
/** And still does for so long: the ends of words are soft. */
const HANGOVER_MS = 400;
/** The noise of the place is believed to rise so fast; down at once. Where a voice leaves no gap, it is none. */
const RISE_DB_PER_S = 3;
/** Nothing is known yet: everything is a voice. */
const FIRST_FLOOR_DB = -75;
/** What is below is silence, whatever it does. */
const SILENT_DB = -70;
const CHANGE_DB = 3;
const LEAST_MS = 200;
const MOST_MS = 1000;

export class PausingEncoder implements Encoder {
  readonly rateHz: number;
  made: Made = 'sound';
  readonly #inner: Encoder;
  readonly #spectrum: boolean;
  readonly #meter = new NoiseMeter();
  #floorDb = FIRST_FLOOR_DB;
  #quietMs = 0;
  #sinceSaidMs = 0;
  #saidDb = 0;

  /** `spectrum`: the other side's coefficients are of our rate. */
  constructor(inner: Encoder, spectrum: boolean) {
    this.rateHz = inner.rateHz;
    this.#inner = inner;
    this.#spectrum = spectrum;
  }

  encode(from: Int16Array, at: number, count: number, to: Uint8Array, offset: number): number {
    const packetMs = (count * 1000) / this.rateHz;
    const levelDb = rmsDbfs(from, at, count);
    this.#floorDb = Math.max(-100, Math.min(levelDb, this.#floorDb + (RISE_DB_PER_S * packetMs) / 1000));
    const voice = levelDb > SILENT_DB && levelDb > this.#floorDb + VOICE_DB;
    this.#quietMs = voice ? 0 : this.#quietMs + packetMs;
    if (this.#quietMs <= HANGOVER_MS) {
      if (this.made !== 'sound') this.#meter.forget();
      if (!voice) this.#meter.measure(from, at, count);
      this.made = 'sound';
      return this.#inner.encode(from, at, count, to, offset);
    }
    // The codec is left as it was: so is the decoder's over there.
    this.#meter.measure(from, at, count);
    const begins = this.made === 'sound';
    this.#sinceSaidMs += packetMs;
    const changed = Math.abs(this.#meter.levelDb - this.#saidDb) >= CHANGE_DB && this.#sinceSaidMs >= LEAST_MS;
    this.made = begins || changed || this.#sinceSaidMs >= MOST_MS ? 'noise' : 'pause';
    if (this.made === 'pause') return 0;
    this.#sinceSaidMs = 0;
    this.#saidDb = this.#meter.levelDb;
    return this.#meter.format(to, offset, this.#spectrum);
  }

  expectLoss(share: number): void {
    this.#inner.expectLoss(share);
  }
}
