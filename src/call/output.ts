import type { UaOutput } from '../sip/ua/types.ts';
import type { TerminalInput } from '../terminal/types.ts';

/** What is left for the wiring: to the wire and the resolver, and up to the terminal. */
export type CallOutput =
  | Exclude<UaOutput, { kind: 'session' | 'message' | 'notice' }>
  | { kind: 'terminal'; input: TerminalInput };

export const up = (input: TerminalInput): CallOutput => ({ kind: 'terminal', input });
