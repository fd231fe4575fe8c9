/** The one error of this room: octets that are no SIP message, or a header field that cannot be read. */
import { CodedError } from '../../base/index.ts';
import type { SipResponse } from './response.ts';

export interface SipSyntaxDetails extends ErrorOptions {
  /** Where in the head of the message (characters from its start), when known. */
  offset?: number;
  /** The status a request with this fault is answered with: 400 unless said otherwise. */
  status?: number;
  /** The complete answer, when enough of the request could be read to make one (RFC 3261 §8.2). */
  reply?: SipResponse;
}

export class SipSyntaxError extends CodedError {
  readonly offset?: number;
  readonly status: number;
  readonly reply?: SipResponse;

  constructor(message: string, details: SipSyntaxDetails = {}) {
    super('sip-syntax', message, details.cause === undefined ? undefined : { cause: details.cause });
    this.offset = details.offset;
    this.status = details.status ?? 400;
    this.reply = details.reply;
  }
}

/** What may hold a digest answer, a password or a key: not a word of it is quoted. */
const CREDENTIALS = /authorization|authentication-info|\b(?:digest|basic|bearer)\b|response|inline:/i;

/** Text from the wire as it may stand in an error message: quoted, escaped, short, without credentials. */
export function shown(text: string): string {
  const start = text.slice(0, 512);
  if (CREDENTIALS.test(start)) return '"(credentials)"';
  const quoted = start.replace(/(sips?:[^\s:@<>]*:)[^\s@<>]*@/gi, '$1xxx@');
  return JSON.stringify(quoted.length > 80 ? `${quoted.slice(0, 77)}...` : quoted).replace(
    /[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** What `read` gives, or `otherwise` where what stands there cannot be read. */
export function readOr<T, U>(otherwise: U, read: () => T): T | U {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof SipSyntaxError)) throw error;
    return otherwise;
  }
}
