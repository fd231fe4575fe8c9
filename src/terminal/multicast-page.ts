/**
 * Somebody pages a group that this terminal listens to. There is nobody to answer or to hold: while another one has the
 * loudspeaker it is not heard, and then it is where it has come to.
 */
import { Page } from './session.ts';
import type { EndCause, Interrupted, MulticastRule, TerminalAction, TerminalInput } from './types.ts';

export class MulticastPage extends Page {
  readonly id: string;
  readonly direction = 'incoming';
  readonly peer: string;
  readonly priority: number;
  readonly interrupted: Interrupted;
  readonly #chime: boolean;
  #heard = false;

  constructor(begun: Extract<TerminalInput, { type: 'multicast' }>, rule: MulticastRule, now: number) {
    super(now);
    this.id = begun.page;
    const name = begun.caller === undefined ? '' : ` (${begun.caller})`;
    this.peer = `${begun.from}${name} to ${begun.group}`;
    this.priority = rule.priority;
    this.interrupted = rule.interrupted;
    this.#chime = rule.chime;
  }

  take(now: number): TerminalAction[] {
    const resumed = this.phase === 'held';
    this.phase = 'connected';
    if (resumed) return [this.tell('resumed'), { type: 'hold', call: this.id, held: false }];
    this.since = now;
    this.#heard = true;
    const chime: TerminalAction[] = this.#chime ? [{ type: 'tone', tone: 'chime', on: true }] : [];
    return [this.tell('connected'), { type: 'listen', call: this.id, microphone: false }, ...chime];
  }

  hold(reason: string): TerminalAction[] {
    this.phase = 'held';
    return [{ type: 'hold', call: this.id, held: true }, this.tell('held', { reason })];
  }

  /** Nothing more of it is heard, however long it goes on. */
  end(cause: EndCause, reason: string, now: number): TerminalAction[] {
    return [{ type: 'hangup', call: this.id, cause }, ...this.finish(cause, reason, now)];
  }

  finish(cause: EndCause, reason: string, now: number): TerminalAction[] {
    if (this.over) return [];
    this.phase = 'over';
    return [this.tell('ended', { cause, reason, ...(this.#heard && { durationMs: this.lasted(now) }) })];
  }
}
