/**
 * Text to `Sdp`, RFC 8866 §5 and §9. Generous where real PBXs are careless (LF line ends, blanks, missing `s=` and `t=`, lines
 * out of order, unknown types), strict where guessing would send sound to the wrong place.
 */
import {
  type AddressFamily,
  type Attribute,
  type Connection,
  type MediaDescription,
  type Origin,
  type Sdp,
  SdpSyntaxError,
} from './description.ts';

/** A description is a few hundred bytes; with a lot of ICE and video some thousand. */
export const MAX_SDP_BYTES = 65_536;
const MAX_MEDIA = 64;

export function parseSdp(body: Uint8Array | string): Sdp {
  if (body.length > MAX_SDP_BYTES)
    throw new SdpSyntaxError(`Cannot parse SDP: it has ${body.length} bytes, more than ${MAX_SDP_BYTES}`, 1);
  const text = typeof body === 'string' ? body : new TextDecoder().decode(body);
  const sdp: Sdp = {
    origin: { username: '-', sessionId: '0', version: '0', family: 'IP4', host: '0.0.0.0' },
    sessionName: '-',
    lines: [],
    attributes: [],
    media: [],
  };
  let first = true;
  let medium: MediaDescription | undefined;
  let number = 0;
  for (const raw of text.split(/\r\n|\n|\r/)) {
    number++;
    const line = raw.trim();
    if (line === '') continue;
    const type = line[0];
    if (line[1] !== '=' || !/[a-z]/i.test(type))
      throw new SdpSyntaxError(`Cannot parse SDP line ${number} "${shown(line)}": it is not "x=value"`, number);
    const value = line.slice(2).trim();
    if (first && (type !== 'v' || value !== '0'))
      throw new SdpSyntaxError(`Cannot parse SDP: it begins with "${shown(line)}" and not with "v=0"`, number);
    first = false;
    if (type === 'm') {
      medium = parseMedia(value, number);
      if (sdp.media.length === MAX_MEDIA)
        throw new SdpSyntaxError(`Cannot parse SDP: more than ${MAX_MEDIA} media`, number);
      sdp.media.push(medium);
    } else if (type === 'a') {
      (medium ?? sdp).attributes.push(parseAttribute(value));
    } else if (type === 'c') {
      (medium ?? sdp).connection ??= parseConnection(value, number);
    } else if (type === 'o' && medium === undefined) {
      sdp.origin = parseOrigin(value, number);
    } else if (type === 's' && medium === undefined) {
      sdp.sessionName = value === '' ? '-' : value;
    } else if (type !== 'v') {
      (medium ?? sdp).lines.push({ type, value });
    }
  }
  if (first) throw new SdpSyntaxError('Cannot parse SDP: it is empty', 1);
  return sdp;
}

/** `audio 10558/2 RTP/AVP 9 0 8`: the count of ports is for layered video and is left out. */
function parseMedia(value: string, line: number): MediaDescription {
  const [kind, port, protocol, ...formats] = value.split(/\s+/);
  const match = /^(\d{1,5})(?:\/\d+)?$/.exec(port ?? '');
  if (match === null || Number(match[1]) > 65535)
    throw new SdpSyntaxError(
      `Cannot parse SDP line ${line} "m=${shown(value)}": "${shown(port ?? '')}" is no port`,
      line,
    );
  if (protocol === undefined || formats.length === 0)
    throw new SdpSyntaxError(
      `Cannot parse SDP line ${line} "m=${shown(value)}": protocol or formats are missing`,
      line,
    );
  return { kind: kind.toLowerCase(), port: Number(match[1]), protocol, formats, lines: [], attributes: [] };
}

function parseAttribute(value: string): Attribute {
  const colon = value.indexOf(':');
  if (colon < 0) return { name: value.toLowerCase() };
  return { name: value.slice(0, colon).trim().toLowerCase(), value: value.slice(colon + 1).trim() };
}

function parseConnection(value: string, line: number): Connection {
  const [net, family, address] = value.split(/\s+/);
  if (net?.toUpperCase() !== 'IN' || address === undefined)
    throw new SdpSyntaxError(`Cannot parse SDP line ${line} "c=${shown(value)}": it is not "IN IP4 address"`, line);
  return { family: parseFamily(family, value, line), host: bare(address) };
}

function parseOrigin(value: string, line: number): Origin {
  // User names with blanks have been seen: the last five fields are the ones that are fixed.
  const fields = value.split(/\s+/);
  if (fields.length < 6)
    throw new SdpSyntaxError(`Cannot parse SDP line ${line} "o=${shown(value)}": it has not six fields`, line);
  const [sessionId, version, , family, host] = fields.slice(-5);
  const username = fields.slice(0, -5).join('_');
  return { username, sessionId, version, family: parseFamily(family, value, line), host: bare(host) };
}

function parseFamily(family: string, value: string, line: number): AddressFamily {
  const upper = family.toUpperCase();
  if (upper === 'IP4' || upper === 'IP6') return upper;
  throw new SdpSyntaxError(
    `Cannot parse SDP line ${line} "${shown(value)}": "${shown(family)}" is not IP4 or IP6`,
    line,
  );
}

/** Without multicast TTL, and without the brackets that belong into URIs only. */
const bare = (address: string): string => address.replace(/\/.*$/, '').replace(/^\[(.*)\]$/, '$1');

/** What a message may show: no key, wherever a broken line has it. */
function shown(line: string): string {
  const text = line.replace(/inline\s*:.*/i, 'inline:…');
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
