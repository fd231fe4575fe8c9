/**
 * What travels on the control socket: one JSON object per line. A request names a command; the first line back is the answer,
 * and with `follow` one event per line comes after it until the client leaves.
 */
import { StringDecoder } from 'node:string_decoder';

export interface ControlRequest {
  command: string;
  [argument: string]: unknown;
}

export type ControlAnswer = { ok: true; [result: string]: unknown } | { ok: false; error: string };

/** A request longer than this is not ours. */
export const maxRequestBytes = 64 * 1024;
/** An answer may hold the whole journal: 10 000 events. */
export const maxAnswerBytes = 16 * 1024 * 1024;

/** Cuts a byte stream into lines. `put` returns the complete ones; throws when one grows beyond `maxBytes`. */
export class LineReader {
  readonly #maxBytes: number;
  /** A character may lie across two chunks. */
  readonly #decoder = new StringDecoder('utf8');
  #parts: string[] = [];
  #length = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  put(chunk: Buffer): string[] {
    const lines = this.#decoder.write(chunk).split('\n');
    const rest = lines.pop()!;
    if (lines.length > 0) {
      lines[0] = this.#parts.join('') + lines[0];
      this.#parts = [];
      this.#length = 0;
    }
    this.#parts.push(rest);
    this.#length += rest.length;
    if (this.#length > this.#maxBytes) throw new RangeError(`a line of more than ${this.#maxBytes} bytes`);
    return lines.filter((line) => line.trim() !== '');
  }
}
