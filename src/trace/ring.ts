/** The messages of the last minutes, within so many octets. What strangers send has room of its own: it pushes out no call. */
import { Buffer } from 'node:buffer';
import { redact } from './redact.ts';

/** Octets kept, messages and what surrounds them. */
export const KNOWN_MAX_BYTES = 896 * 1024;
const STRANGERS_MAX_BYTES = 128 * 1024;
export const KEPT_MS = 5 * 60_000;
/** Of a longer message the rest is left out. */
export const MESSAGE_MAX_BYTES = 16 * 1024;
/** What an entry takes besides its message. */
const ENTRY_BYTES = 256;

/** `strangers`: with an address that no account and no rule names. */
export type TraceClass = 'known' | 'strangers';

interface Place {
  host: string;
  port: number;
}

/** As the transport tells it. */
export interface Passed {
  direction: 'in' | 'out';
  transport: string;
  local: Place;
  remote: Place;
  bytes: Uint8Array;
}

/** As it leaves this room: without credentials, ready for JSON. */
export interface Recorded {
  /** ms since 1970, for people. */
  timeMs: number;
  direction: 'in' | 'out';
  transport: string;
  local: Place;
  remote: Place;
  /** Octets, base64. */
  message: string;
  /** Of the whole message. */
  length: number;
}

interface Entry {
  timeMs: number;
  /** Which came first, when the clock was set meanwhile. */
  serial: number;
  passed: Passed;
  length: number;
}

class Queue {
  readonly #maxBytes: number;
  #entries: (Entry | undefined)[] = [];
  /** Entries before it are gone, and hold nothing any more. */
  #first = 0;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get entries(): Entry[] {
    return this.#entries.slice(this.#first) as Entry[];
  }

  put(entry: Entry): void {
    this.#entries.push(entry);
    this.#bytes += sizeOf(entry);
    while (this.#bytes > this.#maxBytes) {
      this.#bytes -= sizeOf(this.#entries[this.#first]!);
      this.#entries[this.#first++] = undefined;
    }
    if (this.#first > 64 && this.#first * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#first);
      this.#first = 0;
    }
  }
}

const sizeOf = ({ passed }: Entry): number => passed.bytes.length + ENTRY_BYTES;

export class Ring {
  readonly #queues: Record<TraceClass, Queue> = {
    known: new Queue(KNOWN_MAX_BYTES),
    strangers: new Queue(STRANGERS_MAX_BYTES),
  };
  readonly #listeners = new Set<(recorded: Recorded) => void>();
  #serial = 0;

  /** `timeMs`: since 1970. The octets are copied. */
  put(passed: Passed, kind: TraceClass, timeMs: number): void {
    // Not by Buffer: a few hundred octets would keep the 8 kB alive that they share with what came and went at that time.
    const bytes = new Uint8Array(passed.bytes.subarray(0, MESSAGE_MAX_BYTES));
    const entry = { timeMs, serial: this.#serial++, passed: { ...passed, bytes }, length: passed.bytes.length };
    this.#queues[kind].put(entry);
    // Who follows sees calls; a flood would only bury them.
    if (kind === 'known') for (const listener of this.#listeners) listener(recordedOf(entry));
  }

  /** In order. `nowMs`: since 1970. */
  read(nowMs: number): Recorded[] {
    return [...this.#queues.known.entries, ...this.#queues.strangers.entries]
      .filter(({ timeMs }) => nowMs - timeMs <= KEPT_MS)
      .sort((a, b) => a.serial - b.serial)
      .map(recordedOf);
  }

  follow(listener: (recorded: Recorded) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

function recordedOf({ timeMs, passed, length }: Pick<Entry, 'timeMs' | 'passed' | 'length'>): Recorded {
  const { bytes, ...around } = passed;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  return { timeMs, ...around, message: Buffer.from(redact(text), 'latin1').toString('base64'), length };
}
