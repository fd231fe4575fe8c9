/** The deadlines of many transactions, earliest first: a binary heap in which outdated entries are left to be skipped. */
interface Alarm {
  readonly atMs: number;
  readonly id: string;
}

export class Alarms {
  #heap: Alarm[] = [];
  /** What holds now; a heap entry that says otherwise is outdated. */
  readonly #current = new Map<string, number>();

  /** Sets, moves or (undefined) clears the alarm of `id`. */
  set(id: string, atMs: number | undefined): void {
    if (this.#current.get(id) === atMs) return;
    if (atMs === undefined) this.#current.delete(id);
    else {
      this.#current.set(id, atMs);
      this.#push({ atMs, id });
    }
    // Outdated entries never outnumber the live ones for long.
    if (this.#heap.length > 64 && this.#heap.length > 2 * this.#current.size) this.#rebuild();
  }

  /** The earliest alarm, ms. */
  get next(): number | undefined {
    this.#skipOutdated();
    return this.#heap[0]?.atMs;
  }

  /** Takes one that is due at `now`. */
  take(now: number): string | undefined {
    this.#skipOutdated();
    const first = this.#heap[0];
    if (first === undefined || first.atMs > now) return undefined;
    this.#pop();
    this.#current.delete(first.id);
    return first.id;
  }

  #skipOutdated(): void {
    for (let first = this.#heap[0]; first !== undefined; first = this.#heap[0]) {
      if (this.#current.get(first.id) === first.atMs) return;
      this.#pop();
    }
  }

  #rebuild(): void {
    this.#heap = [];
    for (const [id, atMs] of this.#current) this.#push({ atMs, id });
  }

  #push(alarm: Alarm): void {
    const heap = this.#heap;
    let i = heap.push(alarm) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (heap[parent].atMs <= alarm.atMs) break;
      heap[i] = heap[parent];
      i = parent;
    }
    heap[i] = alarm;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1].atMs < heap[child].atMs) child++;
      if (heap[child].atMs >= last.atMs) break;
      heap[i] = heap[child];
      i = child;
    }
    heap[i] = last;
  }
}
