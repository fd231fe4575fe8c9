/**
 * Digits as telephone-event packets, RFC 4733.
 *
 *     0                   1                   2                   3
 *     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *    +---------------+-+-+-----------+-------------------------------+
 *    |     event     |E|R|  volume   |      duration (ticks)         |
 *    +---------------+-+-+-----------+-------------------------------+
 */
import { uint16Diff, uint32, uint32Diff } from '../base/index.ts';
import type { RtpHeader } from './packet.ts';

const EVENTS = '0123456789*#ABCD';
const EVENT_BYTES = 4;
/** Level of the tone the event stands for, -dBm0. */
const VOLUME = 10;
/** RFC 4733 §2.5.1.4: the packet that ends an event is sent three times. */
const END_PACKETS = 3;
/** Digits that may wait to be sent. */
const MAX_QUEUED_DIGITS = 64;

export interface DtmfTiming {
  /** How long each digit lasts; default 160 ms. */
  digitMs?: number;
  /** Pause after each digit, the repeated end packets included; default 100 ms. */
  gapMs?: number;
}

/** One of a packet that came; `shared`: with others. */
interface Event {
  event: number;
  rtpTimestamp: number;
  durationTicks: number;
  ended: boolean;
  marker: boolean;
  shared: boolean;
  sequence: number;
}

/** One digit after the other; asked once per packet interval what to send instead of audio. */
export class DtmfSender {
  readonly #stepTicks: number;
  readonly #digitTicks: number;
  readonly #gapSteps: number;
  #queue = '';
  #event = -1;
  #durationTicks = 0;
  #endsSent = 0;
  #gapLeft = 0;
  /** Of the packet last written by `next`. */
  marker = false;
  rtpTimestamp = 0;

  constructor(clockRateHz: number, packetMs: number, timing: DtmfTiming = {}) {
    this.#stepTicks = Math.round((clockRateHz * packetMs) / 1000);
    this.#digitTicks = Math.round((clockRateHz * (timing.digitMs ?? 160)) / 1000);
    this.#gapSteps = Math.max(0, Math.ceil((timing.gapMs ?? 100) / packetMs) - END_PACKETS);
  }

  /** Adds digits `0-9 * # A-D` (either case); others are left out. Returns how many were taken. */
  queue(digits: string): number {
    const known = [...digits.toUpperCase()].filter((digit) => EVENTS.includes(digit)).join('');
    const taken = known.slice(0, MAX_QUEUED_DIGITS - this.#queue.length);
    this.#queue += taken;
    return taken.length;
  }

  get active(): boolean {
    return this.#event >= 0 || this.#queue !== '';
  }

  /**
   * The event payload for the packet interval that begins at `rtpTimestamp`, written at `offset`. Returns its length, 4, or
   * 0 when this interval belongs to the audio. `marker` and `rtpTimestamp` then hold what goes into the header (§2.5.1.2).
   */
  next(rtpTimestamp: number, into: Uint8Array, offset: number): number {
    if (this.#gapLeft > 0) {
      this.#gapLeft--;
      return 0;
    }
    this.marker = false;
    if (this.#event < 0) {
      if (this.#queue === '') return 0;
      this.#event = EVENTS.indexOf(this.#queue[0]);
      this.#queue = this.#queue.slice(1);
      this.rtpTimestamp = rtpTimestamp;
      this.#durationTicks = 0;
      this.#endsSent = 0;
      this.marker = true;
    }
    if (this.#endsSent === 0) this.#durationTicks = Math.min(0xffff, this.#durationTicks + this.#stepTicks);
    const end = this.#endsSent > 0 || this.#durationTicks >= this.#digitTicks;
    into[offset] = this.#event;
    into[offset + 1] = (end ? 0x80 : 0) | VOLUME;
    into[offset + 2] = this.#durationTicks >> 8;
    into[offset + 3] = this.#durationTicks;
    if (end && ++this.#endsSent === END_PACKETS) {
      this.#event = -1;
      this.#gapLeft = this.#gapSteps;
    }
    return EVENT_BYTES;
  }
}

/** Tells each digit once, at its first packet: a lost end, or a lost beginning, changes nothing. */
export class DtmfReceiver {
  #known = false;
  #ssrc = 0;
  #event = 0;
  #rtpTimestamp = 0;
  #durationTicks = 0;
  #ended = false;
  #sequence = 0;

  /**
   * The digits that begin with this packet, in their order, mostly one; undefined: a repetition, an old packet, or an event that is
   * no digit. §2.5.1.5: events that follow each other without a pause may share a packet.
   */
  receive(header: RtpHeader, bytes: Uint8Array): string | undefined {
    if (header.ssrc !== this.#ssrc) this.#known = false; // other time stamps, other numbers
    this.#ssrc = header.ssrc;
    let digits = '';
    let { rtpTimestamp } = header;
    const end = header.payloadOffset + header.payloadLength;
    for (let at = header.payloadOffset; at + EVENT_BYTES <= end; at += EVENT_BYTES) {
      const durationTicks = (bytes[at + 2] << 8) | bytes[at + 3];
      const marker = header.marker && rtpTimestamp === header.rtpTimestamp;
      const shared = header.payloadLength >= 2 * EVENT_BYTES;
      const ended = (bytes[at + 1] & 0x80) !== 0;
      const one = { event: bytes[at], rtpTimestamp, durationTicks, ended, marker, shared, sequence: header.sequence };
      if (this.#begins(one)) digits += EVENTS[one.event] ?? '';
      rtpTimestamp = uint32(rtpTimestamp + durationTicks);
    }
    return digits === '' ? undefined : digits;
  }

  #begins(one: Event): boolean {
    const repeated = this.#known && this.#isSame(one);
    if (this.#known && !repeated && this.#isOld(one)) return false;
    if (!repeated) this.#ended = false;
    this.#known = true;
    this.#event = one.event;
    this.#rtpTimestamp = one.rtpTimestamp;
    this.#durationTicks = one.durationTicks;
    this.#ended ||= one.ended;
    this.#sequence = one.sequence;
    return !repeated;
  }

  #isSame({ event, rtpTimestamp, durationTicks, ended, marker, shared, sequence }: Event): boolean {
    if (event !== this.#event) return false;
    if (rtpTimestamp === this.#rtpTimestamp) return true;
    const ahead = uint32Diff(rtpTimestamp, this.#rtpTimestamp);
    // §2.5.1.3: an event longer than the duration field goes on as the next segment, without a marker.
    if (ahead === this.#durationTicks && this.#durationTicks >= 0xff00 && !marker && !this.#ended) return true;
    // Departs from RFC 4733 §2.2: some gateways move the time stamp along with every packet of one event. The duration that
    // grows as fast gives them away, and that two events cannot overlap: a new one begins behind the old one.
    const near = uint16Diff(sequence, this.#sequence);
    if (shared || marker || ahead <= 0 || near <= 0 || near > (this.#ended ? 2 : 5)) return false;
    if (this.#ended && durationTicks !== this.#durationTicks) return false;
    if (ahead < this.#durationTicks) return true;
    // The ends, close together, keep their duration.
    const grown = durationTicks - this.#durationTicks;
    return !this.#ended && (ended ? grown > 0 && grown <= ahead && durationTicks >= ahead : grown === ahead);
  }

  /** Of a packet that was overtaken on the way; or told again, together with a later one. */
  #isOld({ rtpTimestamp, sequence, shared }: Event): boolean {
    const earlier = uint32Diff(rtpTimestamp, this.#rtpTimestamp) < 0;
    return earlier && (shared || uint16Diff(sequence, this.#sequence) < 0);
  }
}
