/**
 * How much of one address is looked at. A message above its measure is dropped before it is read, so that a flood costs
 * little more than the system's own work. Whom an account or rule names, and whom we ask ourselves, has a wider measure.
 */
import { networkOf } from '../message/index.ts';

/** Addresses remembered; the one longest unheard of makes room. */
export const SOURCES_MAX = 1024;
/** Whether an address is known is asked again after so long. */
const KNOWN_MS = 2_000;
/** Whom we sent a request to may answer, at the wider measure, for so long. */
const ASKED_MS = 5 * 60_000;
/** Strangers all together may take so many times the measure of one: addresses are easily invented. */
const ALL_STRANGERS = 2;
/** As many of one stranger at one moment: what answers them is slow before it has run some hundred times, and others wait. */
export const STRANGER_BURST = 100;

export interface LimitOptions {
  /** Whether an account or a rule names that address. */
  known(host: string): boolean;
  /** Messages a second of one address, IPv6 of one /64. As many may come at once, of a stranger 100 at most. */
  strangerPerS: number;
  knownPerS: number;
  /** Strangers get no answer to what cannot be read. */
  silent?: boolean;
}

class Bucket {
  readonly #perS: number;
  readonly #most: number;
  #tokens: number;
  #atMs: number;

  constructor(perS: number, now: number, most = perS) {
    this.#perS = perS;
    this.#most = Math.min(most, perS);
    this.#tokens = this.#most;
    this.#atMs = now;
  }

  take(now: number): boolean {
    this.#tokens = Math.min(this.#most, this.#tokens + ((now - this.#atMs) * this.#perS) / 1000);
    this.#atMs = now;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}

interface Source {
  bucket: Bucket;
  known: boolean;
  /** When `known` was found out. */
  foundMs: number;
  askedUntilMs: number;
  messages: number;
  dropped: number;
  heardMs: number;
}

/** What came from addresses nobody knows. */
export interface StrangerCounts {
  messages: number;
  dropped: number;
  /** The busiest addresses (IPv6: prefixes). */
  sources: { address: string; messages: number; dropped: number }[];
}

const TOLD_SOURCES = 10;

export class Limits {
  readonly #options: LimitOptions;
  /** By `networkOf`, roughly in order of last use. */
  readonly #sources = new Map<string, Source>();
  #strangers: Bucket | undefined;
  #messages = 0;
  #dropped = 0;

  constructor(options: LimitOptions) {
    this.#options = options;
  }

  get silent(): boolean {
    return this.#options.silent ?? false;
  }

  /** Addresses remembered. */
  get size(): number {
    return this.#sources.size;
  }

  /** Whether a message of `host` may be looked at. */
  admit(host: string, now: number): boolean {
    const source = this.#source(host, now);
    if (source.known || source.askedUntilMs > now) return source.bucket.take(now);
    source.messages++;
    this.#messages++;
    this.#strangers ??= new Bucket(ALL_STRANGERS * this.#options.strangerPerS, now, ALL_STRANGERS * STRANGER_BURST);
    if (source.bucket.take(now) && this.#strangers.take(now)) return true;
    this.#drop(source);
    return false;
  }

  /** A connection, say, that was not taken. */
  dropped(host: string, now: number): void {
    this.#drop(this.#source(host, now));
  }

  knows(host: string, now: number): boolean {
    return this.#source(host, now).known;
  }

  /** Known, or asked by us not long ago. */
  familiar(host: string, now: number): boolean {
    const source = this.#source(host, now);
    return source.known || source.askedUntilMs > now;
  }

  /** A request of ours goes there. */
  asked(host: string, now: number): void {
    const source = this.#source(host, now);
    if (source.askedUntilMs <= now && !source.known) source.bucket = new Bucket(this.#options.knownPerS, now);
    source.askedUntilMs = now + ASKED_MS;
  }

  get strangers(): StrangerCounts {
    const sources = [...this.#sources]
      .filter(([, { messages, dropped }]) => messages + dropped > 0)
      .sort(([, a], [, b]) => b.messages - a.messages)
      .slice(0, TOLD_SOURCES)
      .map(([address, { messages, dropped }]) => ({ address, messages, dropped }));
    return { messages: this.#messages, dropped: this.#dropped, sources };
  }

  #drop(source: Source): void {
    source.dropped++;
    this.#dropped++;
  }

  #source(host: string, now: number): Source {
    const key = networkOf(host);
    let source = this.#sources.get(key);
    if (source === undefined) {
      source = { ...this.#standing(host, now), askedUntilMs: 0, messages: 0, dropped: 0, heardMs: now };
      if (this.#sources.size >= SOURCES_MAX) this.#makeRoom();
      this.#sources.set(key, source);
      return source;
    }
    if (now - source.foundMs > KNOWN_MS) {
      const known = this.#options.known(host);
      source.foundMs = now;
      if (known !== source.known) Object.assign(source, this.#standing(host, now));
    }
    // Not with every message: to move an entry to the end costs more than the rest.
    if (now - source.heardMs > 1_000) {
      source.heardMs = now;
      this.#sources.delete(key);
      this.#sources.set(key, source);
    }
    return source;
  }

  #standing(host: string, now: number): Pick<Source, 'known' | 'foundMs' | 'bucket'> {
    const known = this.#options.known(host);
    const { knownPerS, strangerPerS } = this.#options;
    const bucket = known ? new Bucket(knownPerS, now) : new Bucket(strangerPerS, now, STRANGER_BURST);
    return { known, foundMs: now, bucket };
  }

  /** The oldest nobody knows, among the first few; else the oldest. */
  #makeRoom(): void {
    let victim: string | undefined;
    let looked = 0;
    for (const [key, { known }] of this.#sources) {
      victim ??= key;
      if (!known) {
        victim = key;
        break;
      }
      if (++looked === 16) break;
    }
    if (victim !== undefined) this.#sources.delete(victim);
  }
}
