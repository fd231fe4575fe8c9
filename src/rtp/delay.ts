/**
 * How long packets must be held so that nearly all of them are there when their turn comes. Each packet's delay is taken
 * relative to the fastest one of the last seconds; a histogram that slowly forgets gives the quantile, and a packet that
 * came too late raises the target at once, from where it sinks back slowly.
 */

const BUCKET_MS = 5;
const BUCKETS = 50;
const QUANTILE = 0.97;
/** Weight of a new packet once the histogram is warm: it then remembers some 500 packets, 10 s at 20 ms. */
const FORGET = 0.002;
/** The fastest packet is looked for in this and the previous window, so clock drift is followed. */
const WINDOW_MS = 5000;
const SINK_MS_PER_S = 5;

export class DelayEstimator {
  readonly #histogram = new Float64Array(BUCKETS);
  #count = 0;
  #fastestNow = 0;
  #fastestBefore = 0;
  #windowEndMs = 0;
  #peakMs = 0;
  #lastMs = 0;
  #known = false;

  /** Notes a packet whose arrival less its sending time (any common zero) is `transitMs`. */
  observe(transitMs: number, arrivalMs: number): void {
    if (!this.#known) {
      this.#known = true;
      this.#fastestNow = this.#fastestBefore = transitMs;
      this.#windowEndMs = arrivalMs + WINDOW_MS;
      this.#lastMs = arrivalMs;
    }
    if (arrivalMs >= this.#windowEndMs) {
      this.#fastestBefore = this.#fastestNow;
      this.#fastestNow = transitMs;
      this.#windowEndMs = arrivalMs + WINDOW_MS;
    }
    if (transitMs < this.#fastestNow) this.#fastestNow = transitMs;
    const delayMs = transitMs - this.fastestMs;
    // Longer than any delay that could be wanted: the network stood still. That is no jitter to prepare for.
    if (delayMs >= BUCKETS * BUCKET_MS) return;
    this.#peakMs = Math.max(delayMs, this.#peakMs - ((arrivalMs - this.#lastMs) * SINK_MS_PER_S) / 1000);
    this.#lastMs = arrivalMs;
    const weight = Math.max(FORGET, 1 / ++this.#count);
    for (let i = 0; i < BUCKETS; i++) this.#histogram[i] *= 1 - weight;
    this.#histogram[Math.floor(delayMs / BUCKET_MS)] += weight;
  }

  /** Transit of the fastest packet of the last 5..10 s, ms. */
  get fastestMs(): number {
    return Math.min(this.#fastestNow, this.#fastestBefore);
  }

  /** What the packets of late asked for, ms. Not more than the histogram spans: 250 ms. */
  get wantedMs(): number {
    let sum = 0;
    let bucket = 0;
    while (bucket < BUCKETS - 1 && (sum += this.#histogram[bucket]) < QUANTILE) bucket++;
    const quantileMs = (bucket + 1) * BUCKET_MS;
    // A lone straggler is not worth half a second of delay for all that follow: the peak counts up to twice the quantile.
    return Math.max(quantileMs, Math.min(this.#peakMs, 2 * quantileMs + 20));
  }
}
