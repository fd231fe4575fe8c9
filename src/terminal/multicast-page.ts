/**
 * Somebody pages a group that this terminal listens to. There is nobody to answer or to hold: while another one has the
 * loudspeaker it is not heard, and then it is where it has come to.
 */
import { NoCall } from './no-call.ts';
import type { Session } from './session.ts';
import type {
  CallEvent,
  CallStatus,
  EndCause,
  Interrupted,
  MulticastRule,
  TerminalAction,
  TerminalInput,
} from './types.ts';
import { said } from './words.ts';

export class MulticastPage extends NoCall implements Session {
  readonly id: string;
  readonly kind = 'page';
  readonly direction = 'incoming';
  readonly own = false;
  readonly farewell = [];
  readonly talking = undefined;
  readonly deadline = undefined;
  readonly peer: string;
  readonly #rule: MulticastRule;
  #state: 'new' | 'waiting' | 'connected' | 'held' | 'over' = 'new';
  #heard = false;
  #since: number;

  constructor(begun: Extract<TerminalInput, { type: 'multicast' }>, rule: MulticastRule, now: number) {
    super();
    this.id = begun.page;
    const name = begun.caller === undefined ? '' : ` (${begun.caller})`;
    this.peer = `${begun.from}${name} to ${begun.group}`;
    this.#rule = rule;
    this.#since = now;
  }

  get priority(): number {
    return this.#rule.priority;
  }

  get interrupted(): Interrupted {
    return this.#rule.interrupted;
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

  owns(call: string): boolean {
    return call === this.id;
  }

  take(now: number): TerminalAction[] {
    const resumed = this.#state === 'held';
    this.#state = 'connected';
    if (resumed) return [this.#event('resumed'), { type: 'hold', call: this.id, held: false }];
    this.#since = now;
    this.#heard = true;
    const chime: TerminalAction[] = this.#rule.chime ? [{ type: 'tone', tone: 'chime', on: true }] : [];
    return [this.#event('connected'), { type: 'listen', call: this.id, microphone: false }, ...chime];
  }

  hold(reason: string): TerminalAction[] {
    this.#state = 'held';
    return [{ type: 'hold', call: this.id, held: true }, this.#event('held', { reason })];
  }

  wait(reason: string): TerminalAction[] {
    if (this.#state !== 'new') return [];
    this.#state = 'waiting';
    return [this.#event('waiting', { reason })];
  }

  /** Nothing more of it is heard, however long it goes on. */
  end(cause: EndCause, reason: string, now: number): TerminalAction[] {
    return [{ type: 'hangup', call: this.id, cause }, ...this.finish(cause, reason, now)];
  }

  finish(cause: EndCause, reason: string, now: number): TerminalAction[] {
    if (this.over) return [];
    this.#state = 'over';
    const heard = this.#heard ? { durationMs: Math.round(now - this.#since) } : {};
    return [this.#event('ended', { cause, reason, ...heard })];
  }

  status(now: number): CallStatus {
    const { id, kind, direction, state, peer, priority } = this;
    return { call: id, kind, direction, state, peer, priority, sinceMs: Math.round(now - this.#since) };
  }

  timeout(): TerminalAction[] {
    return [];
  }

  #event(state: CallEvent['state'], more: Partial<CallEvent> = {}): TerminalAction {
    const { id, kind, direction, peer, priority } = this;
    return said({ type: kind, call: id, direction, state, peer, priority, ...more });
  }
}
