/**
 * What travels on the control socket: one JSON object per line. A request names a command; the first line back is the answer,
 * and with `follow` one event per line comes after it until the client leaves.
 */
export interface ControlRequest {
  command: string;
  [argument: string]: unknown;
}

export type ControlAnswer = { ok: true; [result: string]: unknown } | { ok: false; error: string };

/** A line longer than this is not ours. */
export const maxLineBytes = 64 * 1024;

/** Cuts a byte stream into lines. `put` returns the complete ones; throws when one grows beyond `maxLineBytes`. */
export class LineReader {
  #rest = '';

  put(chunk: Buffer): string[] {
    const lines = (this.#rest + chunk.toString('utf8')).split('\n');
    this.#rest = lines.pop()!;
    if (this.#rest.length > maxLineBytes) throw new RangeError(`a line of more than ${maxLineBytes} bytes`);
    return lines.filter((line) => line.trim() !== '');
  }
}
