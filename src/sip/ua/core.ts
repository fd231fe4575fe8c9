/**
 * What all machines of the user agent share: the transactions, the dialogs, the questions to the resolver and the list of
 * outputs that one input leads to. Machines call it, it calls them back; nothing here waits.
 */
import type { Random } from '../../base/index.ts';
import { dialogIdOf } from '../dialog/index.ts';
import {
  createResponse,
  type Hop,
  reasonPhrase,
  type SipMessage,
  type SipRequest,
  type SipResponse,
  type SipUri,
} from '../message/index.ts';
import type { Composed, TransactionLayer, TransactionOutput } from '../transaction/index.ts';
import { contactOf, type HeaderField } from './headers.ts';
import type { Refusal } from './inspect.ts';
import { Oversize, TCP_PATIENCE_MS } from './oversize.ts';
import { Standing, type Told } from './standing.ts';
import { Targets } from './targets.ts';
import type { SessionEvent, UaConfig, UaOutput } from './types.ts';

/** Machines beyond this many, and a new INVITE is refused with 480. Calls that were ended but wait for an answer count. */
export const MACHINES_MAX = 256;
/** Questions to the resolver that may be open at once; one more is answered "nothing found". */
const QUERIES_MAX = 64;
/** Of them, questions about targets inside dialogs, which others choose; who asks one more goes where the last message came from. */
const TARGET_QUERIES_MAX = 32;
/** A question to the resolver that got no answer by then found nothing. */
const QUERY_MS = 8_000;

/** Who hears about a client transaction. */
export interface Handler {
  /** The request has gone, perhaps for a second time, with credentials. */
  sent?(transaction: string, request: SipRequest): void;
  /** Provisional and final ones; of an INVITE each 2xx, repeated and forked ones too. */
  response(response: SipResponse, hop: Hop, now: number): void;
  /** No final response will come. */
  failed(cause: 'timeout' | 'transport', reason: string, now: number): void;
  /**
   * The network says that nobody is there (ICMP). Anybody can forge it, and a server that is being started hears the next
   * copy: the transaction goes on, and only who knows another way takes it now.
   */
  refused?(now: number): void;
}

/** Something with alarms of its own, woken by the user agent. */
export interface Machine {
  readonly deadline: number | undefined;
  timeout(now: number): void;
}

/** §12: what tells a dialog from all others. */
export interface DialogNames {
  readonly callId: string;
  readonly localTag: string;
  readonly remoteTag: string;
}

/** Takes the requests of one dialog. */
export interface InDialog {
  /** The call it belongs to, when it is one, and how that dialog is named. */
  readonly session?: string;
  readonly dialog?: DialogNames;
  request(request: SipRequest, hop: Hop, transaction: string, now: number): void;
  /** ACK has no transaction of its own. */
  acknowledged(ack: SipRequest, now: number): void;
  /** RFC 3891 §3: the session whose place another call may take, and where its other side is; or why not. */
  replaceable?(earlyOnly: boolean): { session: string; host: string } | Refusal;
}

/** An INVITE that may still be cancelled. */
export interface Invited {
  /** Our To tag, which the answer to the CANCEL carries too (§9.2). */
  readonly tag: string;
  cancelled(cancel: SipRequest, now: number): void;
}

interface Query {
  then: (hops: readonly Hop[], now: number) => void;
  until: number;
  /** About a target inside a dialog. */
  inside: boolean;
}

export type Receiver = (request: SipRequest, hop: Hop, transaction: string | undefined, now: number) => void;

export class Core {
  readonly config: UaConfig;
  readonly random: Random;
  readonly dialogs = new Map<string, InDialog>();
  /** INVITE server transactions without a final response, and what a CANCEL does to each. */
  readonly invitations = new Map<string, Invited>();
  readonly machines = new Set<Machine>();
  readonly targets = new Targets();
  readonly #standings = new Map<string, Standing>();
  /** Whether there is any session. */
  busy: () => boolean = () => false;
  readonly #layer: TransactionLayer;
  readonly #receiver: Receiver;
  readonly #handlers = new Map<string, Handler>();
  readonly #queries = new Map<string, Query>();
  readonly #oversize: Oversize;
  #queryCount = 0;
  #targetQueries = 0;
  #outputs: UaOutput[] = [];
  /** Called when a server transaction is over. */
  forget: (transaction: string) => void = () => {};
  /** Hears what sessions tell their owners. */
  overhear: (session: string, event: SessionEvent) => void = () => {};
  /** Hears whether an account is registered. */
  announced: (account: string, registered: boolean) => void = () => {};

  constructor(config: UaConfig, random: Random, layer: TransactionLayer, receiver: Receiver) {
    this.config = config;
    this.random = random;
    this.#layer = layer;
    this.#receiver = receiver;
    this.#oversize = new Oversize(config.oversize !== 'udp');
  }

  /** What has gathered since the last time. */
  take(): UaOutput[] {
    const outputs = this.#outputs;
    this.#outputs = [];
    return outputs;
  }

  get deadline(): number | undefined {
    let next = this.#layer.deadline;
    const consider = (at: number | undefined): void => {
      if (at !== undefined && (next === undefined || at < next)) next = at;
    };
    for (const machine of this.machines) consider(machine.deadline);
    for (const query of this.#queries.values()) consider(query.until);
    return next;
  }

  timeout(now: number): void {
    this.#perform(this.#layer.timeout(now), now);
    for (const machine of [...this.machines]) {
      // One may end another.
      if (this.machines.has(machine) && (machine.deadline ?? now + 1) <= now) machine.timeout(now);
    }
    for (const [id, query] of [...this.#queries]) if (query.until <= now) this.resolved(id, [], now);
  }

  get transactions(): number {
    return this.#layer.size;
  }

  receive(message: SipMessage, hop: Hop, now: number): void {
    this.#perform(this.#layer.receive(message, hop, now), now);
  }

  transportFailed(transaction: string, reason: string, now: number): void {
    this.#perform(this.#layer.transportFailed(transaction, reason, now), now);
  }

  refused(transaction: string, now: number): void {
    this.#handlers.get(transaction)?.refused?.(now);
  }

  /** A client transaction. A request too large for a datagram goes by TCP, where that is to be had. */
  send(request: SipRequest, hop: Hop, handler: Handler, now: number): void {
    const stream = this.#oversize.instead(request, hop, now);
    if (stream === undefined) return this.begin(request, hop, handler, now);
    const { sent } = handler;
    let heard = false;
    const response: Handler['response'] = (answer, _from, at) => {
      heard = true;
      this.#oversize.heard(hop);
      handler.response(answer, hop, at);
    };
    const failed: Handler['failed'] = (cause, reason, at) => {
      // Once it was heard, or is waited for no more, it is not sent a second time.
      if (cause !== 'transport' || heard || at - now > TCP_PATIENCE_MS) return handler.failed(cause, reason, at);
      this.#oversize.failed(hop, at);
      this.begin(request, hop, handler, at);
    };
    this.begin(request, stream, { sent, response, failed }, now);
  }

  /** A request to `hop` that has no answer yet is not wanted any more. */
  givenUp(hop: Hop, now: number): void {
    this.#oversize.givenUp(hop, now);
  }

  /** `request` as `send` would send it; undefined: it is too large for a datagram. */
  compose(request: SipRequest, hop: Hop): Composed | undefined {
    return this.#oversize.large(request, hop) ? undefined : this.#layer.compose(request, hop);
  }

  /** `composed`: what `compose` made of `request`, if it did. */
  begin(request: SipRequest, hop: Hop, handler: Handler, now: number, composed?: Composed): void {
    const layer = this.#layer;
    const { id, outputs } = composed ? layer.start(composed, hop, now) : layer.request(request, hop, now);
    this.#handlers.set(id, handler);
    handler.sent?.(id, request);
    this.#perform(outputs, now);
  }

  /** Ends a client transaction of which nothing more is expected; its handler hears nothing. */
  abandon(transaction: string): void {
    this.#handlers.delete(transaction);
    this.#layer.abandon(transaction);
  }

  /** CANCELs an INVITE of ours that has a provisional response. What comes of it shows in the answer to the INVITE. */
  cancel(transaction: string, headers: readonly HeaderField[], now: number): void {
    const cancel = this.#layer.cancel(transaction, now, [...headers, ['User-Agent', this.config.product]]);
    if (cancel !== undefined) this.#perform(cancel.outputs, now);
  }

  /** The ACK to a 2xx; `repeat` sends what it returns once more. */
  sendAck(ack: SipRequest, hop: Hop): readonly TransactionOutput[] {
    const sent = this.#layer.sendAck(ack, hop);
    this.#perform(sent, 0);
    return sent;
  }

  repeat(sent: readonly TransactionOutput[]): void {
    this.#perform(sent, 0);
  }

  respond(transaction: string, response: SipResponse, now: number): void {
    this.#perform(this.#layer.respond(transaction, response, now), now);
  }

  /** A response without a transaction (§8.2.7). */
  sendResponse(message: SipResponse, hop: Hop): void {
    this.#outputs.push({ kind: 'send', message, hop });
  }

  /** A response without a body, To tag and all. */
  answer(
    transaction: string,
    request: SipRequest,
    status: number,
    now: number,
    reason?: string,
    headers: readonly HeaderField[] = [],
    toTag?: string,
  ): void {
    const response = createResponse(request, status, reason ?? reasonPhrase(status), {
      headers: [...headers, ['Server', this.config.product]],
      toTag: toTag ?? (status === 100 ? undefined : this.random.token()),
    });
    this.respond(transaction, response, now);
  }

  /** Whether a request belongs to a transaction or dialog there is. */
  knows(request: SipRequest): boolean {
    return this.#layer.knows(request) || (request.toTag !== undefined && this.dialogs.has(dialogIdOf(request)));
  }

  invitedBy(cancel: SipRequest): string | undefined {
    return this.#layer.invitedBy(cancel);
  }

  emit(session: string, event: SessionEvent): void {
    this.#outputs.push({ kind: 'session', session, event });
    this.overhear(session, event);
  }

  /** `part`: one of the registrations of `account`. */
  announce(part: object, account: string, news: Told): void {
    const standing = this.#standings.get(account) ?? new Standing();
    this.#standings.set(account, standing);
    const told = standing.tell(part, news);
    this.announced(account, told.state === 'registered');
    this.#outputs.push({ kind: 'registration', account, ...told });
  }

  /** What belongs to no session. */
  push(output: UaOutput): void {
    this.#outputs.push(output);
  }

  /**
   * Finds where a request for `uri` goes. `near` is a hop in use: when the URI names the same place, it is taken at once,
   * open connection included; otherwise `app` is asked.
   */
  locate(uri: SipUri, near: Hop | undefined, now: number, then: (hops: readonly Hop[], now: number) => void): void {
    if (near !== undefined && isAt(uri, near)) return then([near], now);
    const inside = near !== undefined;
    if (this.#queries.size >= QUERIES_MAX || (inside && this.#targetQueries >= TARGET_QUERIES_MAX))
      return then([], now);
    if (inside) this.#targetQueries++;
    const query = `q${++this.#queryCount}`;
    this.#queries.set(query, { then, until: now + QUERY_MS, inside });
    this.#outputs.push({ kind: 'resolve', query, uri });
  }

  resolved(query: string, hops: readonly Hop[], now: number): void {
    const found = this.#queries.get(query);
    if (found === undefined) return;
    this.#queries.delete(query);
    if (found.inside) this.#targetQueries--;
    found.then(hops, now);
  }

  /** Our Contact for a request or response over `hop`; `secure`: one that a SIPS URI is to be answered with. */
  contact(user: string, hop: Hop, secure = false): string {
    return contactOf(user, hop.mapped ?? hop.local, hop.transport, secure, hop.outbound);
  }

  #perform(outputs: readonly TransactionOutput[], now: number): void {
    for (const output of outputs) {
      switch (output.kind) {
        case 'send':
          this.#outputs.push(output);
          break;
        case 'request':
          this.#receiver(output.request, output.hop, output.transaction, now);
          break;
        case 'response':
          this.#heard(output.transaction, output.response, output.hop, now);
          break;
        case 'terminated': {
          const handler = this.#handlers.get(output.transaction);
          this.#handlers.delete(output.transaction);
          this.forget(output.transaction);
          if (output.cause !== 'done') handler?.failed(output.cause, output.reason ?? output.cause, now);
          break;
        }
      }
    }
  }

  #heard(transaction: string, response: SipResponse, hop: Hop, now: number): void {
    const handler = this.#handlers.get(transaction);
    if (handler === undefined) return;
    // Only an INVITE can have another answer after its final one: further 2xx of a fork (RFC 6026 §7.2).
    const { status } = response;
    if (status >= 300 || (status >= 200 && response.cseq.method !== 'INVITE')) this.#handlers.delete(transaction);
    handler.response(response, hop, now);
  }
}

/** Whether `uri` names by its address exactly the place where `hop` leads. */
function isAt(uri: SipUri, hop: Hop): boolean {
  const secure = uri.scheme === 'sips';
  const transport = secure ? 'tls' : (uri.params.get('transport') ?? 'udp').toLowerCase();
  const port = uri.port ?? (transport === 'tls' ? 5061 : 5060);
  return (
    (uri.scheme === 'sip' || secure) &&
    !uri.params.has('maddr') &&
    transport === hop.transport &&
    port === hop.remote.port &&
    uri.host.toLowerCase() === hop.remote.host.toLowerCase()
  );
}
