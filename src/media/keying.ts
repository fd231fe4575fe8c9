/** Where the keys of a stream come from: nowhere, SDP, or a handshake on its own sockets. `shield` works under them. */
import type { SrtpSuite } from '../rtp/index.ts';
import type { SocketName, UdpSocket } from '../rtp/socket.ts';
import { type Component, Handshake } from './handshake.ts';
import { Shield } from './shield.ts';
import type { SocketAddress, StreamConfig } from './types.ts';

/** New keys for RTP: of which suite, how long it took, and who has proven to be the other side. */
type Agreed = (suite: SrtpSuite, afterMs: number, source: SocketName) => void;

export class Keying {
  readonly shield = new Shield();
  readonly #sockets: Readonly<Record<Component, UdpSocket>>;
  readonly #agreed: Agreed;
  #handshake: Handshake | undefined;
  #sinceMs = 0;

  constructor(sockets: Readonly<Record<Component, UdpSocket>>, agreed: Agreed) {
    this.#sockets = sockets;
    this.#agreed = agreed;
  }

  /** A new association where anything about it is new; a hold by the address 0.0.0.0 is no other address. */
  configure({ dtls, remote, srtp }: StreamConfig, rtcp: SocketAddress, reachable: boolean, now: number): void {
    const goesOn =
      dtls !== undefined &&
      this.#handshake?.isFor(dtls) &&
      (!reachable || (this.#handshake.remote.host === remote.host && this.#handshake.remote.port === remote.port));
    if (goesOn) return;
    this.close();
    if (dtls === undefined) return this.shield.configure(srtp);
    this.shield.await(undefined, undefined);
    if (!reachable) return;
    this.#sinceMs = now;
    this.#handshake = new Handshake(dtls, remote, rtcp, this.#send, now);
  }

  readonly #send = (component: Component, datagram: Uint8Array, to: SocketName): void => {
    this.#sockets[component].send(datagram, datagram.length, to);
  };

  /** A datagram of the handshake, as its socket has just received it. */
  receive(component: Component, datagram: Uint8Array, length: number, now: number): void {
    const handshake = this.#handshake;
    if (!handshake?.receive(component, datagram, length, this.#sockets[component].source, now)) return;
    const { keys, rtcpKeys, source } = handshake;
    this.shield.await(keys, rtcpKeys);
    if (component === 'rtp' && keys !== undefined && source !== undefined)
      this.#agreed(keys.send.suite, Math.round(now - this.#sinceMs), source);
  }

  /** What is due; a string is why there are no keys for RTP so far, told again while that is so. */
  tick(now: number): string | undefined {
    return this.#handshake?.tick(now);
  }

  close(): void {
    this.#handshake?.close();
    this.#handshake = undefined;
  }
}
