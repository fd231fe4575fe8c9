/**
 * DTLS-SRTP in SDP, RFC 5763: whose certificate is to be shown (`a=fingerprint`, RFC 8122), who speaks first (`a=setup`,
 * RFC 4145), and whether it is still the same association (RFC 8842). `a=connection` says nothing here (RFC 8842 §4), and for
 * its keys SDP needs no secrecy, only that nobody can change it.
 */
import { DIGEST_BYTES, type DigestName, type DtlsRole, type Fingerprint } from '../rtp/index.ts';
import { isSecure, type Security } from './crypto.ts';
import { type Attribute, attribute, type MediaDescription, type Sdp } from './description.ts';

/** What both sides agreed on. Where all of it stays, and the addresses too, so does the association. */
export interface DtlsAgreed {
  /** Ours. */
  role: DtlsRole;
  /** The certificate of the other side has one of these. */
  fingerprints: readonly Fingerprint[];
  /** RTP and RTCP share a port and an association (RFC 5761). */
  muxed: boolean;
  /** The other side's name for the association (RFC 8842 §4). */
  tlsId?: string;
}

/** The other side may have written anything: at most so many lines are looked at, and of a name so much is kept. */
const MAX_LINES = 16;
const MAX_TLS_ID = 256;

/** `sha-256 4A:AD:…`; undefined: not to be read, or of a hash that is not believed. */
export function parseFingerprint(value: string): Fingerprint | undefined {
  const [name, hex, more] = value.trim().split(/\s+/);
  const hash = name.toLowerCase() as DigestName;
  if (more !== undefined || !Object.hasOwn(DIGEST_BYTES, hash) || !/^[0-9a-f]{2}(:[0-9a-f]{2})*$/i.test(hex ?? ''))
    return undefined;
  const digest = Uint8Array.from(Buffer.from(hex.replaceAll(':', ''), 'hex'));
  return digest.length === DIGEST_BYTES[hash] ? { hash, digest } : undefined;
}

export function formatFingerprint({ hash, digest }: Fingerprint): Attribute {
  const hex = Array.from(digest, (octet) => octet.toString(16).padStart(2, '0').toUpperCase());
  return { name: 'fingerprint', value: `${hash} ${hex.join(':')}` };
}

/** UDP/TLS/RTP/SAVP and SAVPF, RFC 5764 §8. */
export const isDtls = ({ protocol }: MediaDescription): boolean => /^UDP\/TLS\/RTP\/SAVPF?$/i.test(protocol);

/** Of our offer. Who has agreed on a role before stays with it (RFC 8842 §5.5). */
export function offeredDtls(fingerprint: Fingerprint, agreed?: DtlsAgreed): Attribute[] {
  const setup = agreed === undefined ? 'actpass' : setupOf(agreed.role);
  const mux = agreed === undefined || agreed.muxed ? [{ name: 'rtcp-mux' }] : [];
  return [formatFingerprint(fingerprint), { name: 'setup', value: setup }, ...mux];
}

/** Of our answer. */
export function answeredDtls(fingerprint: Fingerprint, { role, muxed }: DtlsAgreed): Attribute[] {
  const setup = { name: 'setup', value: setupOf(role) };
  return [formatFingerprint(fingerprint), setup, ...(muxed ? [{ name: 'rtcp-mux' }] : [])];
}

/** What we make of a line of an offer; `none`: it does not ask for DTLS. */
export function selectDtls(
  offer: Sdp,
  medium: MediaDescription,
  security: Security | undefined,
): DtlsAgreed | 'none' | { unusable: string } {
  const values = fingerprintLines(offer, medium);
  if (security?.dtls === undefined) return isDtls(medium) ? { unusable: '' } : 'none';
  if (values.length === 0) return isDtls(medium) ? NO_FINGERPRINT : 'none';
  const fingerprints = believed(values);
  if ('unusable' in fingerprints) return fingerprints;
  const setup = (either(offer, medium, 'setup') ?? 'active').toLowerCase(); // RFC 4145 §4.1
  // RFC 5763 §5: who may choose speaks first, as the other side can hear already; within a call we stay what we are.
  const chosen = setup === 'actpass' ? (security.agreed?.role ?? 'client') : roleFor(setup);
  if (chosen === undefined) return { unusable: `a=setup:${word(setup)} is not possible` };
  return agreed(offer, medium, chosen, fingerprints, attribute(medium, 'rtcp-mux') !== undefined);
}

/** What an answer to our offer agrees to; `none`: our offer had no DTLS, or the answer has none where it need not. */
export function agreedDtls(
  ours: MediaDescription,
  answer: Sdp,
  theirs: MediaDescription,
): DtlsAgreed | 'none' | { unusable: string } {
  if (attribute(ours, 'fingerprint') === undefined) return 'none';
  const values = fingerprintLines(answer, theirs);
  if (values.length === 0) return isDtls(theirs) || isSecure(theirs) ? NO_FINGERPRINT : 'none';
  const fingerprints = believed(values);
  if ('unusable' in fingerprints) return fingerprints;
  const setup = (either(answer, theirs, 'setup') ?? 'passive').toLowerCase(); // RFC 4145 §4.1
  const role = roleFor(setup);
  const said = attribute(ours, 'setup');
  if (role === undefined || (said !== 'actpass' && said !== setupOf(role)))
    return { unusable: `a=setup:${said} was offered, ${word(setup)} answered` };
  const muxed = attribute(ours, 'rtcp-mux') !== undefined && attribute(theirs, 'rtcp-mux') !== undefined;
  return agreed(answer, theirs, role, fingerprints, muxed);
}

const NO_FINGERPRINT = { unusable: 'there is no a=fingerprint' };

/** What is left for us beside somebody who says `setup`. */
const roleFor = (setup: string): DtlsRole | undefined =>
  setup === 'active' ? 'server' : setup === 'passive' ? 'client' : undefined;

const setupOf = (role: DtlsRole): string => (role === 'client' ? 'active' : 'passive');

const word = (text: string): string => (/^[a-z-]{1,16}$/.test(text) ? text : 'something');

function agreed(
  sdp: Sdp,
  medium: MediaDescription,
  role: DtlsRole,
  fingerprints: readonly Fingerprint[],
  muxed: boolean,
): DtlsAgreed {
  const tlsId = either(sdp, medium, 'tls-id')?.slice(0, MAX_TLS_ID);
  return { role, fingerprints, muxed, ...(tlsId !== undefined && { tlsId }) };
}

/** Of the line, else of the session. */
const either = (sdp: Sdp, medium: MediaDescription, name: string): string | undefined =>
  attribute(medium, name) ?? attribute(sdp, name);

function fingerprintLines(sdp: Sdp, medium: MediaDescription): string[] {
  const of = ({ attributes }: { attributes: readonly Attribute[] }): string[] =>
    attributes.flatMap(({ name, value }) => (name === 'fingerprint' ? [value ?? ''] : [])).slice(0, MAX_LINES);
  const own = of(medium);
  return own.length > 0 ? own : of(sdp);
}

/** RFC 8122 §5: of several hashes the strongest counts, and of its digests any. */
function believed(values: readonly string[]): Fingerprint[] | { unusable: string } {
  const known = values.flatMap((value) => parseFingerprint(value) ?? []);
  const strength = Math.max(...known.map(({ digest }) => digest.length));
  if (known.length > 0) return known.filter(({ digest }) => digest.length === strength);
  const names = values.slice(0, 3).map((value) => /^(?:sha|md)-?\d{1,3}\b/i.exec(value.trim())?.[0] ?? 'of something');
  return { unusable: `a=fingerprint ${names.join(', ')} cannot be believed` };
}
