/** `SipMessage` to octets, RFC 3261 §7. Content-Length is always there and always right. */
import { Buffer } from 'node:buffer';
import type { SipMessage } from './parse.ts';

export function formatMessage(message: SipMessage): Uint8Array {
  const { body } = message;
  const head = formatHead(message);
  return body.length === 0 ? Buffer.from(head, 'utf8') : Buffer.concat([Buffer.from(head, 'utf8'), body]);
}

/** Start line, header lines and the empty line. */
export function formatHead(message: SipMessage): string {
  return `${clean(message.startLine)}\r\n${message.formatFields()}Content-Length: ${message.body.length}\r\n\r\n`;
}

/** Nothing from outside may begin a line of its own. */
function clean(text: string): string {
  return text.includes('\n') || text.includes('\r') ? text.replace(/[\r\n]+/g, ' ') : text;
}
