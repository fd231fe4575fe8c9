/** The journal itself: stamps, keeps, hands out. See `index.ts`. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError } from '../base/index.ts';
import type { TerminalEvent } from '../terminal/types.ts';
import { CursorFile } from './cursor.ts';
import { listSegments, readLine, readLines, rewriteSegments, SEGMENT_LINES, SegmentWriter, Texts } from './segments.ts';
import { type Entry, EventTable, isEmergency, type Place, positionOf } from './table.ts';
import type { Cursor, JournalEvent, JournalOptions } from './types.ts';

class JournalError extends CodedError {}

const DEFAULT_CAP = 10_000;
/** Events kept in memory while the disk takes none. */
const MEMORY_CAP = 1000;
const RETRY_MS = 5000;

/** Where the journal lies in a state directory. */
export const journalFolder = (stateDirectory: string): string => join(stateDirectory, 'journal');

/**
 * What is on disk in `directory`, oldest first, without touching it: for `hailpoint events` when no service runs. Throws
 * `JournalError` when it cannot be read.
 */
export function readEvents(directory: string, last = DEFAULT_CAP): JournalEvent[] {
  const events: JournalEvent[] = [];
  try {
    scan(directory, (event) => events.push(event));
  } catch (cause) {
    throw new JournalError('journal-read', `Cannot read the journal ${directory}: ${(cause as Error).message}`, {
      cause,
    });
  }
  return last > 0 ? events.slice(-last) : [];
}

const systemClock = {
  wallMs: (): number => Date.now(),
  monotonicMs: (): number => Number(process.hrtime.bigint() / 1_000_000n),
};

export class Journal {
  readonly #options: JournalOptions;
  readonly #clock: { wallMs(): number; monotonicMs(): number };
  readonly #epoch: string;
  readonly #table: EventTable;
  readonly #cursors = new Map<string, CursorFile>();
  readonly #listeners = new Set<(event: JournalEvent) => void>();
  /** In memory only, oldest first. */
  readonly #pending: Entry[] = [];
  /** Lines in each file, stale ones included. */
  readonly #lines = new Map<number, number>();
  #writer: SegmentWriter | undefined;
  #position = 0;
  /** Why the disk takes nothing; undefined: it does. */
  #fault: string | undefined;
  #reported: string | undefined;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: JournalOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#epoch = options.epoch ?? randomBytes(6).toString('hex');
    this.#table = new EventTable(options.cap ?? DEFAULT_CAP);
    try {
      mkdirSync(options.directory, { recursive: true, mode: 0o750 });
      this.#load();
    } catch (error) {
      this.#failed(error);
    }
    this.#position = Math.max(this.#position, this.#table.lastPosition);
    if (this.#fault === undefined) this.#compact();
    // The owner gets the journal before it hears of its faults.
    queueMicrotask(() => this.#reportFault());
  }

  /** Events kept. */
  get size(): number {
    return this.#table.size;
  }

  /** Stamps the event with id and times and writes it. Never throws: a full disk is a fault, and memory takes over. */
  append(event: TerminalEvent): JournalEvent {
    const position = ++this.#position;
    const stamped: JournalEvent = {
      id: `${this.#epoch}-${position}`,
      time: new Date(this.#clock.wallMs()).toISOString(),
      monotonicMs: this.#clock.monotonicMs(),
      ...event,
    };
    const emergency = isEmergency(event);
    const entry: Entry = { position, id: stamped.id, emergency, text: JSON.stringify(stamped) };
    this.#forget(this.#table.add(entry));
    this.#pending.push(entry);
    this.#flush();
    if (this.#pending.length > MEMORY_CAP) {
      const oldest = this.#pending.find((one) => !one.emergency) ?? this.#pending[0];
      this.#table.remove(oldest);
      this.#forget(oldest);
    }
    for (const listener of [...this.#listeners]) listener(stamped);
    this.#reportFault();
    return stamped;
  }

  /** The last `last` events, or those behind the event `after` (all that are kept when it is not known); oldest first. */
  read({ last, after }: { last?: number; after?: string } = {}): JournalEvent[] {
    const position = after === undefined ? 0 : (positionOf(after) ?? 0);
    let entries = this.#table.behind(position);
    // Another run's id may have the same position: it is known only if it is really that one.
    if (after !== undefined && position > 0) {
      const [known] = this.#table.behind(position - 1);
      if (known?.id !== after) entries = this.#table.behind(0);
    }
    if (last !== undefined) entries = last > 0 ? entries.slice(-last) : [];
    const texts = new Texts(this.#options.directory);
    return entries.flatMap((entry) => this.#event(entry, (place) => texts.at(place)) ?? []);
  }

  /** Calls `listener` with each new event, at once. Returns what ends it. */
  follow(listener: (event: JournalEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** The place of `consumer` (a short word); a new one starts at the oldest event. */
  cursor(consumer: string): Cursor {
    const file = this.#cursorFile(consumer);
    return {
      next: () => {
        for (;;) {
          const entry = this.#table.next(file.position);
          if (entry === undefined) return undefined;
          const event = this.#event(entry);
          if (event !== undefined) return event;
          this.#table.remove(entry);
        }
      },
      acknowledge: (id) => {
        const position = positionOf(id);
        if (position !== undefined && position > file.position) file.position = position;
      },
    };
  }

  /** Writes what is still in memory, if the disk takes it, and closes. */
  close(): void {
    this.#flush();
    this.#closed = true;
    clearTimeout(this.#retry);
    try {
      this.#writer?.close();
    } catch (error) {
      this.#options.logger.error('journal: cannot close', { reason: (error as Error).message });
    }
    this.#writer = undefined;
    if (this.#pending.length > 0) this.#options.logger.error('journal: events lost', { count: this.#pending.length });
  }

  /** The event of `entry`; undefined (said aloud) when the disk does not give it back. */
  #event(
    entry: Entry,
    read = (place: Place): string => readLine(this.#options.directory, place),
  ): JournalEvent | undefined {
    try {
      return JSON.parse(entry.text ?? read(entry.place!)) as JournalEvent;
    } catch (error) {
      this.#options.logger.error('journal: an event cannot be read', {
        id: entry.id,
        reason: (error as Error).message,
      });
      return undefined;
    }
  }

  /** Takes a dropped event out of memory, and says so when somebody still waited for it. */
  #forget(dropped: Entry | undefined): void {
    if (dropped === undefined) return;
    const index = this.#pending.indexOf(dropped);
    if (index >= 0) this.#pending.splice(index, 1);
    for (const [consumer, { position }] of this.#cursors) {
      if (dropped.position <= position) continue;
      this.#options.logger.warn('journal: full, an event was dropped unheard', { consumer, id: dropped.id });
    }
  }

  // ---------------------------------------------------------------- to the disk

  /** Writes what is in memory, in order, until the disk refuses. */
  #flush(): void {
    if (this.#closed) return;
    try {
      while (this.#pending.length > 0) {
        const entry = this.#pending[0];
        entry.place = this.#openWriter().append(entry.text!);
        entry.text = undefined;
        this.#pending.shift();
        this.#lines.set(entry.place.segment, (this.#lines.get(entry.place.segment) ?? 0) + 1);
      }
      this.#fault = undefined;
    } catch (error) {
      this.#failed(error);
    }
  }

  #openWriter(): SegmentWriter {
    const { directory } = this.#options;
    const writer = this.#writer;
    const gone = writer?.gone ?? false;
    if (writer !== undefined && (gone || writer.full)) {
      this.#writer = undefined;
      writer.retire();
      if (gone) this.#filesGone(writer.segment);
      else this.#compact();
    }
    if (this.#writer === undefined) {
      mkdirSync(directory, { recursive: true, mode: 0o750 });
      const newest = Math.max(0, ...this.#lines.keys(), ...listSegments(directory));
      const lines = this.#lines.get(newest) ?? 0;
      const goesOn = newest > 0 && lines < SEGMENT_LINES;
      this.#writer = new SegmentWriter(directory, goesOn ? newest : newest + 1, goesOn ? lines : 0, (error) => {
        if (error === null) return;
        this.#failed(error);
        this.#reportFault();
      });
    }
    return this.#writer;
  }

  /** `segment` and perhaps others were taken away. What stood only there is lost, and said aloud. */
  #filesGone(segment: number): void {
    const { directory, logger } = this.#options;
    mkdirSync(directory, { recursive: true, mode: 0o750 });
    const left = new Set(listSegments(directory));
    left.delete(segment);
    for (const known of [...this.#lines.keys()]) if (!left.has(known)) this.#lines.delete(known);
    const lost = this.#table.behind(0).filter(({ place }) => place !== undefined && !left.has(place.segment));
    for (const entry of lost) this.#table.remove(entry);
    logger.error('journal: files were taken away', { directory, events: lost.length });
  }

  #failed(error: unknown): void {
    const { code, message } = error as NodeJS.ErrnoException;
    this.#fault = `cannot write ${this.#options.directory}: ${code === 'ENOSPC' ? 'the disk is full' : message}`;
    if (this.#closed) return;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      this.#flush();
      this.#reportFault();
    }, RETRY_MS).unref();
  }

  /** Tells the owner, who may well append an event about it: so never while one is being written. */
  #reportFault(): void {
    const [was, is] = [this.#reported, this.#fault];
    this.#reported = is;
    if ((was === undefined) === (is === undefined)) return;
    this.#options.logger[is ? 'error' : 'info'](`journal: ${is ?? 'the disk takes events again'}`);
    this.#options.onFault?.(is !== undefined, is ?? 'the disk takes events again');
  }

  // ---------------------------------------------------------------- from the disk

  #load(): void {
    const { directory } = this.#options;
    for (const segment of listSegments(directory)) this.#lines.set(segment, 0);
    const unreadable = scan(
      directory,
      (event, position, place) => {
        this.#table.add({ position, id: event.id, emergency: isEmergency(event), place });
      },
      (segment) => this.#lines.set(segment, (this.#lines.get(segment) ?? 0) + 1),
    );
    if (unreadable > 0) this.#options.logger.warn('journal: some lines cannot be read', { lines: unreadable });
    for (const file of readdirSync(directory)) {
      const consumer = file.match(/^cursor-([a-z0-9]+)$/)?.[1];
      if (consumer !== undefined) this.#cursorFile(consumer);
    }
  }

  #cursorFile(consumer: string): CursorFile {
    let file = this.#cursors.get(consumer);
    if (file === undefined) {
      file = new CursorFile(this.#options.directory, consumer, this.#options.logger);
      this.#cursors.set(consumer, file);
      // A position a consumer has seen is never given to another event, even if the power cut took that one's line.
      this.#position = Math.max(this.#position, file.position);
    }
    return file;
  }

  /** Frees what dropped events still take: neighbouring files whose rest fits into one become one. */
  #compact(): void {
    const { directory, logger } = this.#options;
    const live = new Map<number, Entry[]>(
      [...this.#lines.keys()].sort((a, b) => a - b).map((segment) => [segment, []]),
    );
    for (const entry of this.#table.behind(0)) if (entry.place) live.get(entry.place.segment)?.push(entry);
    const newest = Math.max(...this.#lines.keys());
    let group: number[] = [];
    let entries: Entry[] = [];
    const rewrite = (): void => {
      const stale = group.reduce((sum, segment) => sum + this.#lines.get(segment)!, 0) - entries.length;
      if (stale === 0 && group.length < 2) return;
      const old = new Texts(directory);
      const texts = entries.map(({ place }) => old.at(place!));
      const places = rewriteSegments(directory, group, texts);
      entries.forEach((entry, index) => {
        entry.place = places[index];
      });
      for (const segment of group) this.#lines.delete(segment);
      if (entries.length > 0) this.#lines.set(group[group.length - 1], entries.length);
    };
    try {
      for (const [segment, more] of live) {
        if (segment === newest && this.#lines.get(segment)! < SEGMENT_LINES) continue;
        if (entries.length + more.length > SEGMENT_LINES) {
          rewrite();
          [group, entries] = [[], []];
        }
        group.push(segment);
        entries.push(...more);
      }
      rewrite();
    } catch (error) {
      // Only room is lost; the next full file tries again.
      logger.warn('journal: cannot tidy up', { reason: (error as Error).message });
    }
  }
}

/** Reads every event in `directory`, oldest first, each once. Returns how many lines were none. */
function scan(
  directory: string,
  onEvent: (event: JournalEvent, position: number, place: { segment: number; offset: number; length: number }) => void,
  onLine?: (segment: number) => void,
): number {
  let last = 0;
  let unreadable = 0;
  for (const segment of listSegments(directory)) {
    for (const { text, ...place } of linesOf(directory, segment)) {
      onLine?.(segment);
      const event = parseEvent(text);
      const position = positionOf(event?.id);
      if (event === undefined || position === undefined) unreadable++;
      // Twice the same: the power went while files were being joined.
      else if (position > last) onEvent(event, (last = position), place);
    }
  }
  return unreadable;
}

/** A file that has gone meanwhile was joined with a later one. */
function linesOf(directory: string, segment: number): ReturnType<typeof readLines> {
  try {
    return readLines(directory, segment);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function parseEvent(text: string): JournalEvent | undefined {
  try {
    const event = JSON.parse(text) as JournalEvent | null;
    return typeof event?.type === 'string' && typeof event.time === 'string' ? event : undefined;
  } catch {
    return undefined;
  }
}
