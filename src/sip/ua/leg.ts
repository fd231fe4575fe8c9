/** The INVITEs of one call of ours, each on its way to one server: what is not wanted any more is cancelled, RFC 3261 §9.1. */
import { Timers } from '../../base/index.ts';
import type { Hop, SipRequest } from '../message/index.ts';
import { DEFAULT_TIMING } from '../transaction/index.ts';
import type { CallContext } from './call.ts';
import type { Core } from './core.ts';
import type { HeaderField } from './headers.ts';

export interface Leg {
  transaction: string;
  request: SipRequest;
  /** Who we are there. */
  context: CallContext;
  hop: Hop;
  contact: string;
  /** A provisional response has come, so a CANCEL may go (§9.1). */
  proceeding: boolean;
  /** Nothing of it is wanted any more. */
  dropped: boolean;
  /** By the tag of each 2xx: how to repeat its ACK. */
  acknowledged: Map<string, () => void>;
}

export class Legs {
  readonly #core: Core;
  readonly #legs = new Set<Leg>();
  readonly #timers = new Timers<'give-up'>();
  /** Reason header field of the CANCELs. */
  reason: readonly HeaderField[] = [];

  constructor(core: Core) {
    this.#core = core;
  }

  get size(): number {
    return this.#legs.size;
  }

  get all(): readonly Leg[] {
    return [...this.#legs];
  }

  get deadline(): number | undefined {
    return this.#timers.next;
  }

  add(leg: Leg): void {
    this.#legs.add(leg);
  }

  delete(leg: Leg): void {
    this.#legs.delete(leg);
  }

  drop(leg: Leg, now: number): void {
    if (leg.dropped) return;
    leg.dropped = true;
    if (leg.proceeding) this.cancel(leg, now);
  }

  cancel(leg: Leg, now: number): void {
    this.#core.cancel(leg.transaction, this.reason, now);
    if (!this.#timers.has('give-up')) this.#timers.set('give-up', now + 64 * DEFAULT_TIMING.t1Ms);
  }

  /** True: §9.1, 64*T1 after a CANCEL without a final response, they are all taken for dead. */
  timeout(now: number): boolean {
    if ([...this.#timers.due(now)].length === 0) return false;
    for (const leg of this.#legs) this.#core.abandon(leg.transaction);
    this.#legs.clear();
    return true;
  }

  /** What is cancelled is waited for without end. */
  wait(): void {
    this.#timers.clearAll();
  }
}
