/**
 * Who is let in. What somebody unknown asks outside a dialog is answered here, without a transaction (RFC 3261 §8.2.7) and
 * without a word about us; or, when a rule wants a password of that caller, with a challenge (§22.2).
 */
import { createHash } from 'node:crypto';
import type { Random } from '../../base/index.ts';
import {
  createResponse,
  formatMessage,
  formatUri,
  type Hop,
  networkOf,
  type SipRequest,
  type SipResponse,
  shrinkTo,
} from '../message/index.ts';
import { Challenger } from './challenge.ts';
import { type HeaderField, KNOWN_METHODS } from './headers.ts';
import { inspect, type Refusal } from './inspect.ts';
import type { Trust } from './types.ts';

/** INVITEs turned away that are told of only once; further ones push the oldest out. */
const TOLD_MAX = 256;
/** Octets of an answer per octet asked, UDP only: our answers are of no use to anybody who writes another's address. */
const REFUSAL_RATIO_MAX = 1;
/** A challenge is long; to a request too short for both, only the one everybody knows is sent. */
const CHALLENGE_RATIO_MAX = 2;
/** Wrong passwords of one address (IPv6: one /64) in so long; then it is refused like any stranger, right or wrong, until that time is over. */
export const WRONG_MAX = 10;
export const WRONG_MS = 60_000;
/** Addresses of which that is counted; further ones push the oldest out. */
const WRONG_SOURCES_MAX = 256;
/** A password is asked of those who want something, and never because they look around (OPTIONS) or register. */
const CHALLENGED: ReadonlySet<string> = new Set(['INVITE', 'MESSAGE', 'REFER', 'SUBSCRIBE', 'NOTIFY', 'PUBLISH']);

/** `response`: none is silence. `tell`: an INVITE that was turned away, for the first time. */
interface TurnedAway {
  kind: 'turned-away';
  response?: SipResponse;
  tell: boolean;
}

export type Verdict = { kind: 'let-in' } | TurnedAway;

export interface GateCounts {
  /** Requests of strangers that were refused, or met with silence. */
  refused: number;
  /** Challenges sent. */
  challenged: number;
  /** Wrong user or password. */
  wrong: number;
}

/** What the gate asks of the user agent. */
export interface Inside {
  /** An account's server sent it. */
  owns(hop: Hop): boolean;
  /** It belongs to a transaction or dialog there is. */
  knows(request: SipRequest): boolean;
  /** It names a dialog there is (RFC 3891), and comes from where the other side of that is. */
  replaces(request: SipRequest, hop: Hop): boolean;
}

export class Gate {
  readonly counts: GateCounts = { refused: 0, challenged: 0, wrong: 0 };
  readonly #trust: Trust;
  readonly #inside: Inside;
  readonly #challenger: Challenger;
  readonly #proven = new WeakMap<SipRequest, string>();
  readonly #told = new Set<string>();
  readonly #wrong = new Map<string, { count: number; untilMs: number }>();

  constructor(trust: Trust, random: Random, inside: Inside) {
    this.#trust = trust;
    this.#inside = inside;
    this.#challenger = new Challenger(trust.realm, trust.users, random);
  }

  /** The user who has proven by digest to have sent this request. */
  userOf(request: SipRequest): string | undefined {
    return this.#proven.get(request);
  }

  judge(request: SipRequest, hop: Hop, now: number): Verdict {
    const { method } = request;
    // §22.1: neither can be answered with a challenge. An ACK is never answered at all.
    if (method === 'ACK' || this.#inside.knows(request)) return { kind: 'let-in' };
    if (method === 'CANCEL') return this.#known(hop) ? { kind: 'let-in' } : this.#refuse(request, hop, 481);
    if (CHALLENGED.has(method) && this.#trust.challenges(callerOf(request), hop.remote.host, hop.identities ?? [])) {
      if (this.#inside.owns(hop)) return { kind: 'let-in' };
      if (this.#guesses(hop, now)) return this.#refuse(request, hop, method === 'INVITE' ? 603 : 403);
      const proof = this.#challenger.verify(request, hop, now);
      switch (proof.kind) {
        case 'proven':
          this.#proven.set(request, proof.user);
          return { kind: 'let-in' };
        case 'wrong':
          this.#wrongFrom(hop, now);
          return { ...this.#challenge(request, hop, now, false), tell: method === 'INVITE' && this.#first(request) };
        case 'none':
        case 'stale':
          return this.#challenge(request, hop, now, proof.kind === 'stale');
      }
    }
    if (this.#known(hop) || this.#inside.replaces(request, hop)) return { kind: 'let-in' };
    const wrong = owedToAnybody(request);
    if (wrong !== undefined) return this.#refuse(request, hop, wrong.status, wrong.headers);
    switch (method) {
      case 'INVITE':
        return this.#refuse(request, hop, 603);
      case 'OPTIONS':
        // Something is alive here: all that a 200 without a word says, and every other answer says as much.
        return this.#refuse(request, hop, 200);
      default:
        return this.#refuse(request, hop, 403);
    }
  }

  #known(hop: Hop): boolean {
    return this.#inside.owns(hop) || this.#trust.knows(hop.remote.host, hop.identities ?? []);
  }

  #refuse(request: SipRequest, hop: Hop, status: number, headers: readonly HeaderField[] = []): Verdict {
    this.counts.refused++;
    const tell = request.method === 'INVITE' && this.#first(request);
    if (this.#trust.strangers === 'silent') return { kind: 'turned-away', tell };
    const response = this.#answer(request, hop, status, headers, REFUSAL_RATIO_MAX);
    return { kind: 'turned-away', tell, ...(response && { response }) };
  }

  /** Whoever guesses passwords has had his guesses. */
  #guesses(hop: Hop, now: number): boolean {
    const wrong = this.#wrong.get(networkOf(hop.remote.host));
    return wrong !== undefined && wrong.untilMs > now && wrong.count >= WRONG_MAX;
  }

  #wrongFrom(hop: Hop, now: number): void {
    this.counts.wrong++;
    const host = networkOf(hop.remote.host);
    const before = this.#wrong.get(host);
    if (before !== undefined && before.untilMs > now) before.count++;
    else this.#wrong.set(host, { count: 1, untilMs: now + WRONG_MS });
    if (this.#wrong.size > WRONG_SOURCES_MAX) this.#wrong.delete(this.#wrong.keys().next().value!);
  }

  #challenge(request: SipRequest, hop: Hop, now: number, stale: boolean): TurnedAway {
    this.counts.challenged++;
    const values = this.#challenger.challenges(hop, now, stale);
    const headers = values.map((value): HeaderField => ['WWW-Authenticate', value]);
    const response =
      this.#answer(request, hop, 401, headers, CHALLENGE_RATIO_MAX) ??
      this.#answer(request, hop, 401, headers.slice(-1), CHALLENGE_RATIO_MAX);
    return { kind: 'turned-away', tell: false, ...(response && { response }) };
  }

  #answer(
    request: SipRequest,
    hop: Hop,
    status: number,
    headers: readonly HeaderField[],
    ratio: number,
  ): SipResponse | undefined {
    const response = createResponse(request, status, undefined, { headers, toTag: statelessTag(request) });
    const asked = request.octets || formatMessage(request).length;
    return hop.transport !== 'udp' || shrinkTo(response, ratio * asked) ? response : undefined;
  }

  #first(request: SipRequest): boolean {
    const name = nameOf(request);
    if (this.#told.has(name)) return false;
    this.#told.add(name);
    if (this.#told.size > TOLD_MAX) this.#told.delete(this.#told.values().next().value!);
    return true;
  }
}

/** What any element answers to what no element could serve, or nobody of this name is party to: it says nothing about us. */
const OWED: ReadonlySet<number> = new Set([406, 415, 416, 420]);

function owedToAnybody(request: SipRequest): Refusal | undefined {
  if (!KNOWN_METHODS.has(request.method)) return { status: 501 };
  const refusal = inspect(request);
  if (refusal !== undefined && OWED.has(refusal.status)) return refusal;
  return request.toTag === undefined ? undefined : { status: 481 };
}

/** Call-ID, From tag and CSeq, not the branch: a copy by another path is the same call. */
const nameOf = (request: SipRequest): string =>
  `${request.callId}\n${request.fromTag ?? ''}\n${request.cseq.sequence}`.slice(0, 512);

/** §8.2.7: a request of which nothing is remembered is given the same tag each time it comes. */
export const statelessTag = (request: SipRequest): string =>
  createHash('sha256').update(nameOf(request)).digest('hex').slice(0, 10);

/** `sip:USER@HOST` of From, as the rules speak of callers. */
function callerOf({ from: { uri } }: SipRequest): string {
  const { scheme, user, host, opaque } = uri;
  return opaque === undefined
    ? formatUri({ scheme, user, host, params: new Map(), headers: [] })
    : `${scheme}:${opaque}`;
}
