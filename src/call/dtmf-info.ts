/** DTMF in INFO: three ways to write a digit, none of them in an RFC. */
import type { SipRequest } from '../sip/message/index.ts';
import type { Body } from '../sip/ua/types.ts';

/** A digit takes less; blanks by the thousand would only take time. */
const BYTES_MAX = 256;
const EVENTS = '0123456789*#ABCD';
/** RFC 4733 sends each for as long. */
const DURATION_MS = 160;

/**
 * The digit of `application/dtmf-relay` (`Signal=5`, the one most send), `application/dtmf` (`5` alone) or
 * `application/vnd.nortelnetworks.digits` (`d=5`). `*` and `#` also come as the events 10 and 11 of RFC 4733 §3.2.
 */
export function digitIn(request: SipRequest): string | undefined {
  if (request.body.length > BYTES_MAX) return undefined;
  const text = Buffer.from(request.body).toString('latin1');
  switch (request.contentType) {
    case 'application/dtmf-relay':
      return digitOf(/^[ \t]*signal[ \t]*=[ \t]*(\S{1,2})[ \t]*$/im.exec(text.replaceAll('\r', ''))?.[1]);
    case 'application/dtmf':
      // Some write this type over the body of the first.
      return digitOf(/^\s*(?:signal[ \t]*=[ \t]*)?(\S{1,2})[ \t]*(?:[\r\n]|$)/i.exec(text)?.[1]);
    case 'application/vnd.nortelnetworks.digits':
      return digitOf(
        /^[ \t]*d[ \t]*=[ \t]*(?:digits[ \t]*=[ \t]*)?(\S{1,2})[ \t]*$/im.exec(text.replaceAll('\r', ''))?.[1],
      );
    default:
      return undefined;
  }
}

function digitOf(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  if (text.length === 1) return EVENTS.includes(text.toUpperCase()) ? text.toUpperCase() : undefined;
  return /^1[0-5]$/.test(text) ? EVENTS[Number(text)] : undefined;
}

/** What we send, a body for each. */
export function infosFor(digits: string, durationMs = DURATION_MS): Body[] {
  return [...digits].map((digit) => ({
    contentType: 'application/dtmf-relay',
    bytes: Buffer.from(`Signal=${digit}\r\nDuration=${durationMs}\r\n`),
  }));
}
