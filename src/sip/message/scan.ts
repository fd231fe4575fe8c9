/**
 * Where the lines of a head begin and end, found on the octets in one pass; no text is made of a value before somebody asks
 * (RFC 3261 §7.3). Octets and characters have the same positions because the head is held as Latin-1 until a value is read.
 */
import { SipSyntaxError, shown } from './errors.ts';
import { Field } from './fields.ts';
import { headerKeyOf } from './names.ts';

const CR = 13;
const LF = 10;
const SPACE = 32;
const TAB = 9;
const COLON = 58;

/** Of the lines of `bytes` from `start` to the empty line. */
export interface Head {
  readonly fields: Field[];
  /** Where the body begins; negative when the empty line is missing. */
  readonly bodyStart: number;
}

export function findLine(bytes: Uint8Array, start: number): number {
  let at = start;
  for (; at < bytes.length; at++) if (bytes[at] === CR && bytes[at + 1] === LF) return at;
  return at;
}

/** `text`: the same octets as Latin-1. */
export function scanFields(bytes: Uint8Array, text: string, start: number, max: number): Head {
  const fields: Field[] = [];
  const end = bytes.length;
  let at = start;
  while (at < end) {
    if (bytes[at] === CR && bytes[at + 1] === LF) return { fields, bodyStart: at + 2 };
    const nameStart = at;
    let code = 0;
    while (at < end && (code = bytes[at]) !== COLON && code > SPACE && code < 127) at++;
    const nameEnd = at;
    while (at < end && ((code = bytes[at]) === SPACE || code === TAB)) at++;
    if (code !== COLON || nameEnd === nameStart || at >= end) return fail(bytes, text, nameStart);
    while (at + 1 < end && ((code = bytes[at + 1]) === SPACE || code === TAB)) at++;
    const from = ++at;
    // `rough`: folded, or a CR or LF that ends no line, or octets beyond ASCII: then the value needs more than a cut.
    let rough = false;
    for (; at < end; at++) {
      code = bytes[at];
      if (code > CR && code < 128) continue;
      if (code > 127) rough = true;
      else if (code === CR && bytes[at + 1] === LF) {
        const next = bytes[at + 2];
        if (next !== SPACE && next !== TAB) break;
        rough = true;
      } else if (code === CR || code === LF) rough = true;
    }
    if (at >= end) return { fields, bodyStart: -1 };
    let to = at;
    while (to > from && ((code = bytes[to - 1]) === SPACE || code === TAB)) to--;
    at += 2;
    fields.push(new Field(headerKeyOf(bytes, text, nameStart, nameEnd), text, from, to, rough));
    if (fields.length > max) {
      throw new SipSyntaxError(`Cannot parse message: more than ${max} header lines`, { offset: at });
    }
  }
  return { fields, bodyStart: -1 };
}

function fail(bytes: Uint8Array, text: string, from: number): never {
  const line = text.slice(from, findLine(bytes, from));
  throw new SipSyntaxError(`Cannot parse header line ${shown(line)}: no name and colon`, { offset: from });
}
