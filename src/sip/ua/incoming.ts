/** A call from outside until it is answered: INVITE server side, RFC 3261 §13.3, CANCEL §9.2. Then it is a `Talk`. */
import { earliest, Timers } from '../../base/index.ts';
import { Dialog } from '../dialog/index.ts';
import { createResponse, type Hop, type SipRequest } from '../message/index.ts';
import type { Call, CallContext, Ending } from './call.ts';
import type { InDialog, Machine } from './core.ts';
import { ALLOW, bodyOf, type HeaderField, reasonOf, SUPPORTED } from './headers.ts';
import { inform } from './info.ts';
import { reliabilityOf } from './prack.ts';
import { ReliableSender } from './reliable.ts';
import { Talk } from './talk.ts';
import type { Body, Early } from './types.ts';

/** §13.3.1.1: a call that rings long says so again, or proxies cancel it. */
const RING_AGAIN_MS = 60_000;

export class IncomingCall implements Call, Machine, InDialog {
  readonly #context: CallContext;
  readonly #request: SipRequest;
  readonly #hop: Hop;
  readonly #transaction: string;
  readonly #dialog: Dialog;
  readonly #contact: string;
  readonly #timers = new Timers<'ring' | 'expires'>();
  readonly #reliability: ReturnType<typeof reliabilityOf>;
  /** Made when the dialog has something to agree on before the answer. */
  #talk: Talk | undefined;
  /** What we answer with once the other side has acknowledged what we said before. */
  #accepting: { body: Body | undefined } | undefined;
  #state: 'waiting' | 'answered' | 'over' = 'waiting';

  /** 100 has been sent. */
  constructor(context: CallContext, request: SipRequest, hop: Hop, transaction: string, now: number) {
    const { core, account } = context;
    this.#context = context;
    this.#request = request;
    this.#hop = hop;
    this.#transaction = transaction;
    this.#reliability = reliabilityOf(request);
    this.#dialog = Dialog.uas(request, core.random.token());
    this.#contact = core.contact(
      account?.user ?? core.config.user,
      account?.seenFrom(hop) ?? hop,
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
    return this.#state === 'answered' ? this.#talk : undefined;
  }

  get session(): string {
    return this.#context.session;
  }

  get deadline(): number | undefined {
    return earliest([this.#timers.next, this.#talk?.reliable?.deadline]);
  }

  timeout(now: number): void {
    if (this.#talk?.reliable?.timeout(now) === true) {
      // RFC 3262 §3: a caller that acknowledges nothing is not there.
      const ending: Ending = { cause: 'timeout', by: 'network', status: 500, reason: 'no PRACK came' };
      return this.#refuse(500, 'No PRACK', ending, now);
    }
    for (const name of this.#timers.due(now)) {
      if (name === 'ring') this.ring(now);
      // §13.3.1: the caller set a limit, and it is over.
      else this.#refuse(487, undefined, { cause: 'cancelled', by: 'peer', status: 487, reason: 'INVITE expired' }, now);
    }
  }

  ring(now: number, { status = 180, body }: Early = {}): void {
    if (this.#state !== 'waiting' || this.#accepting !== undefined) return;
    const { core } = this.#context;
    this.#timers.set('ring', now + RING_AGAIN_MS);
    const offered = bodyOf(this.#request) !== undefined;
    const reliable = this.#reliability === 'required' || (this.#reliability === 'supported' && body !== undefined);
    // RFC 6337 §2.1: an offer needs a response that is acknowledged; what is agreed on already is not said again.
    const said = (offered || reliable) && this.#talk?.exchange !== 'done' ? body : undefined;
    const headers: HeaderField[] = [['Contact', this.#contact], ALLOW, ['Server', core.config.product]];
    if (said !== undefined) headers.push(['Content-Type', said.contentType]);
    const options = { headers, body: said?.bytes, toTag: this.#dialog.localTag };
    const response = createResponse(this.#request, status, undefined, options);
    if (!reliable) return core.respond(this.#transaction, response, now);
    this.#talk ??= this.#early();
    if (said !== undefined && !offered) this.#talk.exchange = 'ours';
    this.#talk.reliable!.send(response, now);
  }

  /** Until the answer BYE and CANCEL are ours, the rest is the `Talk`'s. */
  #early(): Talk {
    const { core } = this.#context;
    const talk = new Talk(this.#context, this.#dialog, this.#hop, this.#contact, 'early');
    talk.exchange = bodyOf(this.#request) === undefined ? 'none' : 'theirs';
    talk.reliable = new ReliableSender(core, this.#transaction);
    talk.upkeep.heard(this.#request);
    core.dialogs.set(this.#dialog.id, this);
    return talk;
  }

  accept(body: Body | undefined, now: number): void {
    if (this.#state !== 'waiting' || this.#accepting !== undefined) return;
    this.#accepting = { body };
    this.#accept(now);
  }

  #accept(now: number): void {
    const talk = this.#talk;
    // RFC 3262 §3, RFC 6337 §3.1: first the PRACK that a description of ours waits for, and the answer to an offer in it.
    if (this.#accepting === undefined || this.#state !== 'waiting') return;
    if (talk?.reliable?.holdsAnswer === true || talk?.renegotiation.asked === true) return;
    const settled = talk?.exchange === 'done';
    this.#state = 'answered';
    this.#timers.clearAll();
    this.#context.core.machines.delete(this);
    this.#context.core.invitations.delete(this.#transaction);
    talk?.reliable?.stop();
    if (talk === undefined) {
      this.#talk = new Talk(this.#context, this.#dialog, this.#hop, this.#contact);
      this.#talk.upkeep.heard(this.#request);
    } else talk.confirm();
    const body = settled ? undefined : this.#accepting.body;
    this.#talk!.answer(this.#transaction, this.#request, body, now, this.#dialog.localTag);
  }

  reject(status: number, reason: string, now: number): void {
    this.#refuse(status, reason, { cause: 'rejected', by: 'us', status, reason }, now);
  }

  end(now: number, reason?: string): void {
    if (this.#state === 'answered') this.#talk?.end(now, reason);
    else this.#refuse(480, undefined, { cause: 'local', by: 'us', reason: reason ?? 'not taken' }, now);
  }

  reinvite(offer: () => Body, now: number): void {
    this.#talk?.renegotiation.want(offer, now);
  }

  check(now: number): void {
    this.#talk?.upkeep.check(now);
  }

  inform(bodies: readonly Body[], now: number): void {
    if (this.#talk !== undefined) inform(this.#talk, bodies, now);
  }

  answerOffer(answer: Body | { status: number; reason: string }, now: number): void {
    this.#talk?.renegotiation.answer(answer, now);
    this.#accept(now);
  }

  acknowledged(): void {
    // Before our 2xx there is nothing to acknowledge.
  }

  /** Inside the early dialog; once it is answered the `Talk` stands in the table instead. */
  request(request: SipRequest, hop: Hop, transaction: string, now: number): void {
    const { core, session } = this.#context;
    if (this.#talk !== undefined && request.method !== 'BYE') {
      this.#talk.request(request, hop, transaction, now);
      return this.#accept(now);
    }
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
      case 'PRACK':
        return core.answer(transaction, request, 481, now);
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
    this.#talk?.forget(now);
    core.answer(this.#transaction, this.#request, status, now, reason, [], this.#dialog.localTag);
    calls.ended(session, ending);
  }
}
