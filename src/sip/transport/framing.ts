/** Cuts a stream into messages by Content-Length, RFC 3261 §18.3, and sees keep-alives, RFC 5626 §3.5.1. Pure. */
import { Buffer } from 'node:buffer';

/** Of one message on a stream: head and body. */
export const STREAM_HEAD_MAX_BYTES = 65_536;
export const STREAM_BODY_MAX_BYTES = 262_144;

export type Frame =
  | { kind: 'message'; bytes: Buffer }
  /** CRLF CRLF between messages: to be answered with CRLF. */
  | { kind: 'ping' }
  /** No boundary can be found any more: the connection is to be closed. `bytes`: the head, if it is that of a SIP message. */
  | { kind: 'fault'; reason: string; bytes?: Buffer };

const CR = 13;
const LF = 10;
const START_LINE = /^(?:SIP\/\d+\.\d+ |[^\s]+ [^\r\n]*SIP\/\d+\.\d+[ \t]*(?:\r|$))/i;
const CONTENT_LENGTH = /\r\n(?:content-length|l)[ \t]*:[ \t\r\n]*([^\r\n]*)/gi;
const CONTENT_TYPE = /\r\n(?:content-type|c)[ \t]*:/i;

export class StreamFramer {
  #buffer: Buffer = Buffer.alloc(0);
  /** Up to where the end of the head has been looked for. */
  #searched = 0;
  /** Octets of the whole first message, once its head is there. */
  #need = 0;
  #dead = false;
  /** Lone CRLFs between messages so far: pongs, when a ping was sent. */
  lone = 0;

  /** A message has begun and is not complete. */
  get partial(): boolean {
    return this.#buffer.length > 0 && this.#buffer[0] !== CR;
  }

  /** Nothing has come of the next message. */
  get empty(): boolean {
    return this.#buffer.length === 0;
  }

  /** What is left is a lone CRLF, and becomes no half of a ping. */
  skipLone(): void {
    if (this.#need !== 0 || this.#buffer.length !== 2 || this.#buffer[0] !== CR || this.#buffer[1] !== LF) return;
    this.#drop(2);
    this.lone++;
  }

  put(chunk: Uint8Array): Frame[] {
    if (this.#dead) return [];
    this.#buffer = this.#buffer.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#buffer, chunk]);
    const frames: Frame[] = [];
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) {
      frames.push(frame);
      if (frame.kind === 'fault') {
        this.#dead = true;
        this.#buffer = Buffer.alloc(0);
        break;
      }
    }
    return frames;
  }

  #next(): Frame | undefined {
    const buffer = this.#buffer;
    if (this.#need === 0) {
      if (buffer[0] === CR || buffer[0] === LF) return this.#blank();
      const end = buffer.indexOf('\r\n\r\n', Math.max(0, this.#searched - 3), 'latin1');
      this.#searched = buffer.length;
      if (end > STREAM_HEAD_MAX_BYTES || (end < 0 && buffer.length > STREAM_HEAD_MAX_BYTES)) {
        return { kind: 'fault', reason: `a head of more than ${STREAM_HEAD_MAX_BYTES} octets` };
      }
      if (end < 0) return undefined;
      const head = buffer.toString('latin1', 0, end + 2);
      const length = measure(head);
      if (typeof length === 'string') {
        const bytes = START_LINE.test(head) ? buffer.subarray(0, end + 4) : undefined;
        return { kind: 'fault', reason: length, bytes };
      }
      this.#need = end + 4 + length;
    }
    if (buffer.length < this.#need) return undefined;
    const bytes = buffer.subarray(0, this.#need);
    this.#drop(this.#need);
    return { kind: 'message', bytes };
  }

  /** At a message boundary: `CRLF CRLF` is a ping, a single CRLF is nothing (RFC 3261 §7.5). */
  #blank(): Frame | undefined {
    const buffer = this.#buffer;
    if (buffer.length >= 4 && buffer[1] === LF && buffer[2] === CR && buffer[3] === LF && buffer[0] === CR) {
      this.#drop(4);
      return { kind: 'ping' };
    }
    // "\r", "\r\n" and "\r\n\r" may still become a ping.
    if (buffer.length < 4 && '\r\n\r\n'.startsWith(buffer.toString('latin1'))) return undefined;
    let blanks = 0;
    while (buffer[blanks] === CR || buffer[blanks] === LF) blanks++;
    this.#drop(Math.max(1, Math.min(blanks, 2)));
    if (blanks > 1) this.lone++;
    return this.#next();
  }

  #drop(octets: number): void {
    this.#buffer = this.#buffer.subarray(octets);
    this.#searched = 0;
    this.#need = 0;
  }
}

/** Octets of the body, or what is wrong. */
function measure(head: string): number | string {
  if (!START_LINE.test(head)) return 'the first line is none of SIP';
  const lengths = [...head.matchAll(CONTENT_LENGTH)].map((match) => match[1].trim());
  if (lengths.length > 1) return 'more than one Content-Length';
  if (lengths.length === 0) {
    // RFC 3261 §20.14 demands it on streams; without a body its absence harms nobody.
    return CONTENT_TYPE.test(head) ? 'a body without Content-Length' : 0;
  }
  if (!/^\d{1,10}$/.test(lengths[0])) return 'a Content-Length that is no number';
  const length = Number(lengths[0]);
  return length > STREAM_BODY_MAX_BYTES ? `a body of more than ${STREAM_BODY_MAX_BYTES} octets` : length;
}
