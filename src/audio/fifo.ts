/** Samples between two paces: packets of 10..60 ms on one side, frames of 10 ms on the other. Allocates only at its birth. */
export class SampleFifo {
  readonly #ring: Int16Array;
  #start = 0;
  #length = 0;

  /** Holds `capacity` samples. */
  constructor(capacity: number) {
    this.#ring = new Int16Array(capacity);
  }

  get length(): number {
    return this.#length;
  }

  get free(): number {
    return this.#ring.length - this.#length;
  }

  /** Adds `count` samples of `samples` at `from`. When they do not fit, the oldest go; returns how many went. */
  put(samples: Int16Array, from: number, count: number): number {
    const gone = Math.max(0, Math.min(this.#length, count - this.free));
    this.#start = (this.#start + gone) % this.#ring.length;
    this.#length -= gone;
    const skipped = Math.max(0, count - this.#ring.length);
    for (let i = skipped; i < count; i++) {
      this.#ring[(this.#start + this.#length) % this.#ring.length] = samples[from + i];
      this.#length++;
    }
    return gone + skipped;
  }

  /** Takes up to `count` samples into `into` at `at`; returns how many. */
  take(into: Int16Array, at: number, count: number): number {
    const taken = Math.min(count, this.#length);
    for (let i = 0; i < taken; i++) into[at + i] = this.#ring[(this.#start + i) % this.#ring.length];
    this.#start = (this.#start + taken) % this.#ring.length;
    this.#length -= taken;
    return taken;
  }

  clear(): void {
    this.#length = 0;
  }
}
