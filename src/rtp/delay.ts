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

/** R of the E-model (ITU-T G.107) lost per ms from mouth to ear, and more above the knee, as Cole and Rosenbluth simplified it. */
const R_PER_MS = 0.024;
const R_PER_MS_ABOVE = 0.11;
const KNEE_MS = 177.3;
/** What the rest of the way takes: packets, network, sound cards. */
const REST_MS = 60;

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
  #known = false;
  #windowEndMs = 0;
  #wantedMs = 0;

  /** Notes a packet. */
  observe(transitMs: number, arrivalMs: number): void {
    if (!this.#known || arrivalMs >= this.#windowEndMs) this.#turn(transitMs, arrivalMs);
    const now = this.#now;
    if (transitMs < now.fastestMs) now.fastestMs = transitMs;
    this.#begin(bucketOf(this.fastestMs));
    const bucket = bucketOf(transitMs);
    // Later than any delay could make good: the network stood still. That is no jitter to prepare for.
    if (bucket >= this.#first + BUCKETS) return;
    now.counts[modulo(bucket)]++;
    now.total++;
    this.#choose();
  }

  /** Transit of the fastest packet of the last 8..16 s, ms. */
  get fastestMs(): number {
    return Math.min(this.#now.fastestMs, this.#before.fastestMs);
  }

  /** After the fastest packet, what the packets of late asked for, ms; below 320. */
  get wantedMs(): number {
    return Math.max(0, this.#wantedMs - this.fastestMs);
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
    const total = this.#now.total + this.#before.total;
    let late = 0;
    let least = Number.POSITIVE_INFINITY;
    for (let bucket = this.#first + BUCKETS - 1; bucket >= this.#first; bucket--) {
      const here = counts[modulo(bucket)] + before[modulo(bucket)];
      // Between two buckets with packets in them nothing is gained by waiting.
      if (here === 0 && bucket > this.#first) continue;
      const endMs = bucket * BUCKET_MS;
      const cost = impairment(endMs - fastestMs, late / total);
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
