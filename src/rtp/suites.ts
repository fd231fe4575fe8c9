/** The SRTP crypto suites spoken here, by their names in SDP: RFC 4568 §6.2, RFC 6188 §4, RFC 7714 §14.2. */

export type SrtpSuite =
  | 'AEAD_AES_256_GCM'
  | 'AES_256_CM_HMAC_SHA1_80'
  | 'AEAD_AES_128_GCM'
  | 'AES_CM_128_HMAC_SHA1_80'
  | 'AES_CM_128_HMAC_SHA1_32'
  | 'AES_256_CM_HMAC_SHA1_32';

export interface SuiteShape {
  /** `counter`: AES in counter mode with HMAC-SHA1; `gcm`: AES in Galois/counter mode, its tag included. */
  mode: 'counter' | 'gcm';
  keyBytes: 16 | 32;
  saltBytes: 12 | 14;
  /** Of an RTP packet. */
  tagBytes: number;
  /** Of an RTCP packet: RFC 4568 §6.2.2 shortens the tag of RTP only. */
  rtcpTagBytes: number;
  /** Taken when it is offered; no offer of ours is longer for it. */
  unasked?: true;
}

/** By preference: the order of our offers. */
export const SRTP_SUITES: Readonly<Record<SrtpSuite, SuiteShape>> = {
  AEAD_AES_256_GCM: { mode: 'gcm', keyBytes: 32, saltBytes: 12, tagBytes: 16, rtcpTagBytes: 16 },
  AES_256_CM_HMAC_SHA1_80: { mode: 'counter', keyBytes: 32, saltBytes: 14, tagBytes: 10, rtcpTagBytes: 10 },
  AEAD_AES_128_GCM: { mode: 'gcm', keyBytes: 16, saltBytes: 12, tagBytes: 16, rtcpTagBytes: 16 },
  AES_CM_128_HMAC_SHA1_80: { mode: 'counter', keyBytes: 16, saltBytes: 14, tagBytes: 10, rtcpTagBytes: 10 },
  AES_CM_128_HMAC_SHA1_32: { mode: 'counter', keyBytes: 16, saltBytes: 14, tagBytes: 4, rtcpTagBytes: 10 },
  AES_256_CM_HMAC_SHA1_32: {
    mode: 'counter',
    keyBytes: 32,
    saltBytes: 14,
    tagBytes: 4,
    rtcpTagBytes: 10,
    unasked: true,
  },
};

/** What one side encrypts with. Never to be logged: whoever has it hears that side. */
export interface SrtpKeys {
  suite: SrtpSuite;
  /** Master key and master salt, one behind the other as SDP carries them (RFC 4568 §6.1). */
  secret: Uint8Array;
  /** The name of this key, which each packet then carries (RFC 3711 §3.1). Only read: ours have none. */
  mki?: Uint8Array;
}

export function sameKeys(a: SrtpKeys | undefined, b: SrtpKeys | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.suite === b.suite && sameBytes(a.secret, b.secret) && sameBytes(a.mki ?? NONE, b.mki ?? NONE);
}

const NONE = new Uint8Array(0);

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
