/**
 * A branch of our INVITE that has spoken but not answered, RFC 3261 §12.1.2: its early dialog, its reliable provisional
 * responses (RFC 3262 §4) and where the first offer and answer stand in it (RFC 6337 §3).
 */
import type { SipResponse } from '../message/index.ts';
import { bodyOf, type HeaderField } from './headers.ts';
import { ReliableReceiver } from './prack.ts';
import type { Talk } from './talk.ts';
import type { Body } from './types.ts';

export class Branch {
  readonly talk: Talk;
  /** The INVITE transaction it is a branch of. */
  readonly transaction: string;
  readonly #received = new ReliableReceiver();
  /** RAck of a response whose offer is to be answered in its PRACK. */
  #asked: string | undefined;

  constructor(talk: Talk, transaction: string) {
    this.talk = talk;
    this.transaction = transaction;
  }

  /** What the owner is to hear of a 101..199; undefined: it is old, or ahead of its time. */
  heard(response: SipResponse, now: number): { body?: Body; offer?: true } | undefined {
    const { talk } = this;
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
    if (answer !== undefined) talk.exchange = 'done';
    this.#prack(taken.rack, undefined, now);
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

  #prack(rack: string, body: Body | undefined, now: number): void {
    const headers: HeaderField[] = [
      ['RAck', rack],
      ['User-Agent', this.talk.context.core.config.product],
    ];
    if (body !== undefined) headers.push(['Content-Type', body.contentType]);
    // Who does not get it, or does not know what it is for, says so in its answer to the INVITE.
    this.talk.send('PRACK', headers, body?.bytes, { response: () => {}, failed: () => {} }, now);
  }
}
