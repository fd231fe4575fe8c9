/**
 * Whether the other side of a talk is still there: the refreshes of its session timer (RFC 4028 §10), and a question in
 * between when its owner doubts. Both are the same request: an UPDATE without a body where it is allowed, else a re-INVITE
 * with the session as it is, which only the owner can describe.
 */
import { earliest, Timers } from '../../base/index.ts';
import type { SipMessage, SipResponse } from '../message/index.ts';
import type { SessionTimer } from './session-timer.ts';
import type { Talk } from './talk.ts';

/** Who is asked for a sign of life and says nothing for so long, not even 100, is gone: three copies were lost, else. */
const SIGN_OF_LIFE_MS = 4_000;

export class Upkeep {
  readonly #talk: Talk;
  readonly session: SessionTimer;
  readonly #timers = new Timers<'sign-of-life'>();
  /** The other side has said that it takes UPDATE. */
  allowsUpdate = false;
  #updating = false;

  constructor(talk: Talk, session: SessionTimer) {
    this.#talk = talk;
    this.session = session;
  }

  get deadline(): number | undefined {
    return earliest([this.#timers.next, this.session.deadline]);
  }

  timeout(now: number): void {
    for (const _ of this.#timers.due(now)) {
      const reason = `no sign of life for ${SIGN_OF_LIFE_MS / 1000} s`;
      return this.#talk.hangUp({ cause: 'timeout', by: 'network', reason }, now);
    }
    const due = this.session.timeout(now);
    if (due === 'refresh') this.#refresh(now);
    if (due !== 'expired') return;
    this.#talk.hangUp({ cause: 'timeout', by: 'network', reason: 'the session was not refreshed in time' }, now);
  }

  stop(): void {
    this.#timers.clearAll();
    this.session.stop();
  }

  /** Anything the other side said inside the dialog. */
  heard(message: SipMessage): void {
    this.#timers.clearAll();
    if (message.has('Allow')) this.allowsUpdate = message.list('Allow').includes('UPDATE');
  }

  /**
   * Asks for a sign of life, now; without one the talk ends. What is under way is a question already, with its own patience;
   * a short session timer asks often enough, or ends the talk itself.
   */
  check(now: number): void {
    if (this.session.close) return;
    if (this.#timers.has('sign-of-life') || this.#talk.renegotiation.busy || this.#updating) return;
    this.#timers.set('sign-of-life', now + SIGN_OF_LIFE_MS);
    this.#refresh(now);
  }

  /** True: the request that got this is to be sent again. */
  tooShort(response: SipResponse): boolean {
    return response.status === 422 && this.session.raise(response);
  }

  #refresh(now: number): void {
    // What is under way refreshes as well, or is no time for it.
    if (this.#talk.renegotiation.busy || this.#updating) return;
    if (!this.allowsUpdate) return this.#talk.emit({ type: 'refresh' });
    this.#updating = true;
    const handler = {
      response: (response: SipResponse, _hop: unknown, at: number): void => {
        if (response.status < 200) return;
        this.#updating = false;
        this.#updated(response, now, at);
      },
      failed: (cause: 'timeout' | 'transport', reason: string, at: number): void =>
        this.#talk.hangUp({ cause, by: 'network', reason: `UPDATE: ${reason}` }, at),
    };
    this.#talk.send('UPDATE', [...this.#talk.headers, ...this.session.asking()], undefined, handler, now);
  }

  #updated(response: SipResponse, sentAt: number, now: number): void {
    const { status, reason } = response;
    if (status < 300) {
      this.#talk.dialog.refresh(response);
      return this.session.accepted(response, sentAt);
    }
    if (this.tooShort(response)) return this.#refresh(now);
    if (status === 481 || status === 408) {
      // §10: the dialog is gone over there.
      const ending = { cause: 'rejected', by: 'network', status, reason: `UPDATE: ${reason}` } as const;
      return status === 481 ? this.#talk.renegotiation.gone(ending, now) : this.#talk.hangUp(ending, now);
    }
    if (status !== 405 && status !== 501) return;
    this.allowsUpdate = false;
    this.#refresh(now);
  }
}
