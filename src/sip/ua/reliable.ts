/**
 * Provisional responses of ours that must arrive, RFC 3262 §3: each is repeated until its PRACK comes, the next one waits for
 * it. The user agent repeats them, not the transaction, and on TCP too: a proxy may go on over UDP.
 */
import { Timers } from '../../base/index.ts';
import type { SipRequest, SipResponse } from '../message/index.ts';
import { DEFAULT_TIMING } from '../transaction/index.ts';
import type { Core } from './core.ts';
import { parseRAck } from './prack.ts';

export class ReliableSender {
  readonly #core: Core;
  readonly #transaction: string;
  readonly #timers = new Timers<'repeat' | 'give-up'>();
  #intervalMs = 0;
  #sequence: number;
  /** Without its PRACK. */
  #sent: SipResponse | undefined;
  /** Waits for that PRACK; of several only the latest is news. */
  #next: SipResponse | undefined;

  constructor(core: Core, transaction: string) {
    this.#core = core;
    this.#transaction = transaction;
    // §3: the first number is 1 .. 2^31 - 1; far from the end, so that counting never gets there.
    this.#sequence = 1 + (core.random.uint32() % 2 ** 30);
  }

  get deadline(): number | undefined {
    return this.#timers.next;
  }

  /** A description of ours is on its way: the 2xx has to wait for the PRACK (§3). */
  get holdsAnswer(): boolean {
    return (this.#sent?.body.length ?? 0) > 0 || (this.#next?.body.length ?? 0) > 0;
  }

  /** `response` has no Require and RSeq yet. */
  send(response: SipResponse, now: number): void {
    if (this.#sent === undefined) return this.#start(response, now);
    if ((this.#next?.body.length ?? 0) === 0) this.#next = response;
  }

  #start(response: SipResponse, now: number): void {
    response.add('Require', '100rel').add('RSeq', String(++this.#sequence));
    this.#sent = response;
    this.#intervalMs = DEFAULT_TIMING.t1Ms;
    this.#timers.set('repeat', now + this.#intervalMs);
    this.#timers.set('give-up', now + 64 * DEFAULT_TIMING.t1Ms);
    this.#core.respond(this.#transaction, response, now);
  }

  /** True when the PRACK will not come any more. */
  timeout(now: number): boolean {
    for (const name of this.#timers.due(now)) {
      if (name === 'give-up') return true;
      // §3: doubled each time, without the limit T2 that a final response has.
      this.#intervalMs *= 2;
      this.#timers.set('repeat', now + this.#intervalMs);
      if (this.#sent !== undefined) this.#core.respond(this.#transaction, this.#sent, now);
    }
    return false;
  }

  /** The response that `prack` acknowledges; undefined: none that waits for it. */
  acknowledged(prack: SipRequest, now: number): SipResponse | undefined {
    const sent = this.#sent;
    const rack = parseRAck(prack.header('RAck'));
    if (sent === undefined || rack === undefined) return undefined;
    const { sequence, method } = sent.cseq;
    if (rack.rseq !== this.#sequence || rack.sequence !== sequence || rack.method !== method) return undefined;
    this.#sent = undefined;
    this.#timers.clearAll();
    const next = this.#next;
    this.#next = undefined;
    if (next !== undefined) this.#start(next, now);
    return sent;
  }

  /** §3: after the final response nothing provisional is repeated; a PRACK that is under way is still welcome. */
  stop(): void {
    this.#next = undefined;
    this.#timers.clearAll();
  }
}
