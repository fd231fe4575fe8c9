/**
 * Servers that failed, RFC 3263 §4.3: whoever was silent, unreachable or asked to be left alone is tried after all others for
 * a while. One table for REGISTER, INVITE and OPTIONS of every account: what one has found out, the others need not.
 */
import type { Hop } from '../message/index.ts';

/** The first rest; each further one is twice as long. */
export const REST_MS = 30_000;
export const REST_MAX_MS = 300_000;
/** Servers remembered; of more, the oldest failure is forgotten. */
export const TARGETS_MAX = 256;
/** So long nobody need find out once more that a server is silent. */
export const UNHEARD_MS = 1_500;

interface Rest {
  until: number;
  lengthMs: number;
  /** It asked for it (503 with Retry-After): to be alive is no reason to disturb it. */
  asked: boolean;
  /** When an INVITE had waited for its word in vain. */
  unheardAt?: number;
}

export class Targets {
  readonly #rests = new Map<string, Rest>();

  /** `hop` has failed. `askedMs`: the Retry-After of its 503. */
  rest(hop: Hop, now: number, askedMs?: number): void {
    const key = keyOf(hop);
    const before = this.#rests.get(key);
    // Failures of one outage count once.
    if (before !== undefined && before.until > now && askedMs === undefined) return;
    const lengthMs = before === undefined ? REST_MS : Math.min(REST_MAX_MS, before.lengthMs * 2);
    this.#rests.delete(key);
    this.#rests.set(key, { until: now + (askedMs ?? lengthMs), lengthMs, asked: askedMs !== undefined });
    if (this.#rests.size <= TARGETS_MAX) return;
    const oldest = this.#rests.keys().next().value;
    if (oldest !== undefined) this.#rests.delete(oldest);
  }

  /** An INVITE has waited for a word of `hop` as long as it could. */
  unheard(hop: Hop, now: number): void {
    const lately = this.unheardLately(hop, now);
    this.rest(hop, now);
    const rest = this.#rests.get(keyOf(hop));
    if (rest !== undefined && !lately) rest.unheardAt = now;
  }

  /** Whether that was a moment ago. */
  unheardLately(hop: Hop, now: number): boolean {
    return now - (this.#rests.get(keyOf(hop))?.unheardAt ?? Number.NEGATIVE_INFINITY) < UNHEARD_MS;
  }

  /** `hop` has answered. */
  alive(hop: Hop, now: number): void {
    const rest = this.#rests.get(keyOf(hop));
    if (rest !== undefined && !(rest.asked && rest.until > now)) this.#rests.delete(keyOf(hop));
  }

  /** The network is another one now: what failed in the old one may do. */
  forgive(): void {
    for (const [key, { asked }] of this.#rests) if (!asked) this.#rests.delete(key);
  }

  resting(hop: Hop, now: number): boolean {
    return (this.#rests.get(keyOf(hop))?.until ?? now) > now;
  }

  /** In their order, those that rest last: when all do, each is tried all the same. */
  order<T>(all: readonly T[], hopOf: (one: T) => Hop, now: number): T[] {
    const rests = (one: T): boolean => this.resting(hopOf(one), now);
    return [...all.filter((one) => !rests(one)), ...all.filter(rests)];
  }
}

const keyOf = ({ transport, remote }: Hop): string => `${transport} ${remote.host} ${remote.port}`;
