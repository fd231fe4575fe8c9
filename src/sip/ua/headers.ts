/** Header fields the user agent writes over and over, and small readings of those it gets. */

import type { HeaderField } from '../dialog/index.ts';
import {
  bodyPart,
  escapeUser,
  findPart,
  formatHostPort,
  formatNameAddr,
  type HostPort,
  quote,
  readOr,
  type SipMessage,
  type SipRequest,
  type Transport,
} from '../message/index.ts';
import { withCause } from './q850.ts';
import type { Body } from './types.ts';

export type { HeaderField };

/** What we answer to; the rest of the known ones gets 405. */
export const METHODS = [
  ...(['INVITE', 'ACK', 'CANCEL', 'BYE', 'OPTIONS', 'INFO', 'UPDATE', 'PRACK', 'REFER'] as const),
  ...(['MESSAGE', 'NOTIFY', 'SUBSCRIBE'] as const),
] as const;
/** Methods we know by name (405), as against those nobody here has heard of (501). */
export const KNOWN_METHODS: ReadonlySet<string> = new Set([...METHODS, 'REGISTER', 'PUBLISH']);
export const BODY_TYPE = 'application/sdp';
/**
 * Option tags we can be required to know: RFC 5373 (whose header fields the terminal's rules read), RFC 3891, RFC 4488,
 * RFC 4028, RFC 3262.
 */
export const EXTENSIONS: readonly string[] = ['answermode', 'replaces', 'norefersub', 'timer', '100rel'];

export const ALLOW: HeaderField = ['Allow', METHODS.join(', ')];
export const ACCEPT: HeaderField = [
  'Accept',
  [BODY_TYPE, 'multipart/mixed', 'multipart/alternative', 'multipart/related'].join(', '),
];
export const SUPPORTED: HeaderField = ['Supported', EXTENSIONS.join(', ')];

/**
 * §8.1.1.8: where requests of this dialog, or calls to this registration, reach us. `secure`: as a SIPS URI; `ob`: by the flow
 * that this message takes (RFC 5626 §4.3).
 */
export function contactOf(user: string, at: HostPort, transport: Transport, secure = false, ob = false): string {
  const where = `${escapeUser(user)}@${formatHostPort(at.host, at.port)}`;
  const flow = ob ? ';ob' : '';
  // RFC 5630 §3.1.4: a SIPS URI says TLS by its scheme.
  if (secure && transport === 'tls') return `<sips:${where}${flow}>`;
  return `<sip:${where}${transport === 'udp' ? '' : `;transport=${transport}`}${flow}>`;
}

/** §8.1.1.3: who we are, in requests that begin something. */
export function fromOf(displayName: string, address: string, tag: string): string {
  return formatNameAddr({ displayName, uri: address, params: new Map([['tag', tag]]) });
}

/**
 * The offer or answer in a message, alone or as one of several parts (RFC 5621). A body of another kind, or one that cannot be
 * read, was either refused before (`inspect`), or is passed over (§20.11): answers and ACK cannot be refused.
 */
export function bodyOf(message: SipMessage): Body | undefined {
  const { body, contentType = BODY_TYPE } = message;
  if (body.length === 0) return undefined;
  if (!contentType.startsWith('multipart/'))
    return contentType === BODY_TYPE ? { contentType, bytes: body } : undefined;
  return readOr(undefined, () => {
    const part = findPart(bodyPart(message), BODY_TYPE);
    return part.found && { contentType: BODY_TYPE, bytes: part.found.bytes };
  });
}

/** Whether the other side takes an answer of `type`, an `application/…`. Without Accept it does (§20.1); empty means nothing at all. */
export function accepts(request: SipRequest, type: string): boolean {
  if (!request.has('Accept')) return true;
  const types = request.list('Accept').map((value) => value.split(';')[0].trim().toLowerCase());
  return types.some((one) => one === type || one === 'application/*' || one === '*/*');
}

/** RFC 3326. A whole value (`SIP;cause=200;text="..."`) is taken as it is, other text becomes the `text` of one. */
export function reasonHeader(reason: string | undefined): HeaderField[] {
  if (reason === undefined || reason === '') return [];
  return [['Reason', /^[\w.-]+\s*;/.test(reason) ? reason : `SIP;text=${quote(reason)}`]];
}

/** What the other side gives as its reason for BYE or CANCEL, for people. */
export function reasonOf(request: SipRequest, otherwise: string): string {
  const reason = request.header('Reason');
  return reason === undefined ? otherwise : withCause(reason.slice(0, 200));
}

/** What a server can ask for at most: a help point cannot do without it for an hour. */
const RETRY_AFTER_MAX_MS = 300_000;

/** Retry-After in ms (§20.33): `120 (in a meeting);duration=60` is 120000. */
export function retryAfterMs(message: SipMessage): number | undefined {
  const seconds = /^\s*(\d{1,10})/.exec(message.header('Retry-After') ?? '')?.[1];
  return seconds === undefined ? undefined : Math.min(Number(seconds) * 1_000, RETRY_AFTER_MAX_MS);
}

/** §25.1: `delta-seconds`; undefined: absent, or none. */
export const deltaSeconds = (text: string | null | undefined): number | undefined =>
  typeof text === 'string' && /^\d{1,10}$/.test(text) ? Number(text) : undefined;
