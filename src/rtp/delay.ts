/**
 * How long packets should be held. Each packet's transit (arrival less sending time, on any common zero) goes into a histogram of
 * the last seconds; the delay that is wanted is the one that costs least, where waiting and being too late have the prices the
 * E-model gives them: a few stragglers are not worth much delay, many are.
 *
 * The histogram lies on the absolute transit, not on that of the fastest packet, so it stays true when the fastest changes.
 */

import { impairmentOfLoss } from './quality.ts';

const BUCKET_MS = 2.5;
/** 320 ms: longer than any delay that could be wanted. */
const BUCKETS = 128;
/** What is known is of this and the previous window; so clock drift is followed, and a bad time is over some time. */
const WINDOW_MS = 8000;

/** Of packets that come later than they are wanted, by more than this, the last run is only believed when another follows it. */
const DOUBT_MS = 20;
const MAX_DOUBTED = 64;
/** So many are the new way of things. */
const MOVED = 4;
/** While no more packets are known, it is taken for certain that a much faster one is the rule. */
const FEW = 50;

/** R of the E-model (ITU-T G.107) lost per ms from mouth to ear, and more above the knee, as Cole and Rosenbluth simplified it. */
const R_PER_MS = 0.024;
const R_PER_MS_ABOVE = 0.11;
const KNEE_MS = 177.3;
/** What the rest of the way takes: packets, network, sound cards. */
const REST_MS = 60;

/** An intercom that answers at once is worth more than the E-model has it: 20 ms more must save four packets of a thousand. */
const R_PER_MS_HERE = 0.056;

/** R lost by a buffer that holds packets `delayMs` and comes too late for the share `late` of them. */
export function impairment(delayMs: number, late: number): number {
  const above = delayMs + REST_MS - KNEE_MS;
  return R_PER_MS * delayMs + (above > 0 ? R_PER_MS_ABOVE * above : 0) + impairmentOfLoss(late, 1);
}

/** Packets by the bucket of their transit, modulo the number of buckets. */
class Window {
  readonly counts = new Float64Array(BUCKETS);
  total = 0;
  fastestMs = 0;

  begin(transitMs: number): void {
    this.counts.fill(0);
    this.total = 0;
    this.fastestMs = transitMs;
  }
}

export class DelayEstimator {
  #now = new Window();
  #before = new Window();
  /** Buckets from this one on are valid. */
  #first = 0;
  /** Transits of the last run of late packets: the network may have stood still this once. */
  readonly #doubted = new Float64Array(MAX_DOUBTED);
  #doubtedCount = 0;
  #doubtedAtMs = 0;
  #late = false;
  /** Packets in a row that were too late to be counted, and no less so than the one before. */
  #beyond = 0;
  #beyondMs = Number.POSITIVE_INFINITY;
  #known = false;
  #windowEndMs = Number.POSITIVE_INFINITY;
  #wantedMs = 0;

  /** Notes a packet. */
  observe(transitMs: number, arrivalMs: number): void {
    // What is known from before a long silence says nothing about now: clocks and ways have changed.
    if (arrivalMs >= this.#windowEndMs + WINDOW_MS) this.reset();
    // Nor do first packets that were held up somewhere together.
    if (this.#total < FEW && transitMs < this.fastestMs - DOUBT_MS / 2) this.reset();
    if (!this.#known || arrivalMs >= this.#windowEndMs) this.#turn(transitMs, arrivalMs);
    const now = this.#now;
    if (transitMs < now.fastestMs) now.fastestMs = transitMs;
    this.#begin(bucketOf(this.fastestMs));
    if (!this.#doubt(transitMs, arrivalMs)) this.#count(transitMs);
    // Nor what is further away than can be counted, when it stays there.
    const beyond = bucketOf(transitMs) >= this.#first + BUCKETS && transitMs > this.#beyondMs - BUCKET_MS;
    this.#beyond = beyond ? this.#beyond + 1 : 0;
    this.#beyondMs = transitMs;
    if (this.#beyond >= MOVED) {
      this.reset();
      this.#turn(transitMs, arrivalMs);
    }
    this.#choose();
  }

  /** The packets that follow have another zero. */
  reset(): void {
    this.#known = this.#late = false;
    this.#doubtedCount = this.#beyond = 0;
    this.#beyondMs = Number.POSITIVE_INFINITY;
  }

  /** Transit of the fastest packet of the last 8..16 s, ms. */
  get fastestMs(): number {
    return Math.min(this.#now.fastestMs, this.#before.fastestMs);
  }

  /** After the fastest packet, what the packets of late asked for, ms; below 320. */
  get wantedMs(): number {
    return Math.max(0, this.#wantedMs - this.fastestMs);
  }

  get #total(): number {
    return this.#now.total + this.#before.total;
  }

  /** True when the packet is not to be counted yet. */
  #doubt(transitMs: number, arrivalMs: number): boolean {
    const late = transitMs - this.fastestMs > Math.max(DOUBT_MS, this.wantedMs);
    // After a standstill each packet is less late than the one before.
    const run = late && this.#late && transitMs < this.#doubted[this.#doubtedCount - 1] - BUCKET_MS;
    if (late && !run) {
      // A second run of late packets: the first one was no accident.
      if (arrivalMs - this.#doubtedAtMs < 2 * WINDOW_MS)
        for (let i = 0; i < this.#doubtedCount; i++) this.#count(this.#doubted[i]);
      this.#doubtedCount = 0;
    }
    this.#late = late;
    if (!late) return false;
    this.#doubtedAtMs = arrivalMs;
    if (this.#doubtedCount === MAX_DOUBTED) this.#doubtedCount--;
    this.#doubted[this.#doubtedCount++] = transitMs;
    return true;
  }

  /** Later than any delay could make good is not counted: that is no jitter to prepare for. */
  #count(transitMs: number): void {
    const bucket = bucketOf(transitMs);
    if (bucket < this.#first || bucket >= this.#first + BUCKETS) return;
    this.#now.counts[modulo(bucket)]++;
    this.#now.total++;
  }

  #turn(transitMs: number, arrivalMs: number): void {
    const old = this.#before;
    this.#before = this.#now;
    this.#now = old;
    old.begin(transitMs);
    this.#windowEndMs = arrivalMs + WINDOW_MS;
    if (this.#known) return;
    this.#known = true;
    this.#before.begin(transitMs);
    this.#first = bucketOf(transitMs);
  }

  /** What was faster than `first` counts as what is as fast. */
  #begin(first: number): void {
    const { counts } = this.#now;
    const before = this.#before.counts;
    if (Math.abs(first - this.#first) >= BUCKETS) {
      this.#now.begin(this.#now.fastestMs);
      this.#before.begin(this.#before.fastestMs);
      this.#first = first;
    }
    for (; this.#first < first; this.#first++) {
      const bucket = modulo(this.#first);
      counts[modulo(this.#first + 1)] += counts[bucket];
      before[modulo(this.#first + 1)] += before[bucket];
      counts[bucket] = before[bucket] = 0;
    }
    for (; this.#first > first; this.#first--) {
      const bucket = modulo(this.#first - 1);
      this.#now.total -= counts[bucket];
      this.#before.total -= before[bucket];
      counts[bucket] = before[bucket] = 0;
    }
  }

  #choose(): void {
    const { counts } = this.#now;
    const before = this.#before.counts;
    const fastestMs = this.fastestMs;
    const total = this.#total;
    let late = 0;
    let least = Number.POSITIVE_INFINITY;
    for (let bucket = this.#first + BUCKETS - 1; bucket >= this.#first; bucket--) {
      const here = counts[modulo(bucket)] + before[modulo(bucket)];
      // Between two buckets with packets in them nothing is gained by waiting.
      if (here === 0 && bucket > this.#first) continue;
      const endMs = bucket * BUCKET_MS;
      const cost = impairment(endMs - fastestMs, late / total) + R_PER_MS_HERE * (endMs - fastestMs);
      if (cost < least) {
        least = cost;
        this.#wantedMs = endMs;
      }
      late += here;
    }
  }
}

/** A bucket is named by its end. */
const bucketOf = (transitMs: number): number => Math.ceil(transitMs / BUCKET_MS);
const modulo = (bucket: number): number => bucket & (BUCKETS - 1);
