/**
 * Who we are in DTLS (RFC 5763 §5): a key of our own and a certificate that nobody but ourselves has signed. It is believed for
 * its digest, which SDP carries (RFC 8122). node:crypto makes keys and signatures but no certificates, so the few octets around
 * them are written here (RFC 5280 §4.1, DER).
 */
import { createHash, generateKeyPairSync, sign } from 'node:crypto';

/** What DTLS shows and proves itself with, both DER. The key is never to be logged. */
export interface DtlsIdentity {
  certificate: Uint8Array;
  /** ECPrivateKey of RFC 5915, curve P-256. */
  key: Uint8Array;
}

/** The hashes that are still believed, the weakest first: a certificate made for a SHA-1 digest can be forged (RFC 8122 §5). */
export const DIGEST_BYTES = { 'sha-256': 32, 'sha-384': 48, 'sha-512': 64 } as const;
export type DigestName = keyof typeof DIGEST_BYTES;

/** The digest of a certificate, as `a=fingerprint` has it. */
export interface Fingerprint {
  hash: DigestName;
  digest: Uint8Array;
}

/** A new key and its certificate. `serial`: 8 to 20 random bytes. Takes about a millisecond. */
export function makeIdentity(serial: Uint8Array): DtlsIdentity {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const name = sequence(set(sequence(der(OBJECT, COMMON_NAME), der(UTF8, Buffer.from('DTLS-SRTP')))));
  // The clock of a board without a battery is years off until NTP has been heard, and nobody looks: it is valid always (§4.1.2.5).
  const validity = sequence(
    der(UTC_TIME, Buffer.from('000101000000Z')),
    der(GENERALIZED_TIME, Buffer.from('99991231235959Z')),
  );
  const algorithm = sequence(der(OBJECT, ECDSA_WITH_SHA256));
  const version3 = der(0xa0, der(INTEGER, Uint8Array.of(2)));
  const number = der(INTEGER, Uint8Array.of(1, ...serial)); // positive, whatever the first random bit is
  const subjectKey = publicKey.export({ type: 'spki', format: 'der' });
  const told = sequence(version3, number, algorithm, name, validity, name, subjectKey);
  const signature = der(BIT_STRING, Buffer.concat([Uint8Array.of(0), sign('sha256', told, privateKey)]));
  const key = privateKey.export({ type: 'sec1', format: 'der' });
  return { certificate: Uint8Array.from(sequence(told, algorithm, signature)), key: Uint8Array.from(key) };
}

export function fingerprintOf({ certificate }: DtlsIdentity): Fingerprint {
  return { hash: 'sha-256', digest: Uint8Array.from(createHash('sha256').update(certificate).digest()) };
}

const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OBJECT = 0x06;
const UTF8 = 0x0c;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
/** 2.5.4.3 */
const COMMON_NAME = Uint8Array.of(0x55, 0x04, 0x03);
/** 1.2.840.10045.4.3.2 */
const ECDSA_WITH_SHA256 = Uint8Array.of(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02);

/** Tag, length, content; nothing here is longer than 64 KiB. */
function der(tag: number, content: Uint8Array): Uint8Array {
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Uint8Array.of(tag, ...size), content]);
}

const sequence = (...parts: Uint8Array[]): Uint8Array => der(0x30, Buffer.concat(parts));
const set = (...parts: Uint8Array[]): Uint8Array => der(0x31, Buffer.concat(parts));
