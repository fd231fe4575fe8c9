/** All transactions of one terminal: finds the one a message belongs to, wakes the one whose timer is due (RFC 3261 §17). */
import type { Random } from '../../base/index.ts';
import {
  createResponse,
  formatVia,
  type Hop,
  type SipMessage,
  type SipRequest,
  type SipResponse,
} from '../message/index.ts';
import { createCancel } from './ack.ts';
import { Alarms } from './alarms.ts';
import { InviteClientTransaction } from './invite-client.ts';
import { InviteServerTransaction } from './invite-server.ts';
import { BRANCH_COOKIE, clientKey, serverKey } from './matching.ts';
import { NonInviteClientTransaction } from './non-invite-client.ts';
import { NonInviteServerTransaction } from './non-invite-server.ts';
import { DEFAULT_TIMING, type MachineOutput, type Timing, type TransactionOutput } from './types.ts';

/** Requests of ours that may be under way at once. */
const CLIENT_TRANSACTIONS_MAX = 1000;
/** INVITEs and CANCELs beyond them: whatever else is under way, a call can be made, and taken back. */
const CLIENT_CALLS_MAX = 200;
/** Requests of others remembered at once (32 s each on UDP); beyond it answered ones are forgotten, or new ones get a 503. */
const SERVER_TRANSACTIONS_MAX = 16_000;

/** Octets of what is kept of them for their answers: of 16 000 ordinary ones, and of a hundred as long as a datagram can be. */
const SERVER_OCTETS_MAX = 8 << 20;
/** What goes back in an answer (§8.2.6.2). */
const KEPT = ['Via', 'Record-Route', 'From', 'To', 'Call-ID'] as const;

/** How far it is looked for one that can be forgotten. */
const FORGET_LOOK_MAX = 128;

export interface TransactionOptions extends Partial<Timing> {
  clientMax?: number;
  serverMax?: number;
}

interface Client {
  readonly side: 'client';
  readonly machine: InviteClientTransaction | NonInviteClientTransaction;
  hop: Hop;
}

interface Server {
  readonly side: 'server';
  readonly machine: InviteServerTransaction | NonInviteServerTransaction;
  hop: Hop;
  readonly octets: number;
}

/** A request as it will go out, and how its transaction is named. */
export interface Composed {
  readonly id: string;
  readonly message: SipRequest;
}

/** Names of transactions are opaque to callers. `now`: ms, monotonic. */
export class TransactionLayer {
  readonly #random: Random;
  readonly #timing: Timing;
  readonly #clientMax: number;
  readonly #serverMax: number;
  readonly #transactions = new Map<string, Client | Server>();
  readonly #alarms = new Alarms();
  #clients = 0;
  #serverOctets = 0;

  constructor(random: Random, options: TransactionOptions = {}) {
    const { clientMax = CLIENT_TRANSACTIONS_MAX, serverMax = SERVER_TRANSACTIONS_MAX, ...timing } = options;
    this.#random = random;
    this.#timing = { ...DEFAULT_TIMING, ...timing };
    this.#clientMax = clientMax;
    this.#serverMax = serverMax;
  }

  /** Transactions in any state but terminated. */
  get size(): number {
    return this.#transactions.size;
  }

  get deadline(): number | undefined {
    return this.#alarms.next;
  }

  /**
   * A copy of `request` under a Via of its own, and the name of its transaction, which `start` begins. A CANCEL made by hand
   * must carry the Via of its INVITE, which is then kept (§9.1); `cancel` does that by itself.
   */
  compose(request: SipRequest, hop: Hop): Composed {
    const message = request.clone();
    if (message.method !== 'CANCEL' || !message.has('Via')) this.#putVia(message, hop);
    return { id: clientKey(message), message };
  }

  /** Starts a client transaction. */
  request(request: SipRequest, hop: Hop, now: number): { id: string; outputs: TransactionOutput[] } {
    return this.start(this.compose(request, hop), hop, now);
  }

  /** CANCELs the INVITE of client transaction `id`; undefined unless it has a provisional response and no final one (§9.1). */
  cancel(
    id: string,
    now: number,
    headers: readonly (readonly [name: string, value: string])[] = [],
  ): { id: string; outputs: TransactionOutput[] } | undefined {
    const invite = this.#transactions.get(id);
    if (invite === undefined || !(invite.machine instanceof InviteClientTransaction)) return undefined;
    if (invite.machine.state !== 'proceeding') return undefined;
    const message = createCancel(invite.machine.request, headers);
    return this.start({ id: clientKey(message), message }, invite.hop, now);
  }

  start({ id, message: sent }: Composed, hop: Hop, now: number): { id: string; outputs: TransactionOutput[] } {
    const max = this.#clientMax + (sent.method === 'INVITE' || sent.method === 'CANCEL' ? CLIENT_CALLS_MAX : 0);
    if (this.#clients >= max) {
      const reason = `more than ${max} requests under way`;
      return { id, outputs: [{ kind: 'terminated', transaction: id, cause: 'transport', reason }] };
    }
    const reliable = hop.transport !== 'udp';
    const machine =
      sent.method === 'INVITE'
        ? new InviteClientTransaction(sent, reliable, this.#timing)
        : new NonInviteClientTransaction(sent, reliable, this.#timing);
    const client: Client = { side: 'client', machine, hop };
    this.#transactions.set(id, client);
    this.#clients++;
    return { id, outputs: this.#perform(id, client, machine.start(now)) };
  }

  /** The ACK to a 2xx: a request of its own branch, without transaction (§13.2.2.4). To be repeated, send the output again. */
  sendAck(request: SipRequest, hop: Hop): TransactionOutput[] {
    const message = request.clone();
    this.#putVia(message, hop);
    return [{ kind: 'send', message, hop }];
  }

  /** Answers a request. After the final response, or for a transaction that is gone, nothing happens. */
  respond(id: string, response: SipResponse, now: number): TransactionOutput[] {
    const server = this.#transactions.get(id);
    return server?.side === 'server' ? this.#perform(id, server, server.machine.respond(response, now)) : [];
  }

  /** A message that `validate` found sound; `received` and `rport` have been put on a request's Via by the transport. */
  receive(message: SipMessage, hop: Hop, now: number): TransactionOutput[] {
    return message.kind === 'response'
      ? this.#receiveResponse(message, hop, now)
      : this.#receiveRequest(message, hop, now);
  }

  #receiveResponse(response: SipResponse, hop: Hop, now: number): TransactionOutput[] {
    const id = clientKey(response);
    const client = this.#transactions.get(id);
    if (client?.side !== 'client') return [];
    // RFC 3261 §8.1.3.3: a response with more Via values than ours came astray.
    if (response.list('Via').length !== 1) return [];
    // A server with several addresses may answer from another one. It is heard, but whom we asked stays whom we asked: nobody
    // becomes our server, or the other side of a call, by answering in its place.
    const from = hop.remote.host === client.hop.remote.host ? hop : client.hop;
    return this.#perform(id, client, client.machine.receive(response, now), from);
  }

  #receiveRequest(request: SipRequest, hop: Hop, now: number): TransactionOutput[] {
    const ack = request.method === 'ACK';
    const id = serverKey(request, ack ? 'INVITE' : request.method);
    const known = this.#transactions.get(id);
    if (known?.side === 'server') {
      // A repeated request may have come over a new connection: that one is alive.
      known.hop = hop;
      return this.#perform(id, known, known.machine.receive(request, now), hop);
    }
    if (ack) return [{ kind: 'request', request, hop }];
    const octets = KEPT.reduce(
      (sum, name) => request.headers(name).reduce((all, { length }) => all + length, sum),
      id.length,
    );
    const full = (): boolean =>
      this.#transactions.size - this.#clients >= this.#serverMax || this.#serverOctets + octets > SERVER_OCTETS_MAX;
    const forgotten: TransactionOutput[] = [];
    while (full()) {
      const some = this.#forgetAnswered();
      if (some.length === 0) break;
      forgotten.push(...some);
    }
    if (full()) {
      const busy = createResponse(request, 503, undefined, {
        headers: [['Retry-After', '10']],
        toTag: this.#random.token(),
      });
      return [...forgotten, { kind: 'send', message: busy, hop }];
    }
    const reliable = hop.transport !== 'udp';
    const machine =
      request.method === 'INVITE'
        ? new InviteServerTransaction(reliable, this.#timing)
        : new NonInviteServerTransaction(reliable, this.#timing);
    this.#serverOctets += octets;
    this.#transactions.set(id, { side: 'server', machine, hop, octets });
    return [...forgotten, { kind: 'request', request, hop, transaction: id }];
  }

  /**
   * Departs from RFC 3261 §17.2.2 rather than refuse somebody new: one of the oldest that only waits for its request to be
   * repeated, as it does for 32 s, waits no longer.
   */
  #forgetAnswered(): TransactionOutput[] {
    let looked = 0;
    for (const [id, { machine }] of this.#transactions) {
      if (machine instanceof NonInviteServerTransaction && machine.state === 'completed') {
        this.#forget(id);
        return [{ kind: 'terminated', transaction: id, cause: 'done' }];
      }
      if (++looked === FORGET_LOOK_MAX) break;
    }
    return [];
  }

  /** Whether a request belongs to a transaction there is: a repeated one, or the CANCEL of an INVITE. */
  knows(request: SipRequest): boolean {
    if (this.#transactions.has(serverKey(request))) return true;
    return request.method === 'CANCEL' && this.invitedBy(request) !== undefined;
  }

  /** The INVITE server transaction a CANCEL is for (§9.2). */
  invitedBy(cancel: SipRequest): string | undefined {
    const id = serverKey(cancel, 'INVITE');
    return this.#transactions.has(id) ? id : undefined;
  }

  /** The message last sent for `id` could not be sent. */
  transportFailed(id: string, reason: string, _now: number): TransactionOutput[] {
    const transaction = this.#transactions.get(id);
    return transaction === undefined ? [] : this.#perform(id, transaction, transaction.machine.transportFailed(reason));
  }

  /** Forgets a transaction without a word, as §9.1 allows 64*T1 after a CANCEL that brought no final response. */
  abandon(id: string): void {
    this.#forget(id);
  }

  timeout(now: number): TransactionOutput[] {
    const outputs: TransactionOutput[] = [];
    for (let id = this.#alarms.take(now); id !== undefined; id = this.#alarms.take(now)) {
      const transaction = this.#transactions.get(id);
      if (transaction !== undefined) {
        outputs.push(...this.#perform(id, transaction, transaction.machine.timeout(now)));
      }
    }
    return outputs;
  }

  #perform(id: string, transaction: Client | Server, outputs: MachineOutput[], hop?: Hop): TransactionOutput[] {
    const named = outputs.map((output) => this.#name(id, output, transaction.hop, hop ?? transaction.hop));
    if (transaction.machine.state === 'terminated') this.#forget(id);
    else this.#alarms.set(id, transaction.machine.deadline);
    return named;
  }

  #name(id: string, output: MachineOutput, sendHop: Hop, hop: Hop): TransactionOutput {
    switch (output.kind) {
      case 'send':
        return { kind: 'send', message: output.message, hop: sendHop, transaction: id };
      case 'pass': {
        const { message } = output;
        return message.kind === 'response'
          ? { kind: 'response', transaction: id, response: message, hop }
          : { kind: 'request', request: message, hop };
      }
      case 'terminated':
        return { kind: 'terminated', transaction: id, cause: output.cause, reason: output.reason };
    }
  }

  #forget(id: string): void {
    const transaction = this.#transactions.get(id);
    if (transaction === undefined) return;
    this.#transactions.delete(id);
    this.#alarms.set(id, undefined);
    if (transaction.side === 'client') this.#clients--;
    else this.#serverOctets -= transaction.octets;
  }

  /** RFC 3261 §18.1.1, §8.1.1.7 and RFC 3581 §3. */
  #putVia(request: SipRequest, hop: Hop): void {
    const params = new Map<string, string | null>([['rport', null]]);
    params.set('branch', `${BRANCH_COOKIE}${this.#random.token()}`);
    const transport = hop.transport.toUpperCase();
    request.prepend('Via', formatVia({ transport, host: hop.local.host, port: hop.local.port, params }));
  }
}
