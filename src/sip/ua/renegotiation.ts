/** New offers inside a session: re-INVITE §14, UPDATE (RFC 3311) and PRACK (RFC 3262 §5) both ways, and who yields when both offer. */
import { Timers } from '../../base/index.ts';
import { createResponse, type Hop, type SipRequest, type SipResponse } from '../message/index.ts';
import { DEFAULT_TIMING } from '../transaction/index.ts';
import type { Ending } from './call.ts';
import { bodyOf, type HeaderField, retryAfterMs } from './headers.ts';
import type { Talk } from './talk.ts';
import type { Body } from './types.ts';

/** How often our re-INVITE gives way to one of the other side (491) before it is given up. */
const GLARE_MAX = 6;
/** Who says that there is no dialog any more has mostly hung up: the BYE comes within this, repeated once (T1 is 500 ms). */
const BYE_LIMIT_MS = 1000;

interface Theirs {
  request: SipRequest;
  transaction: string;
}

export class Renegotiation {
  readonly #talk: Talk;
  readonly #timers = new Timers<'again' | 'give-up' | 'gone'>();
  #theirs: Theirs | undefined;
  /** Makes the body we still want to offer. */
  #wanted: (() => Body) | undefined;
  /** Our re-INVITE under way. */
  #ours: string | undefined;
  #glares = 0;
  /** The dialog is gone over there. */
  #gone: Ending | undefined;
  #stopped = false;

  constructor(talk: Talk) {
    this.#talk = talk;
  }

  get deadline(): number | undefined {
    return this.#timers.next;
  }

  timeout(now: number): void {
    for (const name of this.#timers.due(now)) {
      if (name === 'again') this.#offer(now);
      else if (name === 'gone' && this.#gone !== undefined) this.#talk.hangUp(this.#gone, now);
      else if (this.#ours !== undefined) {
        this.#talk.context.core.abandon(this.#ours);
        this.#ours = undefined;
        this.#talk.hangUp({ cause: 'timeout', by: 'network', reason: 'no final answer to our re-INVITE' }, now);
      }
    }
  }

  /** The session is over: what the other side waits for is answered (§15.1.2), ours is only acknowledged from now on. */
  stop(now: number): void {
    this.#stopped = true;
    this.#wanted = undefined;
    this.#timers.clearAll();
    const theirs = this.#theirs;
    if (theirs !== undefined) this.#refuse(theirs, 487, undefined, now);
  }

  /** The dialog is gone: a re-INVITE of ours that was said to proceed would wait for ever. */
  close(): void {
    if (this.#ours !== undefined) this.#talk.context.core.abandon(this.#ours);
    this.#ours = undefined;
  }

  /** An offer of the other side waits for our answer. */
  get asked(): boolean {
    return this.#theirs !== undefined;
  }

  /** Re-INVITE, UPDATE, or PRACK with an offer. */
  offered(request: SipRequest, transaction: string, now: number): void {
    const { core } = this.#talk.context;
    const offer = bodyOf(request);
    const plainUpdate = request.method === 'UPDATE' && offer === undefined;
    const { early, exchange } = this.#talk;
    // §14.2, RFC 3311 §5.2: the first offer is not answered yet, or the INVITE is not.
    const tooSoon =
      early && (request.method === 'INVITE' || (exchange !== 'done' && exchange !== 'ours' && !plainUpdate));
    if (this.#theirs !== undefined || tooSoon) {
      const seconds = String(core.random.uint32() % 11);
      return core.answer(transaction, request, 500, now, undefined, [['Retry-After', seconds]]);
    }
    // §14.2, and RFC 5407 §3.1.4 for an offer of ours that still waits for the ACK.
    const glare = this.#ours !== undefined || this.#talk.awaitingAnswer || (early && exchange === 'ours');
    if (glare && !plainUpdate) return core.answer(transaction, request, 491, now);
    this.#theirs = { request, transaction };
    if (plainUpdate) {
      // RFC 3311 §5.2: without an offer it only refreshes the target.
      this.#accept(this.#theirs, undefined, now);
      return;
    }
    if (request.method === 'INVITE') {
      core.answer(transaction, request, 100, now);
      core.invitations.set(transaction, {
        tag: this.#talk.dialog.localTag,
        cancelled: (_cancel, at) => {
          if (this.#theirs !== undefined) this.#refuse(this.#theirs, 487, undefined, at);
          this.proceed(at);
        },
      });
    }
    const { dialog } = this.#talk;
    this.#talk.emit({ type: 'offered', offer, ...(early && dialog.caller && { branch: dialog.remoteTag }) });
  }

  answer(answer: Body | { status: number; reason: string }, now: number): void {
    const theirs = this.#theirs;
    if (theirs === undefined) return;
    if ('status' in answer) this.#refuse(theirs, answer.status, answer.reason, now);
    else this.#accept(theirs, answer, now);
    this.proceed(now);
  }

  #accept({ request, transaction }: Theirs, body: Body | undefined, now: number): void {
    const { core } = this.#talk.context;
    this.#theirs = undefined;
    core.invitations.delete(transaction);
    // RFC 3262 §5: PRACK is no target refresh request.
    if (request.method !== 'PRACK') this.#retarget(request);
    if (request.method === 'INVITE' && body !== undefined) return this.#talk.answer(transaction, request, body, now);
    const headers: HeaderField[] = this.#talk.headers.filter(([name]) => name !== 'User-Agent');
    // RFC 4028 §7.4: the interval is agreed on with the answer to the INVITE, and from then on.
    const agrees = !this.#talk.early && request.method !== 'PRACK';
    if (agrees) headers.push(...this.#talk.upkeep.session.answering(request, now));
    headers.push(['Server', core.config.product]);
    if (body !== undefined) headers.push(['Content-Type', body.contentType]);
    core.respond(transaction, createResponse(request, 200, undefined, { headers, body: body?.bytes }), now);
  }

  #retarget(request: SipRequest): void {
    const { dialog } = this.#talk;
    const { focus } = dialog;
    dialog.refresh(request);
    if (dialog.focus !== focus) this.#talk.emit({ type: 'focus', focus: !focus });
  }

  #refuse({ request, transaction }: Theirs, status: number, reason: string | undefined, now: number): void {
    const { core } = this.#talk.context;
    this.#theirs = undefined;
    core.invitations.delete(transaction);
    core.answer(transaction, request, status, now, reason);
  }

  /** Something is offered that has no answer yet, or will be in a moment. */
  get busy(): boolean {
    return (
      this.#timers.has('again') ||
      this.#gone !== undefined ||
      this.#ours !== undefined ||
      this.#theirs !== undefined ||
      this.#talk.awaitingAck
    );
  }

  /** Our own offer; made and sent as soon as nothing else is under way (§14.1), and made anew when it must be sent again. */
  want(offer: () => Body, now: number): void {
    this.#wanted = offer;
    this.#glares = 0;
    this.#offer(now);
  }

  /**
   * Nothing is under way any more: what waits is offered with the next alarm, which is now. Not at once: what has just been
   * emitted may be the answer to our last offer, and who made that has not seen it yet.
   */
  proceed(now: number): void {
    if (this.#wanted !== undefined && !this.busy && !this.#stopped) this.#timers.set('again', now);
  }

  /**
   * RFC 3262 §5: what waits goes with the PRACK that is due, to who takes no UPDATE. `done` hears that it has an answer. False:
   * nothing waits.
   */
  ride(prack: readonly HeaderField[], done: () => void, now: number): boolean {
    if (this.#wanted === undefined || this.busy || this.#stopped) return false;
    this.#send('PRACK', this.#wanted, now, prack, done);
    return true;
  }

  #offer(now: number): void {
    const wanted = this.#wanted;
    if (wanted === undefined || this.busy || this.#stopped || !this.#talk.negotiable) return;
    this.#send(this.#talk.early ? 'UPDATE' : 'INVITE', wanted, now);
  }

  #send(
    method: 'INVITE' | 'UPDATE' | 'PRACK',
    wanted: () => Body,
    now: number,
    prack: readonly HeaderField[] = [],
    done = (): void => {},
  ): void {
    const early = method !== 'INVITE';
    this.#wanted = undefined;
    const body = wanted();
    let invite: SipRequest | undefined;
    let repeatAck: (() => void) | undefined;
    this.#ours = '';
    // The transactions of UPDATE and PRACK end by themselves.
    if (!early) this.#timers.set('give-up', now + 64 * DEFAULT_TIMING.t1Ms);
    const { headers: own, upkeep } = this.#talk;
    const asking = method === 'PRACK' ? prack : [...own, ...(early ? [] : upkeep.session.asking())];
    const headers: HeaderField[] = [...asking, ['Content-Type', body.contentType]];
    const handler = {
      sent: (transaction: string, request: SipRequest): void => {
        this.#ours = transaction;
        invite = request;
      },
      response: (response: SipResponse, _hop: Hop, at: number): void => {
        if (response.status < 200 || invite === undefined) return;
        done();
        if (response.status >= 300) return this.#declined(method, response, wanted, at);
        if (repeatAck !== undefined) return repeatAck();
        // RFC 3262 §5: PRACK is no target refresh request.
        if (method !== 'PRACK') this.#talk.dialog.refresh(response);
        if (!early) {
          upkeep.session.accepted(response, now);
          repeatAck = this.#talk.acknowledge(invite, at);
        }
        this.#settled();
        this.#talk.emit({ type: 'reaccepted', body: bodyOf(response) });
        this.proceed(at);
      },
      failed: (cause: 'timeout' | 'transport', reason: string, at: number): void => {
        if (repeatAck !== undefined) return;
        done();
        this.#settled();
        // §14.1, §12.2.1.2: no answer at all means that nobody is there.
        this.#lost({ cause, by: 'network', reason: `${method}: ${reason}` }, 408, at);
      },
    };
    this.#talk.send(method, headers, body.bytes, handler, now);
  }

  #settled(): void {
    this.#ours = undefined;
    this.#timers.clear('give-up');
  }

  #declined(method: string, response: SipResponse, wanted: () => Body, now: number): void {
    const { status, reason } = response;
    this.#settled();
    if (this.#stopped) return;
    const waitMs = this.#waitMs(response);
    if (waitMs !== undefined && ++this.#glares <= GLARE_MAX) {
      this.#wanted ??= wanted;
      this.#timers.set('again', now + waitMs);
      return;
    }
    if (this.#talk.upkeep.tooShort(response)) {
      this.#wanted ??= wanted;
      return this.proceed(now);
    }
    if (status === 481 || status === 408) {
      // §12.2.1.2: the dialog is gone over there.
      return this.#lost({ cause: 'rejected', by: 'peer', status, reason: `${method}: ${reason}` }, status, now);
    }
    this.#talk.emit({ type: 'rerejected', status, reason });
    this.proceed(now);
  }

  /** When to offer again, ms; undefined: not at all. */
  #waitMs(response: SipResponse): number | undefined {
    const { core } = this.#talk.context;
    // §14.2, RFC 3311 §5.2: an offer of ours came in the middle of another one.
    if (response.status === 500) return retryAfterMs(response);
    if (response.status !== 491) return undefined;
    // §14.1: the owner of the Call-ID waits 2.1 .. 4 s, the other side 0 .. 2 s, in steps of 10 ms.
    return this.#talk.dialog.caller ? 2_100 + 10 * (core.random.uint32() % 191) : 10 * (core.random.uint32() % 201);
  }

  /**
   * 481: the dialog is gone over there (§12.2.1.2). Where our request crossed their BYE (RFC 5407 §3.2.3) it is their BYE that
   * says how the talk ended.
   */
  gone(ending: Ending, now: number): void {
    this.#gone = ending;
    this.#timers.set('gone', now + BYE_LIMIT_MS);
  }

  /** Nobody is there any more (§12.2.1.2). An early dialog lives and dies with the INVITE that made it. */
  #lost(ending: Ending, status: number, now: number): void {
    if (!this.#talk.early) return status === 481 ? this.gone(ending, now) : this.#talk.hangUp(ending, now);
    this.#talk.emit({ type: 'rerejected', status, reason: ending.reason });
  }
}
