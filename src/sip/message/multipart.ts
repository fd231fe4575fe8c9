/**
 * Bodies of several parts, RFC 2046 §5.1, as SIP carries them, RFC 5621: the one part that we read is found among what others
 * put beside it (ISUP, locations, pictures), and what must be understood but is not is named. Linear in the octets of the body.
 */
import { Buffer } from 'node:buffer';
import { readOr, SipSyntaxError, shown } from './errors.ts';
import type { SipMessageBase } from './message.ts';
import type { Params } from './params.ts';
import { Scanner } from './scanner.ts';

/** Parts of one body, those of its inner multiparts too. */
export const PARTS_MAX = 32;
/** A multipart within a multipart within ... */
const PART_DEPTH_MAX = 4;
/** Header of one part, octets. */
const PART_HEADER_MAX_BYTES = 4096;
/** RFC 2046 §5.1.1 allows 70; nobody is sent home for some more. */
const BOUNDARY_MAX = 128;

/** Both: there is one beside what must be understood and is not. A request is refused then; an answer cannot be. */
export interface PartSearch {
  found?: BodyPart;
  unknown?: string;
}

export interface BodyPart {
  /** `type/subtype`, lower case. */
  type: string;
  params: Params;
  /** RFC 3261 §20.11: `session`, `render`, `by-reference`...; lower case. */
  disposition: string;
  /** RFC 5621 §4: whether the message may be used by who does not understand this part. */
  required: boolean;
  /** Without its angle brackets (RFC 2392). */
  contentId?: string;
  /** It is not there as it is: compressed, or in base64. */
  encoded: boolean;
  bytes: Uint8Array;
  /** Of a multipart. */
  parts?: readonly BodyPart[];
}

/** The body of a message as a part, with all that is in it. Throws `SipSyntaxError` when it cannot be cut. */
export function bodyPart(message: SipMessageBase): BodyPart {
  const header = (name: string): string | undefined => message.header(name);
  return makePart(header, message.body, { parts: 0, cited: message.headers('Geolocation').join() }, 0);
}

/**
 * The first part of `type` that is meant as such bodies are (RFC 5621 §3, §8), or what must be understood and is not. Of alternatives
 * the last understood one counts (§3.1), of related parts the root (RFC 2387 §3.2), of signed ones what was signed.
 */
export function findPart(part: BodyPart, type: string): PartSearch {
  const { parts } = part;
  if (parts === undefined) {
    if (part.type === type && !part.encoded && part.disposition === meantAs(type)) return { found: part };
    return part.required ? { unknown: part.type } : {};
  }
  if (part.type === 'multipart/alternative') {
    const choices = parts.map((choice) => findPart(choice, type));
    const understood = choices.filter(({ unknown }) => unknown === undefined);
    if (understood.length > 0) return understood.findLast(({ found }) => found !== undefined) ?? {};
    return part.required && choices.length > 0 ? choices[choices.length - 1] : {};
  }
  const search: PartSearch = {};
  for (const inner of readable(part, parts)) {
    const one = findPart(inner, type);
    search.unknown ??= one.unknown;
    search.found ??= one.found;
  }
  return search.unknown !== undefined && !part.required ? {} : search;
}

/** RFC 3261 §20.11: without a word SDP is a session; it is no other thing by another word (RFC 3959: `early-session`). */
const meantAs = (type: string): string => (type === 'application/sdp' ? 'session' : 'render');

/** The parts whose understanding the kind of multipart asks for. An unknown kind is `mixed` (RFC 2046 §5.1.7). */
function readable({ type, params }: BodyPart, parts: readonly BodyPart[]): readonly BodyPart[] {
  if (type === 'multipart/signed') return parts.slice(0, 1);
  if (type !== 'multipart/related') return parts;
  const start = params.get('start')?.replace(/^<|>$/g, '');
  return [parts.find(({ contentId }) => start !== undefined && contentId === start) ?? parts[0]];
}

type Header = (name: string) => string | undefined;

/** `cited`: a header field that refers to parts, and whose examples do not say of them that it does (RFC 6442 §4.1). */
interface Reading {
  parts: number;
  cited: string;
}

function makePart(header: Header, bytes: Uint8Array, reading: Reading, depth: number): BodyPart {
  const kind = Scanner.of(header('content-type') ?? 'text/plain', 'Content-Type');
  kind.next();
  const main = kind.token('the type');
  if (!kind.take(47)) kind.fail('no "/" after the type');
  const type = `${main}/${kind.token('the subtype')}`.toLowerCase();
  const params = kind.params();
  const contentId = header('content-id')?.trim().replace(/^<|>$/g, '');
  const said = header('content-disposition');
  const cited = said === undefined && contentId !== undefined && reading.cited.includes(`cid:${contentId}>`);
  const { disposition, handling } = dispositionOf(cited ? 'by-reference' : said, type);
  const part: BodyPart = {
    type,
    params,
    disposition,
    // RFC 5621 §9: what a header field refers to is needed by who understands that field.
    required: handling !== 'optional' && disposition !== 'by-reference',
    contentId,
    encoded:
      !/^(identity)?$/i.test(header('content-encoding')?.trim() ?? '') ||
      !/^(7bit|8bit|binary)?$/i.test(header('content-transfer-encoding')?.trim() ?? ''),
    bytes,
  };
  if (type.startsWith('multipart/') && !part.encoded) {
    if (depth >= PART_DEPTH_MAX) throw new SipSyntaxError(`Cannot parse body: multiparts in ${depth} multiparts`);
    part.parts = cut(bytes, params.get('boundary') ?? '', reading).map(([head, body]) =>
      makePart((name) => head.get(name), body, reading, depth + 1),
    );
  }
  return part;
}

/** RFC 3261 §20.11; what cannot be read is as good as absent. */
function dispositionOf(text: string | undefined, type: string): { disposition: string; handling?: string | null } {
  const otherwise = meantAs(type);
  if (text === undefined) return { disposition: otherwise };
  return readOr({ disposition: otherwise }, () => {
    const scanner = Scanner.of(text, 'Content-Disposition');
    scanner.next();
    const disposition = scanner.token('the disposition').toLowerCase();
    return { disposition, handling: scanner.params().get('handling')?.toLowerCase() };
  });
}

/** RFC 2046 §5.1.1: header and content of each part, in order. What stands before the first and after the last is nothing. */
function cut(bytes: Uint8Array, boundary: string, count: Reading): [Map<string, string>, Uint8Array][] {
  if (boundary === '' || boundary.length > BOUNDARY_MAX) {
    throw new SipSyntaxError(`Cannot parse body: the boundary ${shown(boundary)} is none`);
  }
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const dash = Buffer.from(`--${boundary}`, 'latin1');
  const parts: [Map<string, string>, Uint8Array][] = [];
  let start = -1;
  for (let at = buffer.indexOf(dash); at >= 0; at = buffer.indexOf(dash, at + dash.length)) {
    if (at > 0 && !(buffer[at - 2] === 13 && buffer[at - 1] === 10)) continue;
    let end = at + dash.length;
    const last = buffer[end] === 45 && buffer[end + 1] === 45;
    if (last) end += 2;
    while (buffer[end] === 32 || buffer[end] === 9) end++;
    const lineEnd = buffer[end] === 13 && buffer[end + 1] === 10;
    // A longer boundary begins like this one; it is not ours to cut at.
    if (!lineEnd && !(last && end === buffer.length)) continue;
    if (start >= 0) {
      if (++count.parts > PARTS_MAX) throw new SipSyntaxError(`Cannot parse body: more than ${PARTS_MAX} parts`);
      // The CRLF before the boundary belongs to the boundary; of an empty part it is the one that begins it.
      parts.push(splitPart(buffer.subarray(start, Math.max(start, at - 2))));
    }
    if (last) {
      if (parts.length === 0) break;
      return parts;
    }
    start = end + 2;
  }
  throw new SipSyntaxError(`Cannot parse body: its parts do not end with "--${boundary.slice(0, 80)}--"`);
}

function splitPart(part: Buffer): [Map<string, string>, Uint8Array] {
  const header = new Map<string, string>();
  if (part.length === 0) return [header, part];
  if (part[0] === 13 && part[1] === 10) return [header, part.subarray(2)];
  const end = part.indexOf('\r\n\r\n');
  const head = end < 0 ? part : part.subarray(0, end);
  if (head.length > PART_HEADER_MAX_BYTES) {
    throw new SipSyntaxError(`Cannot parse body: the header of a part is longer than ${PART_HEADER_MAX_BYTES} octets`);
  }
  for (const line of head.toString('latin1').split(/\r\n(?![ \t])/)) {
    const colon = line.indexOf(':');
    if (colon <= 0) throw new SipSyntaxError(`Cannot parse body: ${shown(line)} is no header field of a part`);
    const name = line.slice(0, colon).trim().toLowerCase();
    if (!header.has(name))
      header.set(
        name,
        line
          .slice(colon + 1)
          .replace(/\r\n[ \t]+/g, ' ')
          .trim(),
      );
  }
  return [header, end < 0 ? part.subarray(part.length) : part.subarray(end + 4)];
}
