/**
 * When each sample of a page is to sound. A sample's time stamp says when it was taken, by the sender's counter; the counter is
 * tied to our clock in one of two ways: by the fastest packet of late, or, where the sender's clock and ours are set by NTP and it
 * sends reports (RFC 3550 §6.4.1), by what it says of itself. Loudspeakers that hear the same packets come to the same answer.
 */
import { uint32, uint32Diff } from '../base/index.ts';

/**
 * The fastest packet is looked for in this and the previous window. The windows begin at multiples of the time stamp, so that who
 * came later has the same ones.
 */
const WINDOW_MS = 2000;
/** Sender and receiver are not this far apart, on any network and however long the sound was under way before it was sent. */
const MAX_TRANSIT_MS = 3000;
/** No burst is waited for longer. */
export const MAX_HOLD_MS = 500;
/** Clocks set by NTP may differ by so much, so that a packet seems to come before it was sent. */
const MAX_AHEAD_MS = 250;

export class Timeline {
  readonly #ticksPerMs: number;
  #known = false;
  #first = 0;
  #lastTimestamp = 0;
  #last = 0;
  #window = Number.NaN;
  #fastestNow = 0;
  #fastestBefore = 0;
  /** Of this window; a lone straggler does not count. */
  #slowest = Number.NEGATIVE_INFINITY;
  #slow = Number.NEGATIVE_INFINITY;
  #slowBefore = Number.NEGATIVE_INFINITY;
  #reported: { ticks: number; wallMs: number } | undefined;

  constructor(clockRateHz: number) {
    this.#ticksPerMs = clockRateHz / 1000;
  }

  /** Ticks since the first packet: below 0 for one that it has overtaken. */
  unwrap(rtpTimestamp: number): number {
    if (!this.#known) {
      this.#known = true;
      this.#first = this.#lastTimestamp = rtpTimestamp;
      return 0;
    }
    this.#last += uint32Diff(rtpTimestamp, this.#lastTimestamp);
    this.#lastTimestamp = rtpTimestamp;
    return this.#last;
  }

  /** How much slower than the fastest of late that packet was, ms. */
  behindMs(ticks: number, arrivalMs: number): number {
    return Number.isNaN(this.#window) ? 0 : arrivalMs - ticks / this.#ticksPerMs - this.#fastestMs;
  }

  /** Notes that the sample `ticks` arrived. */
  observe(ticks: number, arrivalMs: number): void {
    const transitMs = arrivalMs - ticks / this.#ticksPerMs;
    const window = Math.floor((this.#first + ticks) / (WINDOW_MS * this.#ticksPerMs));
    if (Number.isNaN(this.#window)) this.#fastestNow = this.#fastestBefore = transitMs;
    else if (window > this.#window) {
      this.#fastestBefore = this.#fastestNow;
      this.#fastestNow = transitMs;
      this.#slowBefore = this.#slow;
      this.#slowest = this.#slow = Number.NEGATIVE_INFINITY;
    }
    if (!(window < this.#window)) this.#window = window;
    this.#fastestNow = Math.min(this.#fastestNow, transitMs);
    if (transitMs > this.#slowest) [this.#slow, this.#slowest] = [this.#slowest, transitMs];
    else this.#slow = Math.max(this.#slow, transitMs);
  }

  /** What a sender report says: that sample was taken at that time of day. */
  report(rtpTimestamp: number, wallMs: number): void {
    if (!this.#known) return;
    const ticks = this.#last + uint32Diff(rtpTimestamp, this.#lastTimestamp);
    this.#reported = { ticks, wallMs };
  }

  get reported(): boolean {
    return this.#reported !== undefined;
  }

  /**
   * Which sample, as ticks and a fraction, is due at `atMs` when sound is played `delayMs` after the fastest packets. Where the
   * sender's packets come in bursts, or late for good, that is too short for the slowest ones: they have `leastMs`.
   */
  ticksAt(atMs: number, delayMs: number, leastMs: number): number {
    return (atMs - this.#fastestMs - this.holdMs(delayMs, leastMs)) * this.#ticksPerMs;
  }

  /** What the delay after the fastest packets is then. */
  holdMs(delayMs: number, leastMs: number): number {
    const slowMs = Math.max(this.#slow, this.#slowBefore, this.#fastestMs);
    return Math.max(delayMs, Math.min(MAX_HOLD_MS, slowMs + leastMs - this.#fastestMs));
  }

  /** The same when sound is played `delayMs` after it was taken. `wallAheadMs`: our time of day less our own clock. */
  ticksByClock(atMs: number, delayMs: number, wallAheadMs: number): number {
    const reported = this.#reported;
    const zeroMs = reported === undefined ? this.#fastestMs : this.#reportedZeroMs(reported, wallAheadMs);
    return (atMs - delayMs - zeroMs) * this.#ticksPerMs;
  }

  /** The time of day on both sides fits what is seen of the packets, and by it they are under way for `mostMs` at most. */
  agrees(wallAheadMs: number, mostMs: number): boolean {
    if (this.#reported === undefined) return false;
    const transitMs = this.#fastestMs - this.#reportedZeroMs(this.#reported, wallAheadMs);
    return transitMs > -MAX_AHEAD_MS && transitMs < Math.min(MAX_TRANSIT_MS, mostMs);
  }

  #reportedZeroMs({ ticks, wallMs }: { ticks: number; wallMs: number }, wallAheadMs: number): number {
    return wallMs - wallAheadMs - ticks / this.#ticksPerMs;
  }

  get #fastestMs(): number {
    return Math.min(this.#fastestNow, this.#fastestBefore);
  }
}

/** From 1900 to 1970 (RFC 5905), s. */
const NTP_EPOCH_S = 2_208_988_800;

/** A 64-bit NTP time stamp as ms since 1970. It wraps in 2036: the one nearest to `nearMs` is meant. */
export function wallOfNtp(seconds: number, fraction: number, nearMs: number): number {
  const near = Math.round(nearMs / 1000) + NTP_EPOCH_S;
  return (near + uint32Diff(seconds, uint32(near)) - NTP_EPOCH_S) * 1000 + fraction / 4294967.296;
}

export function ntpOfWall(wallMs: number): { ntpSeconds: number; ntpFraction: number } {
  const seconds = Math.floor(wallMs / 1000);
  return {
    ntpSeconds: uint32(seconds + NTP_EPOCH_S),
    ntpFraction: uint32(Math.floor((wallMs - seconds * 1000) * 4294967.296)),
  };
}
