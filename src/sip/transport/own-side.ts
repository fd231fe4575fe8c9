/** Our own side of what comes and goes: which of the addresses we listen at the other side sees. RFC 3261 §18.1.1, §18.2.1. */
import { isIP } from 'node:net';
import type { Hop, HostPort, Transport } from '../message/index.ts';
import { TransportError } from './errors.ts';
import { sourceAddress } from './source.ts';
import type { Streams } from './streams.ts';

/** How long the answer "which of our addresses leads there" is believed, ms. */
const SOURCE_CACHE_MS = 2000;
const SOURCE_CACHE_MAX = 256;
/** No address of ours, but all of them. */
const ANY = ['0.0.0.0', '::'];

export interface Listener {
  readonly bound: HostPort;
  readonly family: 4 | 6;
}

export const isAny = ({ bound }: Listener): boolean => ANY.includes(bound.host);

export class OwnSide {
  readonly #udp: readonly Listener[];
  readonly #streams: Streams;
  readonly #sources = new Map<string, { host: string | undefined; atMs: number }>();

  constructor(udp: readonly Listener[], streams: Streams) {
    this.#udp = udp;
    this.#streams = streams;
  }

  /** Routes are others now. */
  refresh(): void {
    this.#sources.clear();
  }

  /** Our side as `remoteHost` (an IP literal) sees it, with the listening port. Throws `TransportError` when nothing fits. */
  localFor(remoteHost: string, transport: Transport): HostPort {
    const family = isIP(remoteHost.split('%')[0]);
    const source = this.#source(remoteHost);
    for (const candidates of this.#listeners(transport)) {
      const fitting = candidates.filter((listener) => listener.family === family);
      const exact = fitting.find(({ bound }) => bound.host === source);
      const any = fitting.find(isAny);
      if (exact !== undefined) return exact.bound;
      if (any !== undefined && source !== undefined) return { host: source, port: any.bound.port };
      const specific = fitting.find((one) => !isAny(one));
      if (specific !== undefined) return specific.bound;
    }
    throw new TransportError(
      `Cannot reach ${remoteHost} over ${transport}: no listening address of its kind has a route`,
    );
  }

  /**
   * Those of the transport, then others: without a listener of its own requests can still be sent over it, and answers to
   * them come back the same way.
   */
  #listeners(transport: Transport): readonly (readonly Listener[])[] {
    switch (transport) {
      case 'udp':
        return [this.#udp];
      case 'tcp':
        return [this.#streams.of('tcp'), this.#udp];
      case 'tls':
        return [this.#streams.of('tls'), this.#udp, this.#streams.of('tcp')];
    }
  }

  #source(remoteHost: string): string | undefined {
    const now = performance.now();
    const known = this.#sources.get(remoteHost);
    if (known !== undefined && now - known.atMs < SOURCE_CACHE_MS) return known.host;
    if (this.#sources.size >= SOURCE_CACHE_MAX) this.#sources.clear();
    const host = sourceAddress(remoteHost);
    this.#sources.set(remoteHost, { host, atMs: now });
    return host;
  }

  /** Of a datagram that came in at `bound`. */
  ofDatagram(bound: HostPort, remoteHost: string): HostPort {
    if (!ANY.includes(bound.host)) return bound;
    return { host: this.#source(remoteHost) ?? bound.host, port: bound.port };
  }

  /** Of a connection: its own address there, with the port where others reach us. */
  ofConnection(host: string, transport: Transport): HostPort {
    const listener = this.#listeners(transport)
      .map((all) => all.find(({ bound }) => bound.host === host) ?? all.find(isAny) ?? all[0])
      .find((found) => found !== undefined);
    return { host, port: listener?.bound.port ?? 0 };
  }

  /** A connection starts from the address we listen on, when that is a certain one. */
  bindTo({ transport, local }: Hop): string | undefined {
    const listeners = transport === 'tls' ? this.#listeners(transport).flat() : this.#streams.listeners;
    return listeners.some(({ bound }) => bound.host === local.host) ? local.host : undefined;
  }
}
