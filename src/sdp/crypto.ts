/**
 * SRTP keys in SDP (SDES), RFC 4568: `a=crypto` read and written, and which line is taken. No message here shows a key.
 *
 *     a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:BASE64|2^31|1:4 WSH=128
 *              tag suite                 key and salt  |   |    session parameters
 *                                              lifetime   MKI:length
 */
import { type Fingerprint, SRTP_SUITES, type SrtpKeys, type SrtpSuite } from '../rtp/index.ts';
import type { Attribute, MediaDescription } from './description.ts';
import type { DtlsAgreed } from './dtls.ts';

/** What an account asks of its calls. `offered`: encrypted when the other side can, `required`: encrypted or not at all. */
export type Encryption = 'none' | 'offered' | 'required';

/** How a call is to be encrypted on our side. */
export interface Security {
  mode: Encryption;
  /** How our offers are to be encrypted: by keys in SDP, or by keys that DTLS agrees on. Absent: in SDP. */
  keys?: 'sdes' | 'dtls';
  /** Of our certificate. Absent: there is no DTLS here. */
  dtls?(): Fingerprint;
  /** What this call has agreed on. */
  agreed?: DtlsAgreed;
  /** Our key for a suite: real randomness, and for each suite another one. */
  key(suite: SrtpSuite): SrtpKeys;
}

export interface CryptoLine {
  tag: number;
  keys: SrtpKeys;
  /** In packets; absent: the most there is, 2^48 of RTP (§6.1). */
  lifetime?: number;
}

/** The other side may have written anything: at most so many lines are looked at. */
const MAX_LINES = 32;
const MAX_LIFETIME = 2 ** 48;
const MAX_MKI_BYTES = 128;

/** The value of one `a=crypto`, or why it must not be selected. */
export function parseCrypto(value: string): CryptoLine | { unusable: string } {
  const [tag, named, params, ...session] = value.trim().split(/\s+/);
  // RFC 5234 §2.3: the words of the grammar are the same in other letters.
  const suite = named?.toUpperCase();
  if (!/^\d{1,9}$/.test(tag ?? '')) return { unusable: 'a tag is no number' };
  const refuse = (why: string) => ({ unusable: `${Number(tag)}: ${why}` });
  if (!isSuite(suite)) return refuse(/^[A-Z0-9_]{1,32}$/.test(named ?? '') ? `${named} is not known` : 'no suite');
  // §6.3: whoever does not do what a parameter says must not take the line. What begins with "-" may be passed over
  // (§6.3.7). WSH is a hint about the replay window; all others would weaken the encryption or are FEC and key renewal.
  const demanded = session.find((parameter) => !parameter.startsWith('-') && !/^WSH=\d{2,9}$/i.test(parameter));
  if (demanded !== undefined)
    return refuse(`${/^[A-Z_]{1,32}(?==|$)/.exec(demanded)?.[0] ?? 'a parameter'} is not supported`);
  const match = /^inline:([A-Za-z0-9+/]+={0,2})((?:\|[^|;]*){0,2})$/i.exec(params ?? '');
  if (match === null) return refuse(params?.includes(';') ? 'several keys' : 'no inline key that can be read');
  const { keyBytes, saltBytes } = SRTP_SUITES[suite];
  const secret = Uint8Array.from(Buffer.from(match[1], 'base64'));
  if (secret.length !== keyBytes + saltBytes) return refuse(`a key of ${secret.length} bytes`);
  const options = match[2].split('|').slice(1);
  const mkiText = options.at(-1)?.includes(':') ? options.pop() : undefined;
  if (options.length > 1) return refuse('a lifetime or MKI that cannot be read');
  const lifetime = options.length === 0 ? undefined : parseLifetime(options[0]);
  if (Number.isNaN(lifetime)) return refuse('a lifetime that is not possible');
  const mki = mkiText === undefined ? undefined : parseMki(mkiText);
  if (mki === null) return refuse('an MKI that is not possible');
  const keys = { suite, secret, ...(mki && { mki }) };
  return { tag: Number(tag), keys, ...(lifetime !== undefined && { lifetime }) };
}

export function formatCrypto(tag: number, { suite, secret }: SrtpKeys): Attribute {
  return { name: 'crypto', value: `${tag} ${suite} inline:${Buffer.from(secret).toString('base64')}` };
}

/** All suites but those that wait to be asked, the strongest first, each with a key of its own. */
export function offeredCrypto(security: Security | undefined): Attribute[] {
  if (security === undefined || security.mode === 'none') return [];
  const suites = (Object.keys(SRTP_SUITES) as SrtpSuite[]).filter((suite) => !SRTP_SUITES[suite].unasked);
  return suites.map((suite, index) => formatCrypto(index + 1, security.key(suite)));
}

/**
 * The line of an offer that is taken: the first that can be (§5.1.2), or `plain`. RTP/SAVP is always taken with a key or not
 * at all. RTP/AVP with keys is best effort: taken encrypted unless nobody here asks for it.
 */
export function selectCrypto(
  medium: MediaDescription,
  security?: Security,
): CryptoLine | 'plain' | { unusable: string } {
  const secure = isSecure(medium);
  if (security === undefined || (!secure && security.mode === 'none')) return secure ? NOT_SPOKEN : 'plain';
  const lines = cryptoLines(medium);
  const usable = lines.find((line) => 'keys' in line);
  if (usable !== undefined) return usable;
  if (!secure && security.mode !== 'required') return 'plain';
  const reasons = lines.flatMap((line) => ('unusable' in line ? [line.unusable] : []));
  return { unusable: reasons.length === 0 ? 'there is no a=crypto' : `a=crypto ${reasons.slice(0, 3).join(', ')}` };
}

/**
 * What an answer makes of the keys in our offer. §5.1.3: exactly one of our tags, with its suite. An answer that took a key
 * we cannot use is refused and never heard as plain, for then the other side encrypts.
 */
export function agreedCrypto(
  ours: MediaDescription,
  theirs: MediaDescription,
): { send: SrtpKeys; receive: SrtpKeys } | 'plain' | { unusable: string } {
  const offered = cryptoLines(ours).filter((line) => 'keys' in line);
  if (offered.length === 0) return 'plain';
  const [answered] = cryptoLines(theirs);
  if (answered === undefined) return isSecure(theirs) ? { unusable: 'there is no a=crypto' } : 'plain';
  if ('unusable' in answered) return { unusable: `a=crypto ${answered.unusable}` };
  const taken = offered.find(({ tag }) => tag === answered.tag);
  if (taken === undefined) return { unusable: `a=crypto ${answered.tag} was not offered` };
  if (taken.keys.suite !== answered.keys.suite)
    return { unusable: `a=crypto ${taken.tag} was offered as ${taken.keys.suite}, answered as ${answered.keys.suite}` };
  return { send: taken.keys, receive: answered.keys };
}

/** RTP/SAVP (RFC 3711) and RTP/SAVPF (RFC 5124). */
export const isSecure = ({ protocol }: MediaDescription): boolean => /^RTP\/SAVPF?$/i.test(protocol);

const NOT_SPOKEN = { unusable: '' };

const isSuite = (name: string | undefined): name is SrtpSuite => name !== undefined && Object.hasOwn(SRTP_SUITES, name);

function cryptoLines(medium: MediaDescription): (CryptoLine | { unusable: string })[] {
  const values = medium.attributes.flatMap(({ name, value }) => (name === 'crypto' ? [value ?? ''] : []));
  return values.slice(0, MAX_LINES).map(parseCrypto);
}

/** `2^20` or `1048576`; NaN when it is not 1 .. 2^48. */
function parseLifetime(text: string): number {
  const match = /^(?:2\^(\d{1,2})|(\d{1,15}))$/.exec(text);
  if (match === null) return Number.NaN;
  const packets = match[1] === undefined ? Number(match[2]) : 2 ** Number(match[1]);
  return packets >= 1 && packets <= MAX_LIFETIME ? packets : Number.NaN;
}

/** `1:4`, the value 1 in four bytes; null when it does not fit. */
function parseMki(text: string): Uint8Array | null {
  const match = /^(\d{1,310}):(\d{1,3})$/.exec(text);
  if (match === null) return null;
  const length = Number(match[2]);
  const digits = BigInt(match[1]).toString(16);
  if (length < 1 || length > MAX_MKI_BYTES || digits.length > 2 * length) return null;
  return Uint8Array.from(Buffer.from(digits.padStart(2 * length, '0'), 'hex'));
}
