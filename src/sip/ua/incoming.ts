/** A call from outside until it is answered: INVITE server side, RFC 3261 §13.3, CANCEL §9.2. Then it is a `Talk`. */
import { Timers } from '../../base/index.ts';
import { Dialog } from '../dialog/index.ts';
import { createResponse, type Hop, type SipRequest } from '../message/index.ts';
import type { Call, CallContext, Ending } from './call.ts';
import type { InDialog, Machine } from './core.ts';
import { ALLOW, bodyOf, reasonOf, SUPPORTED } from './headers.ts';
import { Talk } from './talk.ts';
import type { Body } from './types.ts';

/** §13.3.1.1: a call that rings long says so again, or proxies cancel it. */
export const RING_AGAIN_MS = 60_000;

export class IncomingCall implements Call, Machine, InDialog {
  readonly #context: CallContext;
  readonly #request: SipRequest;
  readonly #hop: Hop;
  readonly #transaction: string;
  readonly #dialog: Dialog;
  readonly #contact: string;
  readonly #timers = new Timers<'ring' | 'expires'>();
  #talk: Talk | undefined;
  #state: 'waiting' | 'answered' | 'over' = 'waiting';

  /** 100 has been sent. */
  constructor(context: CallContext, request: SipRequest, hop: Hop, transaction: string, now: number) {
    const { core, account } = context;
    this.#context = context;
    this.#request = request;
    this.#hop = hop;
    this.#transaction = transaction;
    this.#dialog = Dialog.uas(request, core.random.token());
    this.#contact = core.contact(
      account?.user ?? core.config.user,
      hop,
      // §12.1.1: a SIPS URI is answered with one.
      request.parsedUri().scheme === 'sips',
    );
    const { expires } = request;
    if (expires !== undefined && expires > 0) this.#timers.set('expires', now + expires * 1_000);
    core.dialogs.set(this.#dialog.id, this);
    core.machines.add(this);
    core.invitations.set(transaction, {
      tag: this.#dialog.localTag,
      cancelled: (cancel, at) => this.#cancelled(cancel, at),
    });
  }

  get talk(): Talk | undefined {
    return this.#talk;
  }

  get deadline(): number | undefined {
    return this.#timers.next;
  }

  timeout(now: number): void {
    for (const name of this.#timers.due(now)) {
      if (name === 'ring') this.ring(now);
      // §13.3.1: the caller set a limit, and it is over.
      else this.#refuse(487, undefined, { cause: 'cancelled', by: 'peer', status: 487, reason: 'INVITE expired' }, now);
    }
  }

  ring(now: number): void {
    if (this.#state !== 'waiting') return;
    const { core } = this.#context;
    const headers = [['Contact', this.#contact], ALLOW, ['Server', core.config.product]] as const;
    const response = createResponse(this.#request, 180, undefined, { headers, toTag: this.#dialog.localTag });
    core.respond(this.#transaction, response, now);
    this.#timers.set('ring', now + RING_AGAIN_MS);
  }

  accept(body: Body, now: number): void {
    if (this.#state !== 'waiting') return;
    this.#state = 'answered';
    this.#timers.clearAll();
    this.#context.core.machines.delete(this);
    this.#context.core.invitations.delete(this.#transaction);
    this.#dialog.confirm();
    this.#talk = new Talk(this.#context, this.#dialog, this.#hop, this.#contact);
    this.#talk.answer(this.#transaction, this.#request, body, now, this.#dialog.localTag);
  }

  reject(status: number, reason: string, now: number): void {
    this.#refuse(status, reason, { cause: 'rejected', by: 'us', status, reason }, now);
  }

  end(now: number, reason?: string): void {
    if (this.#talk !== undefined) this.#talk.end(now, reason);
    else this.#refuse(480, undefined, { cause: 'local', by: 'us', reason: reason ?? 'not taken' }, now);
  }

  reinvite(offer: () => Body, now: number): void {
    this.#talk?.renegotiation.want(offer, now);
  }

  check(now: number): void {
    this.#talk?.upkeep.check(now);
  }

  answerOffer(answer: Body | { status: number; reason: string }, now: number): void {
    this.#talk?.renegotiation.answer(answer, now);
  }

  acknowledged(): void {
    // Before our 2xx there is nothing to acknowledge.
  }

  /** Inside the early dialog; once it is answered the `Talk` stands in the table instead. */
  request(request: SipRequest, _hop: Hop, transaction: string, now: number): void {
    const { core, session } = this.#context;
    if (!this.#dialog.admit(request)) return core.answer(transaction, request, 500, now, 'CSeq Out Of Order');
    const reason = reasonOf(request, 'caller hung up');
    switch (request.method) {
      case 'BYE':
        // §15.1.2: the INVITE gets 487.
        core.answer(transaction, request, 200, now);
        return this.#refuse(487, undefined, { cause: 'bye', by: 'peer', reason }, now);
      case 'INFO':
        core.answer(transaction, request, 200, now);
        return core.emit(session, { type: 'info', request });
      case 'UPDATE':
        if (bodyOf(request) === undefined) {
          this.#dialog.refresh(request);
          const headers = [['Contact', this.#contact], ALLOW, SUPPORTED, ['Server', core.config.product]] as const;
          return core.respond(transaction, createResponse(request, 200, undefined, headers), now);
        }
        break;
    }
    // §14.2, RFC 3311 §5.2: the first offer is not answered yet.
    const seconds = String(core.random.uint32() % 11);
    core.answer(transaction, request, 500, now, undefined, [['Retry-After', seconds]]);
  }

  #cancelled(cancel: SipRequest, now: number): void {
    const ending: Ending = { cause: 'cancelled', by: 'peer', status: 487, reason: reasonOf(cancel, 'caller gave up') };
    this.#refuse(487, undefined, ending, now);
  }

  #refuse(status: number, reason: string | undefined, ending: Ending, now: number): void {
    if (this.#state !== 'waiting') return;
    this.#state = 'over';
    const { core, calls, session } = this.#context;
    this.#timers.clearAll();
    core.machines.delete(this);
    core.invitations.delete(this.#transaction);
    core.dialogs.delete(this.#dialog.id);
    core.answer(this.#transaction, this.#request, status, now, reason, [], this.#dialog.localTag);
    calls.ended(session, ending);
  }
}
