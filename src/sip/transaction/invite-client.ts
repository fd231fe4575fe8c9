/**
 * INVITE client transaction, RFC 3261 §17.1.1 with the Accepted state of RFC 6026 §7.2.
 *
 *   calling -1xx-> proceeding -2xx-> accepted -M-> terminated
 *      A repeats, B ends   -3xx..6xx-> completed (ACK, repeated for each repeated response) -D-> terminated
 */
import { Timers } from '../../base/index.ts';
import type { SipRequest, SipResponse } from '../message/index.ts';
import { createAck } from './ack.ts';
import type { MachineOutput, Timing } from './types.ts';

/** RFC 3261 §17.1.1.2: timer D is at least 32 s on unreliable transports. */
const TIMER_D_MS = 32_000;

export class InviteClientTransaction {
  state: 'calling' | 'proceeding' | 'accepted' | 'completed' | 'terminated' = 'calling';
  readonly request: SipRequest;
  readonly #reliable: boolean;
  readonly #timing: Timing;
  readonly #timers = new Timers<'A' | 'B' | 'D' | 'M'>();
  #intervalMs: number;
  #ack?: SipRequest;

  /** `request`: as it goes out, with its Via. */
  constructor(request: SipRequest, reliable: boolean, timing: Timing) {
    this.request = request;
    this.#reliable = reliable;
    this.#timing = timing;
    this.#intervalMs = timing.t1Ms;
  }

  /** Earliest of timers A, B, D, M. */
  get deadline(): number | undefined {
    return this.#timers.next;
  }

  start(now: number): MachineOutput[] {
    if (!this.#reliable) this.#timers.set('A', now + this.#intervalMs);
    this.#timers.set('B', now + 64 * this.#timing.t1Ms);
    return [{ kind: 'send', message: this.request }];
  }

  receive(response: SipResponse, now: number): MachineOutput[] {
    const { status } = response;
    switch (this.state) {
      case 'calling':
      case 'proceeding':
        this.#timers.clear('A', 'B');
        if (status < 200) {
          this.state = 'proceeding';
          return [{ kind: 'pass', message: response }];
        }
        if (status < 300) {
          // RFC 6026 §7.2: stay, so that repeated and forked 2xx reach the transaction user.
          this.state = 'accepted';
          this.#timers.set('M', now + 64 * this.#timing.t1Ms);
          return [{ kind: 'pass', message: response }];
        }
        return this.#complete(response, now);
      case 'accepted':
        return status >= 200 && status < 300 ? [{ kind: 'pass', message: response }] : [];
      case 'completed':
        return status >= 300 ? [{ kind: 'send', message: this.#ack! }] : [];
      case 'terminated':
        return [];
    }
  }

  #complete(response: SipResponse, now: number): MachineOutput[] {
    this.#ack = createAck(this.request, response);
    const outputs: MachineOutput[] = [
      { kind: 'send', message: this.#ack },
      { kind: 'pass', message: response },
    ];
    if (this.#reliable) return [...outputs, ...this.#terminate('done')];
    this.state = 'completed';
    this.#timers.set('D', now + TIMER_D_MS);
    return outputs;
  }

  timeout(now: number): MachineOutput[] {
    const outputs: MachineOutput[] = [];
    for (const timer of this.#timers.due(now)) {
      switch (timer) {
        case 'A':
          this.#intervalMs *= 2;
          this.#timers.set('A', now + this.#intervalMs);
          outputs.push({ kind: 'send', message: this.request });
          break;
        case 'B':
          outputs.push(...this.#terminate('timeout', 'no answer to the INVITE'));
          break;
        case 'D':
        case 'M':
          outputs.push(...this.#terminate('done'));
          break;
      }
    }
    return outputs;
  }

  /** RFC 3261 §17.1.1.2: the transaction user is told; after a final response there is nothing left to tell. */
  transportFailed(reason: string): MachineOutput[] {
    return this.state === 'terminated' || this.state === 'accepted' ? [] : this.#terminate('transport', reason);
  }

  #terminate(cause: 'done' | 'timeout' | 'transport', reason?: string): MachineOutput[] {
    this.state = 'terminated';
    this.#timers.clearAll();
    return [{ kind: 'terminated', cause, reason }];
  }
}
