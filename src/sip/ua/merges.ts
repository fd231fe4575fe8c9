/** Requests that come twice, by two paths: RFC 3261 §8.2.2.2. Each is remembered until its transaction is over. */
import type { SipRequest } from '../message/index.ts';
import type { Refusal } from './inspect.ts';

export class Merges {
  /** Transactions by what a merged copy of their request would share, and the other way round. */
  readonly #first = new Map<string, string>();
  readonly #keys = new Map<string, string>();

  /** Why the request cannot be served; else it is the first of its kind. */
  refuse(request: SipRequest, transaction: string): Refusal | undefined {
    if (request.toTag !== undefined) return undefined;
    const { sequence, method } = request.cseq;
    const key = `${request.callId}\n${request.fromTag ?? ''}\n${sequence} ${method}`;
    const first = this.#first.get(key);
    if (first !== undefined && first !== transaction) return { status: 482 };
    this.#first.set(key, transaction);
    this.#keys.set(transaction, key);
    return undefined;
  }

  forget(transaction: string): void {
    const key = this.#keys.get(transaction);
    if (key === undefined) return;
    this.#keys.delete(transaction);
    this.#first.delete(key);
  }
}
