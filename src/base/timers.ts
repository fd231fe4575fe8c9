/** The alarms of one machine: named, on the caller's clock, fired by the caller. A machine's `deadline` is `next`. */
export class Timers<Name extends string> {
  readonly #at = new Map<Name, number>();

  /** Arms `name` for `atMs` (absolute, monotonic), replacing an earlier setting. */
  set(name: Name, atMs: number): void {
    this.#at.set(name, atMs);
  }

  clear(...names: Name[]): void {
    for (const name of names) this.#at.delete(name);
  }

  clearAll(): void {
    this.#at.clear();
  }

  has(name: Name): boolean {
    return this.#at.has(name);
  }

  /** The earliest alarm, ms, or undefined when none is armed. */
  get next(): number | undefined {
    return earliest(this.#at.values());
  }

  /** What `ring` makes of the alarms that are due at `now`, taken as by `due`. */
  run<T>(now: number, ring: (name: Name) => readonly T[]): T[] {
    const made: T[] = [];
    for (const name of this.due(now)) made.push(...ring(name));
    return made;
  }

  /** Takes the alarms that are due at `now`, earliest first; each is disarmed as it is taken. */
  *due(now: number): Generator<Name> {
    for (;;) {
      let first: Name | undefined;
      let at = Number.POSITIVE_INFINITY;
      for (const [name, time] of this.#at) if (time <= now && time < at) [first, at] = [name, time];
      if (first === undefined) return;
      this.#at.delete(first);
      yield first;
    }
  }
}

/** The first of several deadlines, or undefined when there is none. */
export function earliest(deadlines: Iterable<number | undefined>): number | undefined {
  let first: number | undefined;
  for (const at of deadlines) if (at !== undefined && (first === undefined || at < first)) first = at;
  return first;
}
