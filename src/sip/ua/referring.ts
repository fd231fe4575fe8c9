/** A REFER of ours inside a session, RFC 3515 §2.4.2, and what the other side tells of it by NOTIFY. */
import { Timers } from '../../base/index.ts';
import { reasonPhrase, type SipRequest } from '../message/index.ts';
import type { Machine } from './core.ts';
import type { HeaderField } from './headers.ts';
import { parseSipfrag, SIPFRAG_TYPE } from './sipfrag.ts';
import type { Talk } from './talk.ts';

/** Without a last word by then it has failed: nobody at a help point waits for a transfer for longer. */
const OUTCOME_MS = 60_000;

export class Referring implements Machine {
  readonly #talk: Talk;
  readonly #forget: () => void;
  readonly #timers = new Timers<'outcome'>();
  /** Of our REFER: NOTIFYs may name it. */
  #sequence: number | undefined;
  #last = 100;
  #over = false;

  constructor(talk: Talk, referTo: string, referredBy: string, forget: () => void, now: number) {
    this.#talk = talk;
    this.#forget = forget;
    this.#timers.set('outcome', now + OUTCOME_MS);
    const { core } = talk.context;
    core.machines.add(this);
    const headers: HeaderField[] = [...talk.headers, ['Refer-To', referTo], ['Referred-By', referredBy]];
    const handler = {
      sent: (_transaction: string, request: SipRequest): void => {
        this.#sequence = request.cseq.sequence;
      },
      response: (response: { status: number; reason: string }): void => {
        if (response.status >= 300) this.#conclude(response.status, response.reason);
      },
      failed: (cause: 'timeout' | 'transport', reason: string): void =>
        this.#conclude(cause === 'timeout' ? 408 : 503, reason),
    };
    talk.send('REFER', headers, undefined, handler, now);
  }

  get deadline(): number | undefined {
    return this.#timers.next;
  }

  timeout(now: number): void {
    for (const _ of this.#timers.due(now)) this.#conclude(408, 'nothing was heard of the transfer');
  }

  /** A NOTIFY inside the session; false: it is not about this. */
  notified(request: SipRequest, transaction: string, now: number): boolean {
    const [event, ...params] = (request.header('Event') ?? '').split(';').map((part) => part.trim().toLowerCase());
    const id = params.find((param) => param.startsWith('id='))?.slice(3);
    if (event !== 'refer' || (id !== undefined && id !== String(this.#sequence))) return false;
    const { core } = this.#talk.context;
    if (request.body.length > 0 && request.contentType !== SIPFRAG_TYPE) {
      core.answer(transaction, request, 415, now, undefined, [['Accept', SIPFRAG_TYPE]]);
      return true;
    }
    core.answer(transaction, request, 200, now);
    const { status, reason } = parseSipfrag(request.body) ?? { status: this.#last, reason: '' };
    this.#last = status;
    if (status >= 200) this.#conclude(status, reason);
    else if (/^\s*terminated\b/i.test(request.header('Subscription-State') ?? '')) {
      this.#conclude(503, 'the other side does not say what became of it');
    } else this.#talk.emit({ type: 'referring', state: 'trying', status, reason: reason || reasonPhrase(status) });
    return true;
  }

  /** The session is over: nobody is told any more. */
  stop(): void {
    if (this.#over) return;
    this.#over = true;
    this.#timers.clearAll();
    this.#talk.context.core.machines.delete(this);
    this.#forget();
  }

  #conclude(status: number, reason: string): void {
    if (this.#over) return;
    this.stop();
    const state = status < 300 ? 'done' : 'failed';
    this.#talk.emit({ type: 'referring', state, status, reason: reason || reasonPhrase(status) });
  }
}
