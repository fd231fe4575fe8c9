/**
 * Debounce for lines that the kernel will not debounce, to the kernel's own rule: a level counts once it has lasted for
 * the whole period, and its time is the end of that period.
 */
export class Debouncer {
  readonly #periodMs: number;
  /** What counts now. */
  #stable: boolean;
  /** What the wire has, and until when it must have it. */
  #level: boolean;
  #deadline: number | undefined;

  constructor(periodMs: number, active: boolean) {
    this.#periodMs = periodMs;
    this.#stable = active;
    this.#level = active;
  }

  get deadline(): number | undefined {
    return this.#deadline;
  }

  /** An edge of the wire. Edges that were late to be read are given with their own times, in order. */
  receive(active: boolean, atMs: number): { active: boolean; atMs: number }[] {
    const settled = this.timeout(atMs);
    this.#level = active;
    // An edge that leads back to what counts needs no wait: there is nothing to tell.
    this.#deadline = active === this.#stable ? undefined : atMs + this.#periodMs;
    return settled;
  }

  timeout(now: number): { active: boolean; atMs: number }[] {
    const atMs = this.#deadline;
    if (atMs === undefined || now < atMs) return [];
    this.#deadline = undefined;
    this.#stable = this.#level;
    return [{ active: this.#stable, atMs }];
  }
}
