/**
 * The pages of Node's own file and its libraries: the start reads 40 MB of them, what follows needs a third of that. They are the
 * file's, so the system could take them whenever it wants; here they are let go at once, and those that are needed come back
 * from the page cache at a microsecond each. An edge.
 */
import { readFileSync } from 'node:fs';
import koffi from 'koffi';

const MADV_DONTNEED = 4;

export interface Mapping {
  start: number;
  end: number;
}

/** Of `/proc/PID/smaps`: file pages mapped to be read or run, of which nothing has been written to. Only these can be read again. */
export function untouched(smaps: string): Mapping[] {
  const found: Mapping[] = [];
  let mapping: Mapping | undefined;
  for (const line of smaps.split('\n')) {
    const head = /^([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ \S+ *(.*)$/.exec(line);
    if (head) {
      const [, start, end, mode, path] = head;
      const wanted = /^r-[x-]p$/.test(mode) && path.startsWith('/') && !path.endsWith(' (deleted)');
      mapping = wanted ? { start: Number.parseInt(start, 16), end: Number.parseInt(end, 16) } : undefined;
    } else if (mapping && /^Anonymous: +0 kB$/.test(line)) found.push(mapping);
  }
  return found;
}

/** Where there is no `/proc`, nothing is let go. */
export function letGoOfFiles(): void {
  try {
    const madvise = koffi.load(null).func('int madvise(size_t address, size_t length, int advice)');
    for (const { start, end } of untouched(readFileSync('/proc/self/smaps', 'latin1')))
      madvise(start, end - start, MADV_DONTNEED);
  } catch {}
}
