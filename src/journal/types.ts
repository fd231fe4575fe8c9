/** What happened, as it is kept on disk and handed to those who must hear of it. */
import type { Logger } from '../base/index.ts';
import type { TerminalEvent } from '../terminal/types.ts';

/** One line of the journal and one message on `…/event`. */
export type JournalEvent = {
  /** `EPOCH-POSITION`, never repeated: not after a restart, a clock jump or the loss of the state directory. */
  id: string;
  /** ISO 8601 with ms, UTC; as good as the board's clock. */
  time: string;
  /** ms on the clock that never jumps (since boot). */
  monotonicMs: number;
} & TerminalEvent;

/** A consumer's place in the journal. It survives restarts; what is not acknowledged comes again. */
export interface Cursor {
  /** The oldest event not yet acknowledged. The same one until it is. */
  next(): JournalEvent | undefined;
  /** The event has arrived: the place moves behind it. */
  acknowledge(id: string): void;
}

export interface JournalOptions {
  /** Made when it is missing. */
  directory: string;
  logger: Logger;
  /** The disk took nothing (`raised`), or takes it again. Events are kept in memory meanwhile. */
  onFault?(raised: boolean, reason: string): void;
  /** Events kept; 10 000. */
  cap?: number;
  /** For tests. */
  clock?: { wallMs(): number; monotonicMs(): number };
  /** For tests: starts every id of this run. */
  epoch?: string;
}
