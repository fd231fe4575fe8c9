/** Octets to `SipMessage`, RFC 3261 §7: start line, header lines found but not read, body by Content-Length (§18.3). */
import { Buffer, isAscii } from 'node:buffer';
import { classes, isDigit, isToken, sameWord, TOKEN } from './codes.ts';
import { SipSyntaxError, shown } from './errors.ts';
import { decodeLatin1, type Field, makeField } from './fields.ts';
import { NO_BODY, readContentLength } from './message.ts';
import { reasonPhrase } from './reasons.ts';
import { SipRequest } from './request.ts';
import { createResponse, SipResponse } from './response.ts';
import { findLine, HEADER_LINES_MAX, scanFields } from './scan.ts';
import { Scanner } from './scanner.ts';

const LF = 10;
const CR = 13;
const SPACE = 32;

export type SipMessage = SipRequest | SipResponse;

/** One whole message. Octets after the body are ignored; without Content-Length the rest is the body (a datagram). */
export function parseMessage(bytes: Uint8Array): SipMessage {
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let start = 0;
  // RFC 3261 §7.5: empty lines before the start line are ignored.
  while (buffer[start] === CR && buffer[start + 1] === LF) start += 2;
  const text = buffer.toString('latin1');
  const ascii = isAscii(buffer);
  const lineEnd = findLine(buffer, text, start);
  try {
    const { fields, contentLength, bodyStart } = scanFields(buffer, text, lineEnd + 2, ascii);
    if (bodyStart < 0) {
      throw new SipSyntaxError('Cannot parse message: the empty line after the header fields is missing');
    }
    const body = cutBody(contentLength, buffer, bodyStart);
    return text.startsWith('SIP/', start)
      ? readStatusLine(buffer, text, start, lineEnd, ascii, fields, body)
      : readRequestLine(buffer, text, start, lineEnd, ascii, fields, body);
  } catch (error) {
    if (error instanceof SipSyntaxError && error.reply === undefined) {
      const reply = replyTo(salvage(text.slice(start, lineEnd), text.slice(lineEnd + 2)), error.status, error.message);
      if (reply !== undefined) throw new SipSyntaxError(error.message, { ...error, cause: error.cause, reply });
    }
    throw error;
  }
}

/** RFC 3261 §18.3 and RFC 4475 §3.1.2.2: a length that is no number or too large is a fault. */
function cutBody(contentLength: Field | undefined, buffer: Buffer, start: number): Uint8Array {
  const length = contentLength && readContentLength(contentLength);
  const present = buffer.length - start;
  if (length !== undefined && length > present) {
    throw new SipSyntaxError(`Cannot parse message: Content-Length is ${length}, but ${present} octets follow`);
  }
  if (length === 0 || present === 0) return NO_BODY;
  return buffer.subarray(start, length === undefined ? buffer.length : start + length);
}

function readRequestLine(
  codes: Uint8Array,
  text: string,
  from: number,
  end: number,
  ascii: boolean,
  fields: Field[],
  body: Uint8Array,
): SipRequest {
  let at = from;
  while ((classes[codes[at]] & TOKEN) !== 0) at++;
  const methodEnd = at;
  // RFC 3261 §7.1: one blank on either side of the URI and none in it.
  do at++;
  while (at < end && codes[at] > SPACE);
  if (methodEnd > from && codes[methodEnd] === SPACE && at > methodEnd + 1 && codes[at] === SPACE) {
    if (at + 8 === end && sameWord(codes, at + 1, 'sip/2.0')) {
      const uri = text.slice(methodEnd + 1, at);
      const method = text.slice(from, methodEnd);
      if (!ascii) return new SipRequest(method, decodeLatin1(uri), fields, body);
      const place = new Scanner(text, codes, methodEnd + 1, at, 'Request-URI');
      return new SipRequest(method, uri, fields, body, place);
    }
  }
  const line = decodeLatin1(text.slice(from, end));
  const status = /^[^\s]+ [^\s]+ SIP\/(?!2\.0$)\d+\.\d+$/i.test(line) ? 505 : 400;
  throw new SipSyntaxError(
    `Cannot parse request line ${shown(line)}: not "METHOD URI SIP/2.0", or the version is another`,
    {
      offset: from,
      status,
    },
  );
}

function readStatusLine(
  codes: Uint8Array,
  text: string,
  from: number,
  end: number,
  ascii: boolean,
  fields: Field[],
  body: Uint8Array,
): SipResponse {
  const at = from + 8;
  const status = (codes[at] - 48) * 100 + (codes[at + 1] - 48) * 10 + codes[at + 2] - 48;
  const after = at + 3;
  const digits = isDigit(codes[at]) && isDigit(codes[at + 1]) && isDigit(codes[at + 2]);
  const reason = text.slice(after + 1, end);
  if (
    after > end ||
    !digits ||
    status < 100 ||
    status > 699 ||
    !sameWord(codes, from, 'sip/2.0 ') ||
    (after < end && codes[after] !== SPACE) ||
    reason.includes('\n') ||
    reason.includes('\r')
  ) {
    const line = decodeLatin1(text.slice(from, end));
    throw new SipSyntaxError(`Cannot parse status line ${shown(line)}`, { offset: from });
  }
  return new SipResponse(status, ascii ? reason : decodeLatin1(reason), fields, body);
}

/** What can be read of a damaged request: its method and the header lines that look like such. */
function salvage(line: string, rest: string): SipRequest | undefined {
  const method = line.slice(0, Math.max(0, line.indexOf(' ')));
  if (!isToken(method) || !/ SIP\/\d+\.\d+\s*$/i.test(line)) return undefined;
  const fields: Field[] = [];
  for (const raw of rest.split(/\r\n(?![ \t])/, HEADER_LINES_MAX)) {
    if (raw === '') break;
    const name = /^([^\s:]+)[ \t]*:/.exec(raw);
    if (name !== null) fields.push(makeField(name[1], decodeLatin1(raw.slice(name[0].length))));
  }
  return new SipRequest(method, '', fields);
}

/** The answer to a faulty request, with as much of its header as there is; none without Via, and none to an ACK (§17.1.1.3). */
export function replyTo(request: SipRequest | undefined, status: number, why: string): SipResponse | undefined {
  if (request === undefined || request.method === 'ACK' || !request.has('Via')) return undefined;
  const seed = ['via', 'call-id', 'cseq'].map((key) => request.header(key) ?? '').join();
  return createResponse(request, status, reasonPhrase(status), {
    // RFC 3261 §8.2.7: a stateless UAS gives the same request the same tag.
    toTag: hash(seed),
    headers: [['Warning', `399 localhost "${why.replace(/[^\x20-\x7e]|["\\]/g, "'").slice(0, 120)}"`]],
  });
}

/** FNV-1a, 32 bits, base 36. */
function hash(text: string): string {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return (value >>> 0).toString(36).padStart(7, '0');
}
