/** `SipMessage` to octets, RFC 3261 §7. Content-Length is right, and missing only where `measured` says so. */
import { Buffer } from 'node:buffer';
import type { SipMessage } from './parse.ts';
import type { SipResponse } from './response.ts';

export function formatMessage(message: SipMessage): Uint8Array {
  const { body } = message;
  const head = formatHead(message);
  return body.length === 0 ? Buffer.from(head, 'utf8') : Buffer.concat([Buffer.from(head, 'utf8'), body]);
}

/** Start line, header lines and the empty line. */
function formatHead(message: SipMessage): string {
  const measured = message.kind === 'request' || message.measured;
  const length = measured ? `Content-Length: ${message.body.length}\r\n` : '';
  return `${clean(message.startLine)}\r\n${message.formatFields()}${length}\r\n`;
}

/** Whether `response` takes at most so many octets as a datagram, if need be without its Content-Length. */
export function shrinkTo(response: SipResponse, octets: number): boolean {
  if (formatMessage(response).length <= octets) return true;
  response.measured = false;
  return formatMessage(response).length <= octets;
}

/** Nothing from outside may begin a line of its own. */
function clean(text: string): string {
  return text.includes('\n') || text.includes('\r') ? text.replace(/[\r\n]+/g, ' ') : text;
}
