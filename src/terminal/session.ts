/** What the terminal holds of a call, whichever way it goes: our plan's, or one that came in. */
import type { Claim } from './speaker.ts';
import type { CallStatus, EndCause, Interrupted, TerminalAction, Tone, TransferInput } from './types.ts';

export interface Session extends Claim {
  readonly id: string;
  readonly kind: 'call' | 'page';
  readonly direction: 'outgoing' | 'incoming';
  /** Of the people at the other end, for the words of an event. */
  readonly peer: string;
  /** What somebody higher does to it. */
  readonly interrupted: Interrupted;
  /** It sounds in a zone; absent: at our own loudspeaker. */
  readonly zone?: string | undefined;
  readonly state: CallStatus['state'];
  /** It has ended and can be forgotten. */
  readonly over: boolean;
  /** It wants the loudspeaker, or has it. */
  readonly wants: boolean;
  /** The call, or leg, in which both sides talk now. */
  readonly talking: string | undefined;
  /** What the other side plays before it answers is heard: in place of our ringback. */
  readonly hears?: boolean;
  /** Tones that tell the person how it ended. */
  readonly farewell: readonly Tone[];
  readonly deadline: number | undefined;
  timeout(now: number): TerminalAction[];
  /** The loudspeaker is its own, for the first time or again. */
  take(now: number): TerminalAction[];
  /** Somebody higher has taken the loudspeaker. */
  hold(reason: string): TerminalAction[];
  /** The loudspeaker is not free. Said once or many times. */
  wait(reason: string, now: number): TerminalAction[];
  /** We end it. */
  end(cause: EndCause, reason: string, now: number): TerminalAction[];
  status(now: number): CallStatus;

  /** Is `call` this session, or one of its legs? */
  owns(call: string): boolean;
  ringing(call: string): TerminalAction[];
  early?(call: string, on: boolean): TerminalAction[];
  redirected?(call: string, by: string, to: string): TerminalAction[];
  answered(call: string, now: number, conference?: boolean): TerminalAction[];
  /** The other side has put it on hold, or listens again. */
  waiting?(on: boolean, now: number): TerminalAction[];
  /** The person presses once more while it goes on. Undefined: that changes nothing. */
  pressed?(now: number): TerminalAction[] | undefined;
  transfer(input: TransferInput, now: number): TerminalAction[];
  digit(call: string, digit: string, now: number): TerminalAction[];
  /** The person has left word, or could not. */
  wordLeft?(recordedMs: number | undefined, reason: string | undefined, now: number): TerminalAction[];
  ended(call: string, cause: EndCause, by: 'us' | 'peer' | 'network', reason: string, now: number): TerminalAction[];
}
