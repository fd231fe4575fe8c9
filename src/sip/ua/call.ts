/** What calls have in common, whichever side sent the INVITE. */

import type { Hop, SipUri } from '../message/index.ts';
import type { Account } from './account.ts';
import type { Core } from './core.ts';
import type { Talk } from './talk.ts';
import type { Transfers } from './transfers.ts';
import type { Body, Early, SessionCause } from './types.ts';

/** A session under its public name: what its owner may ask of it. */
export interface Call {
  /** Once it is answered. */
  readonly talk: Talk | undefined;
  /** Both only of a call that came in. */
  ring?(now: number, early?: Early): void;
  accept?(body: Body | undefined, now: number): void;
  reject(status: number, reason: string, now: number): void;
  end(now: number, reason?: string): void;
  reinvite(offer: () => Body, now: number): void;
  check(now: number): void;
  inform(bodies: readonly Body[], now: number): void;
  answerOffer(answer: Body | { status: number; reason: string }, now: number): void;
}

export interface Ending {
  cause: SessionCause;
  by: 'us' | 'peer' | 'network';
  status?: number;
  reason: string;
}

/** By session, those whose owner still listens; and the way to him. */
export class Calls extends Map<string, Call> {
  readonly #core: Core;

  constructor(core: Core) {
    super();
    this.#core = core;
  }

  /** The last word of a session; what is left of it on the wire goes on without its name. */
  ended(session: string, ending: Ending): void {
    if (this.delete(session)) this.#core.emit(session, { type: 'ended', ...ending });
  }
}

/** One way to the other side: a next hop, and who we are there. */
export interface Route {
  hop: Hop;
  account: Account | undefined;
}

/** What a call needs to know besides its own messages. */
export interface CallContext {
  readonly core: Core;
  readonly calls: Calls;
  readonly transfers: Transfers;
  readonly session: string;
  readonly account: Account | undefined;
  /** The ways to another target, when all or the first are known. */
  readonly find: (target: SipUri, now: number, then: (routes: readonly Route[], now: number) => void) => void;
}
