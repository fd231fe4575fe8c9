/** Octets to `SipMessage`, RFC 3261 §7: start line, header lines found but not read, body by Content-Length (§18.3). */
import { Buffer, isAscii } from 'node:buffer';
import { isToken } from './codes.ts';
import { SipSyntaxError, shown } from './errors.ts';
import { decodeLatin1, type Field, makeField } from './fields.ts';
import { NO_BODY } from './message.ts';
import { headerName } from './names.ts';
import { reasonPhrase } from './reasons.ts';
import { SipRequest } from './request.ts';
import { createResponse, SipResponse } from './response.ts';
import { findLine, HEADER_LINES_MAX, scanFields } from './scan.ts';

const CONTENT_LENGTH = headerName('Content-Length');

export type SipMessage = SipRequest | SipResponse;

/** One whole message. Octets after the body are ignored; without Content-Length the rest is the body (a datagram). */
export function parseMessage(bytes: Uint8Array): SipMessage {
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let start = 0;
  // RFC 3261 §7.5: empty lines before the start line are ignored.
  while (buffer[start] === 13 && buffer[start + 1] === 10) start += 2;
  const text = buffer.toString('latin1');
  const lineEnd = findLine(buffer, text, start);
  const line = decodeLatin1(text.slice(start, lineEnd));
  try {
    const { fields, bodyStart } = scanFields(buffer, text, lineEnd + 2, isAscii(buffer));
    if (bodyStart < 0) {
      throw new SipSyntaxError('Cannot parse message: the empty line after the header fields is missing');
    }
    const body = cutBody(fields, buffer, bodyStart);
    return line.startsWith('SIP/') ? parseStatusLine(line, fields, body) : parseRequestLine(line, fields, body);
  } catch (error) {
    if (error instanceof SipSyntaxError && error.reply === undefined) {
      const reply = replyTo(salvage(line, text.slice(lineEnd + 2)), error.status, error.message);
      if (reply !== undefined) throw new SipSyntaxError(error.message, { ...error, cause: error.cause, reply });
    }
    throw error;
  }
}

/** RFC 3261 §18.3 and RFC 4475 §3.1.2.2, §3.3.9: a length that is no number, too large or not the only one is a fault. */
function cutBody(fields: Field[], buffer: Buffer, start: number): Uint8Array {
  let length: number | undefined;
  for (const field of fields) {
    if (field.name !== CONTENT_LENGTH) continue;
    if (length !== undefined) throw new SipSyntaxError('Cannot parse message: more than one Content-Length');
    length = parseLength(field.value);
  }
  const present = buffer.length - start;
  if (length !== undefined && length > present) {
    throw new SipSyntaxError(`Cannot parse message: Content-Length is ${length}, but ${present} octets follow`);
  }
  if (length === 0 || present === 0) return NO_BODY;
  return buffer.subarray(start, length === undefined ? buffer.length : start + length);
}

function parseLength(text: string): number {
  if (text === '0') return 0;
  if (!/^\d{1,10}$/.test(text)) throw new SipSyntaxError(`Cannot parse Content-Length ${shown(text)}: not a length`);
  return Number(text);
}

function parseRequestLine(line: string, fields: Field[], body: Uint8Array): SipRequest {
  const first = line.indexOf(' ');
  const last = line.lastIndexOf(' ');
  const method = line.slice(0, first);
  const uri = line.slice(first + 1, last);
  const version = line.slice(last + 1);
  if (first < 0 || first === last || !isToken(method) || uri === '' || /[\s\0]/.test(uri)) {
    throw new SipSyntaxError(`Cannot parse request line ${shown(line)}: not "METHOD URI SIP/2.0"`, { offset: 0 });
  }
  if (version !== 'SIP/2.0' && version.toUpperCase() !== 'SIP/2.0') {
    const status = /^SIP\/\d+\.\d+$/i.test(version) ? 505 : 400;
    throw new SipSyntaxError(`Cannot parse request line ${shown(line)}: the version is not SIP/2.0`, { status });
  }
  return new SipRequest(method, uri, fields, body);
}

function parseStatusLine(line: string, fields: Field[], body: Uint8Array): SipResponse {
  const match = /^SIP\/2\.0 ([1-6]\d\d)(?: ([^\r\n]*))?$/i.exec(line);
  if (match === null) throw new SipSyntaxError(`Cannot parse status line ${shown(line)}`, { offset: 0 });
  return new SipResponse(Number(match[1]), match[2] ?? '', fields, body);
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
