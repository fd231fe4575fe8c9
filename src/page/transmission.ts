/**
 * One page on its way to a group: frames of 10 ms in, datagrams out, with all that the format wants before and after. Sans-IO; the
 * clock is the tick that adds the frames.
 */
import { type Encoder, Resampler, SampleFifo } from '../audio/index.ts';
import { type Random, uint16, uint32 } from '../base/index.ts';
import { formatRtcp, formatRtp, RTP_HEADER_BYTES, RtpHeader } from '../rtp/index.ts';
import { formatOf, type PageCodec } from './codecs.ts';
import { formatLinksys, LINKSYS_BYTES, LINKSYS_REPEATS } from './linksys.ts';
import { formatPoly, POLY_ALERTS, POLY_ENDS, POLY_HEADER_BYTES, POLY_SIGNAL_EVERY_MS } from './poly.ts';
import { ntpOfWall } from './timeline.ts';

const FRAME_MS = 10;
const PACKET_MS = 20;
/** Loudspeakers keep in step by the reports: the first comes at once, the next ones soon, for one may get lost. */
const REPORT_FIRST_MS = 100;
const REPORT_EVERY_MS = 1000;
/** What was said before the alerts are over is kept: the caller of a relayed page does not wait for them. */
const KEPT_MS = 1500;
/** Ticks come late, never early: the place of the count in time is that of the least late one, which is forgotten this slowly. */
const FORGET_MS_PER_TICK = 0.002;
const MAX_DATAGRAM_BYTES = 1500;
const MAX_CALLER_BYTES = 13;
/** Of ticks that came in a row. */
const MAX_LATE_MS = 60;

export interface TransmissionConfig {
  format: 'rtp' | 'poly' | 'linksys';
  codec: PageCodec;
  /** `poly` */
  channel: number;
  /** `poly`: who pages, as telephones show it. */
  caller: string;
  /** `linksys`: where the sound goes, as the control packet says it. */
  group: { host: string; port: number };
}

/** Where a datagram goes: to the group, its RTCP port (RFC 3550 §11), or where SPA telephones wait for control packets. */
export type Target = 'group' | 'report' | 'control';
export type SendPage = (datagram: Uint8Array, length: number, to: Target) => void;

export class Transmission {
  readonly #config: TransmissionConfig;
  readonly #encoder: Encoder;
  readonly #send: SendPage;
  readonly #resampler: Resampler;
  readonly #resampled: Int16Array;
  readonly #waiting: SampleFifo;
  readonly #packet: Int16Array;
  readonly #ticksPerSample: number;
  readonly #header = new RtpHeader();
  readonly #cname: string;
  readonly #id: number;
  readonly #caller: Uint8Array;
  readonly #datagram = new Uint8Array(MAX_DATAGRAM_BYTES);
  readonly #before = new Uint8Array(MAX_DATAGRAM_BYTES);
  #beforeLength = 0;
  #signals: number;
  #signalAtMs = 0;
  #reportAtMs = 0;
  #reportEveryMs = REPORT_FIRST_MS;
  /** Time of day of time stamp 0 of the count that goes on with `#unwrapped`. */
  #zeroMs = Number.NaN;
  #unwrapped = 0;
  /** Of sound that may be sent now; one packet may go ahead. */
  #dueMs = 0;
  #octets = 0;
  #ending = false;
  packetsSent = 0;
  over = false;
  #closing = false;

  /** `encoder`: of the codec, for packets of `PACKET_MS`; `rateHz`: of the frames. */
  constructor(config: TransmissionConfig, encoder: Encoder, rateHz: number, random: Random, send: SendPage) {
    const { clockRateHz, payloadType } = formatOf(config.codec);
    this.#config = config;
    this.#encoder = encoder;
    this.#send = send;
    this.#resampler = new Resampler(rateHz, encoder.rateHz);
    this.#resampled = new Int16Array(this.#resampler.maxOutput((rateHz * FRAME_MS) / 1000));
    this.#packet = new Int16Array((encoder.rateHz * PACKET_MS) / 1000);
    this.#waiting = new SampleFifo((encoder.rateHz * KEPT_MS) / 1000);
    this.#ticksPerSample = clockRateHz / encoder.rateHz;
    this.#header.payloadType = payloadType;
    this.#header.ssrc = random.uint32();
    this.#header.sequence = random.uint32() & 0x7fff;
    this.#header.rtpTimestamp = random.uint32();
    this.#header.marker = true;
    this.#cname = random.token();
    this.#id = random.uint32();
    this.#caller = new TextEncoder().encode(config.caller).subarray(0, MAX_CALLER_BYTES);
    this.#signals = config.format === 'poly' ? POLY_ALERTS : config.format === 'linksys' ? LINKSYS_REPEATS : 0;
  }

  /** The next 10 ms; without `frame`, silence. `now`: ms, monotonic; `wallMs`: time of day. */
  tick(frame: Int16Array | undefined, now: number, wallMs: number): void {
    if (this.over) return;
    if (frame !== undefined && !this.#ending) {
      const made = this.#resampler.process(frame, 0, frame.length, this.#resampled, 0);
      this.#waiting.put(this.#resampled, 0, made);
    }
    if (this.#signals > 0) return this.#signal(now);
    if (this.#ending && this.#waiting.length < this.#packet.length) {
      if (this.#waiting.length === 0) return this.#close();
      this.#packet.fill(0);
      this.#waiting.put(this.#packet, 0, this.#packet.length - this.#waiting.length);
    }
    this.#keepTime(wallMs);
    // What was kept during the alerts stays behind by as much: a burst would overrun the listeners.
    this.#dueMs = Math.min(MAX_LATE_MS, this.#dueMs + FRAME_MS);
    while (this.#waiting.length >= this.#packet.length && this.#dueMs > 0) {
      this.#dueMs -= PACKET_MS;
      if (this.#config.format === 'rtp' && now >= this.#reportAtMs) this.#report(now, false);
      this.#sendPacket();
    }
  }

  /** The ticks of `ms` were left out, and the sound with them: what comes next was taken so much later. */
  skip(ms: number): void {
    const ticks = Math.round((ms * formatOf(this.#config.codec).clockRateHz) / 1000);
    this.#header.rtpTimestamp = uint32(this.#header.rtpTimestamp + ticks);
    this.#unwrapped += ticks;
  }

  /** No more frames: what waits is sent, the end is said, and `tick` goes on until `over`. */
  finish(): void {
    this.#ending = true;
  }

  /** The alerts, or the ends. */
  #signal(now: number): void {
    const { format, channel, group } = this.#config;
    if (format === 'poly') {
      if (now < this.#signalAtMs) return;
      // From when it was due, as long as the ticks keep time.
      const due = now - this.#signalAtMs > FRAME_MS ? now : this.#signalAtMs;
      this.#signalAtMs = due + POLY_SIGNAL_EVERY_MS;
      formatPoly({ kind: this.#closing ? 'end' : 'alert', channel, serial: this.#id }, this.#caller, this.#datagram);
      this.#send(this.#datagram, POLY_HEADER_BYTES, 'group');
    } else {
      formatLinksys({ command: this.#closing ? 'stop' : 'start', id: this.#id, group }, this.#datagram);
      this.#send(this.#datagram, LINKSYS_BYTES, 'control');
    }
    if (--this.#signals === 0 && this.#closing) this.over = true;
  }

  #close(): void {
    this.#closing = true;
    this.#signalAtMs = 0;
    if (this.#config.format === 'rtp') {
      this.#report(0, true);
      this.over = true;
    } else this.#signals = this.#config.format === 'poly' ? POLY_ENDS : LINKSYS_REPEATS;
  }

  #sendPacket(): void {
    const count = this.#waiting.take(this.#packet, 0, this.#packet.length);
    const ticks = Math.round(count * this.#ticksPerSample);
    if (this.#config.format === 'poly') this.#sendPoly(count);
    else {
      const length = this.#encoder.encode(this.#packet, 0, count, this.#datagram, RTP_HEADER_BYTES);
      formatRtp(this.#header, this.#datagram);
      this.#send(this.#datagram, RTP_HEADER_BYTES + length, 'group');
      this.#octets += length;
      this.#header.marker = false;
      this.#header.sequence = uint16(this.#header.sequence + 1);
    }
    this.packetsSent++;
    this.#header.rtpTimestamp = uint32(this.#header.rtpTimestamp + ticks);
    this.#unwrapped += ticks;
  }

  #sendPoly(count: number): void {
    const { channel } = this.#config;
    const codec = this.#config.codec === 'g722' ? 'G722' : 'PCMU';
    const sampleCount = this.#header.rtpTimestamp;
    const datagram = this.#datagram;
    let at = formatPoly({ kind: 'audio', channel, serial: this.#id, codec, sampleCount }, this.#caller, datagram);
    for (let i = 0; i < this.#beforeLength; i++) datagram[at + i] = this.#before[i];
    at += this.#beforeLength;
    const length = this.#encoder.encode(this.#packet, 0, count, datagram, at);
    for (let i = 0; i < length; i++) this.#before[i] = datagram[at + i];
    this.#beforeLength = length;
    this.#send(datagram, at + length, 'group');
  }

  /** When the sample that comes next out of the encoder was taken. */
  #keepTime(wallMs: number): void {
    const { clockRateHz } = formatOf(this.#config.codec);
    const waitingMs = (this.#waiting.length * 1000) / this.#encoder.rateHz;
    const zeroMs = wallMs - waitingMs - (this.#unwrapped * 1000) / clockRateHz;
    const known = this.#zeroMs + FORGET_MS_PER_TICK;
    // Time lost for good (the thread stood still) is no lateness.
    this.#zeroMs = zeroMs < known || !(zeroMs - known < 100) ? zeroMs : known;
  }

  #report(now: number, bye: boolean): void {
    this.#reportAtMs = now + this.#reportEveryMs;
    this.#reportEveryMs = Math.min(REPORT_EVERY_MS, 2 * this.#reportEveryMs);
    const { clockRateHz } = formatOf(this.#config.codec);
    const takenMs = this.#zeroMs + (this.#unwrapped * 1000) / clockRateHz;
    const report = formatRtcp({
      ssrc: this.#header.ssrc,
      cname: this.#cname,
      sender: {
        ...ntpOfWall(Number.isNaN(takenMs) ? 0 : takenMs),
        rtpTimestamp: this.#header.rtpTimestamp,
        packetsSent: this.packetsSent,
        octetsSent: uint32(this.#octets),
      },
      bye,
    });
    this.#send(report, report.length, 'report');
  }
}
