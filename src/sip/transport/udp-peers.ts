/**
 * Sockets of one server each, and what was asked over them: when the network says that nobody is there (ICMP, RFC 3261
 * §18.4), the requests that nobody has answered are named. Who cannot have such a socket is reached by the shared one.
 */
import type { HostPort, SipMessage } from '../message/index.ts';
import { systemReason } from './errors.ts';
import type { UdpListener, UdpPeer } from './udp.ts';

/** Servers with a socket of their own. */
export const PEERS_MAX = 16;
/** One that was used since keeps its socket, however many others there are. Servers are asked something every 5 s. */
const PEER_IDLE_MS = 60_000;
/** Requests to one server whose answers are waited for; of more, the oldest is not reported. */
const WAITING_MAX = 64;
/** Nobody waits longer for an answer (64*T1). */
const WAITING_MS = 32_000;

/** ICMP "unreachable" as the system reports it to a connected socket: port, protocol, prohibited; host, network. */
const REFUSALS = ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOPROTOOPT', 'EACCES'];

interface Peer {
  readonly socket: UdpPeer;
  usedMs: number;
  /** By branch. */
  readonly waiting: Map<string, { transaction: string; sentMs: number }>;
}

export interface UdpPeersEvents {
  /** What was asked in `transaction` has reached nobody, says the network. Anybody could have forged that. */
  onRefused(transaction: string, reason: string): void;
  onTrouble(remote: HostPort, reason: string): void;
}

export class UdpPeers {
  readonly #events: UdpPeersEvents;
  /** The one longest unused first. */
  readonly #peers = new Map<string, Peer>();

  constructor(events: UdpPeersEvents) {
    this.#events = events;
  }

  /** `open`: worth a socket of its own, when it has none. `done` hears of what could not be sent at all. */
  send(
    listener: UdpListener,
    remote: HostPort,
    what: { bytes: Uint8Array; message: SipMessage; transaction: string | undefined; open: boolean },
    done: (error: Error | null) => void,
  ): void {
    const { bytes, message, transaction, open } = what;
    const key = `${listener.bound.host} ${listener.bound.port} ${remote.host} ${remote.port}`;
    const now = performance.now();
    const peer = this.#peers.get(key) ?? (open ? this.#open(key, listener, remote, now) : undefined);
    if (peer === undefined) return listener.send(bytes, remote, done);
    this.#use(key, peer, now);
    const branch = message.kind === 'request' && message.method !== 'ACK' ? message.via.params.get('branch') : null;
    if (branch && transaction !== undefined) {
      peer.waiting.delete(branch);
      if (peer.waiting.size >= WAITING_MAX) peer.waiting.delete(peer.waiting.keys().next().value!);
      peer.waiting.set(branch, { transaction, sentMs: now });
    }
    peer.socket.send(bytes, (error) => {
      if (error === null) return done(null);
      // What it tells may be about an earlier datagram; this one has not gone.
      this.#failed(key, remote, peer, error);
      listener.send(bytes, remote, done);
    });
  }

  answered(branch: string): void {
    for (const { waiting } of this.#peers.values()) waiting.delete(branch);
  }

  /** Each is made anew when it is needed: its address here, or the way there, may be another one. */
  close(): void {
    for (const { socket } of this.#peers.values()) socket.close();
    this.#peers.clear();
  }

  #use(key: string, peer: Peer, now: number): void {
    peer.usedMs = now;
    this.#peers.delete(key);
    this.#peers.set(key, peer);
  }

  #open(key: string, listener: UdpListener, remote: HostPort, now: number): Peer | undefined {
    if (this.#peers.size >= PEERS_MAX) {
      const [oldest, { usedMs, socket }] = this.#peers.entries().next().value!;
      if (now - usedMs < PEER_IDLE_MS) return undefined;
      socket.close();
      this.#peers.delete(oldest);
    }
    let peer: Peer | undefined;
    try {
      const socket = listener.beside(remote, (error) => peer && this.#failed(key, remote, peer, error));
      peer = { socket, usedMs: now, waiting: new Map() };
      return peer;
    } catch (error) {
      this.#events.onTrouble(remote, systemReason(error));
      return undefined;
    }
  }

  #failed(key: string, remote: HostPort, peer: Peer, error: Error): void {
    const reason = systemReason(error);
    if (this.#peers.get(key) !== peer) return;
    if (!REFUSALS.includes(reason)) {
      this.#events.onTrouble(remote, reason);
      peer.socket.close();
      this.#peers.delete(key);
      return;
    }
    const asked = [...peer.waiting.values()];
    peer.waiting.clear();
    const since = performance.now() - WAITING_MS;
    for (const { transaction, sentMs } of asked)
      if (sentMs > since) this.#events.onRefused(transaction, `UDP: ${reason}`);
  }
}
