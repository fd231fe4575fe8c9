/**
 * Non-INVITE server transaction, RFC 3261 §17.2.2.
 *
 *   trying -1xx-> proceeding -final-> completed -J-> terminated      a repeated request gets the last response again
 */
import { Timers } from '../../base/index.ts';
import type { SipRequest, SipResponse } from '../message/index.ts';
import type { MachineOutput, Timing } from './types.ts';

export class NonInviteServerTransaction {
  state: 'trying' | 'proceeding' | 'completed' | 'terminated' = 'trying';
  readonly #reliable: boolean;
  readonly #timing: Timing;
  readonly #timers = new Timers<'J'>();
  #response?: SipResponse;

  constructor(reliable: boolean, timing: Timing) {
    this.#reliable = reliable;
    this.#timing = timing;
  }

  /** Timer J. */
  get deadline(): number | undefined {
    return this.#timers.next;
  }

  /** The request again. */
  receive(_request: SipRequest, _now: number): MachineOutput[] {
    return this.#response === undefined ? [] : [{ kind: 'send', message: this.#response }];
  }

  respond(response: SipResponse, now: number): MachineOutput[] {
    switch (this.state) {
      case 'trying':
      case 'proceeding': {
        this.#response = response;
        const sent: MachineOutput = { kind: 'send', message: response };
        if (response.status < 200) {
          this.state = 'proceeding';
          return [sent];
        }
        if (this.#reliable) return [sent, ...this.#terminate('done')];
        this.state = 'completed';
        this.#timers.set('J', now + 64 * this.#timing.t1Ms);
        return [sent];
      }
      case 'completed':
      case 'terminated':
        return [];
    }
  }

  timeout(now: number): MachineOutput[] {
    const outputs: MachineOutput[] = [];
    for (const timer of this.#timers.due(now)) {
      switch (timer) {
        case 'J':
          outputs.push(...this.#terminate('done'));
          break;
      }
    }
    return outputs;
  }

  transportFailed(reason: string): MachineOutput[] {
    return this.state === 'terminated' ? [] : this.#terminate('transport', reason);
  }

  #terminate(cause: 'done' | 'transport', reason?: string): MachineOutput[] {
    this.state = 'terminated';
    this.#timers.clearAll();
    return [{ kind: 'terminated', cause, reason }];
  }
}
