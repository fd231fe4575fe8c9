/**
 * Digest asked of callers: the server's side of RFC 3261 §22.2, RFC 7616, RFC 8760. Nothing is remembered of who was asked:
 * a nonce holds its own time and a seal. Only nonces that were used with the right password are kept, to count their uses.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Random } from '../../base/index.ts';
import { equalUris, type Hop, parseAuth, parseUri, quote, readOr, type SipRequest } from '../message/index.ts';
import { digestResponse } from './digest.ts';

/** A nonce is good for so long; then the caller is given a new one with `stale=true`, and asks nobody for a password. */
export const NONCE_MS = 5 * 60_000;
/** Nonces in use at once; what falls out is stale, and so is every older one. */
export const NONCES_MAX = 256;
/** How far behind its highest a nonce count may come, once: UDP reorders. */
export const COUNT_WINDOW = 32;

/** The strongest first (RFC 8760 §2.4). */
const ALGORITHMS = ['SHA-256', 'MD5'] as const;

export type Proof =
  | { kind: 'proven'; user: string }
  /** The password is right, the nonce too old or used already. */
  | { kind: 'stale' }
  /** Nothing that answers a challenge of ours. */
  | { kind: 'none' }
  /** No such user, or not that password. */
  | { kind: 'wrong' };

interface Uses {
  issuedMs: number;
  highest: number;
  /** Bit n: the count `highest - n` has been used. */
  seen: number;
}

export class Challenger {
  readonly #realm: string;
  readonly #users: ReadonlyMap<string, string>;
  readonly #random: Random;
  readonly #key: string;
  /** In order of first use. */
  readonly #nonces = new Map<string, Uses>();
  /** What was issued until then is not believed any more, for its uses are forgotten. */
  #forgottenMs = Number.NEGATIVE_INFINITY;

  /** `users`: names and passwords. */
  constructor(realm: string, users: ReadonlyMap<string, string>, random: Random) {
    this.#realm = realm;
    this.#users = users;
    this.#random = random;
    this.#key = random.token() + random.token();
  }

  /** Values of WWW-Authenticate, by preference. `now`: ms, monotonic. */
  challenges(hop: Hop, now: number, stale: boolean): string[] {
    const issued = Math.floor(now).toString(36);
    const unique = this.#random.uint32().toString(36);
    const nonce = `${issued}.${unique}.${this.#seal(`${issued}.${unique}`, hop)}`;
    return ALGORITHMS.map(
      (algorithm) =>
        `Digest realm=${quote(this.#realm)}, nonce="${nonce}", algorithm=${algorithm}, qop="auth"${stale ? ', stale=true' : ''}`,
    );
  }

  verify(request: SipRequest, hop: Hop, now: number): Proof {
    for (const text of request.headers('Authorization')) {
      const params = read(text);
      if (params?.get('realm') !== this.#realm) continue;
      return this.#judge(request, params, hop, now);
    }
    return { kind: 'none' };
  }

  #judge(request: SipRequest, params: ReadonlyMap<string, string>, hop: Hop, now: number): Proof {
    const value = (name: string): string => params.get(name) ?? '';
    const algorithm = params.get('algorithm') ?? 'MD5';
    const [nonce, nc, cnonce, uri] = [value('nonce'), value('nc'), value('cnonce'), value('uri')];
    if (!ALGORITHMS.some((known) => known === algorithm.toUpperCase())) return { kind: 'none' };
    // RFC 7616 §3.4: whoever is offered a qop must use one.
    if (value('qop').toLowerCase() !== 'auth' || !/^[0-9a-f]{8}$/i.test(nc) || cnonce === '') return { kind: 'none' };
    const issuedMs = this.#issued(nonce, hop);
    if (issuedMs === undefined || !sameResource(uri, request)) return { kind: 'none' };
    const user = value('username');
    const password = this.#users.get(user);
    const expected = digestResponse({
      username: user,
      password: password ?? '',
      realm: this.#realm,
      nonce,
      algorithm,
      method: request.method,
      uri,
      qop: 'auth',
      nc,
      cnonce,
    });
    if (!equal(expected, value('response').toLowerCase()) || password === undefined) return { kind: 'wrong' };
    return this.#use(nonce, issuedMs, Number.parseInt(nc, 16), now) ? { kind: 'proven', user } : { kind: 'stale' };
  }

  /** When we made that nonce for that address; undefined when we did not. */
  #issued(nonce: string, hop: Hop): number | undefined {
    const [issued, unique, seal, ...rest] = nonce.split('.');
    if (rest.length > 0 || seal === undefined || !equal(seal, this.#seal(`${issued}.${unique}`, hop))) return undefined;
    return Number.parseInt(issued, 36);
  }

  /** Counts a use of the nonce; whether it may be used. */
  #use(nonce: string, issuedMs: number, count: number, now: number): boolean {
    if (now - issuedMs > NONCE_MS || issuedMs <= this.#forgottenMs) return false;
    const uses = this.#nonces.get(nonce);
    if (uses === undefined) {
      this.#nonces.set(nonce, { issuedMs, highest: count, seen: 1 });
      if (this.#nonces.size > NONCES_MAX) this.#forgetOldest();
      return true;
    }
    const ahead = count - uses.highest;
    if (ahead > 0) {
      uses.seen = ahead < COUNT_WINDOW ? (uses.seen << ahead) | 1 : 1;
      uses.highest = count;
      return true;
    }
    if (-ahead >= COUNT_WINDOW || (uses.seen >>> -ahead) & 1) return false;
    uses.seen |= 1 << -ahead;
    return true;
  }

  #forgetOldest(): void {
    for (const [nonce, { issuedMs }] of this.#nonces) {
      this.#nonces.delete(nonce);
      this.#forgottenMs = Math.max(this.#forgottenMs, issuedMs);
      return;
    }
  }

  #seal(text: string, hop: Hop): string {
    return createHmac('sha256', this.#key).update(`${text} ${hop.remote.host}`).digest('base64url').slice(0, 16);
  }
}

function read(text: string): ReadonlyMap<string, string> | undefined {
  return readOr(undefined, () => {
    const { scheme, params } = parseAuth(text);
    return scheme.toLowerCase() === 'digest' ? params : undefined;
  });
}

/** RFC 7616 §3.4.6: the proof is for this request, and for no other. */
function sameResource(uri: string, request: SipRequest): boolean {
  if (uri === request.uri) return true;
  return readOr(false, () => equalUris(parseUri(uri), request.parsedUri()));
}

function equal(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
