/**
 * What arrives on one stream, made into frames for the loudspeaker: jitter buffer, codec, concealment, rate. Pulled by the tick;
 * allocates nothing per frame.
 */
import { Concealer, Resampler, type SampleCodec, SampleFifo, shorten } from '../audio/index.ts';
import type { JitterBuffer } from '../rtp/index.ts';

/** The longest packet that is taken, and the room for what it becomes. */
const MAX_PACKET_MS = 200;
/** Concealment of a standstill ends here: then it is silence. */
const MAX_CONCEALED_MS = 100;
const FRAME_MS = 10;

export class Listener {
  readonly #codec: SampleCodec;
  readonly #concealer: Concealer;
  readonly #resampler: Resampler;
  readonly #decoded: Int16Array;
  readonly #resampled: Int16Array;
  readonly #ready: SampleFifo;
  readonly #frameSamples: number;
  #talking = false;
  #concealedInARowMs = 0;
  concealedMs = 0;

  constructor(codec: SampleCodec, rateHz: number) {
    this.#codec = codec;
    this.#concealer = new Concealer(codec.rateHz);
    this.#resampler = new Resampler(codec.rateHz, rateHz);
    this.#decoded = new Int16Array((codec.rateHz * MAX_PACKET_MS) / 1000);
    this.#resampled = new Int16Array(this.#resampler.maxOutput(this.#decoded.length));
    this.#frameSamples = (rateHz * FRAME_MS) / 1000;
    this.#ready = new SampleFifo(this.#resampled.length + 2 * this.#frameSamples);
  }

  /** Fills `frame` with the next 10 ms of what the jitter buffer holds. True when any of it really arrived. */
  fill(frame: Int16Array, jitter: JitterBuffer, now: number): boolean {
    let heard = this.#ready.length > 0 && this.#concealedInARowMs === 0;
    while (this.#ready.length < this.#frameSamples) {
      const taken = jitter.take(now);
      if (taken === 'packet') {
        this.#packet(jitter);
        heard = true;
      } else if (taken === 'lost') {
        const count = Math.min(this.#decoded.length, jitter.durationTicks);
        this.#conceal(count);
      } else {
        this.#conceal((this.#codec.rateHz * FRAME_MS) / 1000);
      }
    }
    this.#ready.take(frame, 0, this.#frameSamples);
    return heard && this.#talking;
  }

  #packet(jitter: JitterBuffer): void {
    let count = Math.min(this.#decoded.length, jitter.payloadLength);
    this.#codec.decode(jitter.payload, 0, count, this.#decoded, 0);
    this.#concealer.good(this.#decoded, 0, count);
    if (jitter.excessMs >= FRAME_MS) {
      count = shorten(this.#decoded, 0, count, this.#codec.rateHz, jitter.excessMs);
    }
    this.#talking = true;
    this.#concealedInARowMs = 0;
    this.#pass(count);
  }

  #conceal(count: number): void {
    if (this.#talking && this.#concealedInARowMs < MAX_CONCEALED_MS) {
      const ms = (count * 1000) / this.#codec.rateHz;
      this.#concealer.conceal(this.#decoded, 0, count);
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
