/** The user agent: which machine a message, an answer of the resolver or a wish of the owner is for. RFC 3261 §8, §10, §13. */
import type { Random } from '../../base/index.ts';
import { dialogIdOf } from '../dialog/index.ts';
import {
  createResponse,
  type Hop,
  parseUri,
  type SipMessage,
  type SipRequest,
  type SipResponse,
  SipSyntaxError,
  type SipUri,
} from '../message/index.ts';
import { TransactionLayer, type TransactionOptions } from '../transaction/index.ts';
import { type Account, accountsOf, samePlace } from './account.ts';
import { Beside } from './beside.ts';
import { type CallContext, Calls, type Route } from './call.ts';
import { Core, MACHINES_MAX } from './core.ts';
import { Gate, type GateCounts, statelessTag } from './gate.ts';
import { ACCEPT, ALLOW, bodyOf, type HeaderField, SUPPORTED } from './headers.ts';
import { IncomingCall } from './incoming.ts';
import { inspect, type Refusal } from './inspect.ts';
import { ALLOW_EVENTS } from './notifier.ts';
import { OutgoingCall } from './outgoing.ts';
import { Registration } from './registration.ts';
import { Transfers } from './transfers.ts';
import type { Body, Early, Invitation, TransportChange, UaConfig, UaOutput, UserAgentInterface } from './types.ts';

/** Sessions at once, either way. */
export const SESSIONS_MAX = 64;
/** After `stop`, what has not been answered by then is not waited for. */
export const STOP_MS = 3_000;

export class UserAgent implements UserAgentInterface {
  readonly #core: Core;
  readonly #calls: Calls;
  readonly #transfers: Transfers;
  readonly #accounts: readonly Account[];
  readonly #registrations: readonly Registration[];
  /** Absent: everybody is let in. */
  readonly #gate: Gate | undefined;
  /** Requests being answered, by what a merged copy of them would share (§8.2.2.2), and the other way round. */
  readonly #merges = new Map<string, string>();
  readonly #mergeKeys = new Map<string, string>();
  readonly #beside: Beside;
  #stopBy: number | undefined;

  /** Throws `SipSyntaxError` when an address or server of an account is no URI. */
  constructor(config: UaConfig, random: Random, timing?: TransactionOptions) {
    const layer = new TransactionLayer(random, timing);
    this.#core = new Core(config, random, layer, (...request) => this.#request(...request));
    this.#core.forget = (transaction) => this.#forget(transaction);
    this.#calls = new Calls(this.#core);
    this.#transfers = new Transfers(this.#core, this.#calls);
    this.#core.overhear = (session, event) => {
      this.#transfers.heard(session, event);
      this.#beside.noticed(session, event);
    };
    this.#core.busy = () => this.#calls.size > 0;
    this.#accounts = config.accounts.flatMap((account) => accountsOf(account, random));
    const inside = {
      owns: (hop: Hop) => this.#accounts.some((account) => account.owns(hop)),
      knows: (request: SipRequest) => this.#core.knows(request),
    };
    this.#gate = config.trust && new Gate(config.trust, random, inside);
    this.#registrations = this.#accounts.map((account, i) => {
      // RFC 5626 §4.2.1: several registrations of one address are told apart by their number.
      const before = this.#accounts.slice(0, i).filter(({ config }) => config.address === account.config.address);
      return new Registration(this.#core, account, before.length + 1);
    });
    this.#beside = new Beside(this.#core, this.#accounts, this.#registrations, {
      accountOf: (...from) => this.#accountOf(...from),
      userOf: (request) => this.#gate?.userOf(request),
    });
    this.#core.announced = (account, registered) => this.#beside.announced(account, registered);
  }

  get deadline(): number | undefined {
    const { deadline } = this.#core;
    if (this.#stopBy === undefined) return deadline;
    return deadline === undefined ? this.#stopBy : Math.min(deadline, this.#stopBy);
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
    const place = { host, port: 0 };
    return this.#accounts.some((account) => account.owns({ transport: 'udp', remote: place, local: place }));
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
      else if (message.method === 'OPTIONS' && message.toTag === undefined) this.#probed(message, hop);
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

  resolved(query: string, hops: readonly Hop[], now: number): UaOutput[] {
    this.#core.resolved(query, hops, now);
    return this.#core.take();
  }

  transportFailed(transaction: string, reason: string, now: number): UaOutput[] {
    this.#core.transportFailed(transaction, reason, now);
    return this.#core.take();
  }

  transportChanged(change: TransportChange, now: number): UaOutput[] {
    if (change.kind === 'network') this.#core.targets.forgive();
    for (const registration of this.#registrations) {
      if (change.kind === 'flow') registration.flowClosed(change.flow, now);
      else registration.networkChanged(now);
    }
    if (change.kind === 'network')
      for (const one of this.#calls.names()) this.#calls.get(one)?.talk?.networkChanged(now);
    return this.#core.take();
  }

  start(now: number): UaOutput[] {
    for (const registration of this.#registrations) {
      this.#core.machines.add(registration);
      registration.start(now);
    }
    return this.#core.take();
  }

  stop(now: number): UaOutput[] {
    for (const session of this.#calls.names()) this.#calls.get(session)?.end(now);
    this.#beside.stop(now);
    for (const registration of this.#registrations) registration.stop(now);
    this.#stopBy = now + STOP_MS;
    return this.#core.take();
  }

  get idle(): boolean {
    return this.#calls.size === 0 && this.#core.machines.size === 0;
  }

  invite(invitation: Invitation, now: number): UaOutput[] {
    const { session } = invitation;
    try {
      this.#call(invitation, parseUri(invitation.target), now);
    } catch (error) {
      if (!(error instanceof SipSyntaxError)) throw error;
      this.#core.emit(session, { type: 'ended', cause: 'local', by: 'us', reason: error.message });
    }
    return this.#core.take();
  }

  #call(invitation: Invitation, uri: SipUri, now: number): void {
    const { session } = invitation;
    if (this.#full || this.#calls.has(session)) {
      const reason = this.#full ? `more than ${SESSIONS_MAX} sessions` : `session ${session} exists`;
      return this.#core.emit(session, { type: 'ended', cause: 'local', by: 'us', reason });
    }
    const { referral } = invitation;
    const followed = referral === undefined ? [] : this.#transfers.follow(referral, session, now);
    if (followed === undefined) {
      const reason = `the referral ${referral} is over`;
      return this.#core.emit(session, { type: 'ended', cause: 'local', by: 'us', reason });
    }
    const headers = [...(invitation.headers ?? []), ...followed];
    const accounts = this.#accountsFor(invitation, uri);
    const call = new OutgoingCall(this.#context(session, accounts[0]), { ...invitation, headers }, now);
    this.#calls.add(session, call);
    this.#beside.begun(session, invitation.target);
    this.#find(uri, accounts, now, (routes, at) => call.start(routes, at));
  }

  /** `then` hears what is there as soon as something is, and perhaps again. */
  #find(
    uri: SipUri,
    accounts: readonly Account[],
    now: number,
    then: (routes: readonly Route[], now: number) => void,
  ): void {
    if (accounts.length === 0)
      return this.#core.locate(uri, undefined, now, (hops, at) =>
        then(
          hops.map((hop) => ({ hop, account: undefined })),
          at,
        ),
      );
    const go = (at: number): void => then(routesBy(accounts), at);
    if (routesBy(accounts).length > 0) return go(now);
    let open = accounts.length;
    for (const account of accounts)
      account.resolve(this.#core, now, (at) => {
        // The last one says so when nothing was found; the call hears only the first.
        if (--open === 0 || account.hops.length > 0) go(at);
      });
  }

  /** Whose server the target names. Several at one domain: one that is registered first, the others when it fails. */
  #accountsFor({ account }: Pick<Invitation, 'account'>, uri: SipUri): Account[] {
    if (account !== undefined) return this.#accounts.filter(({ name }) => name === account);
    const serving = this.#accounts.filter((one) => one.serves(uri));
    return [...serving.filter(({ current }) => current), ...serving.filter(({ current }) => !current)];
  }

  ring(session: string, now: number, early?: Early): UaOutput[] {
    this.#calls.get(session)?.ring(now, early);
    if (this.#calls.has(session)) this.#beside.rings(session);
    return this.#core.take();
  }

  accept(session: string, body: Body | undefined, now: number): UaOutput[] {
    this.#calls.get(session)?.accept(body, now);
    if (this.#calls.has(session)) this.#beside.accepted(session);
    return this.#core.take();
  }

  reject(session: string, status: number, reason: string, now: number): UaOutput[] {
    this.#calls.get(session)?.reject(status, reason, now);
    return this.#core.take();
  }

  end(session: string, now: number, reason?: string): UaOutput[] {
    this.#calls.get(session)?.end(now, reason);
    return this.#core.take();
  }

  reinvite(session: string, offer: () => Body, now: number): UaOutput[] {
    this.#calls.get(session)?.reinvite(offer, now);
    return this.#core.take();
  }

  check(session: string, now: number): UaOutput[] {
    this.#calls.get(session)?.check(now);
    return this.#core.take();
  }

  inform(session: string, bodies: readonly Body[], now: number): UaOutput[] {
    this.#calls.get(session)?.inform(bodies, now);
    return this.#core.take();
  }

  answerMessage(message: string, status: number, now: number): UaOutput[] {
    this.#beside.messages.answer(message, status, now);
    return this.#core.take();
  }

  answerOffer(session: string, answer: Body | { status: number; reason: string }, now: number): UaOutput[] {
    this.#calls.get(session)?.answerOffer(answer, now);
    return this.#core.take();
  }

  refer(session: string, target: string, now: number, replaces?: string): UaOutput[] {
    this.#transfers.refer(session, target, replaces, now);
    return this.#core.take();
  }

  declineReferral(referral: string, status: number, reason: string, now: number): UaOutput[] {
    this.#transfers.decline(referral, status, reason, now);
    return this.#core.take();
  }

  get #full(): boolean {
    return this.#calls.size >= SESSIONS_MAX || this.#core.machines.size >= MACHINES_MAX || this.#stopBy !== undefined;
  }

  #context(session: string, account: Account | undefined): CallContext {
    const find: CallContext['find'] = (uri, now, then) => this.#find(uri, this.#accountsFor({}, uri), now, then);
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
    const refusal = inspect(request) ?? this.#refuseMerged(request, transaction);
    if (refusal !== undefined) {
      return this.#core.answer(transaction, request, refusal.status, now, refusal.reason, refusal.headers);
    }
    if (this.#beside.serve(request, hop, transaction, now)) return;
    if (request.toTag !== undefined) {
      const dialog = this.#core.dialogs.get(dialogIdOf(request));
      if (dialog === undefined) return this.#core.answer(transaction, request, 481, now);
      if (request.method !== 'OPTIONS') return dialog.request(request, hop, transaction, now);
    }
    if (request.method === 'OPTIONS') return this.#core.respond(transaction, this.#options(request), now);
    if (request.method === 'REFER') {
      const shown = { account: this.#accountOf(request, hop), user: this.#gate?.userOf(request) };
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

  /** §8.2.2.2: the same request by another path. Remembered until the transaction is over. */
  #refuseMerged(request: SipRequest, transaction: string): Refusal | undefined {
    if (request.toTag !== undefined) return undefined;
    const { sequence, method } = request.cseq;
    const key = `${request.callId}\n${request.fromTag ?? ''}\n${sequence} ${method}`;
    const first = this.#merges.get(key);
    if (first !== undefined && first !== transaction) return { status: 482 };
    this.#merges.set(key, transaction);
    this.#mergeKeys.set(transaction, key);
    return undefined;
  }

  #forget(transaction: string): void {
    this.#beside.messages.forget(transaction);
    const key = this.#mergeKeys.get(transaction);
    if (key === undefined) return;
    this.#mergeKeys.delete(transaction);
    this.#merges.delete(key);
  }

  /** A question that changes nothing is answered without a transaction (§8.2.7): who asks often costs no memory. */
  #probed(request: SipRequest, hop: Hop): void {
    const refusal = inspect(request);
    if (refusal === undefined) return this.#core.sendResponse(this.#options(request), hop);
    const { status, reason, headers = [] } = refusal;
    const response = createResponse(request, status, reason, {
      headers: [...headers, ['Server', this.#core.config.product]],
      toTag: statelessTag(request),
    });
    this.#core.sendResponse(response, hop);
  }

  /** §11.2 */
  #options(request: SipRequest): SipResponse {
    const headers: HeaderField[] = [
      ALLOW,
      ACCEPT,
      ['Accept-Encoding', 'identity'],
      ['Accept-Language', 'en'],
      SUPPORTED,
      ALLOW_EVENTS,
      ['Server', this.#core.config.product],
    ];
    return createResponse(request, 200, undefined, { headers, toTag: statelessTag(request) });
  }

  #invited(request: SipRequest, hop: Hop, transaction: string, now: number): void {
    if (this.#full) return this.#core.answer(transaction, request, 480, now);
    const account = this.#accountOf(request, hop);
    const user = this.#gate?.userOf(request);
    const replaced = this.#transfers.replaced(request, hop, { account, user });
    if (typeof replaced === 'object') return this.#core.answer(transaction, request, replaced.status, now);
    this.#core.answer(transaction, request, 100, now);
    const session = `in-${this.#core.random.token()}`;
    const call = new IncomingCall(this.#context(session, account), request, hop, transaction, now);
    this.#calls.add(session, call);
    const replaces = replaced === undefined ? {} : { replaces: replaced };
    const offer = bodyOf(request);
    this.#core.emit(session, { type: 'incoming', request, hop, account: account?.name, user, offer, ...replaces });
  }

  /** The account whose server sent the request; of several at one server, the one the Request-URI names. */
  #accountOf(request: SipRequest, hop: Hop): Account | undefined {
    const owners = this.#accounts.filter((account) => account.owns(hop));
    const { user } = request.parsedUri();
    return owners.find((account) => account.user === user) ?? owners[0];
  }
}

/** Every next hop once, by whose account it was named first. */
function routesBy(accounts: readonly Account[]): Route[] {
  const routes: Route[] = [];
  for (const account of accounts) {
    for (const hop of account.hops)
      if (!routes.some((known) => samePlace(known.hop, hop))) routes.push({ hop, account });
  }
  return routes;
}
