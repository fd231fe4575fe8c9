/** Events on disk. */
import type { TerminalEvent } from '../terminal/types.ts';
import type { Cursor, JournalEvent, JournalOptions } from './types.ts';

export interface Journal {
  /** Stamps the event with id and times and writes it. Never throws: a full disk is a fault, and memory takes over. */
  append(event: TerminalEvent): JournalEvent;
  /** The last `last` events, or those behind the event `after` (all that are kept when that one is gone); oldest first. */
  read(what?: { last?: number; after?: string }): JournalEvent[];
  /** Calls `listener` with each new event, at once. Returns what ends it. */
  follow(listener: (event: JournalEvent) => void): () => void;
  /** The place of `consumer` (a short word); a new one starts at the oldest event. */
  cursor(consumer: string): Cursor;
  /** Writes what is still in memory, if the disk takes it, and closes. */
  close(): void;
}

export function openJournal(_options: JournalOptions): Journal {
  throw new Error('not yet');
}

/** What is on disk in `directory`, oldest first, without touching it: for `hailpoint events` when no service runs. */
export function readEvents(_directory: string, _last?: number): JournalEvent[] {
  throw new Error('not yet');
}
