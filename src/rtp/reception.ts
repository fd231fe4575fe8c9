/**
 * Whose packets are these, and how well do they arrive? Validation of the source and loss after RFC 3550 §A.1 and §A.3,
 * interarrival jitter after §A.8.
 */
import { uint16Diff } from '../base/index.ts';
import type { RtpHeader } from './packet.ts';

/** §A.1: a step of the sequence larger than this is a restart, not a loss. */
const MAX_DROPOUT = 3000;
/** §A.1: a packet this far back is a straggler. */
const MAX_MISORDER = 100;
/** After this much silence a new source or a new numbering is believed at once. */
const QUIET_MS = 60;
/**
 * Otherwise after so many packets in a row. Where two go on at once, both grow with every packet that comes between, so that the two
 * are not mixed; they are as before when there has been no such packet for a while.
 */
const IN_A_ROW = 2;
const MOST_IN_A_ROW = 16;
const AT_ONCE_MS = 10_000;

/** `restart`: a new source or numbering begins with this packet. `reject`: not from our talker. */
export type Arrival = 'ok' | 'restart' | 'reject';

/** The report block of RFC 3550 §6.4.1, what one side says about the other's packets. */
export interface ReportBlock {
  ssrc: number;
  /** Since the last report, 0..255 for 0..1. */
  fractionLost: number;
  cumulativeLost: number;
  extendedSequence: number;
  jitterTicks: number;
  /** Middle 32 bits of the NTP time of the last SR, and how long ago it came, in 1/65536 s; 0 without one. */
  lastSr: number;
  delaySinceLastSr: number;
}

export class Reception {
  readonly #clockRateHz: number;
  #known = false;
  #ssrc = 0;
  #highest = 0;
  #cycles = 0;
  #base = 0;
  #received = 0;
  #lastArrivalMs = 0;
  #transitTicks = 0;
  #timed = false;
  #jitterTicks = 0;
  #expectedPrior = 0;
  #receivedPrior = 0;
  #lostBefore = 0;
  #receivedBefore = 0;
  #candidateSsrc = 0;
  #candidateNext = -1;
  #inARow = 0;
  #wanted = IN_A_ROW;
  #atOnceMs = 0;
  /** How far the last packet taken moved the sequence on: 1 is the next one, 0 and less came after another. */
  step = 1;

  constructor(clockRateHz: number) {
    this.#clockRateHz = clockRateHz;
  }

  /**
   * Departs from RFC 3550 §8: a second SSRC is taken for the same talker (some PBXs renumber when they re-bridge a call).
   * It is believed at its second packet in a row, or at its first when the old one has been quiet for 60 ms; later, when both talk.
   * `timed` is false for packets whose time stamp does not move (telephone-event): they count, but say nothing about jitter.
   */
  receive(header: RtpHeader, arrivalMs: number, timed: boolean): Arrival {
    if (!this.#known) {
      this.#begin(header, arrivalMs, timed);
      return 'restart';
    }
    const step = uint16Diff(header.sequence, this.#highest);
    if (header.ssrc !== this.#ssrc || step > MAX_DROPOUT || step < -MAX_MISORDER) {
      const next = header.ssrc === this.#candidateSsrc && header.sequence === this.#candidateNext;
      this.#inARow = next ? this.#inARow + 1 : 1;
      const quiet = arrivalMs - this.#lastArrivalMs >= (QUIET_MS * this.#wanted) / IN_A_ROW;
      if (!quiet && this.#inARow < this.#wanted) {
        this.#candidateSsrc = header.ssrc;
        this.#candidateNext = (header.sequence + 1) & 0xffff;
        return 'reject';
      }
      this.#begin(header, arrivalMs, timed);
      return 'restart';
    }
    if (this.#candidateNext >= 0) {
      this.#wanted = Math.min(MOST_IN_A_ROW, 2 * this.#wanted);
      this.#atOnceMs = arrivalMs;
    } else if (arrivalMs - this.#atOnceMs >= AT_ONCE_MS) this.#wanted = IN_A_ROW;
    this.#candidateNext = -1;
    this.step = step;
    if (step > 0) {
      if (header.sequence < this.#highest) this.#cycles += 0x10000;
      this.#highest = header.sequence;
    }
    this.#count(header, arrivalMs, timed);
    return 'ok';
  }

  get known(): boolean {
    return this.#known;
  }

  get ssrc(): number {
    return this.#ssrc;
  }

  /** Over all sources since the start. */
  get packetsReceived(): number {
    return this.#receivedBefore + this.#received;
  }

  /** Expected less received (§A.3), over all sources; a duplicate hides a loss, as the RFC has it, but never below 0. */
  get packetsLost(): number {
    return this.#lostBefore + Math.max(0, this.#expected - this.#received);
  }

  get jitterMs(): number {
    return (this.#jitterTicks * 1000) / this.#clockRateHz;
  }

  get #expected(): number {
    return this.#known ? this.#cycles + this.#highest - this.#base + 1 : 0;
  }

  /** What goes into our next report; starts a new reporting interval. */
  report(): ReportBlock {
    const expected = this.#expected - this.#expectedPrior;
    const lost = expected - (this.#received - this.#receivedPrior);
    this.#expectedPrior = this.#expected;
    this.#receivedPrior = this.#received;
    return {
      ssrc: this.#ssrc,
      fractionLost: expected > 0 && lost > 0 ? Math.min(255, Math.floor((lost * 256) / expected)) : 0,
      cumulativeLost: Math.max(-0x800000, Math.min(0x7fffff, this.#expected - this.#received)),
      extendedSequence: (this.#cycles + this.#highest) >>> 0,
      jitterTicks: Math.floor(this.#jitterTicks) >>> 0,
      lastSr: 0,
      delaySinceLastSr: 0,
    };
  }

  #begin(header: RtpHeader, arrivalMs: number, timed: boolean): void {
    this.#lostBefore = this.packetsLost;
    this.#receivedBefore = this.packetsReceived;
    this.#known = true;
    this.step = 1;
    this.#ssrc = header.ssrc;
    this.#highest = header.sequence;
    this.#base = header.sequence;
    this.#cycles = 0;
    this.#received = 0;
    this.#timed = false;
    this.#jitterTicks = 0;
    this.#expectedPrior = 0;
    this.#receivedPrior = 0;
    this.#candidateNext = -1;
    this.#count(header, arrivalMs, timed);
  }

  #count(header: RtpHeader, arrivalMs: number, timed: boolean): void {
    this.#received++;
    this.#lastArrivalMs = arrivalMs;
    if (!timed) return;
    const transit = ((arrivalMs * this.#clockRateHz) / 1000 - header.rtpTimestamp) | 0;
    if (this.#timed) {
      const difference = Math.abs((transit - this.#transitTicks) | 0);
      // A talk spurt or a new time base is no jitter: a second is more than any network adds from packet to packet.
      if (difference < this.#clockRateHz) this.#jitterTicks += (difference - this.#jitterTicks) / 16;
    }
    this.#transitTicks = transit;
    this.#timed = true;
  }
}
