/** Where the keys of a stream come from: nowhere, SDP, or a handshake on its own sockets. `shield` works under them. */
import type { SrtpSuite } from '../rtp/index.ts';
import type { SocketName, UdpSocket } from '../rtp/socket.ts';
import { type Component, Handshake } from './handshake.ts';
import type { Numbers } from './numbers.ts';
import { type Keyed, Shield } from './shield.ts';
import type { SocketAddress, StreamConfig } from './types.ts';

/** New keys for RTP: of which suite, how long it took, and who has proven to be the other side. */
type Agreed = (suite: SrtpSuite, afterMs: number, source: SocketName) => void;

/** What a stream has for its keys. */
export interface KeyingOptions {
  sockets: Readonly<Record<Component, UdpSocket>>;
  numbers: Numbers;
  /** What another thread has said to `keyed` at last. */
  before?: Keyed;
  agreed: Agreed;
  keyed(keyed: Keyed): void;
}

export class Keying {
  readonly shield: Shield;
  readonly #sockets: Readonly<Record<Component, UdpSocket>>;
  readonly #agreed: Agreed;
  readonly #keyed: (keyed: Keyed) => void;
  /** Until the first `configure`. */
  #before: Keyed | undefined;
  #handshake: Handshake | undefined;
  #sinceMs = 0;
  #keyless: boolean;

  constructor({ sockets, numbers, before, agreed, keyed }: KeyingOptions) {
    this.shield = new Shield(numbers, before);
    this.#sockets = sockets;
    this.#before = before;
    this.#keyless = before === undefined;
    this.#agreed = agreed;
    this.#keyed = keyed;
  }

  /** A new association where anything about it is new; a hold by the address 0.0.0.0 is no other address. */
  configure({ dtls, remote, srtp }: StreamConfig, rtcp: SocketAddress, reachable: boolean, now: number): void {
    this.#resume(rtcp, now);
    const goesOn =
      dtls !== undefined &&
      this.#handshake?.isFor(dtls) &&
      (!reachable || (this.#handshake.remote.host === remote.host && this.#handshake.remote.port === remote.port));
    if (goesOn) return;
    this.close();
    if (dtls === undefined) {
      this.shield.configure(srtp);
      return this.#tell({ keys: srtp });
    }
    this.shield.await(undefined, undefined);
    this.#tell({});
    if (!reachable) return;
    this.#sinceMs = now;
    this.#handshake = new Handshake(dtls, remote, rtcp, this.#send, now);
  }

  #resume(rtcp: SocketAddress, now: number): void {
    const { dtls, keys, rtcpKeys } = this.#before ?? {};
    this.#before = undefined;
    if (dtls === undefined) return;
    this.#sinceMs = now;
    this.shield.await(keys, rtcpKeys);
    this.#handshake = new Handshake(dtls.config, dtls.remote, rtcp, this.#send, now, { rtp: keys, rtcp: rtcpKeys });
  }

  readonly #send = (component: Component, datagram: Uint8Array, to: SocketName): void => {
    this.#sockets[component].send(datagram, datagram.length, to);
  };

  /** A datagram of the handshake, as its socket has just received it. */
  receive(component: Component, datagram: Uint8Array, length: number, now: number): void {
    const handshake = this.#handshake;
    if (!handshake?.receive(component, datagram, length, this.#sockets[component].source, now)) return;
    const { keys, rtcpKeys, source, config, remote } = handshake;
    this.shield.await(keys, rtcpKeys);
    this.#tell({ keys, rtcpKeys, dtls: { config, remote } });
    if (component === 'rtp' && keys !== undefined && source !== undefined)
      this.#agreed(keys.send.suite, Math.round(now - this.#sinceMs), source);
  }

  /** Of a stream in the clear there is nothing to tell, each time. */
  #tell(keyed: Keyed): void {
    const keyless = keyed.keys === undefined && keyed.rtcpKeys === undefined;
    if (!keyless || !this.#keyless) this.#keyed(keyed);
    this.#keyless = keyless;
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
