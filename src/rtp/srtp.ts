/**
 * SRTP and SRTCP, RFC 3711: packets that nobody else can read, make up or send again. In place, a sender and a receiver per
 * direction with a key each, as SDP gives them.
 *
 *     SRTP   | header | encrypted payload | (MKI) | tag |            the tag covers the ROC too, which is not sent
 *     SRTCP  | 8 bytes | encrypted rest | E, index | (MKI) | tag |
 *     GCM    | header | encrypted, tag | (E, index) | (MKI) |         RFC 7714 §8.2, §9.2
 */
import { RTP_HEADER_BYTES, readUint32, writeUint32 } from './packet.ts';
import { type Nonce, type Trailer, type Transform, transform } from './srtp-cipher.ts';
import { SRTP_SUITES, type SrtpKeys } from './suites.ts';

/** What a datagram grows by at most: SRTCP with GCM. */
export const MAX_SRTP_OVERHEAD_BYTES = 20;
/** RFC 3711 §3.3.2 wants 64 at least; 128 is two seconds and a half. */
const REPLAY_WINDOW = 128;
/**
 * SSRCs remembered per receiver. Only somebody with the key can fill it; beyond it the one unheard for longest is forgotten, for
 * a PBX that has renumbered so often must still be heard.
 */
const MAX_SOURCES = 16;
/** Who goes on with a stream leaves out so many packets: whoever sent until now may still be sending the next. */
export const RESUMED_GAP = 64;
/**
 * How far a context has come, in memory that may be shared with who goes on with it under the same key (§3.2.1, §3.2.3): zeros are
 * one that begins. Of a sender: the index behind the highest one sent, and the last one of SRTCP. Of a receiver, for SRTP and
 * for SRTCP: the SSRC heard last, and the index behind its highest one.
 */
export const SENDER_CELLS = 2;
export const RECEIVER_CELLS = 4;
const RTCP_HEADER_BYTES = 8;
const INDEX_BYTES = 4;
const ENCRYPTED = 0x80000000;

/** One SSRC, packets in their order: the ROC follows the sequence number. */
export class SrtpSender {
  readonly #rtp: Transform;
  readonly #rtcp: Transform;
  readonly #nonce: Nonce = { ssrc: 0, high: 0, low: 0 };
  readonly #roc: Trailer = { bytes: new Uint8Array(4), sent: false };
  readonly #index: Trailer = { bytes: new Uint8Array(INDEX_BYTES), sent: true };
  readonly #cells: Float64Array;
  #sequence: number;
  #rolledOver: number;
  #rtcpIndex: number;

  /** `cells`: where another one came to, from where this one goes on. */
  constructor(keys: SrtpKeys, cells: Float64Array = new Float64Array(SENDER_CELLS)) {
    this.#rtp = transform(keys, 'rtp');
    this.#rtcp = transform(keys, 'rtcp');
    this.#cells = cells;
    const [next, rtcpIndex] = cells;
    this.#rolledOver = Math.floor(next / 0x10000);
    this.#sequence = next % 0x10000;
    this.#rtcpIndex = rtcpIndex === 0 ? 0 : rtcpIndex + RESUMED_GAP;
  }

  /** Encrypts the RTP packet of `length` bytes; returns its new length. `bytes` has `MAX_SRTP_OVERHEAD_BYTES` to spare. */
  protect(bytes: Uint8Array, length: number): number {
    const sequence = (bytes[2] << 8) | bytes[3];
    if (sequence < this.#sequence) this.#rolledOver++;
    this.#sequence = sequence;
    this.#cells[0] = this.#rolledOver * 0x10000 + sequence + 1;
    setNonce(this.#nonce, readUint32(bytes, 8), this.#rolledOver, sequence);
    writeUint32(this.#roc.bytes, 0, this.#rolledOver);
    return this.#rtp.seal(bytes, headerBytes(bytes, length), length, this.#nonce, this.#roc);
  }

  protectRtcp(bytes: Uint8Array, length: number): number {
    this.#cells[1] = ++this.#rtcpIndex;
    setRtcpNonce(this.#nonce, readUint32(bytes, 4), this.#rtcpIndex);
    writeUint32(this.#index.bytes, 0, ENCRYPTED | this.#rtcpIndex);
    return this.#rtcp.seal(bytes, RTCP_HEADER_BYTES, length, this.#nonce, this.#index);
  }
}

export class SrtpReceiver {
  readonly #rtp: Transform;
  readonly #rtcp: Transform;
  readonly #mki: Uint8Array | undefined;
  /** Between the MKI and the end of the datagram. */
  readonly #tagBytes: number;
  readonly #rtcpTagBytes: number;
  readonly #cells: Float64Array;
  readonly #sources = new Map<number, Source>();
  readonly #nonce: Nonce = { ssrc: 0, high: 0, low: 0 };
  readonly #roc: Trailer = { bytes: new Uint8Array(4), sent: false };
  readonly #index: Trailer = { bytes: new Uint8Array(INDEX_BYTES), sent: true };
  /** Neither authentic nor new, RTP and RTCP together. */
  packetsRejected = 0;

  /** `cells`: where another one came to, from where this one goes on. */
  constructor(keys: SrtpKeys, cells: Float64Array = new Float64Array(RECEIVER_CELLS)) {
    this.#rtp = transform(keys, 'rtp');
    this.#rtcp = transform(keys, 'rtcp');
    const { mode, tagBytes, rtcpTagBytes } = SRTP_SUITES[keys.suite];
    this.#tagBytes = mode === 'gcm' ? 0 : tagBytes;
    this.#rtcpTagBytes = mode === 'gcm' ? 0 : rtcpTagBytes;
    this.#mki = keys.mki;
    this.#cells = cells;
    const [ssrc, next, rtcpSsrc, rtcpNext] = cells;
    if (next > 0) this.#source(ssrc).rtp.resume(next - 1);
    if (rtcpNext > 0) this.#source(rtcpSsrc).rtcp.resume(rtcpNext - 1);
  }

  /** Decrypts the datagram of `length` bytes; returns the length of the RTP packet in it, -1 when it is to be dropped. */
  unprotect(bytes: Uint8Array, length: number): number {
    const plain = this.#unprotect(bytes, length);
    if (plain < 0) this.packetsRejected++;
    return plain;
  }

  unprotectRtcp(bytes: Uint8Array, length: number): number {
    const plain = this.#unprotectRtcp(bytes, length);
    if (plain < 0) this.packetsRejected++;
    return plain;
  }

  #unprotect(bytes: Uint8Array, datagramBytes: number): number {
    const length = this.#withoutMki(bytes, datagramBytes, this.#tagBytes);
    const from = headerBytes(bytes, length);
    if (from < 0 || from + this.#rtp.tagBytes > length) return -1;
    const ssrc = readUint32(bytes, 8);
    const sequence = (bytes[2] << 8) | bytes[3];
    const known = this.#sources.get(ssrc);
    const heard = known !== undefined && known.rtp.highest >= 0;
    let rolledOver = heard ? known.rollOver(sequence) : 0;
    if (heard && (rolledOver < 0 || !known.rtp.fresh(rolledOver * 0x10000 + sequence))) return -1;
    let plain = this.#open(bytes, from, length, ssrc, rolledOver, sequence);
    // The last packets before the wrap may have been lost, so that the first one heard is already behind it.
    if (plain < 0 && !heard && sequence < REPLAY_WINDOW) {
      rolledOver++;
      plain = this.#open(bytes, from, length, ssrc, rolledOver, sequence);
    }
    // Only what is authentic may move anything (§3.3.2).
    if (plain >= 0) this.#mark(0, ssrc, this.#source(ssrc).rtp, rolledOver * 0x10000 + sequence);
    return plain;
  }

  #open(bytes: Uint8Array, from: number, length: number, ssrc: number, rolledOver: number, sequence: number): number {
    setNonce(this.#nonce, ssrc, rolledOver, sequence);
    writeUint32(this.#roc.bytes, 0, rolledOver);
    return this.#rtp.open(bytes, from, length, this.#nonce, this.#roc);
  }

  #unprotectRtcp(bytes: Uint8Array, datagramBytes: number): number {
    const length = this.#withoutMki(bytes, datagramBytes, this.#rtcpTagBytes);
    if (length < RTCP_HEADER_BYTES + this.#rtcp.tagBytes + INDEX_BYTES) return -1;
    const word = readUint32(bytes, length - this.#rtcpTagBytes - INDEX_BYTES);
    // UNENCRYPTED_SRTCP (RFC 4568 §6.3.2) is never agreed to.
    if (word < ENCRYPTED) return -1;
    const index = word - ENCRYPTED;
    const ssrc = readUint32(bytes, 4);
    if (this.#sources.get(ssrc)?.rtcp.fresh(index) === false) return -1;
    setRtcpNonce(this.#nonce, ssrc, index);
    writeUint32(this.#index.bytes, 0, word);
    const plain = this.#rtcp.open(bytes, RTCP_HEADER_BYTES, length, this.#nonce, this.#index);
    if (plain >= 0) this.#mark(2, ssrc, this.#source(ssrc).rtcp, index);
    return plain;
  }

  #mark(cell: 0 | 2, ssrc: number, window: ReplayWindow, index: number): void {
    window.mark(index);
    this.#cells[cell] = ssrc;
    this.#cells[cell + 1] = window.highest + 1;
  }

  /** The MKI is not authenticated (§3.1); with another one the packet is under a key we do not have. Returns the new length. */
  #withoutMki(bytes: Uint8Array, length: number, tagBytes: number): number {
    const mki = this.#mki;
    if (mki === undefined) return length;
    const at = length - tagBytes - mki.length;
    if (at < 0) return -1;
    for (let i = 0; i < mki.length; i++) if (bytes[at + i] !== mki[i]) return -1;
    bytes.copyWithin(at, at + mki.length, length);
    return length - mki.length;
  }

  #source(ssrc: number): Source {
    const known = this.#sources.get(ssrc);
    if (known !== undefined && this.#sources.size === 1) return known;
    if (known === undefined && this.#sources.size === MAX_SOURCES) {
      const [oldest] = this.#sources.keys();
      this.#sources.delete(oldest);
    }
    const source = known ?? new Source();
    this.#sources.delete(ssrc); // the one just heard goes to the end
    this.#sources.set(ssrc, source);
    return source;
  }
}

class Source {
  readonly rtp = new ReplayWindow();
  readonly rtcp = new ReplayWindow();

  /** §3.3.1: the wrap that brings `sequence` nearest to the highest one heard; -1: before the first of all. */
  rollOver(sequence: number): number {
    const highest = this.rtp.highest;
    const rolledOver = Math.floor(highest / 0x10000);
    const step = sequence - (highest % 0x10000);
    return step > 0x8000 ? rolledOver - 1 : step < -0x8000 ? rolledOver + 1 : rolledOver;
  }
}

/** §3.3.2. An index beyond the highest slides the window. */
class ReplayWindow {
  readonly #seen = new Uint8Array(REPLAY_WINDOW);
  highest = -1;

  fresh(index: number): boolean {
    return index > this.highest || (index > this.highest - REPLAY_WINDOW && this.#seen[index % REPLAY_WINDOW] === 0);
  }

  /** What came until now is not known one by one: none of it is taken again. */
  resume(highest: number): void {
    this.highest = highest;
    this.#seen.fill(1);
  }

  mark(index: number): void {
    const first = Math.max(this.highest + 1, index - REPLAY_WINDOW + 1);
    for (let between = first; between < index; between++) this.#seen[between % REPLAY_WINDOW] = 0;
    this.#seen[index % REPLAY_WINDOW] = 1;
    if (index > this.highest) this.highest = index;
  }
}

function setNonce(nonce: Nonce, ssrc: number, high: number, low: number): void {
  nonce.ssrc = ssrc;
  nonce.high = high;
  nonce.low = low;
}

function setRtcpNonce(nonce: Nonce, ssrc: number, index: number): void {
  setNonce(nonce, ssrc, index >>> 16, index & 0xffff);
}

/** Fixed header, CSRC list and extension stay readable; -1: no RTP packet. */
function headerBytes(bytes: Uint8Array, length: number): number {
  if (length < RTP_HEADER_BYTES || bytes[0] >> 6 !== 2) return -1;
  let end = RTP_HEADER_BYTES + 4 * (bytes[0] & 0x0f);
  if (bytes[0] & 0x10) {
    if (end + 4 > length) return -1;
    end += 4 + 4 * ((bytes[end + 2] << 8) | bytes[end + 3]);
  }
  return end > length ? -1 : end;
}
