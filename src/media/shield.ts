/** The encryption of one stream, or none: packets pass through it right before the socket, and right behind it. */
import { type SrtpKeys, SrtpReceiver, SrtpSender, sameKeys } from '../rtp/index.ts';
import type { Numbers, ShieldNumbers } from './numbers.ts';
import type { DtlsConfig, SocketAddress } from './types.ts';

export interface Keys {
  send: SrtpKeys;
  receive: SrtpKeys;
}

/** What a stream is encrypted with, and of which handshake it is: for the thread that goes on with it. Never to be logged. */
export interface Keyed {
  keys?: Keys;
  /** The same object as `keys` where RTP and RTCP share a port. */
  rtcpKeys?: Keys;
  dtls?: { config: DtlsConfig; remote: SocketAddress };
}

export class Shield {
  readonly #numbers: Numbers;
  readonly #rtp: Half;
  /** RTCP of a port and a handshake of its own. Absent: under the keys of RTP. */
  #rtcp: Half | undefined;

  /** `before`: under which keys another one has come to `numbers`. */
  constructor(numbers: Numbers, before: Keyed = {}) {
    const { keys, rtcpKeys } = before;
    this.#numbers = numbers;
    this.#rtp = new Half(numbers.rtp, keys);
    if (rtcpKeys !== undefined && rtcpKeys !== keys) this.#rtcp = new Half(numbers.rtcp, rtcpKeys);
  }

  /** `undefined`: in the clear. What is one key for RTP and RTCP is one context for both (RFC 3711 §3.2.1). */
  configure(keys: Keys | undefined): void {
    this.#rtp.configure(keys);
    this.#rtcp = undefined;
  }

  /** Keys that DTLS agrees on; those that are not there yet let nothing pass. */
  await(keys: Keys | undefined, rtcpKeys: Keys | undefined): void {
    this.#rtp.configure(keys ?? 'awaited');
    if (rtcpKeys !== undefined && rtcpKeys === keys) this.#rtcp = undefined;
    else {
      this.#rtcp ??= new Half(this.#numbers.rtcp);
      this.#rtcp.configure(rtcpKeys ?? 'awaited');
    }
  }

  get packetsRejected(): number {
    return this.#rtp.packetsRejected + (this.#rtcp?.packetsRejected ?? 0);
  }

  /** In place; the new length, -1 when the packet must not leave. */
  protect(bytes: Uint8Array, length: number): number {
    const { awaited, sender } = this.#rtp;
    return awaited ? -1 : sender === undefined ? length : sender.protect(bytes, length);
  }

  protectRtcp(bytes: Uint8Array, length: number): number {
    const { awaited, sender } = this.#rtcp ?? this.#rtp;
    return awaited ? -1 : sender === undefined ? length : sender.protectRtcp(bytes, length);
  }

  /** In place; the new length, -1 when the packet is to be dropped. */
  unprotect(bytes: Uint8Array, length: number): number {
    const { awaited, receiver } = this.#rtp;
    return awaited ? -1 : receiver === undefined ? length : receiver.unprotect(bytes, length);
  }

  unprotectRtcp(bytes: Uint8Array, length: number): number {
    const { awaited, receiver } = this.#rtcp ?? this.#rtp;
    return awaited ? -1 : receiver === undefined ? length : receiver.unprotectRtcp(bytes, length);
  }
}

class Half {
  readonly #numbers: ShieldNumbers;
  #keys: Keys | undefined;
  awaited = false;
  sender: SrtpSender | undefined;
  receiver: SrtpReceiver | undefined;
  #rejectedBefore = 0;

  constructor(numbers: ShieldNumbers, before?: Keys) {
    this.#numbers = numbers;
    this.#keys = before;
    this.sender = before && new SrtpSender(before.send, numbers.send);
    this.receiver = before && new SrtpReceiver(before.receive, numbers.receive);
  }

  /**
   * A key that stays goes on where it was: begun anew it would encrypt a second packet with the first one's key stream. With
   * a new key the roll-over counter begins at 0 again, on both sides; but not the index of SRTCP (RFC 3711 §3.4), for the key may
   * be one that had been left, as when branches of a fork take turns.
   */
  configure(wanted: Keys | undefined | 'awaited'): void {
    const keys = wanted === 'awaited' ? undefined : wanted;
    this.awaited = wanted === 'awaited';
    const { send, receive } = this.#numbers;
    if (!sameKeys(this.#keys?.send, keys?.send)) {
      send[0] = 0;
      this.sender = keys && new SrtpSender(keys.send, send);
    }
    if (!sameKeys(this.#keys?.receive, keys?.receive)) {
      this.#rejectedBefore = this.packetsRejected;
      receive.fill(0);
      this.receiver = keys && new SrtpReceiver(keys.receive, receive);
    }
    this.#keys = keys;
  }

  get packetsRejected(): number {
    return this.#rejectedBefore + (this.receiver?.packetsRejected ?? 0);
  }
}
