/**
 * One incoming call that a rule has let in: its delay, its wait for a hand or for the loudspeaker, the answer, the talk.
 * A page never opens the microphone, whatever happens to it.
 */
import { Timers, unreachable } from '../base/index.ts';
import { type Decision, isKnown } from './rules.ts';
import { Session } from './session.ts';
import { Transfers } from './transfer.ts';
import type {
  CallStatus,
  EndCause,
  Incoming,
  IncomingRule,
  Interrupted,
  TerminalAction,
  TransferInput,
} from './types.ts';

/** A caller is not kept ringing for longer, whether for a hand or for the loudspeaker. */
const RING_MAX_MS = 60_000;
export const WAIT_MAX_MS = 60_000;

/** `due`: may be answered as soon as the loudspeaker is its own. */
type Phase = 'delay' | 'ringing' | 'due' | 'waiting' | 'answering' | 'connected' | 'over';

export class IncomingCall extends Session {
  readonly id: string;
  readonly kind: 'call' | 'page';
  readonly direction = 'incoming';
  readonly priority: number;
  readonly interrupted: Interrupted;
  override readonly zone: string | undefined;
  #peer: string;
  #conference: boolean;
  /** The caller is who he says he is, as far as a rule can tell. */
  readonly #known: boolean;
  readonly #transfers = new Transfers();
  readonly #rule: IncomingRule;
  #why: string;
  readonly #timers = new Timers<'delay' | 'ringing' | 'waiting' | 'limit'>();
  #phase: Phase;
  /** Who took the loudspeaker from it. */
  #heldBy: string | undefined;
  #alerted = false;
  #listened = false;

  constructor(incoming: Incoming, decision: Exclude<Decision, { answer: 'reject' }>, now: number) {
    super(now);
    this.id = incoming.call;
    this.#peer = incoming.caller.uri;
    this.#conference = incoming.conference === true;
    this.#known = isKnown(decision.rule, incoming.caller);
    this.#rule = decision.rule;
    this.#why = decision.reason;
    this.kind = decision.rule.as === 'page' ? 'page' : 'call';
    this.priority = decision.rule.priority;
    this.interrupted = decision.rule.interrupted;
    this.zone = decision.rule.zone;
    if (decision.answer === 'ring') {
      this.#phase = 'ringing';
      this.#timers.set('ringing', now + RING_MAX_MS);
    } else if (decision.delayMs > 0) {
      this.#phase = 'delay';
      this.#timers.set('delay', now + decision.delayMs);
    } else this.#phase = 'due';
  }

  get peer(): string {
    return this.#peer;
  }

  get interruptedBefore(): boolean {
    return this.#heldBy !== undefined;
  }

  get over(): boolean {
    return this.#phase === 'over';
  }

  override get wants(): boolean {
    return !['delay', 'ringing', 'over'].includes(this.#phase);
  }

  override get talking(): string | undefined {
    return this.#phase === 'connected' && this.kind === 'call' && !this.interruptedBefore ? this.id : undefined;
  }

  /** Somebody at the terminal is asked to answer it. */
  get asksForHand(): boolean {
    return this.#phase === 'ringing';
  }

  override get deadline(): number | undefined {
    return this.#timers.next;
  }

  get state(): CallStatus['state'] {
    switch (this.#phase) {
      case 'delay':
      case 'ringing':
      case 'due':
        return 'ringing';
      case 'waiting':
        return 'waiting';
      case 'answering':
        return this.interruptedBefore ? 'held' : 'ringing';
      case 'connected':
      case 'over':
        return this.interruptedBefore ? 'held' : 'connected';
      default:
        return unreachable(this.#phase);
    }
  }

  /** What the caller hears first, unless the answer comes at once. */
  start(): TerminalAction[] {
    return this.#phase === 'due' ? [] : [...this.#alert(), this.tell('ringing', { reason: this.#why })];
  }

  /** A button was pressed while it rang. */
  pickUp(): void {
    if (this.#phase !== 'ringing') return;
    this.#phase = 'due';
    this.#why += '; a button was pressed';
  }

  /** A telephone system asks for the answer: as good as a call that asks, no better. */
  asked(by: string): TerminalAction[] {
    if (this.#phase !== 'ringing') return [];
    if (this.#rule.answer === 'ring')
      return [this.tell('ringing', { reason: `${by} asks for an answer, but ${this.#why}` })];
    this.#phase = 'due';
    this.#why += `; then asked by ${by}`;
    return [];
  }

  take(now: number): TerminalAction[] {
    if (this.#phase === 'due' || this.#phase === 'waiting') return this.#answer(now);
    const resumed = this.interruptedBefore;
    this.#heldBy = undefined;
    if (this.#phase !== 'connected' || !resumed) return [];
    return [this.tell('resumed'), ...this.#sound()];
  }

  hold(reason: string): TerminalAction[] {
    this.#heldBy = reason;
    if (this.#phase !== 'connected') return [];
    return [{ type: 'hold', call: this.id, held: true }, this.tell('held', { reason })];
  }

  wait(reason: string, now: number): TerminalAction[] {
    if (this.#phase !== 'due') return [];
    this.#phase = 'waiting';
    this.since = now;
    this.#timers.clear('ringing');
    this.#timers.set('waiting', now + WAIT_MAX_MS);
    return [...this.#alert(), this.tell('waiting', { reason })];
  }

  override timeout(now: number): TerminalAction[] {
    return this.#timers.run(now, (alarm) => {
      switch (alarm) {
        case 'delay':
          this.#phase = 'due';
          return [];
        case 'ringing':
          return this.#turnAway('unavailable', 'ended', 'no-answer', 'nobody pressed a button');
        case 'waiting':
          return this.#turnAway('busy', 'refused', 'busy', 'the loudspeaker did not become free in time');
        case 'limit':
          return this.end('limit', `longer than ${this.#rule.limitMs / 1000} s`, now);
        default:
          return unreachable(alarm);
      }
    });
  }

  end(cause: EndCause, reason: string, now: number): TerminalAction[] {
    if (this.over) return [];
    if (this.#phase === 'answering' || this.#phase === 'connected')
      return [{ type: 'hangup', call: this.id, cause }, ...this.#finish('ended', cause, reason, now)];
    const code = cause === 'stopping' ? 'unavailable' : cause === 'interrupted' ? 'busy' : 'declined';
    return this.#turnAway(code, 'ended', cause, reason);
  }

  /** Our answer stands: sound can flow, and does if the loudspeaker is still ours. */
  override answered(_call: string, now: number): TerminalAction[] {
    if (this.#phase !== 'answering') return [];
    this.#phase = 'connected';
    this.since = now;
    const connected = this.tell('connected');
    if (this.#heldBy !== undefined) return [connected, this.tell('held', { reason: this.#heldBy })];
    return [connected, ...this.#sound(), ...this.#chime()];
  }

  override transfer(input: TransferInput, now: number): TerminalAction[] {
    const answered = this.#phase === 'connected' || this.#phase === 'answering';
    const unknown = this.#known ? undefined : 'nothing shows who called';
    return this.#transfers.take(input, {
      peer: this.#peer,
      fixed: answered ? unknown : 'it is not answered yet',
      moveTo: (peer, conference) => {
        this.#peer = peer;
        this.#conference = conference;
      },
      end: (reason) => this.end('hangup', reason, now),
      tell: (state, more) => this.tell(state, more),
    });
  }

  override ended(
    _call: string,
    cause: EndCause,
    by: 'us' | 'peer' | 'network',
    reason: string,
    now: number,
  ): TerminalAction[] {
    return this.over ? [] : this.#finish('ended', cause, `by ${by}: ${reason}`, now);
  }

  protected override get marks(): { conference?: true } {
    return this.#conference ? { conference: true } : {};
  }

  #alert(): TerminalAction[] {
    if (this.#alerted) return [];
    this.#alerted = true;
    return [{ type: 'alert', call: this.id }];
  }

  #answer(now: number): TerminalAction[] {
    this.#phase = 'answering';
    this.#timers.clearAll();
    this.#timers.set('limit', now + this.#rule.limitMs);
    const direction = this.#rule.as === 'page' ? 'recvonly' : 'sendrecv';
    return [{ type: 'answer', call: this.id, direction }, this.tell('answered', { reason: this.#why })];
  }

  #sound(): TerminalAction[] {
    if (this.#listened) return [{ type: 'hold', call: this.id, held: false }];
    this.#listened = true;
    const { id: call, zone } = this;
    const record: TerminalAction[] = this.#rule.record ? [{ type: 'record', call }] : [];
    if (zone !== undefined) return [{ type: 'listen', call, microphone: false, zone }, ...record];
    return [{ type: 'listen', call, microphone: this.#rule.as === 'intercom' }, ...record];
  }

  #chime(): TerminalAction[] {
    // A zone has a chime of its own.
    return this.#rule.chime && this.zone === undefined ? [{ type: 'tone', tone: 'chime', on: true }] : [];
  }

  #turnAway(
    code: 'busy' | 'declined' | 'unavailable',
    state: 'ended' | 'refused',
    cause: EndCause,
    reason: string,
  ): TerminalAction[] {
    return [{ type: 'reject', call: this.id, code }, ...this.#finish(state, cause, reason, undefined)];
  }

  #finish(state: 'ended' | 'refused', cause: EndCause, reason: string, now: number | undefined): TerminalAction[] {
    const talked = this.#phase === 'connected' && now !== undefined && { durationMs: this.lasted(now) };
    this.#phase = 'over';
    this.#timers.clearAll();
    return [this.tell(state, { cause, reason, ...talked })];
  }
}
