/** Files of a size one would expect: a device without end, or a file that is none of ours, does not fill the memory. */
import { closeSync, openSync, readSync } from 'node:fs';

/** The text in `file`. Throws what the file system says, and when there is more of it than `maxBytes`. */
export function readText(file: string, maxBytes: number): string {
  const fd = openSync(file, 'r');
  try {
    const bytes = Buffer.alloc(maxBytes + 1);
    let length = 0;
    for (;;) {
      const read = readSync(fd, bytes, length, bytes.length - length, null);
      length += read;
      if (length > maxBytes) throw new Error(`it has more than ${maxBytes} bytes`);
      if (read === 0) return bytes.toString('utf8', 0, length);
    }
  } finally {
    closeSync(fd);
  }
}
