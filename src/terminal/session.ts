/** What the terminal holds of a call, whichever way it goes, or of a page: who it is with, and its claim to the loudspeaker. */
import type { Claim } from './speaker.ts';
import type { CallEvent, CallStatus, EndCause, Interrupted, TerminalAction, Tone, TransferInput } from './types.ts';
import { said } from './words.ts';

export abstract class Session implements Claim {
  abstract readonly id: string;
  abstract readonly kind: 'call' | 'page';
  abstract readonly direction: 'outgoing' | 'incoming';
  /** Of the people at the other end, for the words of an event. */
  abstract readonly peer: string;
  abstract readonly priority: number;
  /** What somebody higher does to it. */
  abstract readonly interrupted: Interrupted;
  abstract readonly interruptedBefore: boolean;
  abstract readonly state: CallStatus['state'];
  /** It has ended and can be forgotten. */
  abstract readonly over: boolean;
  readonly own: boolean = false;
  /** It sounds in a zone; absent: at our own loudspeaker. */
  zone: string | undefined;
  /** Tones that tell the person how it ended. */
  farewell: readonly Tone[] = [];
  /** When it came, or when the talk began. */
  protected since: number;

  constructor(now: number) {
    this.since = now;
  }

  /** It wants the loudspeaker, or has it. */
  get wants(): boolean {
    return !this.over;
  }

  /** The call, or leg, in which both sides talk now. */
  get talking(): string | undefined {
    return undefined;
  }

  /** What the other side plays before it answers is heard: in place of our ringback. */
  get hears(): boolean {
    return false;
  }

  get deadline(): number | undefined {
    return undefined;
  }

  /** Is `call` this session, or one of its legs? */
  owns(call: string): boolean {
    return call === this.id;
  }

  timeout?(now: number): TerminalAction[];
  /** The loudspeaker is its own, for the first time or again. */
  abstract take(now: number): TerminalAction[];
  /** Somebody higher has taken the loudspeaker. */
  abstract hold(reason: string): TerminalAction[];
  /** The loudspeaker is not free. Said once or many times. */
  abstract wait(reason: string, now: number): TerminalAction[];
  /** We end it. */
  abstract end(cause: EndCause, reason: string, now: number): TerminalAction[];

  // What befalls a call, and no page.
  ringing?(call: string): TerminalAction[];
  early?(call: string, on: boolean): TerminalAction[];
  redirected?(call: string, by: string, to: string): TerminalAction[];
  answered?(call: string, now: number, conference?: boolean): TerminalAction[];
  /** The other side has put it on hold, or listens again. */
  waiting?(on: boolean, now: number): TerminalAction[];
  /** The person presses once more while it goes on. Undefined: that changes nothing. */
  pressed?(now: number): TerminalAction[] | undefined;
  transfer?(input: TransferInput, now: number): TerminalAction[];
  digit?(call: string, digit: string, now: number): TerminalAction[];
  /** The person has left word, or could not. */
  wordLeft?(recordedMs: number | undefined, reason: string | undefined, now: number): TerminalAction[];
  ended?(call: string, cause: EndCause, by: 'us' | 'peer' | 'network', reason: string, now: number): TerminalAction[];

  status(now: number): CallStatus {
    const { id, kind, direction, state, peer, priority } = this;
    return { call: id, kind, direction, state, peer, priority, ...this.marks, sinceMs: this.lasted(now) };
  }

  /** What else status and events say of it. */
  protected get marks(): { plan?: string; conference?: true } {
    return {};
  }

  /** Since `since`, ms. */
  protected lasted(now: number): number {
    return Math.round(now - this.since);
  }

  protected tell(state: CallEvent['state'], more: Partial<CallEvent> = {}): TerminalAction {
    return tellOf(this, state, { ...this.marks, ...more });
  }
}

export function tellOf(session: Session, state: CallEvent['state'], more: Partial<CallEvent>): TerminalAction {
  const { id, kind, direction, peer, priority } = session;
  return said({ type: kind, call: id, direction, state, peer, priority, ...more });
}

/** Nobody answers it: it sounds, or waits until it may. */
export abstract class Page extends Session {
  readonly kind = 'page';
  protected phase: 'new' | 'waiting' | 'connected' | 'held' | 'over' = 'new';

  get interruptedBefore(): boolean {
    return this.phase === 'held';
  }

  get over(): boolean {
    return this.phase === 'over';
  }

  get state(): CallStatus['state'] {
    return this.phase === 'new' || this.phase === 'over' ? 'connected' : this.phase;
  }

  wait(reason: string, _now: number): TerminalAction[] {
    if (this.phase !== 'new') return [];
    this.phase = 'waiting';
    return [this.tell('waiting', { reason })];
  }
}
