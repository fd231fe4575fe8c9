/** The user name and password of one account, and what its server last asked for (RFC 3261 §22). */
import type { Random } from '../../base/index.ts';
import { parseAuth, readOr, type SipRequest, type SipResponse } from '../message/index.ts';
import { type Challenge, formatAuthorization, readChallenge } from './digest.ts';

/** Realms remembered per account; a server that names more forgets the oldest. */
const REALMS_MAX = 8;

type Kind = 'Authorization' | 'Proxy-Authorization';

interface Known {
  kind: Kind;
  challenge: Challenge;
  /** Requests sent with this nonce, whatever they asked for: RFC 7616 §3.4. */
  used: { count: number };
}

const kinds: readonly { kind: Kind; asks: string }[] = [
  { kind: 'Authorization', asks: 'WWW-Authenticate' },
  { kind: 'Proxy-Authorization', asks: 'Proxy-Authenticate' },
];

/** Challenges of one request that are answered: who names another realm each time would be answered for ever. */
const ANSWERED_MAX = 10;

/** What one request has gone through: how often each realm was answered. */
export type Attempts = Map<string, number>;

export class Credentials {
  readonly #username: string;
  readonly #password: string;
  readonly #random: Random;
  /** By `register` or `call`, then realm: a registrar's challenge is not answered in advance to whoever gets a call. */
  readonly #known = new Map<string, Known>();
  /** Realms of the registrar. Once there is one, no other realm is answered: a callee could be asking. */
  readonly #realms = new Set<string>();

  constructor(username: string, password: string, random: Random) {
    this.#username = username;
    this.#password = password;
    this.#random = random;
  }

  /**
   * Learns the challenges of a 401 or 407 and says whether the request is worth sending again. `attempts` belongs to the
   * request: a realm that was answered and asks again without `stale` has refused the password.
   */
  learn(response: SipResponse, attempts: Attempts): boolean {
    const registering = response.cseq.method === 'REGISTER';
    const answered = new Set<string>();
    let useful = false;
    // RFC 3261 §22.3: a proxy that forks puts the challenges of both kinds into one answer.
    for (const { kind, challenge } of kinds.flatMap(({ kind, asks }) =>
      challengesOf(response, asks).map((challenge) => ({ kind, challenge })),
    )) {
      const { realm } = challenge;
      const key = `${kind} ${realm}`;
      // RFC 8760 §2.4: the topmost one of a realm that can be answered is taken.
      if (answered.has(key) || (!registering && this.#realms.size > 0 && !this.#realms.has(realm))) continue;
      answered.add(key);
      const before = attempts.get(key) ?? 0;
      // RFC 3261 §22.2: a fresh nonce is worth a second try, a wrong password is not.
      if (before >= 3 || (before > 0 && !challenge.stale)) return false;
      if ([...attempts.values()].reduce((sum, count) => sum + count, 0) >= ANSWERED_MAX) return false;
      attempts.set(key, before + 1);
      this.#remember(registering, { kind, challenge, used: this.#usedOf(challenge) });
      if (registering) this.#realms.add(realm);
      if (this.#realms.size > REALMS_MAX) this.#realms.delete(this.#realms.values().next().value!);
      useful = true;
    }
    return useful;
  }

  #usedOf({ realm, nonce }: Challenge): Known['used'] {
    for (const { challenge, used } of this.#known.values())
      if (challenge.realm === realm && challenge.nonce === nonce) return used;
    return { count: 0 };
  }

  #remember(registering: boolean, known: Known): void {
    const key = `${registering ? 'register' : 'call'} ${known.kind} ${known.challenge.realm}`;
    this.#known.delete(key);
    this.#known.set(key, known);
    if (this.#known.size <= REALMS_MAX) return;
    const oldest = this.#known.keys().next().value;
    if (oldest !== undefined) this.#known.delete(oldest);
  }

  /** Puts on all that the server is known to ask for, so that most requests need no second round. */
  apply(request: SipRequest): void {
    const scope = request.method === 'REGISTER' ? 'register ' : 'call ';
    for (const [key, known] of this.#known) {
      if (!key.startsWith(scope)) continue;
      const { uri, method, body } = request;
      const proof = { username: this.#username, password: this.#password, method, uri, body };
      const count = ++known.used.count;
      request.add(known.kind, formatAuthorization(known.challenge, { ...proof, count, cnonce: this.#random.token() }));
    }
  }
}

function challengesOf(response: SipResponse, name: string): Challenge[] {
  const challenges: Challenge[] = [];
  for (const text of response.headers(name).flatMap(splitChallenges)) {
    // One that cannot be read is one that cannot be answered; the next may be better.
    const challenge = readOr(undefined, () => {
      const { scheme, params } = parseAuth(text);
      return readChallenge(scheme, params);
    });
    if (challenge !== undefined) challenges.push(challenge);
  }
  return challenges;
}

/** RFC 7235 §4.1: several challenges may share a line; each begins with a word, a blank and a parameter. */
function splitChallenges(line: string): string[] {
  const starts: number[] = [];
  for (const match of line.matchAll(/"(?:[^"\\]|\\.)*(?:"|\\?$)|(?:^|,)\s*([\w!%*+.~-]+)[ \t]+[\w-]+\s*=/g)) {
    if (match[1] !== undefined) starts.push(match.index);
  }
  if (starts.length <= 1) return [line];
  return starts.map((start, i) => line.slice(start, starts[i + 1]).replace(/^[\s,]+/, ''));
}
