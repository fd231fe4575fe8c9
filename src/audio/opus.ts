/**
 * Opus, RFC 6716, as RFC 7587 puts it into RTP: mono, spoken by libopus at the rate of the sound card where it can. States and
 * buffers are arrays of ours that libopus works in, so a stream leaves nothing behind, and no frame allocates.
 */
import { CodecError, type Decoder, type Encoder, type Made, type OpusWishes } from './codec.ts';
import {
  loadOpus,
  OPUS_APPLICATION_VOIP,
  OPUS_BANDWIDTH_NARROWBAND,
  OPUS_SET_BITRATE,
  OPUS_SET_COMPLEXITY,
  OPUS_SET_DTX,
  OPUS_SET_INBAND_FEC,
  OPUS_SET_MAX_BANDWIDTH,
  OPUS_SET_PACKET_LOSS_PERC,
  OPUS_SET_VBR,
  type OpusLibrary,
} from './opus-library.ts';
import { opusFrameTicks, opusTicks, repeatsEarlier } from './opus-packet.ts';

/** Rates libopus takes and gives; `BANDWIDTHS_HZ`: the sampling each of its bandwidths asks for, narrowband first. */
const RATES_HZ = [8000, 12_000, 16_000, 24_000, 48_000];
const BANDWIDTHS_HZ = RATES_HZ;
const TICKS_HZ = 48_000;
const MAX_PACKET_MS = 120;
const MAX_SENT_MS = 60;
/** What fits a frame of Ethernet, encrypted and over IPv6 too: libopus keeps to it. */
const MAX_SENT_BYTES = 1360;
const MAX_RECEIVED_BYTES = 1500;
const COMPLEXITY = 5;
/** Good speech, mono; without a wish of the other side. */
const WIDEBAND_BITRATE = 24_000;
const FULLBAND_BITRATE = 32_000;
/** A sender in a pause speaks up at least every 400 ms; until then the decoder goes on with the noise there was. */
const CONCEALS_MS = 500;
/** Losses are never said to be fewer, in percent: the next one comes before the report about it. And how they are forgotten, per packet. */
const LEAST_LOSS = 3;
const MOST_LOSS = 25;
const FORGET = 0.002;

/** The rate nearest above. */
const rateFor = (rateHz: number): number => RATES_HZ.find((hz) => hz >= rateHz) ?? TICKS_HZ;

export class OpusEncoder implements Encoder {
  readonly rateHz: number;
  made: Made = 'sound';
  readonly #opus: OpusLibrary;
  readonly #state: Uint8Array;
  readonly #pcm: Int16Array;
  readonly #payload = new Uint8Array(MAX_SENT_BYTES);
  readonly #fec: boolean;
  readonly #dtx: boolean;
  /** Of one number, because one in an object is boxed at each change. */
  readonly #loss = new Float64Array(1);
  #lossPercent = 0;

  /** `pauses`: they need not be sent. Throws `CodecError` where there is no libopus. */
  constructor(wishes: OpusWishes, rateHz: number, pauses: boolean) {
    this.rateHz = rateFor(rateHz);
    this.#opus = loadOpus();
    this.#state = new Uint8Array(this.#opus.encoderBytes(1));
    this.#pcm = new Int16Array((this.rateHz * MAX_SENT_MS) / 1000);
    const error = this.#opus.encoderInit(this.#state, this.rateHz, 1, OPUS_APPLICATION_VOIP);
    if (error !== 0)
      throw new CodecError('opus-library', `Cannot encode Opus at ${this.rateHz} Hz: libopus says ${error}`);
    const heardHz = Math.min(this.rateHz, wishes.maxPlaybackRateHz ?? this.rateHz);
    const bandwidth = Math.max(
      0,
      BANDWIDTHS_HZ.findLastIndex((hz) => hz <= heardHz),
    );
    const usual = heardHz > 16_000 ? FULLBAND_BITRATE : WIDEBAND_BITRATE;
    this.#fec = wishes.fec === true;
    this.#dtx = pauses;
    this.#set(OPUS_SET_COMPLEXITY, COMPLEXITY);
    this.#set(OPUS_SET_BITRATE, Math.min(usual, wishes.maxAverageBitrate ?? usual));
    this.#set(OPUS_SET_MAX_BANDWIDTH, OPUS_BANDWIDTH_NARROWBAND + bandwidth);
    this.#set(OPUS_SET_VBR, wishes.cbr ? 0 : 1);
    this.#set(OPUS_SET_INBAND_FEC, this.#fec ? 1 : 0);
    this.#set(OPUS_SET_DTX, pauses ? 1 : 0);
    this.expectLoss(0);
  }

  encode(from: Int16Array, at: number, count: number, to: Uint8Array, offset: number): number {
    for (let i = 0; i < count; i++) this.#pcm[i] = from[at + i];
    const length = this.#opus.encode(this.#state, this.#pcm, count, this.#payload, MAX_SENT_BYTES);
    // Two bytes and fewer are a frame without sound (libopus); what cannot be encoded at all is a bug of ours, and silence.
    this.made = length < 1 || (this.#dtx && length <= 2) ? 'pause' : 'sound';
    for (let i = 0; i < length; i++) to[offset + i] = this.#payload[i];
    return Math.max(0, length);
  }

  /** Said at every packet: rises at once, sinks within 10 s. */
  expectLoss(share: number): void {
    if (!this.#fec) return;
    const loss = this.#loss[0];
    this.#loss[0] = loss + (share - loss) * (share > loss ? 1 : FORGET);
    const percent = Math.min(MOST_LOSS, Math.max(LEAST_LOSS, Math.round(100 * this.#loss[0])));
    if (percent !== this.#lossPercent) this.#set(OPUS_SET_PACKET_LOSS_PERC, percent);
    this.#lossPercent = percent;
  }

  #set(what: number, value: number): void {
    this.#opus.encoderSet(this.#state, what, 'int', value);
  }
}

export class OpusDecoder implements Decoder {
  readonly rateHz: number;
  readonly concealsMs = CONCEALS_MS;
  readonly #opus: OpusLibrary;
  readonly #state: Uint8Array;
  readonly #pcm: Int16Array;
  readonly #payload = new Uint8Array(MAX_RECEIVED_BYTES);
  /** Ticks of 48 kHz per sample. */
  readonly #ticks: number;
  /** The least that libopus makes up: 2.5 ms. */
  readonly #step: number;

  /** Throws `CodecError` where there is no libopus. */
  constructor(rateHz: number) {
    this.rateHz = rateFor(rateHz);
    this.#ticks = TICKS_HZ / this.rateHz;
    this.#step = this.rateHz / 400;
    this.#opus = loadOpus();
    this.#state = new Uint8Array(this.#opus.decoderBytes(1));
    this.#pcm = new Int16Array((this.rateHz * MAX_PACKET_MS) / 1000);
    const error = this.#opus.decoderInit(this.#state, this.rateHz, 1);
    if (error !== 0)
      throw new CodecError('opus-library', `Cannot decode Opus at ${this.rateHz} Hz: libopus says ${error}`);
  }

  samplesIn(payload: Uint8Array, offset: number, length: number): number {
    return length > MAX_RECEIVED_BYTES ? 0 : opusTicks(payload, offset, length) / this.#ticks;
  }

  decode(payload: Uint8Array, offset: number, length: number, to: Int16Array, at: number): number {
    if (length < 1 || length > MAX_RECEIVED_BYTES) return 0;
    for (let i = 0; i < length; i++) this.#payload[i] = payload[offset + i];
    return this.#take(this.#payload, length, this.#pcm.length, to, at, this.#pcm.length);
  }

  conceal(to: Int16Array, at: number, count: number): void {
    for (let done = 0; done < count; ) {
      const wanted = Math.min(this.#pcm.length, count - done);
      const made = this.#take(null, 0, Math.ceil(wanted / this.#step) * this.#step, to, at + done, wanted);
      if (made === 0) to.fill(0, at + done, at + done + wanted);
      done += wanted;
    }
  }

  recover(next: Uint8Array, offset: number, length: number, to: Int16Array, at: number, count: number): boolean {
    if (length < 1 || length > MAX_RECEIVED_BYTES || !repeatsEarlier(next, offset, length)) return false;
    const frame = opusFrameTicks(next, offset) / this.#ticks;
    // What is there is a whole frame; of a longer hole libopus makes up the beginning, of a shorter one the end is wanted.
    const whole = Math.max(frame, Math.ceil(count / this.#step) * this.#step);
    if (whole > this.#pcm.length) return false;
    for (let i = 0; i < length; i++) this.#payload[i] = next[offset + i];
    if (this.#opus.decode(this.#state, this.#payload, length, this.#pcm, whole, 1) !== whole) return false;
    for (let i = 0; i < count; i++) to[at + i] = this.#pcm[whole - count + i];
    return true;
  }

  /** At most `most` samples of what libopus makes; 0 when it cannot. */
  #take(payload: Uint8Array | null, length: number, count: number, to: Int16Array, at: number, most: number): number {
    const made = this.#opus.decode(this.#state, payload, length, this.#pcm, count, 0);
    const taken = Math.max(0, Math.min(most, made));
    for (let i = 0; i < taken; i++) to[at + i] = this.#pcm[i];
    return taken;
  }
}
