/** A request from outside, in the words of the terminal. */
import { printable, withoutPasswords } from '../base/index.ts';
import { formatUri, readOr, type SipRequest, type SipUri } from '../sip/message/index.ts';
import type { Caller, Incoming } from '../terminal/types.ts';
import { askedForHand, askedToAnswer } from './asked.ts';

/** A name or an address that somebody else wrote is cut to this, characters. */
const PEER_TEXT_MAX = 256;
/** So is a text message. */
const TEXT_MAX = 500;

/** How a caller has shown who he is, besides where he came from. */
export type Shown = Pick<Caller, 'identities' | 'user'>;

/** `account`: it came from that account's server. */
export function incomingOf(
  call: string,
  request: SipRequest,
  sourceAddress: string,
  account?: string,
  shown: Shown = {},
): Incoming {
  const asked = askedToAnswer(request);
  const manual = askedForHand(request);
  return {
    type: 'incoming',
    call,
    caller: callerOf(request, sourceAddress, account, shown),
    to: bare(request.to.uri),
    ...(asked && { asked }),
    ...(manual && { manual }),
    ...(isFocus(request) && { conference: true }),
  };
}

export function callerOf(
  request: SipRequest,
  sourceAddress: string,
  account?: string,
  { identities, user }: Shown = {},
): Caller {
  const { uri, displayName } = request.from;
  return {
    uri: bare(uri),
    displayName: short(displayName),
    sourceAddress,
    account,
    ...(identities && { identities }),
    ...(user !== undefined && { user }),
  };
}

/** RFC 4579 §5.1: a conference calls. The Contact of a stranger has not been looked at by anybody yet. */
export function isFocus(request: SipRequest): boolean {
  return readOr(false, () => request.contacts[0]?.params.has('isfocus') === true);
}

/** A text that may be shown in a terminal window and spoken: one line, no control or direction characters, no end. */
export function readable(text: string): string {
  const plain = text
    .slice(0, TEXT_MAX * 2)
    .replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\s]+/gu, ' ')
    .trim();
  return plain.length > TEXT_MAX ? `${plain.slice(0, TEXT_MAX).replace(/\p{Cs}$/u, '')}…` : plain;
}

/** What others write goes into the journal and to the broker, ten thousand times over: never the whole of a datagram. */
export function short(text: string): string {
  return printable(withoutPasswords(text.length > PEER_TEXT_MAX ? `${text.slice(0, PEER_TEXT_MAX)}…` : text));
}

/** `sip:USER@HOST`, or another scheme whole, as the rules and the journal speak of people: no port, no parameters. */
function bare({ scheme, user, host, opaque }: SipUri): string {
  return short(
    opaque === undefined ? formatUri({ scheme, user, host, params: new Map(), headers: [] }) : `${scheme}:${opaque}`,
  );
}
