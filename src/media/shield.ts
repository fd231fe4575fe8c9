/** The encryption of one stream, or none: packets pass through it right before the socket, and right behind it. */
import { type SrtpKeys, SrtpReceiver, SrtpSender, sameKeys } from '../rtp/index.ts';

export class Shield {
  #keys: { send: SrtpKeys; receive: SrtpKeys } | undefined;
  #sender: SrtpSender | undefined;
  #receiver: SrtpReceiver | undefined;
  #rejectedBefore = 0;

  /**
   * A key that stays goes on where it was: begun anew it would encrypt a second packet with the first one's key stream. With
   * a new key the roll-over counter begins at 0 again, on both sides.
   */
  configure(keys: { send: SrtpKeys; receive: SrtpKeys } | undefined): void {
    if (!sameKeys(this.#keys?.send, keys?.send)) this.#sender = keys && new SrtpSender(keys.send);
    if (!sameKeys(this.#keys?.receive, keys?.receive)) {
      this.#rejectedBefore = this.packetsRejected;
      this.#receiver = keys && new SrtpReceiver(keys.receive);
    }
    this.#keys = keys;
  }

  get packetsRejected(): number {
    return this.#rejectedBefore + (this.#receiver?.packetsRejected ?? 0);
  }

  /** In place; the new length. */
  protect(bytes: Uint8Array, length: number): number {
    return this.#sender === undefined ? length : this.#sender.protect(bytes, length);
  }

  protectRtcp(bytes: Uint8Array, length: number): number {
    return this.#sender === undefined ? length : this.#sender.protectRtcp(bytes, length);
  }

  /** In place; the new length, -1 when the packet is to be dropped. */
  unprotect(bytes: Uint8Array, length: number): number {
    return this.#receiver === undefined ? length : this.#receiver.unprotect(bytes, length);
  }

  unprotectRtcp(bytes: Uint8Array, length: number): number {
    return this.#receiver === undefined ? length : this.#receiver.unprotectRtcp(bytes, length);
  }
}
