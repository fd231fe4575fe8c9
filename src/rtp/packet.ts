/**
 * RTP fixed header, RFC 3550 §5.1. Written and read in place: one `RtpHeader` serves a whole stream, so that the tick
 * allocates nothing.
 *
 *     0                   1                   2                   3
 *     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *    +---+-+-+-------+-+-------------+-------------------------------+
 *    |V=2|P|X|  CC   |M|     PT      |       sequence number         |
 *    +---+-+-+-------+-+-------------+-------------------------------+
 *    |                           timestamp                           |
 *    +---------------------------------------------------------------+
 *    |                             SSRC                              |
 *    +---------------------------------------------------------------+
 */

export const RTP_HEADER_BYTES = 12;

export class RtpHeader {
  payloadType = 0;
  marker = false;
  /** 16 bits, wraps. */
  sequence = 0;
  /** Clock ticks, 32 bits, wraps. */
  rtpTimestamp = 0;
  ssrc = 0;
  /** Where the payload lies in the datagram; padding is already left out. */
  payloadOffset = RTP_HEADER_BYTES;
  payloadLength = 0;
}

/**
 * Reads the first `length` bytes into `into`; false when they are no RTP packet. A value and no exception: a datagram that
 * cannot be read is everyday traffic (STUN, keep-alives, RTCP on the same port) and the reader is the media tick.
 */
export function parseRtp(bytes: Uint8Array, length: number, into: RtpHeader): boolean {
  if (length < RTP_HEADER_BYTES || length > bytes.length || bytes[0] >> 6 !== 2 || isRtcp(bytes, length)) return false;
  let offset = RTP_HEADER_BYTES + 4 * (bytes[0] & 0x0f); // CSRC list
  if (bytes[0] & 0x10) {
    // Header extension §5.3.1: passed over, nobody here reads one.
    if (offset + 4 > length) return false;
    offset += 4 + 4 * ((bytes[offset + 2] << 8) | bytes[offset + 3]);
  }
  let end = length;
  if (bytes[0] & 0x20) {
    const padding = bytes[length - 1];
    if (padding === 0) return false;
    end -= padding;
  }
  if (offset > end) return false;
  into.marker = (bytes[1] & 0x80) !== 0;
  into.payloadType = bytes[1] & 0x7f;
  into.sequence = (bytes[2] << 8) | bytes[3];
  into.rtpTimestamp = readUint32(bytes, 4);
  into.ssrc = readUint32(bytes, 8);
  into.payloadOffset = offset;
  into.payloadLength = end - offset;
  return true;
}

/** Writes the 12 bytes of `header` at the start of `into` and returns 12, where the payload belongs. */
export function formatRtp(header: RtpHeader, into: Uint8Array): number {
  into[0] = 0x80;
  into[1] = (header.marker ? 0x80 : 0) | (header.payloadType & 0x7f);
  into[2] = header.sequence >> 8;
  into[3] = header.sequence;
  writeUint32(into, 4, header.rtpTimestamp);
  writeUint32(into, 8, header.ssrc);
  return RTP_HEADER_BYTES;
}

/** Whether a datagram on a shared port is RTCP: packet types 192..223 in the second byte (RFC 5761 §4). */
export function isRtcp(bytes: Uint8Array, length: number): boolean {
  return length >= 4 && bytes[0] >> 6 === 2 && bytes[1] >= 192 && bytes[1] <= 223;
}

export function readUint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}

export function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
