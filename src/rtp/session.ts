/**
 * One RTP session (RFC 3550): what goes out, what comes in, and the reports about both. Pure: datagrams are byte arrays, the
 * time is an argument. A session lives as long as its port pair; `configure` follows offer/answer.
 */
import { type Random, uint16, uint32 } from '../base/index.ts';
import { DtmfReceiver, DtmfSender, type DtmfTiming } from './dtmf.ts';
import { type BufferMode, JitterBuffer } from './jitter.ts';
import { formatRtp, isRtcp, parseRtp, RTP_HEADER_BYTES, RtpHeader } from './packet.ts';
import { StreamQuality, type VoipMetrics } from './quality.ts';
import { Reception } from './reception.ts';
import { formatRtcp, parseRtcp } from './rtcp.ts';
import { RESUMED_GAP } from './srtp.ts';

/** What sound card and resamplers add at this end, about. */
const SOUND_MS = 25;
/** §6.2: the interval of reports, varied by 0.5 .. 1.5 so that terminals do not report in step (§6.3.1). */
const REPORT_INTERVAL_MS = 5000;

export interface SessionConfig {
  payloadType: number;
  clockRateHz: number;
  /** What we send per packet; what comes may be any 10..60 ms. */
  packetMs: number;
  dtmfPayloadType?: number;
  /** Of the durations of digits; absent: `clockRateHz` (RFC 4733 §2.4.1). */
  dtmfClockRateHz?: number;
  /** Comfort noise (RFC 3389), when both sides have it; absent: the number everybody knows, for what comes. */
  noisePayloadType?: number;
  /** Of what comes, where it is numbered otherwise than what goes (RFC 3264 §5.1). */
  received?: { payloadType: number; dtmfPayloadType?: number };
  buffer: BufferMode;
  /** The other side wants to know how well it is heard (RFC 3611): XR goes with the reports. */
  extendedReports?: boolean;
  /** Ticks that payload lasts, 0: it cannot be read. Left out: one per byte, as with G.711. */
  ticksOf?: (bytes: Uint8Array, offset: number, length: number) => number;
  dtmf?: DtmfTiming;
}

/** Comfort noise, RFC 3551 §6, table 4: everybody knows it. */
const NOISE_PAYLOAD_TYPE = 13;

/** `digit`: see `digit`. `noise`: the payload describes a pause. `ignored`: not ours, of another payload type, or no RTP. */
export type Received = 'audio' | 'noise' | 'digit' | 'event' | 'ignored';

/**
 * What of ours goes on, in memory that may be shared with the session that does so: SSRC, name, the next sequence number and time
 * stamp, what was sent. Zeros: it begins.
 */
export const SESSION_CELLS = 8;
const [SSRC, NAME, SEQUENCE, TIMESTAMP, PACKETS, OCTETS] = [0, 1, 4, 5, 6, 7];

export class RtpSession {
  readonly #random: Random;
  readonly #cname: string;
  readonly ssrc: number;
  readonly #cells: Float64Array;
  readonly #out = new RtpHeader();
  readonly #in = new RtpHeader();
  readonly #dtmfReceiver = new DtmfReceiver();
  #config: SessionConfig;
  #dtmfSender: DtmfSender;
  #reception: Reception;
  #rtpTimestamp: number;
  #sequence: number;
  #spurt = true;
  #sentSinceReport = 0;
  #reportAtMs: number | undefined;
  #lastSr = 0;
  #lastSrMs = 0;
  readonly #quality = new StreamQuality();
  #packetMs = 20;

  jitter: JitterBuffer;
  /** After `receive` said 'digit'. */
  digit = '';
  packetsSent: number;
  octetsSent: number;
  /** From the other side's reports (§6.4.1), when it sends any. */
  roundTripMs: number | undefined;
  /** What the other side misses of ours, 0..1, as it last said. */
  remoteLoss: number | undefined;
  /** How the other side hears us, when it tells (RFC 3611). */
  remoteMetrics: VoipMetrics | undefined;

  /** `cells`: where another session came to, with which this one is the same to the other side. */
  constructor(config: SessionConfig, random: Random, cells: Float64Array = new Float64Array(SESSION_CELLS)) {
    this.#config = config;
    this.#random = random;
    this.#cells = cells;
    if (cells[SSRC] !== 0) cells[SEQUENCE] = uint16(cells[SEQUENCE] + RESUMED_GAP);
    else {
      for (let cell = SSRC; cell <= TIMESTAMP; cell++) cells[cell] = random.uint32();
      // RFC 3711 §3.3.1: in the lower half, so that no wrap among the first packets leaves an SRTP receiver behind.
      cells[SEQUENCE] &= 0x7fff;
    }
    this.ssrc = cells[SSRC];
    // RFC 7022 §4.2: a short-term persistent CNAME is a random token, it names no host.
    this.#cname = Array.from(cells.subarray(NAME, SEQUENCE), (part) => part.toString(36)).join('');
    this.#sequence = cells[SEQUENCE];
    this.#rtpTimestamp = cells[TIMESTAMP];
    this.packetsSent = cells[PACKETS];
    this.octetsSent = cells[OCTETS];
    this.#dtmfSender = dtmfSenderFor(config);
    this.#reception = new Reception(config.clockRateHz);
    this.jitter = new JitterBuffer(config.clockRateHz, config.buffer);
  }

  /** What a new offer/answer settled; numbering goes on, what is buffered is kept unless the codec or the buffer changed. */
  configure(config: SessionConfig): void {
    const old = this.#config;
    this.#config = config;
    if (
      old.packetMs !== config.packetMs ||
      old.clockRateHz !== config.clockRateHz ||
      old.dtmfClockRateHz !== config.dtmfClockRateHz ||
      old.dtmf?.digitMs !== config.dtmf?.digitMs ||
      old.dtmf?.gapMs !== config.dtmf?.gapMs
    )
      this.#dtmfSender = dtmfSenderFor(config);
    if (
      old.payloadType === config.payloadType &&
      old.clockRateHz === config.clockRateHz &&
      JSON.stringify(old.buffer) === JSON.stringify(config.buffer)
    )
      return;
    this.jitter = new JitterBuffer(config.clockRateHz, config.buffer);
    if (old.clockRateHz !== config.clockRateHz) this.#reception = new Reception(config.clockRateHz);
  }

  get reception(): Reception {
    return this.#reception;
  }

  /** Ticks per packet sent. */
  get packetTicks(): number {
    return Math.round((this.#config.packetMs * this.#config.clockRateHz) / 1000);
  }

  /** Digits to be sent in place of the audio; returns how many were taken. None without a telephone-event payload type. */
  sendDigits(digits: string): number {
    return this.#config.dtmfPayloadType === undefined ? 0 : this.#dtmfSender.queue(digits);
  }

  /**
   * The packet for the next packet interval, into `datagram`, whose payload (`payloadLength` bytes) the caller has already
   * written from byte 12 on. While digits are sent they take its place. Returns the length of the datagram; 0 for a pause, which
   * is not sent: the time goes on.
   */
  send(datagram: Uint8Array, payloadLength: number, made: 'sound' | 'noise' | 'pause' = 'sound'): number {
    const header = this.#out;
    header.ssrc = this.ssrc;
    header.sequence = this.#sequence;
    header.rtpTimestamp = this.#rtpTimestamp;
    const { payloadType, noisePayloadType = NOISE_PAYLOAD_TYPE } = this.#config;
    header.payloadType = made === 'noise' ? noisePayloadType : payloadType;
    header.marker = made === 'sound' && this.#spurt;
    let length = payloadLength;
    let event = false;
    if (this.#dtmfSender.active) {
      const eventBytes = this.#dtmfSender.next(this.#rtpTimestamp, datagram, RTP_HEADER_BYTES);
      if (eventBytes > 0) {
        event = true;
        length = eventBytes;
        header.payloadType = this.#config.dtmfPayloadType ?? header.payloadType;
        header.marker = this.#dtmfSender.marker;
        header.rtpTimestamp = this.#dtmfSender.rtpTimestamp;
      }
    }
    if (!event && made === 'pause') {
      this.skip(this.packetTicks);
      return 0;
    }
    if (!event) this.#spurt = made === 'noise';
    formatRtp(header, datagram);
    this.#sequence = uint16(this.#sequence + 1);
    this.#rtpTimestamp = uint32(this.#rtpTimestamp + this.packetTicks);
    this.packetsSent++;
    this.#sentSinceReport++;
    this.octetsSent += length;
    this.#keep();
    return RTP_HEADER_BYTES + length;
  }

  /** Nothing is sent for `ticks`: the time goes on, and what comes next is marked as a talk spurt (RFC 3551 §4.1). */
  skip(ticks: number): void {
    this.#rtpTimestamp = uint32(this.#rtpTimestamp + ticks);
    this.#spurt = true;
    this.#keep();
  }

  #keep(): void {
    const cells = this.#cells;
    cells[SEQUENCE] = this.#sequence;
    cells[TIMESTAMP] = this.#rtpTimestamp;
    cells[PACKETS] = this.packetsSent;
    cells[OCTETS] = this.octetsSent;
  }

  /** A datagram from the RTP port. Allocates nothing for audio. */
  receive(bytes: Uint8Array, length: number, arrivalMs: number): Received {
    const header = this.#in;
    const { ticksOf } = this.#config;
    const { payloadType, dtmfPayloadType } = this.#config.received ?? this.#config;
    if (!parseRtp(bytes, length, header)) return 'ignored';
    const audio = header.payloadType === payloadType;
    const event = header.payloadType === dtmfPayloadType;
    const noise = !audio && !event && header.payloadType === (this.#config.noisePayloadType ?? NOISE_PAYLOAD_TYPE);
    if (!audio && !event && !noise) return 'ignored';
    // Departs from RFC 3550 §8: events under another SSRC than the audio are the same talker's; some PBXs renumber them.
    const foreign = event && this.#reception.known && header.ssrc !== this.#reception.ssrc;
    const arrival = foreign ? 'ok' : this.#reception.receive(header, arrivalMs, audio);
    if (arrival === 'reject') return 'ignored';
    if (arrival === 'restart') this.jitter.restart();
    if (event) {
      if (!foreign) this.jitter.pass(header);
      const digit = this.#dtmfReceiver.receive(header, bytes);
      if (digit === undefined) return 'event';
      this.digit = digit;
      return 'digit';
    }
    if (noise) {
      if (arrival !== 'restart') this.jitter.pass(header);
      return 'noise';
    }
    const { payloadOffset, payloadLength } = header;
    const ticks = ticksOf === undefined ? payloadLength : ticksOf(bytes, payloadOffset, payloadLength);
    if (ticks <= 0) return 'ignored';
    const put = this.jitter.put(header, ticks, bytes, arrivalMs);
    const { step } = this.#reception;
    this.#packetMs = (1000 * ticks) / this.#config.clockRateHz;
    // What comes after another was counted as missing then.
    if (put !== 'duplicate') this.#quality.packet(step > 0 ? step - 1 : -1, put !== 'stored');
    return 'audio';
  }

  /** A datagram from the RTCP port (or from the RTP port, when `isRtcp`). */
  receiveRtcp(bytes: Uint8Array, length: number, now: number): 'report' | 'bye' | 'ignored' {
    const report = isRtcp(bytes, length) ? parseRtcp(bytes, length) : undefined;
    if (report === undefined) return 'ignored';
    if (report.sender !== undefined) {
      this.#lastSr = uint32((report.sender.ntpSeconds << 16) | (report.sender.ntpFraction >>> 16));
      this.#lastSrMs = now;
    }
    if (report.voip?.ssrc === this.ssrc) this.remoteMetrics = report.voip;
    for (const block of report.blocks) {
      if (block.ssrc !== this.ssrc) continue;
      this.remoteLoss = block.fractionLost / 256;
      if (block.lastSr !== 0) {
        const roundTrip = (((now * 65.536) | 0) - block.lastSr - block.delaySinceLastSr) | 0;
        this.roundTripMs = Math.max(0, roundTrip / 65.536);
      }
    }
    // §6.6, but only from the source that talks to us: a straggler's BYE ends nobody else's call.
    const left = report.bye.some((ssrc) => !this.#reception.known || ssrc === this.#reception.ssrc);
    return left ? 'bye' : 'report';
  }

  /** When `report` is next due, ms; undefined before the first was asked for. */
  get reportAtMs(): number | undefined {
    return this.#reportAtMs;
  }

  /** The report that is due at `now`, or undefined. `bye`: the last one, at once. */
  report(now: number, bye = false): Uint8Array | undefined {
    if (!bye && this.#reportAtMs !== undefined && now < this.#reportAtMs) return undefined;
    const first = this.#reportAtMs === undefined;
    this.#reportAtMs = now + REPORT_INTERVAL_MS * (0.5 + this.#random.uint32() / 2 ** 32) * (first ? 0.5 : 1);
    const block = this.#reception.known ? this.#reception.report() : undefined;
    if (block !== undefined && this.#lastSr !== 0) {
      block.lastSr = this.#lastSr;
      block.delaySinceLastSr = uint32(Math.round((now - this.#lastSrMs) * 65.536));
    }
    const sending = this.#sentSinceReport > 0;
    this.#sentSinceReport = 0;
    const sender = sending
      ? {
          ntpSeconds: Math.floor(now / 1000) >>> 0,
          ntpFraction: Math.floor((now % 1000) * 4294967.296) >>> 0,
          rtpTimestamp: this.#rtpTimestamp,
          packetsSent: uint32(this.packetsSent),
          octetsSent: uint32(this.octetsSent),
        }
      : undefined;
    return formatRtcp({
      ssrc: this.ssrc,
      cname: this.#cname,
      sender,
      block,
      ...(block && this.#config.extendedReports && { voip: { ssrc: block.ssrc, ...this.metrics() } }),
      bye,
    });
  }

  /** How well the other side is heard. */
  metrics(): VoipMetrics {
    const { roundTripMs } = this;
    const { buffer, packetMs } = this.#config;
    const endSystemMs = this.jitter.delayMs + packetMs + SOUND_MS;
    return {
      ...this.#quality.metrics(this.#packetMs, { roundTripMs, endSystemMs }, this.jitter.packetsRepaired),
      bufferMs: this.jitter.targetMs,
      bufferLongestMs: buffer.kind === 'adaptive' ? buffer.maxMs : buffer.delayMs,
      adaptive: buffer.kind === 'adaptive',
    };
  }
}

const dtmfSenderFor = ({ clockRateHz, dtmfClockRateHz, packetMs, dtmf }: SessionConfig): DtmfSender =>
  new DtmfSender(dtmfClockRateHz ?? clockRateHz, packetMs, dtmf);
