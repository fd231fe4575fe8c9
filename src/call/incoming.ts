/** A request from outside, in the words of the terminal. */
import { formatUri, type SipRequest, type SipUri } from '../sip/message/index.ts';
import type { Incoming } from '../terminal/types.ts';
import { askedToAnswer } from './asked.ts';

/** A name or an address that somebody else wrote is cut to this, characters. */
const PEER_TEXT_MAX = 256;

/** `account`: it came from that account's server. */
export function incomingOf(call: string, request: SipRequest, sourceAddress: string, account?: string): Incoming {
  const asked = askedToAnswer(request);
  const { uri, displayName } = request.from;
  return {
    type: 'incoming',
    call,
    caller: { uri: bare(uri), displayName: short(displayName), sourceAddress, account },
    to: bare(request.to.uri),
    ...(asked && { asked }),
  };
}

/** What others write goes into the journal and to the broker, ten thousand times over: never the whole of a datagram. */
export function short(text: string): string {
  return text.length > PEER_TEXT_MAX ? `${text.slice(0, PEER_TEXT_MAX)}…` : text;
}

/** `sip:USER@HOST`, or another scheme whole, as the rules and the journal speak of people: no port, no parameters. */
function bare({ scheme, user, host, opaque }: SipUri): string {
  return short(
    opaque === undefined ? formatUri({ scheme, user, host, params: new Map(), headers: [] }) : `${scheme}:${opaque}`,
  );
}
