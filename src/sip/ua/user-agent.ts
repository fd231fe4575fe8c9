/** The user agent: which machine a message, an answer of the resolver or a wish of the owner is for. RFC 3261 §8, §10, §13. */
import { earliest, type Random } from '../../base/index.ts';
import { dialogIdOf } from '../dialog/index.ts';
import { type Hop, parseUri, type SipMessage, type SipRequest, SipSyntaxError, type SipUri } from '../message/index.ts';
import { TransactionLayer, type TransactionOptions } from '../transaction/index.ts';
import type { Account } from './account.ts';
import { Accounts } from './accounts.ts';
import { Ahead } from './ahead.ts';
import { Beside } from './beside.ts';
import { type CallContext, Calls } from './call.ts';
import { Core, MACHINES_MAX } from './core.ts';
import { Gate, type GateCounts } from './gate.ts';
import { bodyOf } from './headers.ts';
import { IncomingCall } from './incoming.ts';
import { inspect } from './inspect.ts';
import { Merges } from './merges.ts';
import { abilities, answerProbe } from './options.ts';
import { OutgoingCall } from './outgoing.ts';
import { Registration } from './registration.ts';
import type { Waiting } from './subscription.ts';
import { Transfers } from './transfers.ts';
import type { Body, Early, Invitation, Prepared, TransportChange, UaConfig, UaOutput } from './types.ts';

/** Sessions at once, either way. */
const SESSIONS_MAX = 64;
/** Of them only ours may have the last ones: whoever calls us, we can call for help. */
const OWN_SESSIONS = 16;
/** After `stop`, what has not been answered by then is not waited for. */
const STOP_MS = 3_000;

/**
 * Registrations, sessions, OPTIONS. One instance holds every transaction and dialog of the terminal. What returns `UaOutput[]`
 * returns what is to be done, in order. `now`: ms, monotonic.
 */
export class UserAgent {
  readonly #core: Core;
  readonly #calls: Calls;
  readonly #transfers: Transfers;
  readonly #accounts: Accounts;
  readonly #registrations: readonly Registration[];
  /** Absent: everybody is let in. */
  readonly #gate: Gate | undefined;
  readonly #merges = new Merges();
  readonly #ahead = new Ahead();
  readonly #beside: Beside;
  #stopBy: number | undefined;

  /** Throws `SipSyntaxError` when an address or server of an account is no URI. */
  constructor(config: UaConfig, random: Random, timing?: TransactionOptions) {
    const layer = new TransactionLayer(random, timing);
    this.#core = new Core(config, random, layer, (...request) => this.#request(...request));
    this.#core.forget = (transaction) => {
      this.#beside.messages.forget(transaction);
      this.#merges.forget(transaction);
    };
    this.#calls = new Calls(this.#core);
    this.#transfers = new Transfers(this.#core, this.#calls);
    this.#core.overhear = (session, event) => {
      this.#transfers.heard(session, event);
      this.#beside.noticed(session, event);
    };
    this.#core.busy = () => this.#calls.size > 0;
    this.#accounts = new Accounts(this.#core, config.accounts, random);
    const inside = {
      owns: (hop: Hop) => this.#accounts.owns(hop),
      knows: (request: SipRequest) => this.#core.knows(request),
      replaces: (request: SipRequest, hop: Hop) => this.#transfers.takesOver(request, hop),
    };
    this.#gate = config.trust && new Gate(config.trust, random, inside);
    this.#registrations = this.#accounts.all.map((account, i, all) => {
      // RFC 5626 §4.2.1: several registrations of one address are told apart by their number.
      const before = all.slice(0, i).filter(({ config }) => config.address === account.config.address);
      return new Registration(this.#core, account, before.length + 1);
    });
    this.#beside = new Beside(this.#core, this.#accounts.all, this.#registrations, {
      accountOf: (...from) => this.#accounts.of(...from),
      userOf: (request) => this.#gate?.userOf(request),
    });
    this.#core.announced = (account, registered) => this.#beside.announced(account, registered);
  }

  get deadline(): number | undefined {
    return earliest([this.#core.deadline, this.#stopBy]);
  }

  /** For tests and status: what is alive. */
  get counts(): { sessions: number; dialogs: number; machines: number; transactions: number } {
    const { dialogs, machines, transactions } = this.#core;
    return { sessions: this.#calls.size, dialogs: dialogs.size, machines: machines.size, transactions };
  }

  /** What was turned away so far. */
  get turnedAway(): GateCounts {
    return this.#gate?.counts ?? { refused: 0, challenged: 0, wrong: 0 };
  }

  /** Whether a server of ours is at that address. */
  serverAt(host: string): boolean {
    return this.#accounts.serverAt(host);
  }

  timeout(now: number): UaOutput[] {
    if (this.#stopBy !== undefined && this.#stopBy <= now) {
      this.#stopBy = undefined;
      this.#core.machines.clear();
      this.#core.dialogs.clear();
    }
    this.#core.timeout(now);
    return this.#core.take();
  }

  receive(message: SipMessage, hop: Hop, now: number): UaOutput[] {
    try {
      if (message.kind === 'response') this.#core.receive(message, hop, now);
      else if (!this.#letIn(message, hop, now)) return this.#core.take();
      else if (message.method === 'OPTIONS' && message.toTag === undefined)
        this.#core.sendResponse(answerProbe(message, this.#core.config.product), hop);
      else this.#core.receive(message, hop, now);
    } catch (error) {
      // A header field that only now turns out to be unreadable. Of a response nothing follows; a request is answered below.
      if (!(error instanceof SipSyntaxError)) throw error;
    }
    return this.#core.take();
  }

  #letIn(request: SipRequest, hop: Hop, now: number): boolean {
    const verdict = this.#gate?.judge(request, hop, now);
    if (verdict?.kind !== 'turned-away') return true;
    if (verdict.response) this.#core.sendResponse(verdict.response, hop);
    if (verdict.tell) this.#core.emit('stranger', { type: 'stranger', request, hop });
    return false;
  }

  /** What the resolver found for a `resolve`; none: nothing. */
  resolved(query: string, hops: readonly Hop[], now: number): UaOutput[] {
    this.#core.resolved(query, hops, now);
    return this.#core.take();
  }

  transportFailed(transaction: string, reason: string, now: number): UaOutput[] {
    this.#core.transportFailed(transaction, reason, now);
    return this.#core.take();
  }

  /** The network says that nobody heard what was sent for `transaction` (ICMP): who has another server to ask waits no more. */
  refused(transaction: string, now: number): UaOutput[] {
    this.#core.refused(transaction, now);
    return this.#core.take();
  }

  transportChanged(change: TransportChange, now: number): UaOutput[] {
    if (change.kind === 'network') this.#core.targets.forgive();
    for (const registration of this.#registrations) {
      if (change.kind === 'flow') registration.flowClosed(change.flow, now);
      else registration.networkChanged(now);
    }
    if (change.kind === 'network') for (const call of [...this.#calls.values()]) call.talk?.networkChanged(now);
    return this.#core.take();
  }

  /** Registers every account, and keeps them registered. */
  start(now: number): UaOutput[] {
    for (const registration of this.#registrations) {
      this.#core.machines.add(registration);
      registration.start(now);
    }
    return this.#core.take();
  }

  /** Ends every session and un-registers; done when `idle`. */
  stop(now: number): UaOutput[] {
    for (const call of [...this.#calls.values()]) call.end(now);
    this.#beside.stop(now);
    for (const registration of this.#registrations) registration.stop(now);
    this.#stopBy = now + STOP_MS;
    return this.#core.take();
  }

  get idle(): boolean {
    return this.#calls.size === 0 && this.#core.machines.size === 0;
  }

  /** Begins with what was prepared for that session, if anything was. */
  invite(invitation: Invitation, now: number): UaOutput[] {
    const { session } = invitation;
    try {
      this.#call(invitation, parseUri(invitation.target), now);
    } catch (error) {
      if (!(error instanceof SipSyntaxError)) throw error;
      this.#refuse(session, error.message);
    }
    return this.#core.take();
  }

  #call(invitation: Invitation, uri: SipUri, now: number): void {
    const { session } = invitation;
    const full = this.#crowded;
    const ahead = this.#ahead.take(session);
    if (full || this.#calls.has(session))
      return this.#refuse(session, full ? `more than ${SESSIONS_MAX} sessions` : `session ${session} exists`);
    if (ahead !== undefined) {
      this.#begin(session, ahead.call, invitation.target, now);
      return ahead.call.start(ahead.routes, now);
    }
    const { referral } = invitation;
    const followed = referral === undefined ? [] : this.#transfers.follow(referral, session, now);
    if (followed === undefined) return this.#refuse(session, `the referral ${referral} is over`);
    const headers = [...(invitation.headers ?? []), ...followed];
    const accounts = this.#accounts.serving(uri);
    const call = new OutgoingCall(this.#context(session, accounts[0]), { ...invitation, headers });
    this.#begin(session, call, invitation.target, now);
    this.#accounts.find(uri, accounts, now, (routes, at) => call.start(routes, at));
  }

  #refuse(session: string, reason: string): void {
    this.#core.emit(session, { type: 'ended', cause: 'local', by: 'us', reason });
  }

  #begin(session: string, call: OutgoingCall, target: string, now: number): void {
    this.#calls.set(session, call);
    this.#beside.begun(session, target);
    call.begin(now);
  }

  /**
   * Makes the INVITE of an `invite` that may come, to the offer and the port in it, where the way is known and it fits a
   * datagram. Nothing is sent, and no session begins. It holds until anything else is told to the UA: then it is to be forgotten.
   */
  prepare(invitation: Invitation, now: number): UaOutput[] {
    const { session, target } = invitation;
    try {
      const uri = parseUri(target);
      const accounts = this.#accounts.serving(uri);
      if (!this.#accounts.knowsWay(uri, accounts)) return [];
      const call = new OutgoingCall(this.#context(session, accounts[0]), invitation);
      this.#accounts.find(uri, accounts, now, (routes, at) => this.#ahead.compose(session, call, routes, at));
    } catch (error) {
      if (!(error instanceof SipSyntaxError)) throw error; // `invite` will say so
    }
    return this.#core.take();
  }

  /** What `invite` of that session will send first: whoever is in a hurry sends it before. */
  prepared(session: string): Prepared | undefined {
    return this.#crowded ? undefined : this.#ahead.get(session);
  }

  forget(session: string): void {
    this.#ahead.take(session);
  }

  /** No session more, not even one of ours. */
  get #crowded(): boolean {
    return this.#calls.size >= SESSIONS_MAX || this.#stopBy !== undefined;
  }

  /**
   * 180, reliably where the caller asks for it (RFC 3262). `early`: 183, or a description: our answer, or our offer when the
   * INVITE had none and the caller can answer it in a PRACK.
   */
  ring(session: string, now: number, early?: Early): UaOutput[] {
    this.#calls.get(session)?.ring?.(now, early);
    if (this.#calls.has(session)) this.#beside.rings(session);
    return this.#core.take();
  }

  /** 200 with our answer, or with our offer when the INVITE had none; with none of it when both were settled before. */
  accept(session: string, body: Body | undefined, now: number): UaOutput[] {
    this.#calls.get(session)?.accept?.(body, now);
    if (this.#calls.has(session)) this.#beside.accepted(session);
    return this.#core.take();
  }

  reject(session: string, status: number, reason: string, now: number): UaOutput[] {
    this.#calls.get(session)?.reject(status, reason, now);
    return this.#core.take();
  }

  /** CANCEL, BYE or nothing, as the state asks. `reason`: goes into a Reason header (RFC 3326). */
  end(session: string, now: number, reason?: string): UaOutput[] {
    this.#calls.get(session)?.end(now, reason);
    return this.#core.take();
  }

  /**
   * Our own offer: UPDATE (RFC 3311) as long as the INVITE is not answered, then re-INVITE. `offer` is called when it can be
   * sent, and again when it must be sent again.
   */
  reinvite(session: string, offer: () => Body, now: number): UaOutput[] {
    this.#calls.get(session)?.reinvite(offer, now);
    return this.#core.take();
  }

  /** Asks the other side of a talk for a sign of life; the session ends with `timeout` when none comes soon. */
  check(session: string, now: number): UaOutput[] {
    this.#calls.get(session)?.check(now);
    return this.#core.take();
  }

  /** INFO inside the session, one after the other: DTMF for peers that want it so (RFC 6086 §1). */
  inform(session: string, bodies: readonly Body[], now: number): UaOutput[] {
    this.#calls.get(session)?.inform(bodies, now);
    return this.#core.take();
  }

  /** How many messages wait to be listened to (RFC 3842): for those who watch `message-summary`. */
  messagesWait(waiting: Waiting): UaOutput[] {
    this.#beside.notifier.counted(waiting);
    return this.#core.take();
  }

  /** 200, or a refusal, to a `message`. */
  answerMessage(message: string, status: number, now: number): UaOutput[] {
    this.#beside.messages.answer(message, status, now);
    return this.#core.take();
  }

  /** Answers `offered`: a body, or a refusal such as 488. */
  answerOffer(session: string, answer: Body | { status: number; reason: string }, now: number): UaOutput[] {
    this.#calls.get(session)?.answerOffer(answer, now);
    return this.#core.take();
  }

  /**
   * Asks the other side of an answered session to call `target` (REFER); `referring` tells what comes of it.
   * `replaces`: another answered session, whose other side is called instead and whose place the call takes.
   */
  refer(session: string, target: string, now: number, replaces?: string): UaOutput[] {
    this.#transfers.refer(session, target, replaces, now);
    return this.#core.take();
  }

  declineReferral(referral: string, status: number, reason: string, now: number): UaOutput[] {
    this.#transfers.decline(referral, status, reason, now);
    return this.#core.take();
  }

  /** For who calls us. */
  get #full(): boolean {
    const { machines } = this.#core;
    const many = this.#calls.size >= SESSIONS_MAX - OWN_SESSIONS || machines.size >= MACHINES_MAX;
    return many || this.#stopBy !== undefined;
  }

  #context(session: string, account: Account | undefined): CallContext {
    const find: CallContext['find'] = (uri, now, then) =>
      this.#accounts.find(uri, this.#accounts.serving(uri), now, then);
    return { core: this.#core, calls: this.#calls, transfers: this.#transfers, session, account, find };
  }

  #request(request: SipRequest, hop: Hop, transaction: string | undefined, now: number): void {
    if (transaction === undefined) {
      if (request.method === 'ACK') this.#core.dialogs.get(dialogIdOf(request))?.acknowledged(request, now);
      return;
    }
    try {
      this.#serve(request, hop, transaction, now);
    } catch (error) {
      if (!(error instanceof SipSyntaxError)) throw error;
      this.#core.answer(transaction, request, 400, now);
    }
  }

  #serve(request: SipRequest, hop: Hop, transaction: string, now: number): void {
    if (request.method === 'CANCEL') return this.#cancel(request, transaction, now);
    const refusal = inspect(request) ?? this.#merges.refuse(request, transaction);
    if (refusal !== undefined) {
      return this.#core.answer(transaction, request, refusal.status, now, refusal.reason, refusal.headers);
    }
    if (this.#beside.serve(request, hop, transaction, now)) return;
    if (request.toTag !== undefined) {
      const dialog = this.#core.dialogs.get(dialogIdOf(request));
      if (dialog === undefined) return this.#core.answer(transaction, request, 481, now);
      if (request.method !== 'OPTIONS') return dialog.request(request, hop, transaction, now);
    }
    if (request.method === 'OPTIONS')
      return this.#core.respond(transaction, abilities(request, this.#core.config.product), now);
    if (request.method === 'REFER') {
      const shown = { account: this.#accounts.of(request, hop), user: this.#gate?.userOf(request) };
      return this.#transfers.outside(request, hop, transaction, shown, now);
    }
    // BYE, INFO, UPDATE and NOTIFY live inside a dialog only.
    if (request.method !== 'INVITE') return this.#core.answer(transaction, request, 481, now);
    this.#invited(request, hop, transaction, now);
  }

  /** §9.2 */
  #cancel(cancel: SipRequest, transaction: string, now: number): void {
    const invite = this.#core.invitedBy(cancel);
    if (invite === undefined) return this.#core.answer(transaction, cancel, 481, now);
    const invited = this.#core.invitations.get(invite);
    this.#core.answer(transaction, cancel, 200, now, undefined, [], invited?.tag);
    invited?.cancelled(cancel, now);
  }

  #invited(request: SipRequest, hop: Hop, transaction: string, now: number): void {
    if (this.#full) return this.#core.answer(transaction, request, 480, now);
    const account = this.#accounts.of(request, hop);
    const user = this.#gate?.userOf(request);
    const replaced = this.#transfers.replaced(request, hop, { account, user });
    if (typeof replaced === 'object') return this.#core.answer(transaction, request, replaced.status, now);
    this.#core.answer(transaction, request, 100, now);
    const session = `in-${this.#core.random.token()}`;
    const call = new IncomingCall(this.#context(session, account), request, hop, transaction, now);
    this.#calls.set(session, call);
    const replaces = replaced === undefined ? {} : { replaces: replaced };
    const offer = bodyOf(request);
    this.#core.emit(session, { type: 'incoming', request, hop, account: account?.name, user, offer, ...replaces });
  }
}

/** What calls need of it. */
export type UserAgentInterface = Omit<UserAgent, 'counts' | 'turnedAway' | 'serverAt'>;
