/**
 * INVITEs made before anybody wants them: a press has but to send one. Nothing of them is in any table of sessions until then,
 * and no time runs. What they say holds for as long as nothing happens: whoever asked for them drops them when something does.
 */
import { CodedError } from '../../base/index.ts';
import type { Route } from './call.ts';
import type { OutgoingCall } from './outgoing.ts';
import type { Prepared } from './types.ts';

interface Waiting {
  readonly call: OutgoingCall;
  readonly routes: readonly Route[];
  readonly prepared: Prepared;
}

export class Ahead {
  /** By session. Their owner has few. */
  readonly #waiting = new Map<string, Waiting>();

  /** Nothing comes of one that cannot be made before. */
  compose(session: string, call: OutgoingCall, routes: readonly Route[], now: number): void {
    try {
      const composed = call.compose(routes, now);
      if (composed !== undefined) this.#waiting.set(session, { call, routes, prepared: composed });
    } catch (error) {
      if (!(error instanceof CodedError)) throw error; // no port, say: whoever wants the call will hear of it
    }
  }

  get(session: string): Prepared | undefined {
    return this.#waiting.get(session)?.prepared;
  }

  /** It is wanted. */
  take(session: string): Waiting | undefined {
    const waiting = this.#waiting.get(session);
    this.#waiting.delete(session);
    return waiting;
  }
}
