/**
 * What arrives on one stream, made into frames for the loudspeaker: jitter buffer, codec, concealment, time scale, rate. Pulled by
 * the tick; allocates nothing per frame.
 *
 * Three things keep the delay where the jitter buffer wants it: clocks that differ are levelled out by the resampler, a few ms
 * at a time and never heard; what the network does is answered period by period of the voice; and what is silent is made as
 * long or short as it has to be.
 */
import { ComfortNoise, Concealer, type Decoder, SampleFifo, SteeredResampler, TimeScale } from '../audio/index.ts';
import type { JitterBuffer, RtpHeader } from '../rtp/index.ts';
import { Pace } from './pace.ts';

/** The longest packet that is taken, and the room for what it becomes. */
const MAX_PACKET_MS = 200;
/** Concealment of a standstill ends here: then it is silence. */
const MAX_CONCEALED_MS = 100;
const FRAME_MS = 10;
/** Delay off by less is left to the resampler. More than a tick: packets are seen once a tick, so what is measured jumps by as much. */
const TOLERANCE_MS = 12;
/** So much too short, and packets are late. */
const SHORT_MS = 0.5;
/** In a pause of the talk by less. */
const QUIET_TOLERANCE_MS = 3;
/** So much too long, and a period goes from every packet; below that one in `GENTLE_MS`. */
const URGENT_MS = 40;
const GENTLE_MS = 60;
/** Behind a longer one no other need be waiting. */
const LONG_PACKET_MS = 30;
/** Room for what is made longer. */
const SPARE_MS = 20;

export class Listener {
  readonly #decoder: Decoder;
  /** Ticks of the time stamps per sample. */
  readonly #ticksPerSample: number;
  /** The same, of the samples that are ready. */
  readonly #ticksPerReady: number;
  readonly #maxConcealedMs: number;
  readonly #concealer: Concealer;
  readonly #timeScale: TimeScale;
  readonly #pace = new Pace(FRAME_MS);
  readonly #resampler: SteeredResampler;
  readonly #decoded: Int16Array;
  readonly #maxSamples: number;
  readonly #resampled: Int16Array;
  readonly #ready: SampleFifo;
  readonly #rateHz: number;
  readonly #frameSamples: number;
  /** What sounds where the other side says that it pauses (RFC 3389). */
  readonly #noise: ComfortNoise;
  /** Its last packet said so; and that is what sounds. */
  pausing = false;
  #noisy = false;
  #talking = false;
  #concealedInARowMs = 0;
  #sinceScaledMs = 0;
  concealedMs = 0;
  /** By how much sound was made longer or shorter, but in silence. */
  scaledMs = 0;

  /** `clockRateHz`: of the time stamps; `rateHz`: of the frames that are filled. */
  constructor(decoder: Decoder, clockRateHz: number, rateHz: number) {
    this.#decoder = decoder;
    this.#rateHz = rateHz;
    this.#ticksPerSample = clockRateHz / decoder.rateHz;
    this.#ticksPerReady = clockRateHz / rateHz;
    this.#maxConcealedMs = Math.max(MAX_CONCEALED_MS, decoder.concealsMs);
    this.#concealer = new Concealer(decoder.rateHz);
    this.#noise = new ComfortNoise(decoder.rateHz, decoder.rateHz === clockRateHz);
    this.#timeScale = new TimeScale(decoder.rateHz, MAX_PACKET_MS);
    this.#resampler = new SteeredResampler(decoder.rateHz, rateHz);
    this.#maxSamples = (decoder.rateHz * MAX_PACKET_MS) / 1000;
    this.#decoded = new Int16Array((decoder.rateHz * (MAX_PACKET_MS + SPARE_MS)) / 1000);
    this.#resampled = new Int16Array(this.#resampler.maxOutput(this.#decoded.length));
    this.#frameSamples = (rateHz * FRAME_MS) / 1000;
    this.#ready = new SampleFifo(this.#resampled.length + 2 * this.#frameSamples);
  }

  /** How long a payload lasts, in ticks of the time stamps; 0: it cannot be read, or is longer than any that is taken. */
  readonly ticksOf = (payload: Uint8Array, offset: number, length: number): number => {
    const count = this.#decoder.samplesIn(payload, offset, length);
    return count > this.#maxSamples ? 0 : Math.round(count * this.#ticksPerSample);
  };

  /** A packet of comfort noise came: it fills the gap behind what is still to be played. */
  pause(bytes: Uint8Array, { payloadOffset, payloadLength }: RtpHeader): void {
    this.pausing = this.#noise.describe(bytes, payloadOffset, payloadLength);
  }

  /** A packet of sound came. */
  resume(): void {
    this.pausing = false;
  }

  /** How much faster the clock of who speaks is than ours, as far as is known, ppm. */
  get driftPpm(): number {
    return this.#pace.driftPpm;
  }

  /** What lies between the packet that is taken next and the loudspeaker. */
  get aheadMs(): number {
    return (this.#ready.length * 1000) / this.#rateHz;
  }

  /** Fills `frame` with the next 10 ms of what the jitter buffer holds. True when any of it really arrived. */
  fill(frame: Int16Array, jitter: JitterBuffer, now: number): boolean {
    this.#pace.tick();
    let heard = this.#ready.length > 0 && this.#concealedInARowMs === 0;
    while (this.#ready.length < this.#frameSamples) {
      const taken = jitter.take(now, Math.round(this.#ready.length * this.#ticksPerReady));
      if (taken === 'packet') {
        this.#packet(jitter, now);
        heard = true;
      } else if (taken === 'wait') {
        this.#conceal((this.#decoder.rateHz * FRAME_MS) / 1000);
      } else {
        const before = this.concealedMs;
        this.#hole(jitter, now);
        // Nothing was lost where nothing was sent.
        if (taken === 'pause') this.concealedMs = before;
      }
    }
    this.#ready.take(frame, 0, this.#frameSamples);
    return heard && this.#talking;
  }

  #packet(jitter: JitterBuffer, now: number): void {
    const count = this.#decoder.decode(jitter.payload, 0, jitter.payloadLength, this.#decoded, 0);
    if (count === 0) return this.#hole(jitter, now);
    if (this.#decoder.concealsMs === 0) this.#concealer.good(this.#decoded, 0, count);
    this.#noisy = false;
    this.#talking = true;
    this.#concealedInARowMs = 0;
    const durationMs = (count * 1000) / this.#decoder.rateHz;
    this.#resampler.steer(this.#pace.observe(jitter, durationMs, now));
    this.#pass(this.#scale(count, durationMs, jitter));
  }

  /** `jitter` says how long it is, and what may be behind it. */
  #hole(jitter: JitterBuffer, now: number): void {
    const count = Math.min(this.#maxSamples, Math.round(jitter.durationTicks / this.#ticksPerSample));
    const { next, nextLength } = jitter;
    // A packet is repeated as a whole. Where its beginning has been made up while nothing had come, its end is what is missing.
    const whole = nextLength > 0 ? Math.max(count, this.#decoder.samplesIn(next, 0, nextLength)) : 0;
    if (whole > 0 && this.#decoder.recover(next, 0, nextLength, this.#decoded, 0, whole)) {
      this.#decoded.copyWithin(0, whole - count, whole);
      jitter.repaired((1000 * whole) / this.#decoder.rateHz, now);
      this.#talking = true;
      this.#concealedInARowMs = 0;
      this.#pass(this.#timeScale.process(this.#decoded, count, 0));
    } else {
      this.#conceal(count);
    }
  }

  /** Makes the packet longer or shorter where the delay has to change and it can go unheard; returns the samples it has then. */
  #scale(count: number, durationMs: number, { excessMs, shortMs, size }: JitterBuffer): number {
    const quiet = this.#timeScale.quiet(this.#decoded, count);
    const tolerance = quiet ? QUIET_TOLERANCE_MS : TOLERANCE_MS;
    this.#sinceScaledMs += durationMs;
    let changeMs = 0;
    // A period is seldom as short as what is missing.
    if (shortMs > SHORT_MS) changeMs = quiet ? shortMs + SHORT_MS : shortMs + TOLERANCE_MS;
    else if (excessMs < -tolerance) changeMs = -excessMs;
    // Without another packet here it is not that sound piles up, but that it comes later by now.
    else if (size === 0 && !quiet && durationMs <= LONG_PACKET_MS) changeMs = 0;
    else if (excessMs > URGENT_MS || (excessMs > tolerance && (quiet || this.#sinceScaledMs >= GENTLE_MS)))
      changeMs = -excessMs;
    const scaled = this.#timeScale.process(this.#decoded, count, changeMs);
    if (scaled !== count && !quiet) {
      this.#sinceScaledMs = 0;
      this.scaledMs += (Math.abs(scaled - count) * 1000) / this.#decoder.rateHz;
    }
    return scaled;
  }

  #conceal(count: number): void {
    this.#noisy ||= this.pausing;
    if (this.#noisy) {
      this.#noise.fill(this.#decoded, 0, count);
    } else if (this.#talking && this.#concealedInARowMs < this.#maxConcealedMs) {
      const ms = (count * 1000) / this.#decoder.rateHz;
      const by = this.#decoder.concealsMs > 0 ? this.#decoder : this.#concealer;
      by.conceal(this.#decoded, 0, count);
      this.#concealedInARowMs += ms;
      this.concealedMs += ms;
    } else {
      this.#talking = false;
      this.#decoded.fill(0, 0, count);
    }
    this.#pass(this.#timeScale.process(this.#decoded, count, 0));
  }

  #pass(count: number): void {
    const made = this.#resampler.process(this.#decoded, 0, count, this.#resampled, 0);
    this.#ready.put(this.#resampled, 0, made);
  }
}
