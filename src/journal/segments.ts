/**
 * The files of the journal: `events-000001.jsonl` and so on, one JSON object a line. A line that is cut short (power cut, full
 * disk) is no line; the next one starts afresh behind it. Everything here may throw what the file system says.
 */
import {
  closeSync,
  constants,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  fsync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Place } from './table.ts';

/** Lines per file; whole files are dropped or rewritten, so this is also how much may be stale. */
export const SEGMENT_LINES = 1000;
/** From one sync to the next, at least: many lines a second share one. */
const SYNC_PAUSE_MS = 20;

const segmentFile = (directory: string, segment: number): string =>
  join(directory, `events-${String(segment).padStart(6, '0')}.jsonl`);

/** Numbers of the files in `directory`, oldest first. */
export function listSegments(directory: string): number[] {
  const numbers = readdirSync(directory).map((file) => Number(file.match(/^events-(\d{6,})\.jsonl$/)?.[1]));
  return numbers.filter((number) => !Number.isNaN(number)).sort((a, b) => a - b);
}

export interface Line extends Place {
  text: string;
}

const NEWLINE = 0x0a;

/** Every whole line of a file, be it JSON or not; what stands behind the last line end is left out. */
export function readLines(directory: string, segment: number): Line[] {
  const bytes = readFileSync(segmentFile(directory, segment));
  const lines: Line[] = [];
  let offset = 0;
  for (;;) {
    const end = bytes.indexOf(NEWLINE, offset);
    if (end < 0) return lines;
    if (end > offset) lines.push({ segment, offset, length: end - offset, text: bytes.toString('utf8', offset, end) });
    offset = end + 1;
  }
}

/** The text at `place`. */
export function readLine(directory: string, { segment, offset, length }: Place): string {
  const fd = openSync(segmentFile(directory, segment), 'r');
  try {
    const bytes = Buffer.alloc(length);
    const read = readSync(fd, bytes, 0, length, offset);
    if (read !== length) throw new Error(`${segmentFile(directory, segment)} ends at ${offset + read}`);
    return bytes.toString('utf8');
  } finally {
    closeSync(fd);
  }
}

/** The texts at many places, neighbours one after the other: each file is read once. What is written meanwhile is not seen. */
export class Texts {
  readonly #directory: string;
  #segment: number | undefined;
  #bytes = Buffer.alloc(0);

  constructor(directory: string) {
    this.#directory = directory;
  }

  at({ segment, offset, length }: Place): string {
    const file = segmentFile(this.#directory, segment);
    if (segment !== this.#segment) {
      this.#bytes = readFileSync(file);
      this.#segment = segment;
    }
    if (offset + length > this.#bytes.length) throw new Error(`${file} ends at ${this.#bytes.length}`);
    return this.#bytes.toString('utf8', offset, offset + length);
  }
}

/** Makes a new name, or the lack of an old one, last. */
function syncDirectory(directory: string): void {
  const fd = openSync(directory, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** A new file's name: without it the lines would be there and nobody would find them. Nobody waits for it. */
function syncDirectorySoon(directory: string): void {
  const fd = openSync(directory, 'r');
  fsync(fd, () => closeSync(fd));
}

/** Replaces the files `old` by one with `texts`, under the last of their names. A power cut leaves the old or the new, or both. */
export function rewriteSegments(directory: string, old: readonly number[], texts: readonly string[]): Place[] {
  const segment = old[old.length - 1];
  const places: Place[] = [];
  if (texts.length > 0) {
    const lines = texts.map((text) => Buffer.from(`${text}\n`));
    const temporary = `${segmentFile(directory, segment)}.new`;
    const fd = openSync(temporary, 'w', 0o640);
    try {
      let offset = 0;
      for (const line of lines) {
        places.push({ segment, offset, length: line.length - 1 });
        offset += line.length;
      }
      const content = Buffer.concat(lines);
      if (writeSync(fd, content) !== content.length) throw new Error(`${temporary}: the disk is full`);
      fdatasyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, segmentFile(directory, segment));
    syncDirectory(directory);
  }
  for (const each of old) if (each !== segment || texts.length === 0) unlinkSync(segmentFile(directory, each));
  return places;
}

/** The file that is being written. */
export class SegmentWriter {
  readonly segment: number;
  readonly #file: string;
  readonly #fd: number;
  readonly #inode: number;
  readonly #onSynced: (error: Error | null) => void;
  /** Lines written, cut ones included. */
  #lines: number;
  #size: number;
  /** The file does not end with a line end: what stands there must not become part of the next line. */
  #torn: boolean;
  #syncing = false;
  #dirty = false;
  #pause: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(directory: string, segment: number, lines: number, onSynced: (error: Error | null) => void) {
    this.segment = segment;
    this.#lines = lines;
    this.#onSynced = onSynced;
    this.#file = segmentFile(directory, segment);
    this.#fd = openSync(this.#file, constants.O_RDWR | constants.O_APPEND | constants.O_CREAT, 0o640);
    const { ino, size } = fstatSync(this.#fd);
    this.#inode = ino;
    this.#size = size;
    this.#torn = this.#size > 0 && this.#lastByte() !== NEWLINE;
    if (this.#size === 0) syncDirectorySoon(directory);
  }

  get full(): boolean {
    return this.#lines >= SEGMENT_LINES;
  }

  /** Somebody took the file away: what is written to it now, nobody finds again. */
  get gone(): boolean {
    return statSync(this.#file, { throwIfNoEntry: false })?.ino !== this.#inode;
  }

  /** One write for the whole line: `kill -9` finds it there, or not at all. The platter follows soon after. */
  append(text: string): Place {
    const lead = this.#torn ? 1 : 0;
    const bytes = Buffer.from(`${this.#torn ? '\n' : ''}${text}\n`);
    let written = 0;
    try {
      written = writeSync(this.#fd, bytes);
    } finally {
      this.#size += written;
      if (written > 0) this.#torn = written < bytes.length;
    }
    this.#lines++;
    if (written < bytes.length) throw Object.assign(new Error('the disk is full'), { code: 'ENOSPC' });
    this.#written();
    return { segment: this.segment, offset: this.#size - bytes.length + lead, length: bytes.length - lead - 1 };
  }

  /** On the platter when it returns. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#pause);
    try {
      fdatasyncSync(this.#fd);
    } finally {
      // A sync that is still under way holds the number of this file: it closes.
      if (!this.#syncing) closeSync(this.#fd);
    }
  }

  /** Nothing more is written; on the platter soon. Nobody waits for a slow disk. */
  retire(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#pause);
    // A sync that is under way may have begun before the last line: then it begins once more.
    if (!this.#syncing) this.#sync();
  }

  /** One at a time, and not one after the other without a breath; what is written meanwhile gets the next one. */
  #written(): void {
    this.#dirty = true;
    if (!this.#syncing && this.#pause === undefined) this.#sync();
  }

  #sync(): void {
    this.#syncing = true;
    this.#dirty = false;
    fdatasync(this.#fd, (error) => {
      this.#syncing = false;
      if (!this.#closed) {
        this.#pause = setTimeout(() => {
          this.#pause = undefined;
          if (this.#dirty) this.#sync();
        }, SYNC_PAUSE_MS).unref();
      } else if (this.#dirty) this.#sync();
      else closeSync(this.#fd);
      this.#onSynced(error);
    });
  }

  #lastByte(): number {
    const byte = Buffer.alloc(1);
    readSync(this.#fd, byte, 0, 1, this.#size - 1);
    return byte[0];
  }
}
