/** A recorded message on its way into a zone. What interrupts it there makes it begin anew afterwards. */

import { Timers } from '../base/index.ts';
import { WAIT_MAX_MS } from './incoming-call.ts';
import { Page } from './session.ts';
import type { EndCause, Prompt, TerminalAction, ZoneRule } from './types.ts';

export class ZonePage extends Page {
  readonly id: string;
  readonly direction = 'outgoing';
  readonly interrupted = 'hold';
  readonly peer: string;
  readonly priority: number;
  override readonly zone: string;
  readonly #prompt: Prompt;
  readonly #timers = new Timers<'waiting'>();
  /** Each time it begins it has another name, so that the end of one before is not taken for its own. */
  #turn = 0;

  constructor(id: string, zone: string, rule: ZoneRule, prompt: Prompt, now: number) {
    super(now);
    this.id = id;
    this.zone = zone;
    this.peer = `zone ${zone}`;
    this.priority = rule.priority;
    this.#prompt = prompt;
  }

  override get deadline(): number | undefined {
    return this.#timers.next;
  }

  override owns(call: string): boolean {
    return call === this.id || call === this.#page;
  }

  take(now: number): TerminalAction[] {
    const state = this.phase === 'held' ? 'resumed' : 'connected';
    this.phase = 'connected';
    this.since = now;
    this.#turn++;
    this.#timers.clearAll();
    return [{ type: 'zone', page: this.#page, zone: this.zone, prompt: this.#prompt }, this.tell(state)];
  }

  hold(reason: string): TerminalAction[] {
    this.phase = 'held';
    return [{ type: 'hangup', call: this.#page, cause: 'interrupted' }, this.tell('held', { reason })];
  }

  override wait(reason: string, now: number): TerminalAction[] {
    if (this.phase === 'new') this.#timers.set('waiting', now + WAIT_MAX_MS);
    return super.wait(reason, now);
  }

  override timeout(now: number): TerminalAction[] {
    return this.#timers.run(now, () => this.#over('busy', 'the zone did not become free in time', now));
  }

  end(cause: EndCause, reason: string, now: number): TerminalAction[] {
    return [{ type: 'hangup', call: this.#page, cause }, ...this.#over(cause, reason, now)];
  }

  /** `failure`: why it could not be sent. */
  sent(page: string, failure: string | undefined, now: number): TerminalAction[] {
    if (page !== this.#page || this.phase !== 'connected') return [];
    return failure === undefined ? this.#over('hangup', 'all is said', now) : this.#over('failed', failure, now);
  }

  get #page(): string {
    return `${this.id}/${this.#turn}`;
  }

  #over(cause: EndCause, reason: string, now: number): TerminalAction[] {
    if (this.over) return [];
    const sounded = this.phase === 'connected' && { durationMs: this.lasted(now) };
    this.phase = 'over';
    this.#timers.clearAll();
    return [this.tell(cause === 'hangup' ? 'ended' : 'failed', { cause, reason, ...sounded })];
  }
}
