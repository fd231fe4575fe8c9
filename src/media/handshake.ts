/**
 * The keys of one stream by DTLS (RFC 5763, 5764): an association for RTP and, unless both share a port, one for RTCP. It works in
 * the media thread, where the sockets are; each step takes well under a millisecond (told by `test/rtp/dtls.test.ts`).
 */

import { DtlsAssociation } from '../rtp/dtls.ts';
import { SocketName } from '../rtp/socket.ts';
import type { Keys } from './shield.ts';
import type { DtlsConfig, SocketAddress } from './types.ts';

/** Without keys for so long something is wrong, and it is begun anew: what was heard may have been somebody else's. */
const PATIENCE_MS = 6000;
/** One that fails is begun anew no sooner than this after its own begin. */
const PAUSE_MS = 1000;

export type Component = 'rtp' | 'rtcp';
export type SendDatagram = (component: Component, datagram: Uint8Array, to: SocketName) => void;

export class Handshake {
  readonly config: DtlsConfig;
  readonly remote: SocketAddress;
  readonly #sides: Side[];

  /** `remoteRtcp`: not looked at when RTP and RTCP share a port. `before`: what another thread has agreed on. */
  constructor(
    config: DtlsConfig,
    remote: SocketAddress,
    remoteRtcp: SocketAddress,
    send: SendDatagram,
    now: number,
    before: Partial<Record<Component, Keys>> = {},
  ) {
    this.config = config;
    this.remote = remote;
    this.#sides = [new Side('rtp', config, remote, send, now, before.rtp)];
    if (!config.muxed) this.#sides.push(new Side('rtcp', config, remoteRtcp, send, now, before.rtcp));
  }

  /** Everything but the addresses, which may be none while the other side holds. */
  isFor(config: DtlsConfig): boolean {
    const { identity, role, muxed, tlsId, fingerprints } = this.config;
    return (
      role === config.role &&
      muxed === config.muxed &&
      tlsId === config.tlsId &&
      Buffer.compare(identity.certificate, config.identity.certificate) === 0 &&
      fingerprints.length === config.fingerprints.length &&
      fingerprints.every(({ digest }, index) => Buffer.compare(digest, config.fingerprints[index].digest) === 0)
    );
  }

  get keys(): Keys | undefined {
    return this.#sides[0].keys;
  }

  /** Of RTCP: those of RTP, when both share a port. */
  get rtcpKeys(): Keys | undefined {
    return this.#sides.at(-1)?.keys;
  }

  /** Who has proven to be the other side: where its packets come from, when they came. */
  get source(): SocketName | undefined {
    return this.#sides[0].keys === undefined ? undefined : this.#sides[0].peer;
  }

  /** True when there are new keys. */
  receive(component: Component, datagram: Uint8Array, length: number, source: SocketName, now: number): boolean {
    const side = this.#sides.find((one) => one.component === component);
    return side?.receive(datagram, length, source, now) ?? false;
  }

  /** What is due; a string is why there are no keys for RTP so far, told again while that is so. */
  tick(now: number): string | undefined {
    const [why] = this.#sides.map((side) => side.tick(now));
    return why;
  }

  close(): void {
    for (const side of this.#sides) side.close();
  }
}

class Side {
  readonly component: Component;
  readonly #config: DtlsConfig;
  readonly #send: SendDatagram;
  readonly #signalled = new SocketName();
  /** Where the association is: what SDP says until somebody else, behind a NAT, is heard. */
  readonly peer = new SocketName();
  /** None: it ended with the thread that made it, and its keys are what is left. */
  #association: DtlsAssociation | undefined;
  #sinceMs: number;
  #located = false;
  keys: Keys | undefined;

  constructor(
    component: Component,
    config: DtlsConfig,
    remote: SocketAddress,
    send: SendDatagram,
    now: number,
    before: Keys | undefined,
  ) {
    this.component = component;
    this.#config = config;
    this.#send = send;
    this.#signalled.set(remote.host, remote.port);
    this.#sinceMs = now;
    this.keys = before;
    if (before === undefined) this.#association = this.#begin(now);
  }

  receive(datagram: Uint8Array, length: number, source: SocketName, now: number): boolean {
    const association = this.#association;
    if (association === undefined) return false;
    // One association is one other side: whom SDP names, or behind a NAT the first to be heard. A stranger who is that gets no keys.
    const named = this.keys === undefined && source.same(this.#signalled);
    if (!this.#located || named) {
      this.#located = true;
      this.peer.copy(source);
    } else if (!this.peer.same(source)) return false;
    this.#say(association.receive(datagram, length, now));
    const before = this.keys;
    this.keys ??= association.keys;
    return before === undefined && this.keys !== undefined;
  }

  tick(now: number): string | undefined {
    const association = this.#association;
    if (association === undefined) return undefined;
    if (association.deadline !== undefined && now >= association.deadline) this.#say(association.timeout(now));
    if (this.keys !== undefined) return undefined;
    const ageMs = now - this.#sinceMs;
    if (ageMs < (association.state === 'failed' ? PAUSE_MS : PATIENCE_MS)) return undefined;
    const reason = association.reason || `no DTLS handshake within ${PATIENCE_MS / 1000} s`;
    this.close();
    this.#sinceMs = now;
    this.#association = this.#begin(now);
    return reason;
  }

  close(): void {
    if (this.#association !== undefined) this.#say(this.#association.close());
  }

  #begin(now: number): DtlsAssociation {
    this.peer.copy(this.#signalled);
    this.#located = false;
    const association = new DtlsAssociation(this.#config);
    for (const datagram of association.start(now)) this.#send(this.component, datagram, this.peer);
    return association;
  }

  #say(datagrams: readonly Uint8Array[]): void {
    for (const datagram of datagrams) this.#send(this.component, datagram, this.peer);
  }
}

/** RFC 7983 §7: what the first octet of a datagram says it is. */
export const isDtls = (datagram: Uint8Array, length: number): boolean =>
  length > 0 && datagram[0] >= 20 && datagram[0] <= 63;
