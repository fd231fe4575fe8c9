/**
 * Session keys and transforms of SRTP: key derivation RFC 3711 §4.3 (RFC 6188 §2 for 256 bits, RFC 7714 §11 for GCM), counter
 * mode §4.1.1 with HMAC-SHA1 §4.2.1, GCM RFC 7714 §8 and §9. Packets are changed in place; what `node:crypto` returns is all
 * that is allocated.
 */
import { createCipheriv, createDecipheriv, createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { readUint32, writeUint32 } from './packet.ts';
import { SRTP_SUITES, type SrtpKeys } from './suites.ts';

/** RFC 3711 §4.3.2: RTP has the labels 0 to 2, RTCP 3 to 5. */
const LABEL = { cipher: 0, auth: 1, salt: 2 } as const;
const RTCP_LABELS = 3;
const AUTH_KEY_BYTES = 20;
const BLOCK_BYTES = 16;
const GCM_TAG_BYTES = 16;
/** Room for the largest datagram. */
const MAX_KEYSTREAM_BYTES = 2048;

/** One direction of RTP, or of RTCP. `from`: the first encrypted byte. `trailer`: what is authenticated behind the payload. */
export interface Transform {
  readonly tagBytes: number;
  /** Encrypts `from` to `to`. `trailer` is the ROC, which is not sent, or the SRTCP index, which is. Returns where the packet ends. */
  seal(bytes: Uint8Array, from: number, to: number, nonce: Nonce, trailer: Trailer): number;
  /** Undoes it, with `to` the end of the datagram; returns where the plain packet ends, -1 when it is not authentic. */
  open(bytes: Uint8Array, from: number, to: number, nonce: Nonce, trailer: Trailer): number;
}

/** What makes each packet's key stream its own: 48 bits of index, for RTCP 31. */
export interface Nonce {
  ssrc: number;
  /** The upper 32 bits of the index, and the lower 16. */
  high: number;
  low: number;
}

export interface Trailer {
  bytes: Uint8Array;
  sent: boolean;
}

export function transform(keys: SrtpKeys, kind: 'rtp' | 'rtcp'): Transform {
  const { mode, keyBytes, saltBytes, tagBytes, rtcpTagBytes } = SRTP_SUITES[keys.suite];
  const first = kind === 'rtp' ? 0 : RTCP_LABELS;
  const cipherKey = derive(keys, first + LABEL.cipher, keyBytes);
  const salt = derive(keys, first + LABEL.salt, saltBytes);
  if (mode === 'gcm') return new GaloisMode(cipherKey, salt);
  const authKey = derive(keys, first + LABEL.auth, AUTH_KEY_BYTES);
  return new CounterMode(cipherKey, salt, authKey, kind === 'rtp' ? tagBytes : rtcpTagBytes);
}

/** The key derivation rate is 0: every key is derived once. A salt of 96 bits is filled up with zeros (RFC 7714 §11). */
export function derive({ suite, secret }: SrtpKeys, label: number, length: number): Uint8Array {
  const { keyBytes, saltBytes } = SRTP_SUITES[suite];
  if (secret.length !== keyBytes + saltBytes)
    throw new RangeError(`Cannot use a key of ${secret.length} bytes with ${suite}: it takes ${keyBytes + saltBytes}`);
  const counter = new Uint8Array(BLOCK_BYTES);
  counter.set(secret.subarray(keyBytes));
  counter[7] ^= label;
  const cipher = createCipheriv(`aes-${keyBytes * 8}-ctr`, secret.subarray(0, keyBytes), counter);
  return new Uint8Array(cipher.update(new Uint8Array(length)));
}

class CounterMode implements Transform {
  readonly tagBytes: number;
  readonly #authKey: KeyObject;
  readonly #salt: Uint8Array;
  /** Encrypts counter blocks, so that one cipher with its expanded key serves the whole call. */
  readonly #blocks: ReturnType<typeof createCipheriv>;
  readonly #counters = new Uint8Array(MAX_KEYSTREAM_BYTES);

  constructor(cipherKey: Uint8Array, salt: Uint8Array, authKey: Uint8Array, tagBytes: number) {
    this.tagBytes = tagBytes;
    this.#salt = salt;
    this.#authKey = createSecretKey(authKey);
    this.#blocks = createCipheriv(`aes-${cipherKey.length * 8}-ecb`, cipherKey, null).setAutoPadding(false);
  }

  seal(bytes: Uint8Array, from: number, to: number, nonce: Nonce, trailer: Trailer): number {
    this.#crypt(bytes, from, to, nonce);
    let end = to;
    if (trailer.sent) {
      bytes.set(trailer.bytes, end);
      end += trailer.bytes.length;
    }
    const tag = this.#tag(bytes, to, trailer);
    for (let i = 0; i < this.tagBytes; i++) bytes[end + i] = tag[i];
    return end + this.tagBytes;
  }

  open(bytes: Uint8Array, from: number, to: number, nonce: Nonce, trailer: Trailer): number {
    const tagAt = to - this.tagBytes;
    const end = tagAt - (trailer.sent ? trailer.bytes.length : 0);
    if (end < from) return -1;
    const tag = this.#tag(bytes, end, trailer);
    let difference = 0; // all of it is compared, so that the time tells nothing
    for (let i = 0; i < this.tagBytes; i++) difference |= bytes[tagAt + i] ^ tag[i];
    if (difference !== 0) return -1;
    this.#crypt(bytes, from, end, nonce);
    return end;
  }

  #tag(bytes: Uint8Array, end: number, trailer: Trailer): Uint8Array {
    return createHmac('sha1', this.#authKey).update(bytes.subarray(0, end)).update(trailer.bytes).digest();
  }

  /** IV = salt * 2^16 ^ SSRC * 2^64 ^ index * 2^16; the last 16 bits count blocks. */
  #crypt(bytes: Uint8Array, from: number, to: number, { ssrc, high, low }: Nonce): void {
    const counters = this.#counters;
    const count = Math.ceil((to - from) / BLOCK_BYTES);
    for (let block = 0, at = 0; block < count; block++, at += BLOCK_BYTES) {
      counters.set(this.#salt, at);
      writeUint32(counters, at + 4, readUint32(counters, at + 4) ^ ssrc);
      writeUint32(counters, at + 8, readUint32(counters, at + 8) ^ high);
      counters[at + 12] ^= low >> 8;
      counters[at + 13] ^= low;
      counters[at + 14] = block >> 8;
      counters[at + 15] = block;
    }
    const stream = this.#blocks.update(counters.subarray(0, count * BLOCK_BYTES));
    for (let i = from; i < to; i++) bytes[i] ^= stream[i - from];
  }
}

export class GaloisMode implements Transform {
  readonly tagBytes = GCM_TAG_BYTES;
  readonly #key: KeyObject;
  readonly #salt: Uint8Array;
  readonly #algorithm: 'aes-128-gcm' | 'aes-256-gcm';
  readonly #iv = new Uint8Array(12);

  constructor(cipherKey: Uint8Array, salt: Uint8Array) {
    this.#key = createSecretKey(cipherKey);
    this.#salt = salt;
    this.#algorithm = cipherKey.length === 16 ? 'aes-128-gcm' : 'aes-256-gcm';
  }

  seal(bytes: Uint8Array, from: number, to: number, nonce: Nonce, trailer: Trailer): number {
    const cipher = createCipheriv(this.#algorithm, this.#key, this.#nonce(nonce), OPTIONS);
    cipher.setAAD(authenticated(bytes, from, trailer));
    bytes.set(cipher.update(bytes.subarray(from, to)), from);
    cipher.final();
    bytes.set(cipher.getAuthTag(), to);
    const end = to + GCM_TAG_BYTES;
    if (!trailer.sent) return end;
    bytes.set(trailer.bytes, end);
    return end + trailer.bytes.length;
  }

  open(bytes: Uint8Array, from: number, to: number, nonce: Nonce, trailer: Trailer): number {
    const end = to - GCM_TAG_BYTES - (trailer.sent ? trailer.bytes.length : 0);
    if (end < from) return -1;
    const cipher = createDecipheriv(this.#algorithm, this.#key, this.#nonce(nonce), OPTIONS);
    cipher.setAAD(authenticated(bytes, from, trailer));
    cipher.setAuthTag(bytes.subarray(end, end + GCM_TAG_BYTES));
    const plain = cipher.update(bytes.subarray(from, end));
    try {
      cipher.final();
    } catch {
      return -1; // node:crypto says so by throwing
    }
    bytes.set(plain, from);
    return end;
  }

  /** RFC 7714 §8.1, §9.1: (SSRC, 48 bits of index) behind two zeros, xor the salt. */
  #nonce({ ssrc, high, low }: Nonce): Uint8Array {
    const iv = this.#iv;
    iv.set(this.#salt);
    writeUint32(iv, 2, readUint32(iv, 2) ^ ssrc);
    writeUint32(iv, 6, readUint32(iv, 6) ^ high);
    iv[10] ^= low >> 8;
    iv[11] ^= low;
    return iv;
  }
}

const OPTIONS = { authTagLength: GCM_TAG_BYTES };
const RTCP_HEADER_BYTES = 8;
const rtcpAad = new Uint8Array(RTCP_HEADER_BYTES + 4);

/** RFC 7714 §8.2: the header; §9.2: the header and the SRTCP index. The ROC is in the nonce only. */
function authenticated(bytes: Uint8Array, from: number, trailer: Trailer): Uint8Array {
  if (!trailer.sent) return bytes.subarray(0, from);
  rtcpAad.set(bytes.subarray(0, RTCP_HEADER_BYTES));
  rtcpAad.set(trailer.bytes, RTCP_HEADER_BYTES);
  return rtcpAad;
}
