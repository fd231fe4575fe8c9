/** Which events are kept, in which order, and which go first when there are too many. Knows no file. */
import type { TerminalEvent } from '../terminal/types.ts';

/** Where the line of an event stands. */
export interface Place {
  segment: number;
  offset: number;
  /** Bytes, without the line end. */
  length: number;
}

export interface Entry {
  /** Grows from event to event, across restarts. */
  readonly position: number;
  readonly id: string;
  readonly emergency: boolean;
  /** Absent while the event is in memory only; then `text` is its line. */
  place?: Place;
  text?: string;
}

/** Presses and help calls are the last to be dropped. */
export function isEmergency(event: TerminalEvent): boolean {
  return event.type === 'press' || (event.type === 'call' && event.direction === 'outgoing');
}

/** `7f3a-42` -> 42; undefined for anything else. */
export function positionOf(id: unknown): number | undefined {
  const position = typeof id === 'string' ? Number(id.match(/^[^-]+-(\d{1,15})$/)?.[1]) : Number.NaN;
  return Number.isNaN(position) ? undefined : position;
}

export class EventTable {
  readonly #cap: number;
  /** Both in the order of `position`. */
  readonly #ordinary: Entry[] = [];
  readonly #emergencies: Entry[] = [];

  constructor(cap: number) {
    this.#cap = cap;
  }

  get size(): number {
    return this.#ordinary.length + this.#emergencies.length;
  }

  get lastPosition(): number {
    return Math.max(this.#ordinary.at(-1)?.position ?? 0, this.#emergencies.at(-1)?.position ?? 0);
  }

  /** Adds the newest event; returns what had to go for it. */
  add(entry: Entry): Entry | undefined {
    (entry.emergency ? this.#emergencies : this.#ordinary).push(entry);
    if (this.size <= this.#cap) return undefined;
    // A tenth stays for the others: of faults the newest are wanted even where the button is pressed all day.
    return this.#ordinary.length > Math.ceil(this.#cap / 10)
      ? this.#ordinary.shift()
      : (this.#emergencies.shift() ?? this.#ordinary.shift());
  }

  remove(entry: Entry): void {
    const list = entry.emergency ? this.#emergencies : this.#ordinary;
    const index = firstBehind(list, entry.position - 1);
    if (list[index] === entry) list.splice(index, 1);
  }

  /** The oldest event behind `position`. */
  next(position: number): Entry | undefined {
    const ordinary = this.#ordinary[firstBehind(this.#ordinary, position)];
    const emergency = this.#emergencies[firstBehind(this.#emergencies, position)];
    if (ordinary === undefined || emergency === undefined) return ordinary ?? emergency;
    return ordinary.position < emergency.position ? ordinary : emergency;
  }

  /** Those behind `position`, oldest first. */
  behind(position: number): Entry[] {
    const ordinary = this.#ordinary.slice(firstBehind(this.#ordinary, position));
    const emergencies = this.#emergencies.slice(firstBehind(this.#emergencies, position));
    return [...ordinary, ...emergencies].sort((a, b) => a.position - b.position);
  }
}

/** Index of the first entry with a greater position, by halving. */
function firstBehind(list: readonly Entry[], position: number): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (list[middle].position <= position) low = middle + 1;
    else high = middle;
  }
  return low;
}
