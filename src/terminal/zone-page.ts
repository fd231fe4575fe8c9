/** A recorded message on its way into a zone. What interrupts it there makes it begin anew afterwards. */

import { Timers } from '../base/index.ts';
import { WAIT_MAX_MS } from './incoming-call.ts';
import { NoCall } from './no-call.ts';
import type { Session } from './session.ts';
import type { CallEvent, CallStatus, EndCause, Prompt, TerminalAction, ZoneRule } from './types.ts';
import { said } from './words.ts';

export class ZonePage extends NoCall implements Session {
  readonly id: string;
  readonly zone: string;
  readonly kind = 'page';
  readonly direction = 'outgoing';
  readonly own = false;
  readonly interrupted = 'hold';
  readonly farewell = [];
  readonly talking = undefined;
  readonly peer: string;
  readonly priority: number;
  readonly #prompt: Prompt;
  readonly #timers = new Timers<'waiting'>();
  #state: 'new' | 'waiting' | 'connected' | 'held' | 'over' = 'new';
  /** Each time it begins it has another name, so that the end of one before is not taken for its own. */
  #turn = 0;
  #since: number;

  constructor(id: string, zone: string, rule: ZoneRule, prompt: Prompt, now: number) {
    super();
    this.id = id;
    this.zone = zone;
    this.peer = `zone ${zone}`;
    this.priority = rule.priority;
    this.#prompt = prompt;
    this.#since = now;
  }

  get interruptedBefore(): boolean {
    return this.#state === 'held';
  }

  get over(): boolean {
    return this.#state === 'over';
  }

  get wants(): boolean {
    return !this.over;
  }

  get state(): CallStatus['state'] {
    return this.#state === 'new' || this.#state === 'over' ? 'connected' : this.#state;
  }

  get deadline(): number | undefined {
    return this.#timers.next;
  }

  owns(call: string): boolean {
    return call === this.id || call === this.#page;
  }

  take(now: number): TerminalAction[] {
    const state = this.#state === 'held' ? 'resumed' : 'connected';
    this.#state = 'connected';
    this.#since = now;
    this.#turn++;
    this.#timers.clearAll();
    return [{ type: 'zone', page: this.#page, zone: this.zone, prompt: this.#prompt }, this.#event(state)];
  }

  hold(reason: string): TerminalAction[] {
    this.#state = 'held';
    return [{ type: 'hangup', call: this.#page, cause: 'interrupted' }, this.#event('held', { reason })];
  }

  wait(reason: string, now: number): TerminalAction[] {
    if (this.#state !== 'new') return [];
    this.#state = 'waiting';
    this.#timers.set('waiting', now + WAIT_MAX_MS);
    return [this.#event('waiting', { reason })];
  }

  timeout(now: number): TerminalAction[] {
    return [...this.#timers.due(now)].flatMap(() => this.#over('busy', 'the zone did not become free in time', now));
  }

  end(cause: EndCause, reason: string, now: number): TerminalAction[] {
    return [{ type: 'hangup', call: this.#page, cause }, ...this.#over(cause, reason, now)];
  }

  /** `failure`: why it could not be sent. */
  sent(page: string, failure: string | undefined, now: number): TerminalAction[] {
    if (page !== this.#page || this.#state !== 'connected') return [];
    return failure === undefined ? this.#over('hangup', 'all is said', now) : this.#over('failed', failure, now);
  }

  status(now: number): CallStatus {
    const { id, kind, direction, state, peer, priority } = this;
    return { call: id, kind, direction, state, peer, priority, sinceMs: Math.round(now - this.#since) };
  }

  get #page(): string {
    return `${this.id}/${this.#turn}`;
  }

  #over(cause: EndCause, reason: string, now: number): TerminalAction[] {
    if (this.over) return [];
    const sounded = this.#state === 'connected' ? { durationMs: Math.round(now - this.#since) } : {};
    this.#state = 'over';
    this.#timers.clearAll();
    const state = cause === 'hangup' ? 'ended' : 'failed';
    return [this.#event(state, { cause, reason, ...sounded })];
  }

  #event(state: CallEvent['state'], more: Partial<CallEvent> = {}): TerminalAction {
    const { id, kind, direction, peer, priority } = this;
    return said({ type: kind, call: id, direction, state, peer, priority, ...more });
  }
}
