/**
 * RTP and RTCP (RFC 3550), their encryption (RFC 3711), jitter buffer, telephone-event (RFC 4733). Pure but for `socket.ts` and
 * `dtls.ts`, which have no door here; knows no codec.
 *
 * Per tick: `session.receive` for each datagram, `session.jitter.take(now)` whenever less than a frame of sound is left,
 * `session.send` once per packet interval. None of the three allocates.
 */

export type { DtlsRole } from './dtls.ts';
export {
  DIGEST_BYTES,
  type DigestName,
  type DtlsIdentity,
  type Fingerprint,
  fingerprintOf,
  makeIdentity,
} from './identity.ts';
export { type BufferMode, JitterBuffer, MAX_PAYLOAD_BYTES } from './jitter.ts';
export { formatRtp, isRtcp, parseRtp, RTP_HEADER_BYTES, RtpHeader, readUint32, writeUint32 } from './packet.ts';
export { formatRtcp, parseRtcp, type SenderReport } from './rtcp.ts';
export { RtpSession, SESSION_CELLS, type SessionConfig } from './session.ts';
export { MAX_SRTP_OVERHEAD_BYTES, RECEIVER_CELLS, SENDER_CELLS, SrtpReceiver, SrtpSender } from './srtp.ts';
export { SRTP_SUITES, type SrtpKeys, type SrtpSuite, sameKeys } from './suites.ts';
