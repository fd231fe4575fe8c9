/**
 * A branch of our INVITE that has spoken but not answered, RFC 3261 §12.1.2: its early dialog, its reliable provisional
 * responses (RFC 3262 §4) and where the first offer and answer stand in it (RFC 6337 §3).
 */
import { Dialog } from '../dialog/index.ts';
import { type Hop, type SipResponse, SipSyntaxError } from '../message/index.ts';
import { bodyOf, type HeaderField } from './headers.ts';
import type { Leg } from './leg.ts';
import { ReliableReceiver } from './prack.ts';
import type { SessionTimer } from './session-timer.ts';
import { Talk } from './talk.ts';
import type { Body } from './types.ts';

/** Branches of a fork of which a state is kept; answers of further ones are acknowledged and ended all the same. */
const EARLY_DIALOGS_MAX = 16;
/** PRACKs of one branch without an answer; what would need one more is not heard, and comes again (RFC 3262 §3). */
const PRACKS_MAX = 8;

class Branch {
  readonly talk: Talk;
  /** The INVITE transaction it is a branch of. */
  readonly transaction: string;
  readonly #received = new ReliableReceiver();
  /** RAck of a response whose offer is to be answered in its PRACK. */
  #asked: string | undefined;
  #pracks = 0;

  constructor(talk: Talk, transaction: string) {
    this.talk = talk;
    this.transaction = transaction;
  }

  /** An offer waits for the PRACK that answers it. */
  get asked(): boolean {
    return this.#asked !== undefined;
  }

  /** What the owner is to hear of a 101..199; undefined: it is old, or ahead of its time. */
  heard(response: SipResponse, now: number): { body?: Body; offer?: true } | undefined {
    const { talk } = this;
    if (this.#pracks >= PRACKS_MAX && response.has('RSeq')) return undefined;
    const taken = this.#received.take(response);
    if (taken === 'ignored') return undefined;
    talk.upkeep.heard(response);
    const body = bodyOf(response);
    // RFC 6337 §2.1: without a PRACK to answer it there is no offer, but a foretaste of the answer is welcome.
    if (taken === 'unreliable') return { body: talk.exchange === 'ours' ? body : undefined };
    if (body !== undefined && talk.exchange === 'none') {
      talk.exchange = 'theirs';
      this.#asked = taken.rack;
      return { body, offer: true };
    }
    // RFC 3261 §13.2.1: after the answer no further description in a response to the INVITE counts.
    const answer = talk.exchange === 'ours' ? body : undefined;
    // What the owner wants to offer, and could not by UPDATE, goes now; not before he has seen the first answer.
    const settled = talk.exchange === 'done';
    if (answer !== undefined) talk.exchange = 'done';
    this.#prack(taken.rack, undefined, now, settled);
    if (answer !== undefined) talk.renegotiation.proceed(now);
    return { body: answer };
  }

  /** Answers the offer of a reliable response; false when there was none. */
  answer(body: Body, now: number): boolean {
    const rack = this.#asked;
    if (rack === undefined) return false;
    this.#asked = undefined;
    this.talk.exchange = 'done';
    this.#prack(rack, body, now);
    this.talk.renegotiation.proceed(now);
    return true;
  }

  #prack(rack: string, body: Body | undefined, now: number, settled = false): void {
    const headers: HeaderField[] = [
      ['RAck', rack],
      ['User-Agent', this.talk.context.core.config.product],
    ];
    // Who does not get it, or does not know what it is for, says so in its answer to the INVITE.
    this.#pracks++;
    const done = (): void => void this.#pracks--;
    if (settled && this.talk.renegotiation.ride(headers, done, now)) return;
    if (body !== undefined) headers.push(['Content-Type', body.contentType]);
    this.talk.send(
      'PRACK',
      headers,
      body?.bytes,
      { response: ({ status }) => (status < 200 ? undefined : done()), failed: done },
      now,
    );
  }
}

/** By the tag of each. Those that did not take the call stay, as their numbers do: their 2xx may come late. */
export class Branches {
  readonly #branches = new Map<string, Branch>();
  readonly #session: SessionTimer;

  constructor(session: SessionTimer) {
    this.#session = session;
  }

  /** RFC 3261 §13.2.2.1: one early dialog for each branch that speaks. */
  of(leg: Leg, response: SipResponse, from: Hop): Branch | undefined {
    const tag = response.toTag;
    if (tag === undefined) return undefined;
    const known = this.#branches.get(tag);
    if (known !== undefined || this.#branches.size >= EARLY_DIALOGS_MAX) return known;
    try {
      const talk = this.#talk(leg, Dialog.uac(leg.request, response), from, 'early');
      const branch = new Branch(talk, leg.transaction);
      this.#branches.set(tag, branch);
      return branch;
    } catch (error) {
      // Its Record-Route cannot be read: it may ring, but not speak.
      if (!(error instanceof SipSyntaxError)) throw error;
      return undefined;
    }
  }

  /**
   * The dialog of a 2xx: the early one of its branch, whose numbers go on, or a new one. `muted`: an answer too many. Throws
   * `SipSyntaxError`.
   */
  confirm(leg: Leg, response: SipResponse, from: Hop, muted: boolean): Talk {
    const early = this.#branches.get(response.toTag ?? '')?.talk;
    if (early?.early) {
      early.confirm({ response, from }, muted);
      early.upkeep.heard(response);
      return early;
    }
    const dialog = Dialog.uac(leg.request, response);
    const talk = this.#talk(leg, dialog, from, muted ? 'muted' : 'up');
    talk.upkeep.heard(response);
    return talk;
  }

  #talk(leg: Leg, dialog: Dialog, from: Hop, state: 'early' | 'up' | 'muted'): Talk {
    const talk = new Talk(leg.context, dialog, from, leg.contact, state, this.#session.fork());
    talk.exchange = bodyOf(leg.request) === undefined ? 'none' : 'ours';
    return talk;
  }

  want(offer: () => Body, now: number): void {
    for (const { talk } of this.#branches.values()) talk.renegotiation.want(offer, now);
  }

  /** Answers the one that has offered. False: an offer in a response cannot be refused. */
  answer(answer: Body | { status: number; reason: string }, now: number): boolean {
    for (const branch of this.#branches.values()) {
      const { renegotiation } = branch.talk;
      if (branch.asked) return 'status' in answer ? false : branch.answer(answer, now);
      if (!renegotiation.asked) continue;
      renegotiation.answer(answer, now);
      break;
    }
    return true;
  }

  /** The call went elsewhere, or nowhere. */
  forget(now: number): void {
    for (const { talk } of this.#branches.values()) talk.forget(now);
  }

  /** RFC 3261 §13.2.2.3: an INVITE that is refused takes its early dialogs with it. */
  refused(transaction: string, now: number): void {
    for (const [tag, branch] of this.#branches) {
      if (branch.transaction !== transaction) continue;
      branch.talk.forget(now);
      this.#branches.delete(tag);
    }
  }
}
