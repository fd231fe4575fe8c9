/**
 * A session whose INVITE was answered with 2xx, or an early dialog that may become one (§12.1): BYE §15, ACK §13.2.2.4, and
 * what else comes inside the dialog. New offers are `Renegotiation`'s.
 */

import { isIP } from 'node:net';
import { earliest } from '../../base/index.ts';
import type { Dialog } from '../dialog/index.ts';
import {
  createResponse,
  formatHostPort,
  type Hop,
  parseUri,
  type SipRequest,
  type SipResponse,
} from '../message/index.ts';
import { samePlace } from './account.ts';
import { ask } from './ask.ts';
import type { CallContext, Ending } from './call.ts';
import type { Handler, InDialog, Machine } from './core.ts';
import { ALLOW, bodyOf, type HeaderField, reasonHeader, reasonOf, SUPPORTED } from './headers.ts';
import type { Refusal } from './inspect.ts';
import type { ReliableSender } from './reliable.ts';
import { Renegotiation } from './renegotiation.ts';
import { AnswerRepeater } from './repeater.ts';
import { SessionTimer } from './session-timer.ts';
import type { Body, SessionEvent } from './types.ts';
import { Upkeep } from './upkeep.ts';

/** By these the sound goes elsewhere, or another call is made. Departs from §12.2.2: who sends them must be on the way. */
const MOVING: ReadonlySet<string> = new Set(['INVITE', 'UPDATE', 'PRACK', 'REFER']);

export class Talk implements Machine, InDialog {
  readonly context: CallContext;
  readonly dialog: Dialog;
  /** Header fields of each target refresh request and its 2xx. */
  headers: readonly HeaderField[];
  readonly renegotiation: Renegotiation;
  readonly upkeep: Upkeep;
  /**
   * The first offer and answer (RFC 6337 §3), for as long as the dialog is early: none yet, made by us and not answered, made by
   * the other side and not answered (or our answer not acknowledged), or done.
   */
  exchange: 'none' | 'ours' | 'theirs' | 'done' = 'done';
  /** Our provisional responses that wait for a PRACK. */
  reliable: ReliableSender | undefined;
  /** Where the other side was heard last. */
  #hop: Hop;
  #repeater: AnswerRepeater | undefined;
  /** Our unacknowledged 2xx carried an offer: the ACK brings the answer. */
  #offering = false;
  /** The INVITE that made the dialog still lacks its ACK. */
  #unconfirmed = false;
  /** `muted`: an extra answer to a forked INVITE, which no owner ever hears of. */
  #state: 'early' | 'up' | 'muted' | 'hanging-up' | 'over';
  #byeReason: string | undefined;

  constructor(
    context: CallContext,
    dialog: Dialog,
    hop: Hop,
    contact: string,
    state: 'early' | 'up' | 'muted' = 'up',
    timer?: SessionTimer,
  ) {
    this.context = context;
    this.dialog = dialog;
    this.#hop = hop;
    this.#state = state;
    this.headers = [['Contact', contact], ALLOW, SUPPORTED, ['User-Agent', context.core.config.product]];
    this.renegotiation = new Renegotiation(this);
    this.upkeep = new Upkeep(this, timer ?? new SessionTimer(context.core.config.sessionExpiresS));
    context.core.dialogs.set(dialog.id, this);
    context.core.machines.add(this);
  }

  /** The INVITE has no final answer yet. */
  get early(): boolean {
    return this.#state === 'early';
  }

  /** RFC 3311 §5.1: an early dialog takes new offers once the first one is answered, and in UPDATE only. */
  get negotiable(): boolean {
    return this.#state !== 'early' || (this.exchange === 'done' && this.upkeep.allowsUpdate);
  }

  /** The INVITE of an early dialog has its 2xx, `theirs` unless it is ours. `muted`: as for the constructor. */
  confirm(theirs?: { response: SipResponse; from: Hop }, muted = false): void {
    if (theirs !== undefined) {
      this.dialog.confirm(theirs.response);
      this.#hop = theirs.from;
    }
    this.#state = muted ? 'muted' : 'up';
    this.context.core.dialogs.set(this.dialog.id, this);
    this.context.core.machines.add(this);
  }

  /** The INVITE of an early dialog found its answer elsewhere, or none. A late 2xx may still `confirm` it. */
  forget(now: number): void {
    if (this.#state !== 'early') return;
    this.renegotiation.stop(now);
    this.renegotiation.close();
    this.context.core.machines.delete(this);
    this.context.core.dialogs.delete(this.dialog.id);
  }

  get session(): string {
    return this.context.session;
  }

  get deadline(): number | undefined {
    return earliest([this.#repeater?.deadline, this.renegotiation.deadline, this.upkeep.deadline]);
  }

  get awaitingAck(): boolean {
    return this.#repeater !== undefined;
  }

  /** An answer of the other side is to come in an ACK. */
  get awaitingAnswer(): boolean {
    return this.#repeater !== undefined && this.#offering;
  }

  timeout(now: number): void {
    if ((this.#repeater?.deadline ?? now + 1) <= now && this.#repeater?.timeout(now) === true) {
      // §13.3.1.4, §14.2: no ACK, so the session ends, and with it the dialog.
      this.#repeater = undefined;
      this.#unconfirmed = false;
      this.hangUp({ cause: 'no-ack', by: 'network', reason: 'our answer was not acknowledged' }, now);
      if (this.#state === 'hanging-up' && this.#byeReason !== undefined) this.#bye(now);
      return;
    }
    this.upkeep.timeout(now);
    this.renegotiation.timeout(now);
  }

  emit(event: SessionEvent): void {
    if (this.#state === 'up' || this.#state === 'early') this.context.core.emit(this.context.session, event);
  }

  /** Sends our 2xx to an INVITE, again and again until its ACK. */
  answer(transaction: string, request: SipRequest, body: Body | undefined, now: number, toTag?: string): void {
    const { core } = this.context;
    this.upkeep.heard(request);
    const headers = this.headers.filter(([name]) => name !== 'User-Agent');
    headers.push(...this.upkeep.session.answering(request, now));
    const response = createResponse(request, 200, undefined, {
      headers: [...headers, ['Server', core.config.product], ...typeOf(body)],
      body: body?.bytes,
      toTag,
    });
    this.#offering = body !== undefined && bodyOf(request) === undefined;
    this.#unconfirmed ||= toTag !== undefined;
    this.#repeater = new AnswerRepeater(core, transaction, response);
    this.#repeater.start(now);
  }

  /** A request inside the dialog, to be sent where the dialog says. `reached` hears which hop it took. */
  send(
    method: string,
    headers: readonly HeaderField[],
    body: Uint8Array | undefined,
    handler: Handler,
    now: number,
  ): void {
    const { core, account } = this.context;
    const make = (): SipRequest => this.dialog.request(method, this.dialog.nextSequence(), headers, body);
    const response: Handler['response'] = (answer, from, at) => {
      this.upkeep.heard(answer);
      handler.response(answer, from, at);
    };
    core.locate(this.dialog.nextHop, this.#hop, now, (hops, at) => {
      // RFC 5057 §5.2: who wants to hear of a transfer does so after the BYE, too.
      const always = method === 'BYE' || method === 'NOTIFY';
      if (!always && this.#state !== 'up' && this.#state !== 'early') return;
      // Departs from §12.2.1.1: where the target cannot be found or reached, the way the last message came is tried.
      const hop = hops[0] ?? this.#hop;
      const failed: Handler['failed'] = (cause, reason, when) => {
        if (cause === 'timeout' || samePlace(hop, this.#hop)) return handler.failed(cause, reason, when);
        ask(core, { make, hop: this.#hop, account, handler: { ...handler, response } }, when);
      };
      ask(core, { make, hop, account, handler: { ...handler, response, failed } }, at);
    });
  }

  /** §13.2.2.4: the ACK to a 2xx of `invite`, with the INVITE's number and credentials. Gives the way to repeat it. */
  acknowledge(invite: SipRequest, now: number, body?: Body): () => void {
    const { core } = this.context;
    const headers = [...credentialsOf(invite), ...typeOf(body)];
    const ack = this.dialog.request('ACK', invite.cseq.sequence, headers, body?.bytes);
    let repeat = (): void => {};
    core.locate(this.dialog.nextHop, this.#hop, now, (hops) => {
      const sent = core.sendAck(ack, hops[0] ?? this.#hop);
      repeat = () => core.repeat(sent);
    });
    return () => repeat();
  }

  /** Our address on the way there may be another one: then the other side is told where we are (§12.2.1, a target refresh). */
  networkChanged(now: number): void {
    const { core, account } = this.context;
    const { remote, transport } = this.#hop;
    const there = `sip:${formatHostPort(remote.host, remote.port)};transport=${transport}`;
    core.locate(parseUri(there), undefined, now, ([found]) => {
      if (this.#state !== 'up' || found === undefined || found.local.host === this.#hop.local.host) return;
      const hop = { ...this.#hop, local: found.local, flow: undefined };
      this.#hop = hop;
      const secure = this.headers.some(([name, value]) => name === 'Contact' && value.startsWith('<sips:'));
      const contact = core.contact(account?.user ?? core.config.user, account?.seenFrom(hop) ?? hop, secure);
      this.headers = this.headers.map((field) => (field[0] === 'Contact' ? ['Contact', contact] : field));
      this.emit({ type: 'refresh', hop });
    });
  }

  acknowledged(ack: SipRequest, now: number): void {
    const repeater = this.#repeater;
    if (repeater === undefined || ack.cseq.sequence !== repeater.sequence) return;
    const first = this.#unconfirmed;
    this.#repeater = undefined;
    this.#unconfirmed = false;
    if (this.#byeReason !== undefined) return this.#bye(now);
    if (first || this.#offering) this.emit({ type: 'confirmed', body: this.#offering ? bodyOf(ack) : undefined });
    this.renegotiation.proceed(now);
  }

  request(request: SipRequest, hop: Hop, transaction: string, now: number): void {
    const { core } = this.context;
    const familiar = this.#familiar(hop);
    if (!familiar && MOVING.has(request.method)) return core.answer(transaction, request, 403, now);
    if (!this.dialog.admit(request)) return core.answer(transaction, request, 500, now, 'CSeq Out Of Order');
    if (familiar) this.#hop = { ...hop, local: this.#hop.local };
    this.upkeep.heard(request);
    if (request.method === 'PRACK') return this.#pracked(request, transaction, now);
    // §15: the callee does not end what it has not answered; nor does it transfer it.
    if (this.#state === 'early' && ['BYE', 'REFER'].includes(request.method))
      return core.answer(transaction, request, 481, now);
    if (request.method === 'BYE') {
      core.answer(transaction, request, 200, now);
      this.#ended({ cause: 'bye', by: 'peer', reason: reasonOf(request, 'hung up') }, now);
      return this.#over();
    }
    if (this.#state !== 'up' && this.#state !== 'early') return core.answer(transaction, request, 481, now);
    if (request.method === 'INFO') {
      core.answer(transaction, request, 200, now);
      return this.emit({ type: 'info', request });
    }
    if (request.method === 'REFER') return this.context.transfers.inside(this, request, hop, transaction, now);
    if (request.method === 'NOTIFY') {
      if (!this.context.transfers.notified(this, request, transaction, now))
        core.answer(transaction, request, 481, now);
      return;
    }
    this.renegotiation.offered(request, transaction, now);
  }

  /** Somebody the talk is known to go by, or whom a rule names; who has only read along sits somewhere else. */
  #familiar(hop: Hop): boolean {
    const { core, account } = this.context;
    const { trust } = core.config;
    const { host } = hop.remote;
    const ends = [this.dialog.nextHop.host, parseUri(this.dialog.remoteTarget).host];
    const way = [this.#hop.remote.host, ...ends.map((place) => place.replace(/^\[|\]$/g, ''))];
    if (trust === undefined || account?.owns(hop) || way.includes(host)) return true;
    // What is named and not numbered may be anywhere.
    return way.some((place) => isIP(place) === 0) || trust.knows(host, hop.identities ?? []);
  }

  replaceable(earlyOnly: boolean): { session: string; host: string } | Refusal {
    // RFC 3891 §3: an early dialog only when it is our own call.
    if (this.#state === 'early') return this.dialog.caller ? this.#replaced : { status: 481 };
    if (this.#state !== 'up') return { status: 603 };
    return earlyOnly ? { status: 486 } : this.#replaced;
  }

  get #replaced(): { session: string; host: string } {
    return { session: this.context.session, host: this.#hop.remote.host };
  }

  /** RFC 3262 §3, §5: an answer to our offer in it, or a new offer, or nothing. */
  #pracked(prack: SipRequest, transaction: string, now: number): void {
    const { core } = this.context;
    const response = this.reliable?.acknowledged(prack, now);
    if (response === undefined) return core.answer(transaction, prack, 481, now);
    const body = bodyOf(prack);
    const answers = this.exchange === 'ours' && response.body.length > 0;
    if (response.body.length > 0) this.exchange = 'done';
    if (body !== undefined && !answers) this.renegotiation.offered(prack, transaction, now);
    else {
      core.answer(transaction, prack, 200, now);
      this.emit({ type: 'pracked', body });
    }
    this.renegotiation.proceed(now);
  }

  end(now: number, reason?: string): void {
    this.hangUp({ cause: 'local', by: 'us', reason: reason ?? 'hung up' }, now, reason ?? '');
  }

  /** The dialog is of no use any more; the other side is told all the same. */
  hangUp(ending: Ending, now: number, reason: string = ending.reason): void {
    if (this.#state === 'hanging-up' || this.#state === 'over') return;
    this.#ended(ending, now);
    this.#state = 'hanging-up';
    // §15: the callee sends no BYE before the ACK to its 2xx has come or is given up.
    this.#byeReason = reason;
    if (!this.#unconfirmed) this.#bye(now);
  }

  #ended(ending: Ending, now: number): void {
    const owned = this.#state === 'up';
    this.upkeep.stop();
    this.renegotiation.stop(now);
    if (owned) this.context.calls.ended(this.context.session, ending);
  }

  #bye(now: number): void {
    const headers = [...reasonHeader(this.#byeReason), ['User-Agent', this.context.core.config.product] as const];
    this.#byeReason = undefined;
    this.#repeater = undefined;
    const done = (): void => this.#over();
    this.send(
      'BYE',
      headers,
      undefined,
      { response: (response) => response.status >= 200 && done(), failed: done },
      now,
    );
  }

  #over(): void {
    this.#state = 'over';
    this.renegotiation.close();
    this.#repeater = undefined;
    this.#byeReason = undefined;
    this.context.core.machines.delete(this);
    this.context.core.dialogs.delete(this.dialog.id);
  }
}

const typeOf = (body: Body | undefined): HeaderField[] =>
  body === undefined ? [] : [['Content-Type', body.contentType]];

/** §22.1: the ACK cannot be challenged, so it shows what the INVITE showed. */
function credentialsOf(invite: SipRequest): HeaderField[] {
  return (['Authorization', 'Proxy-Authorization'] as const).flatMap((name) =>
    invite.headers(name).map((value): HeaderField => [name, value]),
  );
}
