/**
 * Offer and answer, RFC 3264: one audio stream, its codec and telephone-event, and how it is encrypted. Pure functions; the caller
 * keeps what it sent, and counts `version` up when it sends something else (§8).
 */
import type { Codec, Direction, SocketAddress, StreamConfig } from '../media/types.ts';
import {
  commonFormats,
  type Formats,
  formatLine,
  type LocalSound,
  numberIn,
  offeredFormats,
  offers,
  packetMsOf,
  speaks,
} from './codecs.ts';
import {
  agreedCrypto,
  type CryptoLine,
  formatCrypto,
  isSecure,
  offeredCrypto,
  type Security,
  selectCrypto,
} from './crypto.ts';
import {
  type Attribute,
  attribute,
  type Connection,
  familyOf,
  type MediaDescription,
  type Sdp,
} from './description.ts';
import { agreedDtls, answeredDtls, type DtlsAgreed, isDtls, offeredDtls, selectDtls } from './dtls.ts';
import { agreedRtcp, answeredRtcp, offeredRtcp, type RtcpAgreed } from './rtcp.ts';

export type { Codec, Direction, SocketAddress };

/** What our side can and wants. */
export interface LocalMedia extends LocalSound {
  /** Where we want to receive. */
  address: SocketAddress;
  /** The most we allow: `recvonly` for a page. */
  direction: Direction;
  /** Absent: SRTP is not spoken at all. */
  security?: Security;
  sessionId: number;
  version: number;
}

/** What the two descriptions say of a stream; the rest is for our side to choose. */
type Settled = Omit<StreamConfig, 'buffer' | 'digits' | 'pauses' | 'restart' | 'dtls' | keyof RtcpAgreed>;

/** What both sides agreed on. The host of `remote` is `0.0.0.0` or `::` when the other side holds that way: nothing must be sent then. */
export interface Negotiated extends Settled, RtcpAgreed {
  /** The other side does not listen: it put us on hold, or it pages. */
  heldByPeer: boolean;
  /** Whose certificate is to agree on keys, in place of `srtp`. */
  dtls?: DtlsAgreed;
}

export interface Refused {
  refused: string;
}

/** More than we offer there cannot be; but the same may stand there again and again. */
const MAX_OTHERS = 8;

/**
 * Our offer. `previous`: the description we sent last in this dialog; its media stay in their places (§8), refused but for
 * ours, so that a delayed offer after a call with a refused video line is still a legal one.
 */
export function createOffer(local: LocalMedia, previous?: Sdp): Sdp {
  const on = previous?.media.find(isOn);
  const { protocol, attributes } = offeredSecurity(local.security, on?.protocol);
  const formats = offeredFormats(local, on);
  const offered = audioLine(protocol, formats, local.direction, local, [...attributes, ...offeredRtcp(attributes)]);
  const media = previous === undefined ? [] : previous.media.map(refusedLine);
  // §8.1: the place of audio that has ended is free.
  const place = media.findIndex((medium, i) =>
    on === undefined ? medium.kind === 'audio' : on === previous!.media[i],
  );
  if (place >= 0) media[place] = offered;
  else media.push(offered);
  return session(local, media);
}

/** What we said last in this dialog, as an offer of another direction (§8.4): media stay where they are, keys too. */
export function turnOffer(said: Sdp, direction: Direction, version: number): Sdp {
  const media = said.media.map((medium) => {
    if (medium.port === 0) return medium;
    const attributes = medium.attributes.filter(({ name }) => !isDirection(name));
    return { ...medium, attributes: [...attributes, { name: direction }] };
  });
  return { ...said, origin: { ...said.origin, version: String(version) }, media };
}

/**
 * Our answer: every `m=` line of the offer is answered, the first audio that suits is taken, the others get port 0 (§6). Who
 * asks for encryption takes an encrypted line before a plain one.
 */
export function answerOffer(offer: Sdp, local: LocalMedia): { answer: Sdp; stream: Negotiated } | Refused {
  const reasons: string[] = [];
  const places = [...offer.media.entries()];
  if (local.security !== undefined && local.security.mode !== 'none')
    places.sort(([, a], [, b]) => Number(encrypts(b)) - Number(encrypts(a)));
  for (const [index, medium] of places) {
    const formats = commonFormats(medium, speaks(local));
    const stream = agree(offer, medium, formats, local);
    if ('refused' in stream) {
      reasons.push(`${medium.kind}: ${stream.refused}`);
      continue;
    }
    const theirs = selectSecurity(offer, medium, local.security);
    if (theirs !== 'plain' && 'unusable' in theirs) {
      reasons.push(`${medium.kind}: ${notEncrypted(medium, theirs)}`);
      continue;
    }
    const crypto: Attribute[] = [];
    if (theirs !== 'plain' && 'keys' in theirs) {
      const send = local.security!.key(theirs.keys.suite);
      stream.srtp = { send, receive: theirs.keys };
      crypto.push(formatCrypto(theirs.tag, send));
    } else if (theirs !== 'plain') {
      stream.dtls = theirs;
      crypto.push(...answeredDtls(local.security!.dtls!(), theirs));
    }
    crypto.push(...answeredRtcp(medium, crypto));
    // One codec is enough: the other side need not be ready for a change at any packet.
    const one = { ...formats, codecs: [stream.codec] };
    const taken = audioLine(medium.protocol, one, stream.direction, local, crypto, attribute(medium, 'mid'));
    const media = offer.media.map((other, place) => (place === index ? taken : refusedLine(other)));
    const answer = session(local, media);
    // §6: the time of the answer is that of the offer.
    answer.lines = offer.lines.filter((line) => line.type === 't');
    return { answer, stream };
  }
  return { refused: reasons.length === 0 ? 'there is no media line in the offer' : reasons.join('; ') };
}

/** Our answer to who ends the sound of a session (§8.2): every line is refused, and the session goes on. */
export function answerWithout(offer: Sdp, local: LocalMedia): Sdp {
  return { ...session(local, offer.media.map(refusedLine)), lines: offer.lines.filter((line) => line.type === 't') };
}

/** All its audio has port 0. */
export const endsSound = ({ media }: Sdp): boolean => media.some(({ kind }) => kind === 'audio') && !media.some(isOn);

/** Where the other side wants to hear us. */
export function soundHost(theirs: Sdp): string | undefined {
  return (theirs.media.find(isOn)?.connection ?? theirs.connection)?.host;
}

const isOn = ({ kind, port }: MediaDescription): boolean => kind === 'audio' && port !== 0;

/** What the answer to our `offer` means for us (§7). */
export function acceptAnswer(offer: Sdp, answer: Sdp): { stream: Negotiated } | Refused {
  const place = offer.media.findIndex(isOn);
  if (place < 0) return { refused: 'our offer has no audio' };
  const ours = offer.media[place];
  const theirs = answer.media[place];
  if (theirs === undefined)
    return { refused: `the answer has ${answer.media.length} media lines, the offer ${offer.media.length}` };
  if (theirs.protocol.toUpperCase() !== ours.protocol.toUpperCase())
    return { refused: `${ours.protocol} was offered, ${theirs.protocol} answered` };
  const dtls = agreedDtls(ours, answer, theirs);
  if (dtls !== 'none' && 'unusable' in dtls)
    return { refused: `the answer's ${theirs.kind}: ${notEncrypted(theirs, dtls)}` };
  const srtp = agreedCrypto(ours, theirs);
  if (srtp !== 'plain' && 'unusable' in srtp)
    return { refused: `the answer's ${theirs.kind}: ${notEncrypted(theirs, srtp)}` };
  const formats = commonFormats(theirs, offers(ours));
  const stream = agree(answer, theirs, formats, {
    direction: directionOf(offer, ours),
    packetMs: Number(attribute(ours, 'ptime') ?? 20),
  });
  if ('refused' in stream) return { refused: `the answer's ${theirs.kind}: ${stream.refused}` };
  const payloadType = numberIn(ours, stream.codec)!;
  const dtmfPayloadType = numberIn(ours, formats.events[0]);
  if (payloadType !== stream.codec.payloadType || dtmfPayloadType !== stream.dtmfPayloadType)
    stream.received = { payloadType, dtmfPayloadType };
  const others = formats.codecs.slice(1, MAX_OTHERS + 1).map((codec) => ({
    codec,
    packetMs: packetMsOf(codec, theirs, stream.packetMs),
    received: numberIn(ours, codec)!,
  }));
  return {
    stream: {
      ...stream,
      ...(others.length > 0 && { others }),
      ...agreedRtcp(theirs, ours),
      ...(srtp !== 'plain' && { srtp }),
      ...(dtls !== 'none' && { dtls }),
    },
  };
}

/** Best effort is RTP/AVP with keys, or with a fingerprint: who knows none of it answers as ever. */
function offeredSecurity(
  security: Security | undefined,
  before?: string,
): { protocol: string; attributes: Attribute[] } {
  const required = security?.mode === 'required';
  if (security?.dtls === undefined || (security.agreed === undefined && security.keys !== 'dtls'))
    return { protocol: required ? 'RTP/SAVP' : 'RTP/AVP', attributes: offeredCrypto(security) };
  // A call that has agreed on DTLS goes on with it, whoever asked for it.
  if (security.agreed !== undefined)
    return { protocol: before ?? 'UDP/TLS/RTP/SAVP', attributes: offeredDtls(security.dtls(), security.agreed) };
  if (security.mode === 'none') return { protocol: 'RTP/AVP', attributes: [] };
  return { protocol: required ? 'UDP/TLS/RTP/SAVP' : 'RTP/AVP', attributes: offeredDtls(security.dtls()) };
}

/** Keys in SDP are there at once, so they are taken before a handshake where a line has both. */
function selectSecurity(
  offer: Sdp,
  medium: MediaDescription,
  security: Security | undefined,
): CryptoLine | DtlsAgreed | 'plain' | { unusable: string } {
  if (isDtls(medium)) return selectDtls(offer, medium, security) as DtlsAgreed | { unusable: string };
  const crypto = selectCrypto(medium, security);
  if (crypto !== 'plain' && 'keys' in crypto) return crypto;
  const asked = isSecure(medium) || (security !== undefined && security.mode !== 'none');
  const dtls = asked ? selectDtls(offer, medium, security) : 'none';
  return dtls === 'none' || ('unusable' in dtls && crypto === 'plain') ? crypto : dtls;
}

const encrypts = (medium: MediaDescription): boolean => isSecure(medium) || isDtls(medium);

function notEncrypted(medium: MediaDescription, { unusable }: { unusable: string }): string {
  const { protocol } = medium;
  if (unusable === '') return `${protocol} is not supported`;
  return encrypts(medium)
    ? `${protocol} is not possible: ${unusable}`
    : `${protocol} is not encrypted, and encryption is required: ${unusable}`;
}

/** One line of theirs against what we can; the same whether they offered or answered. */
function agree(
  sdp: Sdp,
  medium: MediaDescription,
  { codecs: [codec], events: [event], noise }: Formats,
  local: Pick<LocalMedia, 'direction' | 'packetMs'>,
): Negotiated | Refused {
  if (medium.kind !== 'audio') return { refused: 'only audio is spoken here' };
  if (medium.port === 0) return { refused: 'port 0' };
  // AVPF (RFC 4585) only allows earlier reports, it does not demand any.
  if (!/^RTP\/S?AVPF?$/i.test(medium.protocol) && !isDtls(medium))
    return { refused: `${medium.protocol} is not supported` };
  const connection = medium.connection ?? sdp.connection;
  if (connection === undefined) return { refused: 'there is no c= line' };
  // §5.2 is for groups that both sides join; ours are joined by configuration, and we talk to no group because somebody says so.
  if (isGroup(connection.host)) return { refused: `${connection.host} is a group` };
  if (codec === undefined) return { refused: `no common codec among ${medium.formats.join(' ')}` };
  const theirs = directionOf(sdp, medium);
  // RFC 3264 §8.4: the hold of RFC 2543, an address where nobody listens.
  const nowhere = connection.host === '0.0.0.0' || /^[0:]+$/.test(connection.host);
  const theyListen = receives(theirs) && !nowhere;
  return {
    direction: direction(theyListen && sends(local.direction), sends(theirs) && receives(local.direction)),
    remote: { host: connection.host, port: medium.port },
    remoteRtcp: rtcpOf(medium, connection),
    codec,
    dtmfPayloadType: event?.payloadType,
    ...(event !== undefined && event.clockRateHz !== codec.clockRateHz && { dtmfClockRateHz: event.clockRateHz }),
    ...(noise !== undefined && { noisePayloadType: noise.payloadType }),
    packetMs: packetMsOf(codec, medium, local.packetMs),
    heldByPeer: !theyListen,
    ...agreedRtcp(medium),
  };
}

const sends = (of: Direction): boolean => of === 'sendrecv' || of === 'sendonly';
const receives = (of: Direction): boolean => of === 'sendrecv' || of === 'recvonly';
const direction = (send: boolean, receive: boolean): Direction =>
  send ? (receive ? 'sendrecv' : 'sendonly') : receive ? 'recvonly' : 'inactive';

const isDirection = (name: string): name is Direction =>
  ['sendrecv', 'sendonly', 'recvonly', 'inactive'].includes(name);

/** RFC 8866 §6.7: of the line, else of the session, else sendrecv. Of several the last counts. */
function directionOf(sdp: Sdp, medium: MediaDescription): Direction {
  for (const attributes of [medium.attributes, sdp.attributes]) {
    const found = attributes.map(({ name }) => name).filter(isDirection);
    if (found.length > 0) return found[found.length - 1];
  }
  return 'sendrecv';
}

const isGroup = (host: string): boolean =>
  /^(2(2[4-9]|3\d)\.\d+\.\d+\.\d+|255\.255\.255\.255|ff[\da-f]{2}:.*)$/i.test(host);

/** `a=rtcp:53020` or `a=rtcp:53020 IN IP6 2001:db8::1`, RFC 3605. */
function rtcpOf(medium: MediaDescription, connection: Connection): SocketAddress | undefined {
  const match = /^(\d{1,5})(?:\s+IN\s+IP[46]\s+(\S+))?$/i.exec(attribute(medium, 'rtcp') ?? '');
  if (match === null || Number(match[1]) === 0 || Number(match[1]) > 65535) return undefined;
  return { host: match[2] ?? connection.host, port: Number(match[1]) };
}

function session(local: LocalMedia, media: MediaDescription[]): Sdp {
  const { host } = local.address;
  const family = familyOf(host);
  return {
    origin: { username: '-', sessionId: String(local.sessionId), version: String(local.version), family, host },
    sessionName: '-',
    connection: { family, host },
    lines: [{ type: 't', value: '0 0' }],
    attributes: [],
    media,
  };
}

function audioLine(
  protocol: string,
  offered: Formats,
  way: Direction,
  local: LocalMedia,
  crypto: readonly Attribute[],
  mid?: string,
): MediaDescription {
  const { numbers: formats, attributes } = formatLine(offered, local);
  attributes.push(...crypto);
  if (mid !== undefined) attributes.push({ name: 'mid', value: mid });
  attributes.push({ name: way });
  return { kind: 'audio', port: local.address.port, protocol, formats, lines: [], attributes };
}

/** §6: a refused line repeats kind, protocol and formats of the offer, with port 0. */
function refusedLine(medium: MediaDescription): MediaDescription {
  const { kind, protocol, formats } = medium;
  return { kind, port: 0, protocol, formats: [...formats], lines: [], attributes: [] };
}
