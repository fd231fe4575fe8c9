/**
 * Non-INVITE client transaction, RFC 3261 §17.1.2.
 *
 *   trying -1xx-> proceeding -final-> completed -K-> terminated       E repeats, F ends
 */
import { Timers } from '../../base/index.ts';
import type { SipRequest, SipResponse } from '../message/index.ts';
import type { MachineOutput, Timing } from './types.ts';

export class NonInviteClientTransaction {
  state: 'trying' | 'proceeding' | 'completed' | 'terminated' = 'trying';
  readonly request: SipRequest;
  readonly #reliable: boolean;
  readonly #timing: Timing;
  readonly #timers = new Timers<'E' | 'F' | 'K'>();
  #intervalMs: number;

  /** `request`: as it goes out, with its Via. */
  constructor(request: SipRequest, reliable: boolean, timing: Timing) {
    this.request = request;
    this.#reliable = reliable;
    this.#timing = timing;
    this.#intervalMs = timing.t1Ms;
  }

  /** Earliest of timers E, F, K. */
  get deadline(): number | undefined {
    return this.#timers.next;
  }

  start(now: number): MachineOutput[] {
    if (!this.#reliable) this.#timers.set('E', now + this.#intervalMs);
    this.#timers.set('F', now + 64 * this.#timing.t1Ms);
    return [{ kind: 'send', message: this.request }];
  }

  receive(response: SipResponse, now: number): MachineOutput[] {
    switch (this.state) {
      case 'trying':
      case 'proceeding': {
        const passed: MachineOutput = { kind: 'pass', message: response };
        if (response.status < 200) {
          this.state = 'proceeding';
          return [passed];
        }
        this.#timers.clearAll();
        if (this.#reliable) return [passed, ...this.#terminate('done')];
        this.state = 'completed';
        this.#timers.set('K', now + this.#timing.t4Ms);
        return [passed];
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
        case 'E':
          // RFC 3261 §17.1.2.2: doubling up to T2 while nothing came, T2 once there was a provisional response.
          this.#intervalMs =
            this.state === 'trying' ? Math.min(2 * this.#intervalMs, this.#timing.t2Ms) : this.#timing.t2Ms;
          this.#timers.set('E', now + this.#intervalMs);
          outputs.push({ kind: 'send', message: this.request });
          break;
        case 'F':
          outputs.push(...this.#terminate('timeout', `no answer to the ${this.request.method}`));
          break;
        case 'K':
          outputs.push(...this.#terminate('done'));
          break;
      }
    }
    return outputs;
  }

  transportFailed(reason: string): MachineOutput[] {
    return this.state === 'trying' || this.state === 'proceeding' ? this.#terminate('transport', reason) : [];
  }

  #terminate(cause: 'done' | 'timeout' | 'transport', reason?: string): MachineOutput[] {
    this.state = 'terminated';
    this.#timers.clearAll();
    return [{ kind: 'terminated', cause, reason }];
  }
}
