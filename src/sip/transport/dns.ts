/**
 * The questions to the name servers and the answers remembered. NAPTR and SRV go to the name servers of the system; addresses
 * go by the system's own way (`/etc/hosts`, mDNS, DNS). When nobody answers, what was known before is served. An edge.
 */
import { lookup, Resolver as NameServers } from 'node:dns/promises';
import { type Logger, silentLogger } from '../../base/index.ts';
import { systemReason } from './errors.ts';
import type { Naptr, Srv } from './srv.ts';

/** Node tells no time to live of NAPTR and SRV, nor the system's way one of addresses: these are ours. */
const RECORDS_LIVE_MS = 300_000;
const ADDRESSES_LIVE_MS = 30_000;
/** "There is none" is believed this long. */
const NOTHING_LIVES_MS = 60_000;
const TTL_MS = { min: 5_000, max: 3_600_000 } as const;
/** Names remembered; one more, and the oldest is forgotten. */
export const NAMES_MAX = 256;
/** With an old answer in hand, nobody waits longer than this for a new one. */
const STALE_AFTER_MS = 1_000;
/** Name servers that did not answer are not asked for this long: each question would wait as long as the first. */
const DEAD_MS = 5_000;
/** For the first of two copies, more or less; within 2 s there is an answer or none. */
const SERVER_PATIENCE_MS = 500;
/** The system gives name servers ten seconds for either family; one that says nothing of IPv6 may know IPv4 at once. */
export const BOTH_FAMILIES_MS = 1_000;

/** How names are asked; Node's errors (`ENOTFOUND`, `ETIMEOUT`...) are expected. */
export interface Questions {
  naptr(name: string): Promise<Naptr[]>;
  srv(name: string): Promise<Srv[]>;
  /** Best first. `ttlMs`: absent when it is not known. */
  addresses(name: string): Promise<{ addresses: string[]; ttlMs?: number }>;
}

export interface DnsOptions {
  questions?: Questions;
  logger?: Logger;
  /** ms, monotonic. */
  now?: () => number;
}

interface Entry {
  /** Absent: never answered. */
  value?: readonly unknown[];
  until: number;
  /** The question under way: the same name is not asked twice at once. */
  busy?: Promise<readonly unknown[]>;
}

export class Dns {
  readonly #questions: Questions;
  readonly #log: Logger;
  readonly #now: () => number;
  readonly #entries = new Map<string, Entry>();
  #deadUntil = 0;
  #dead = false;

  constructor({
    questions = systemQuestions(),
    logger = silentLogger,
    now = () => performance.now(),
  }: DnsOptions = {}) {
    this.#questions = questions;
    this.#log = logger;
    this.#now = now;
  }

  /** Empty: there are none, or nobody who could tell. */
  naptr(name: string): Promise<readonly Naptr[]> {
    return this.#records('naptr', name, () => this.#questions.naptr(name));
  }

  srv(name: string): Promise<readonly Srv[]> {
    return this.#records('srv', name, () => this.#questions.srv(name));
  }

  /** Rejects with the system's error when there is none. */
  addresses(name: string): Promise<readonly string[]> {
    return this.#remembered(`address ${name.toLowerCase()}`, async () => {
      const { addresses, ttlMs } = await this.#questions.addresses(name);
      const liveMs = ttlMs === undefined ? ADDRESSES_LIVE_MS : Math.min(TTL_MS.max, Math.max(TTL_MS.min, ttlMs));
      return { value: addresses, liveMs };
    });
  }

  async #records<T>(kind: string, name: string, ask: () => Promise<T[]>): Promise<readonly T[]> {
    const question = async (): Promise<{ value: readonly T[]; liveMs: number }> => {
      if (this.#now() < this.#deadUntil) throw Object.assign(new Error('not asked'), { code: 'ETIMEOUT' });
      try {
        const value = await ask();
        this.#answered();
        return { value, liveMs: RECORDS_LIVE_MS };
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code ?? '';
        if (code === 'ETIMEOUT' || code === 'ECONNREFUSED') this.#silent(error);
        if (code !== 'ENOTFOUND' && code !== 'ENODATA') throw error;
        this.#answered();
        return { value: [], liveMs: NOTHING_LIVES_MS };
      }
    };
    // Some small name servers refuse what they do not know; the next question may be one they can answer.
    return this.#remembered(`${kind} ${name.toLowerCase()}`, question).catch(() => []);
  }

  async #remembered<T>(
    key: string,
    question: () => Promise<{ value: readonly T[]; liveMs: number }>,
  ): Promise<readonly T[]> {
    const entry: Entry = this.#entries.get(key) ?? { until: 0 };
    const known = entry.value as readonly T[] | undefined;
    if (known !== undefined && this.#now() < entry.until) return known;
    this.#keep(key, entry);
    entry.busy ??= question()
      .then(({ value, liveMs }) => {
        entry.value = value;
        entry.until = this.#now() + liveMs;
        return value;
      })
      .finally(() => {
        entry.busy = undefined;
        if (entry.value === undefined) this.#entries.delete(key);
      });
    const busy = entry.busy as Promise<readonly T[]>;
    return known === undefined ? busy : soonOr(busy, known);
  }

  #keep(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    if (this.#entries.size <= NAMES_MAX) return;
    const oldest = this.#entries.keys().next().value;
    if (oldest !== undefined) this.#entries.delete(oldest);
  }

  #silent(error: unknown): void {
    this.#deadUntil = this.#now() + DEAD_MS;
    if (this.#dead) return;
    this.#dead = true;
    this.#log.warn('The name servers do not answer: names known before are still served', {
      reason: systemReason(error),
    });
  }

  #answered(): void {
    if (!this.#dead) return;
    this.#dead = false;
    this.#log.info('The name servers answer again');
  }
}

/** What comes soon, else what was known before. */
async function soonOr<T>(coming: Promise<T>, known: T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<T>((resolve) => {
    timer = setTimeout(resolve, STALE_AFTER_MS, known);
  });
  try {
    return await Promise.race([coming, late]);
  } catch {
    return known;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * `servers` (`IP` or `IP:PORT`) are asked for everything, addresses too, and `/etc/hosts` is not read. None: the system's,
 * made out anew for each question, for a network that comes up brings its own.
 */
export function systemQuestions(servers: readonly string[] = []): Questions {
  const ask = (): NameServers => {
    const resolver = new NameServers({ timeout: SERVER_PATIENCE_MS, tries: 2 });
    if (servers.length > 0) resolver.setServers(servers);
    return resolver;
  };
  return {
    naptr: (name) => ask().resolveNaptr(name),
    srv: (name) => ask().resolveSrv(name),
    addresses: async (name) => {
      if (servers.length === 0)
        return { addresses: await systemAddresses(name, systemLookup, (host) => ask().resolve4(host)) };
      const answers = await Promise.allSettled([
        ask().resolve6(name, { ttl: true }),
        ask().resolve4(name, { ttl: true }),
      ]);
      const found = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []));
      for (const answer of answers) if (found.length === 0 && answer.status === 'rejected') throw answer.reason;
      return {
        addresses: found.map(({ address }) => address),
        ttlMs: Math.min(...found.map(({ ttl }) => ttl)) * 1_000,
      };
    },
  };
}

const systemLookup = async (name: string): Promise<string[]> =>
  (await lookup(name, { all: true, verbatim: true })).map(({ address }) => address);

/**
 * By the system's own way (`both`), in its order; `four` asks the name servers past it, for the system does no more than two such
 * questions at once, and both may hang.
 */
export async function systemAddresses(
  name: string,
  both: (name: string) => Promise<string[]>,
  four: (name: string) => Promise<string[]>,
): Promise<string[]> {
  let timer: NodeJS.Timeout | undefined;
  const soon = new Promise<string[]>((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => {
      // Where there is no IPv4, the answer is that to the whole question; where nobody answers, nobody waits any longer.
      if (error.code === 'ETIMEOUT') reject(error);
    };
    timer = setTimeout(() => four(name).then(resolve, failed), BOTH_FAMILIES_MS);
  });
  try {
    return await Promise.race([both(name), soon]);
  } finally {
    clearTimeout(timer);
  }
}
