/**
 * Somebody asks us to call somebody, RFC 3515 §2.4.4: answered once our owner has decided, and then told how the call goes by
 * NOTIFY, one after the other (RFC 6665 §4.2.1). When all is told, the session in which we were asked is over.
 */
import { Timers } from '../../base/index.ts';
import { createResponse, reasonPhrase, type SipRequest } from '../message/index.ts';
import type { Core, Handler, Machine } from './core.ts';
import type { HeaderField } from './headers.ts';
import type { Reference } from './refer.ts';
import { formatSipfrag, type Outcome, SIPFRAG_TYPE } from './sipfrag.ts';
import type { SessionEvent } from './types.ts';

/** Our owner decides within this, or the REFER is declined. */
const DECIDE_MS = 10_000;
/** A call is set up by then, or nobody is told of it any more. */
const SUBSCRIPTION_MS = 90_000;
/** Who transferred us hangs up (RFC 5589 §6.1); if not by then, we do. */
const LINGER_MS = 2_000;

/** How NOTIFYs go: inside a session, or by a dialog that the REFER made. */
export interface NotifyPath {
  /** Contact and the like. */
  readonly headers: readonly HeaderField[];
  readonly toTag?: string;
  send(method: string, headers: readonly HeaderField[], body: Uint8Array, handler: Handler, now: number): void;
  /** The call has taken the place of this one. */
  done(now: number): void;
}

export interface Asked {
  readonly reference: Reference;
  readonly request: SipRequest;
  readonly transaction: string;
  readonly path: NotifyPath;
  /** Not the first REFER of its dialog: the Event header field needs an id (RFC 3515 §2.4.6). */
  readonly again: boolean;
  /** Too long under way: the call is given up. */
  giveUp(session: string, now: number): void;
  forget(): void;
}

export class Referral implements Machine {
  readonly reference: Reference;
  /** The session made of it. */
  session: string | undefined;
  readonly #core: Core;
  readonly #asked: Asked;
  readonly #event: string;
  #silent: boolean;
  #until = 0;
  readonly #timers = new Timers<'decide' | 'subscription' | 'linger'>();
  #state: 'asked' | 'followed' | 'over' = 'asked';
  /** What is still to be told; the last word is kept, what it overtakes is not. */
  #news: Outcome | undefined;
  #telling = false;
  #final: Outcome | undefined;

  constructor(core: Core, asked: Asked, now: number) {
    const { reference, again, request } = asked;
    this.#core = core;
    this.#asked = asked;
    this.reference = reference;
    this.#silent = reference.silent;
    this.#event = again ? `refer;id=${request.cseq.sequence}` : 'refer';
    this.#timers.set('decide', now + DECIDE_MS);
    core.machines.add(this);
  }

  get asked(): boolean {
    return this.#state === 'asked';
  }

  get deadline(): number | undefined {
    // What is to be told goes at once; a session's event knows no time.
    return this.#news !== undefined && !this.#telling ? 0 : this.#timers.next;
  }

  timeout(now: number): void {
    if (this.#news !== undefined && !this.#telling) this.#tell(now);
    for (const name of this.#timers.due(now)) {
      if (name === 'decide') this.decline(603, reasonPhrase(603), now);
      else if (name === 'linger') this.#over(now);
      else if (this.#final === undefined) this.#tooLong(now);
      else this.#over(now);
    }
  }

  decline(status: number, reason: string, now: number): void {
    if (this.#state !== 'asked') return;
    this.#core.answer(this.#asked.transaction, this.#asked.request, status, now, reason, [], this.#asked.path.toTag);
    this.#over(now);
  }

  /** 202: `session` is the call we make of it. */
  follow(session: string, now: number): void {
    this.#state = 'followed';
    this.session = session;
    this.#timers.clear('decide');
    this.#until = now + SUBSCRIPTION_MS;
    this.#timers.set('subscription', this.#until);
    const silent = this.#silent;
    const headers: HeaderField[] = [...this.#asked.path.headers, ['Server', this.#core.config.product]];
    if (silent) headers.push(['Refer-Sub', 'false']);
    const response = createResponse(this.#asked.request, 202, undefined, { headers, toTag: this.#asked.path.toTag });
    this.#core.respond(this.#asked.transaction, response, now);
    // RFC 3515 §2.4.4: the first one at once.
    if (!silent) this.#news = { status: 100, reason: 'Trying' };
    if (this.#news !== undefined) this.#tell(now);
  }

  /** What becomes of the call. */
  heard(event: SessionEvent): void {
    if (this.#state !== 'followed' || this.#final !== undefined) return;
    if (event.type === 'progress') this.#news = { status: event.status, reason: event.reason };
    else if (event.type === 'accepted') this.#conclude({ status: 200, reason: 'OK' });
    else if (event.type === 'ended') {
      const status = event.status ?? (event.cause === 'timeout' ? 408 : event.cause === 'cancelled' ? 487 : 503);
      this.#conclude({ status, reason: event.status === undefined ? reasonPhrase(status) : event.reason });
    }
  }

  #tooLong(now: number): void {
    this.#conclude({ status: 408, reason: reasonPhrase(408) });
    if (this.session !== undefined) this.#asked.giveUp(this.session, now);
  }

  #conclude(final: Outcome): void {
    this.#final = final;
    this.#news = final;
  }

  #tell(now: number): void {
    const news = this.#news;
    this.#news = undefined;
    if (news === undefined) return;
    if (this.#silent) return this.#told(now);
    const left = Math.max(0, Math.ceil((this.#until - now) / 1_000));
    const headers: HeaderField[] = [
      ...this.#asked.path.headers,
      ['Event', this.#event],
      ['Subscription-State', this.#final === undefined ? `active;expires=${left}` : 'terminated;reason=noresource'],
      ['User-Agent', this.#core.config.product],
      ['Content-Type', `${SIPFRAG_TYPE};version=2.0`],
    ];
    this.#telling = true;
    const told = (at: number): void => {
      this.#telling = false;
      this.#told(at);
    };
    const handler: Handler = {
      response: (response, _hop, at) => {
        if (response.status < 200) return;
        // RFC 6665 §4.2.2: who knows nothing of the subscription is told nothing more.
        if (response.status >= 300) this.#silent = true;
        told(at);
      },
      failed: (_cause, _reason, at) => {
        this.#silent = true;
        told(at);
      },
    };
    this.#asked.path.send('NOTIFY', headers, formatSipfrag(news), handler, now);
  }

  #told(now: number): void {
    if (this.#final === undefined || this.#news !== undefined || this.#state === 'over') return;
    if (this.#final.status < 300) this.#timers.set('linger', now + LINGER_MS);
    else this.#over(now);
  }

  #over(now: number): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#timers.clearAll();
    this.#core.machines.delete(this);
    this.#asked.forget();
    if (this.#final !== undefined && this.#final.status < 300) this.#asked.path.done(now);
  }
}
