/** Waits that double, ms: from the first to the longest. */
export class Backoff {
  readonly #firstMs: number;
  readonly #maxMs: number;
  #ms: number;

  constructor(firstMs: number, maxMs: number) {
    this.#firstMs = firstMs;
    this.#maxMs = maxMs;
    this.#ms = firstMs;
  }

  next(): number {
    const ms = this.#ms;
    this.#ms = Math.min(this.#maxMs, ms * 2);
    return ms;
  }

  reset(): void {
    this.#ms = this.#firstMs;
  }

  /** The longest from now on. */
  exhaust(): void {
    this.#ms = this.#maxMs;
  }
}
