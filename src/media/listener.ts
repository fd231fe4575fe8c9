/**
 * What arrives on one stream, made into frames for the loudspeaker: jitter buffer, codec, concealment, rate. Pulled by the tick;
 * allocates nothing per frame.
 */
import { Concealer, type Decoder, Resampler, SampleFifo, shorten } from '../audio/index.ts';
import type { JitterBuffer } from '../rtp/index.ts';

/** The longest packet that is taken, and the room for what it becomes. */
const MAX_PACKET_MS = 200;
/** Concealment of a standstill ends here: then it is silence. */
const MAX_CONCEALED_MS = 100;
const FRAME_MS = 10;

export class Listener {
  readonly #decoder: Decoder;
  /** Ticks of the time stamps per sample. */
  readonly #ticksPerSample: number;
  readonly #maxConcealedMs: number;
  readonly #concealer: Concealer;
  readonly #resampler: Resampler;
  readonly #decoded: Int16Array;
  readonly #resampled: Int16Array;
  readonly #ready: SampleFifo;
  readonly #frameSamples: number;
  #talking = false;
  #concealedInARowMs = 0;
  concealedMs = 0;

  /** `clockRateHz`: of the time stamps; `rateHz`: of the frames that are filled. */
  constructor(decoder: Decoder, clockRateHz: number, rateHz: number) {
    this.#decoder = decoder;
    this.#ticksPerSample = clockRateHz / decoder.rateHz;
    this.#maxConcealedMs = Math.max(MAX_CONCEALED_MS, decoder.concealsMs);
    this.#concealer = new Concealer(decoder.rateHz);
    this.#resampler = new Resampler(decoder.rateHz, rateHz);
    this.#decoded = new Int16Array((decoder.rateHz * MAX_PACKET_MS) / 1000);
    this.#resampled = new Int16Array(this.#resampler.maxOutput(this.#decoded.length));
    this.#frameSamples = (rateHz * FRAME_MS) / 1000;
    this.#ready = new SampleFifo(this.#resampled.length + 2 * this.#frameSamples);
  }

  /** How long a payload lasts, in ticks of the time stamps; 0: it cannot be read, or is longer than any that is taken. */
  readonly ticksOf = (payload: Uint8Array, offset: number, length: number): number => {
    const count = this.#decoder.samplesIn(payload, offset, length);
    return count > this.#decoded.length ? 0 : Math.round(count * this.#ticksPerSample);
  };

  /** Fills `frame` with the next 10 ms of what the jitter buffer holds. True when any of it really arrived. */
  fill(frame: Int16Array, jitter: JitterBuffer, now: number): boolean {
    let heard = this.#ready.length > 0 && this.#concealedInARowMs === 0;
    while (this.#ready.length < this.#frameSamples) {
      const taken = jitter.take(now);
      if (taken === 'packet') {
        this.#packet(jitter);
        heard = true;
      } else if (taken === 'lost') {
        const count = Math.round(jitter.durationTicks / this.#ticksPerSample);
        this.#conceal(Math.min(this.#decoded.length, count));
      } else {
        this.#conceal((this.#decoder.rateHz * FRAME_MS) / 1000);
      }
    }
    this.#ready.take(frame, 0, this.#frameSamples);
    return heard && this.#talking;
  }

  #packet(jitter: JitterBuffer): void {
    const { rateHz, concealsMs } = this.#decoder;
    let count = this.#decoder.decode(jitter.payload, 0, jitter.payloadLength, this.#decoded, 0);
    if (count === 0) {
      this.#conceal(Math.min(this.#decoded.length, Math.round(jitter.durationTicks / this.#ticksPerSample)));
      return;
    }
    if (concealsMs === 0) this.#concealer.good(this.#decoded, 0, count);
    if (jitter.excessMs >= FRAME_MS) count = shorten(this.#decoded, 0, count, rateHz, jitter.excessMs);
    this.#talking = true;
    this.#concealedInARowMs = 0;
    this.#pass(count);
  }

  #conceal(count: number): void {
    if (this.#talking && this.#concealedInARowMs < this.#maxConcealedMs) {
      const ms = (count * 1000) / this.#decoder.rateHz;
      const by = this.#decoder.concealsMs > 0 ? this.#decoder : this.#concealer;
      by.conceal(this.#decoded, 0, count);
      this.#concealedInARowMs += ms;
      this.concealedMs += ms;
    } else {
      this.#talking = false;
      this.#decoded.fill(0, 0, count);
    }
    this.#pass(count);
  }

  #pass(count: number): void {
    const made = this.#resampler.process(this.#decoded, 0, count, this.#resampled, 0);
    this.#ready.put(this.#resampled, 0, made);
  }
}
