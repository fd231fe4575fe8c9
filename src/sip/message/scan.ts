/**
 * Where the lines of a head begin and end, found on the octets in one pass; no text is made of a value before somebody asks
 * (RFC 3261 §7.3). Octets and characters have the same positions because the head is held as Latin-1 until a value is read.
 */
import { classes, isBlank, NAME, skipBlanks, trimmedEnd } from './codes.ts';
import { SipSyntaxError, shown } from './errors.ts';
import { Field } from './fields.ts';
import { findName, headerName, otherName } from './names.ts';

/** The octets of a message are limited by the datagram, on streams by the transport. */
export const HEADER_LINES_MAX = 256;

const CONTENT_LENGTH = headerName('Content-Length');
const CR = 13;
const LF = 10;
const COLON = 58;

/** Of the lines of `bytes` from `start` to the empty line. */
export interface Head {
  readonly fields: Field[];
  /** The line that says how long the body is. */
  readonly contentLength: Field | undefined;
  /** Where the body begins; negative when the empty line is missing. */
  readonly bodyStart: number;
}

/** Where the CR and LF stand that end the line at `start`; else the end of all. */
export function findLine(codes: Uint8Array, text: string, start: number): number {
  let at = text.indexOf('\r', start);
  while (at >= 0 && codes[at + 1] !== LF) at = text.indexOf('\r', at + 1);
  return at < 0 ? text.length : at;
}

/** `text`: the octets of `codes` as Latin-1; `ascii`: none of them is above 127. */
export function scanFields(codes: Uint8Array, text: string, start: number, ascii: boolean): Head {
  const fields: Field[] = [];
  let contentLength: Field | undefined;
  let at = start;
  while (at < codes.length) {
    if (codes[at] === CR && codes[at + 1] === LF) return { fields, contentLength, bodyStart: at + 2 };
    const nameFrom = at;
    const known = findName(codes, at);
    if (known !== undefined) at += known.codes.length;
    else while ((classes[codes[at]] & NAME) !== 0) at++;
    const nameTo = at;
    at = skipBlanks(codes, at);
    if (codes[at] !== COLON || nameTo === nameFrom) return fail(codes, text, nameFrom);
    const name = known === undefined ? otherName(text.slice(nameFrom, nameTo)) : known.name;
    const from = skipBlanks(codes, at + 1);
    let rough = !ascii;
    // RFC 3261 §7.3.1: a line that begins with a blank goes on with the one before.
    for (at = text.indexOf('\r', from); at >= 0; at = text.indexOf('\r', at + 1)) {
      if (codes[at + 1] === LF && !isBlank(codes[at + 2])) break;
      rough = true;
    }
    if (at < 0) break;
    const to = trimmedEnd(codes, from, at);
    at += 2;
    const field = new Field(name, text, codes, from, to, rough);
    fields.push(field);
    if (name === CONTENT_LENGTH) {
      // RFC 4475 §3.3.9: of two, either may be the lie.
      if (contentLength !== undefined) throw new SipSyntaxError('Cannot parse message: more than one Content-Length');
      contentLength = field;
    }
    if (fields.length > HEADER_LINES_MAX) {
      throw new SipSyntaxError(`Cannot parse message: more than ${HEADER_LINES_MAX} header lines`, { offset: at });
    }
  }
  return { fields, contentLength, bodyStart: -1 };
}

function fail(codes: Uint8Array, text: string, from: number): never {
  const line = text.slice(from, findLine(codes, text, from));
  throw new SipSyntaxError(`Cannot parse header line ${shown(line)}: no name and colon`, { offset: from });
}
