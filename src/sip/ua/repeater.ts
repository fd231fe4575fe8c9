/** RFC 3261 §13.3.1.4: the UAS core, not the transaction, repeats the 2xx until the ACK comes; on TCP too. */
import { Timers } from '../../base/index.ts';
import type { SipResponse } from '../message/index.ts';
import { DEFAULT_TIMING } from '../transaction/index.ts';
import type { Core } from './core.ts';

export class AnswerRepeater {
  readonly #core: Core;
  readonly #transaction: string;
  readonly #response: SipResponse;
  readonly #timers = new Timers<'repeat' | 'give-up'>();
  #intervalMs = DEFAULT_TIMING.t1Ms;

  constructor(core: Core, transaction: string, response: SipResponse) {
    this.#core = core;
    this.#transaction = transaction;
    this.#response = response;
  }

  /** The INVITE's CSeq number, which its ACK carries. */
  get sequence(): number {
    return this.#response.cseq.sequence;
  }

  get deadline(): number | undefined {
    return this.#timers.next;
  }

  start(now: number): void {
    this.#timers.set('repeat', now + this.#intervalMs);
    this.#timers.set('give-up', now + 64 * DEFAULT_TIMING.t1Ms);
    this.#core.respond(this.#transaction, this.#response, now);
  }

  /** True when the ACK will not come any more. */
  timeout(now: number): boolean {
    for (const name of this.#timers.due(now)) {
      if (name === 'give-up') return true;
      this.#intervalMs = Math.min(this.#intervalMs * 2, DEFAULT_TIMING.t2Ms);
      this.#timers.set('repeat', now + this.#intervalMs);
      this.#core.respond(this.#transaction, this.#response, now);
    }
    return false;
  }
}
