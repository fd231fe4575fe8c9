/**
 * The journal: every event on disk as it happens, until everybody who must hear of it has. An edge room.
 *
 *     const journal = new Journal({ directory, logger, onFault });
 *     journal.append(event);                        // on disk when it returns: kill -9 loses nothing
 *     const cursor = journal.cursor('mqtt');        // cursor.next() ... cursor.acknowledge(id)
 */
export { Journal, journalFolder, readEvents } from './journal.ts';
export type { Cursor, JournalEvent, JournalOptions } from './types.ts';
