/**
 * INVITE server transaction, RFC 3261 §17.2.1 with the Accepted state of RFC 6026 §7.1.
 *
 *   proceeding -2xx-> accepted -L-> terminated               the 2xx itself is repeated by the UAS core (§13.3.1.4)
 *              -3xx..6xx-> completed -ACK-> confirmed -I-> terminated        G repeats the response, H ends without ACK
 */
import { Timers } from '../../base/index.ts';
import type { SipRequest, SipResponse } from '../message/index.ts';
import type { MachineOutput, Timing } from './types.ts';

export class InviteServerTransaction {
  state: 'proceeding' | 'accepted' | 'completed' | 'confirmed' | 'terminated' = 'proceeding';
  readonly #reliable: boolean;
  readonly #timing: Timing;
  readonly #timers = new Timers<'G' | 'H' | 'I' | 'L'>();
  #intervalMs: number;
  /** The last provisional response, or the final one: what a repeated INVITE is answered with. */
  #response?: SipResponse;

  constructor(reliable: boolean, timing: Timing) {
    this.#reliable = reliable;
    this.#timing = timing;
    this.#intervalMs = timing.t1Ms;
  }

  /** Earliest of timers G, H, I, L. */
  get deadline(): number | undefined {
    return this.#timers.next;
  }

  /** The INVITE again, or an ACK. */
  receive(request: SipRequest, now: number): MachineOutput[] {
    const ack = request.method === 'ACK';
    switch (this.state) {
      case 'proceeding':
        return ack || this.#response === undefined ? [] : [{ kind: 'send', message: this.#response }];
      case 'accepted':
        // RFC 6026 §7.1: a repeated INVITE is absorbed; an ACK that came with the INVITE's branch goes up.
        return ack ? [{ kind: 'pass', message: request }] : [];
      case 'completed':
        return ack ? this.#confirm(now) : [{ kind: 'send', message: this.#response! }];
      case 'confirmed':
      case 'terminated':
        return [];
    }
  }

  #confirm(now: number): MachineOutput[] {
    this.#timers.clearAll();
    if (this.#reliable) return this.#terminate('done');
    this.state = 'confirmed';
    this.#timers.set('I', now + this.#timing.t4Ms);
    return [];
  }

  respond(response: SipResponse, now: number): MachineOutput[] {
    const { status } = response;
    switch (this.state) {
      case 'proceeding':
        this.#response = response;
        if (status >= 300) {
          this.state = 'completed';
          if (!this.#reliable) this.#timers.set('G', now + this.#intervalMs);
          this.#timers.set('H', now + 64 * this.#timing.t1Ms);
        } else if (status >= 200) {
          this.state = 'accepted';
          this.#timers.set('L', now + 64 * this.#timing.t1Ms);
        }
        return [{ kind: 'send', message: response }];
      case 'accepted':
        return status >= 200 && status < 300 ? [{ kind: 'send', message: response }] : [];
      case 'completed':
      case 'confirmed':
      case 'terminated':
        return [];
    }
  }

  timeout(now: number): MachineOutput[] {
    const outputs: MachineOutput[] = [];
    for (const timer of this.#timers.due(now)) {
      switch (timer) {
        case 'G':
          this.#intervalMs = Math.min(2 * this.#intervalMs, this.#timing.t2Ms);
          this.#timers.set('G', now + this.#intervalMs);
          outputs.push({ kind: 'send', message: this.#response! });
          break;
        case 'H':
          outputs.push(...this.#terminate('timeout', 'no ACK to the final response'));
          break;
        case 'I':
        case 'L':
          outputs.push(...this.#terminate('done'));
          break;
      }
    }
    return outputs;
  }

  /** RFC 6026 §7.1: in Accepted the UAS core goes on repeating its 2xx, so the transaction stays. */
  transportFailed(reason: string): MachineOutput[] {
    return this.state === 'terminated' || this.state === 'accepted' ? [] : this.#terminate('transport', reason);
  }

  #terminate(cause: 'done' | 'timeout' | 'transport', reason?: string): MachineOutput[] {
    this.state = 'terminated';
    this.#timers.clearAll();
    return [{ kind: 'terminated', cause, reason }];
  }
}
