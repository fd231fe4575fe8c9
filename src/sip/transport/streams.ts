/** The TCP and TLS side: listening sockets, and every open connection by its name and by where it leads (RFC 3261 §18). */
import { connect, createServer, isIP, type Server, type Socket } from 'node:net';
import type { Hop, HostPort } from '../message/index.ts';
import {
  Connection,
  type ConnectionEvents,
  type ConnectionOptions,
  type Opening,
  type StreamTransport,
} from './connection.ts';
import { allDone, systemReason, TransportError } from './errors.ts';
import type { Limits } from './limits.ts';
import { isOwnAddress } from './source.ts';
import { markStream } from './system.ts';
import type { Tls } from './tls.ts';

/** Beyond it the one longest without a message makes room: one that others have opened, for ours lead to the servers. */
export const CONNECTIONS_MAX = 256;
/** Connections of strangers, of one address and of all: one more is not taken, and the longest unused makes room. */
export const STRANGER_CONNECTIONS_MAX = 8;
const STRANGERS_CONNECTIONS_MAX = 64;
const CONNECT_TIMEOUT_MS = 4000;
const STOP_LINGER_MS = 500;

export interface StreamListener {
  readonly transport: StreamTransport;
  readonly configured: HostPort;
  bound: HostPort;
  readonly family: 4 | 6;
  readonly server: Server;
}

export class Streams {
  readonly listeners: readonly StreamListener[];
  readonly #events: ConnectionEvents;
  readonly #tls: Tls;
  readonly #dscp: number;
  /** In order of last use. */
  readonly #byId = new Map<string, Connection>();
  #count = 0;
  /** Absent: nobody is a stranger. */
  limits: Limits | undefined;

  constructor(listen: Record<StreamTransport, readonly HostPort[]>, dscp: number, tls: Tls, events: ConnectionEvents) {
    this.#dscp = dscp;
    this.#tls = tls;
    this.#events = {
      onFrame: (connection, frame) => {
        this.#touch(connection);
        events.onFrame(connection, frame);
      },
      onClose: (connection, reason, waiting) => {
        this.#byId.delete(connection.id);
        events.onClose(connection, reason, waiting);
      },
    };
    this.listeners = (['tcp', 'tls'] as const).flatMap((transport) =>
      listen[transport].map((address) => ({
        transport,
        configured: address,
        bound: address,
        family: isIP(address.host.split('%')[0]) === 6 ? 6 : 4,
        server: createServer((socket) => this.#accept(transport, socket)),
      })),
    );
  }

  of(transport: StreamTransport): readonly StreamListener[] {
    return this.listeners.filter((listener) => listener.transport === transport);
  }

  async start(): Promise<void> {
    if (this.of('tls').length > 0) this.#tls.check();
    await allDone(this.listeners.map((listener) => listen(listener, this.#dscp)));
  }

  /** The connection `hop` names, else any to its address; over TLS only one whose other end is whom it wants. */
  find(hop: Hop): Connection | undefined {
    const named = hop.flow === undefined ? undefined : this.#byId.get(hop.flow);
    if (named?.open) return named;
    for (const connection of this.#byId.values()) {
      if (connection.open && connection.transport === hop.transport && leadsTo(connection, hop)) return connection;
    }
    return undefined;
  }

  /** `from`: the address to send from. */
  open(transport: StreamTransport, hop: Hop, from: string | undefined): Connection {
    this.#makeRoom();
    const { remote } = hop;
    const options = { id: this.#name(transport), transport, remote, ours: true };
    const withinMs = hop.connectMs ?? CONNECT_TIMEOUT_MS;
    let connection: Connection;
    if (transport === 'tcp') {
      const socket = connect({ host: remote.host, port: remote.port, localAddress: from });
      this.#mark(socket);
      connection = new Connection(options, socket, this.#events, { event: 'connect', withinMs });
    } else {
      const domains = domainsOf(hop);
      const socket = this.#tls.connect(remote, from, domains);
      this.#mark(socket);
      const opening: Opening = {
        event: 'secureConnect',
        withinMs,
        objection: (wanted) => this.#tls.objection(socket, wanted),
        identities: () => this.#tls.identities(socket),
      };
      connection = new Connection({ ...options, domains }, socket, this.#events, opening);
    }
    this.#byId.set(connection.id, connection);
    return connection;
  }

  answered(branch: string): void {
    for (const connection of this.#byId.values()) connection.answered(branch);
  }

  /** There is a descriptor only once it connects. */
  #mark(socket: Socket): void {
    socket.once('connect', () => markStream(socket, this.#dscp));
  }

  #accept(transport: StreamTransport, socket: Socket): void {
    const { remoteAddress, remotePort } = socket;
    if (remoteAddress === undefined || remotePort === undefined) {
      socket.destroy();
      return;
    }
    const stranger = this.limits?.knows(remoteAddress, performance.now()) === false;
    if (stranger && !this.#roomForStranger(remoteAddress)) {
      socket.destroy();
      return;
    }
    this.#makeRoom();
    const remote = { host: remoteAddress, port: remotePort };
    const options = { id: this.#name(transport), transport, remote, ours: false, stranger };
    const connection =
      transport === 'tcp' ? new Connection(options, socket, this.#events) : this.#secure(options, socket);
    this.#byId.set(connection.id, connection);
  }

  #secure(options: ConnectionOptions, socket: Socket): Connection {
    const secure = this.#tls.accept(socket);
    const identities = (): readonly string[] => this.#tls.identities(secure);
    return new Connection(options, secure, this.#events, { event: 'secure', withinMs: CONNECT_TIMEOUT_MS, identities });
  }

  /** See `Connection.keepAlive`. */
  keepAlive(flow: string, everyMs: number | undefined, owed: boolean): void {
    this.#byId.get(flow)?.keepAlive(everyMs, owed);
  }

  /** Ends what starts from an address that is ours no more. */
  refresh(): void {
    for (const connection of [...this.#byId.values()]) {
      const { localHost } = connection;
      if (localHost !== undefined && !isOwnAddress(localHost))
        connection.close(`${localHost} is no address of ours now`);
    }
  }

  #name(transport: StreamTransport): string {
    return `${transport}-${++this.#count}`;
  }

  #touch(connection: Connection): void {
    if (this.#byId.delete(connection.id)) this.#byId.set(connection.id, connection);
  }

  #roomForStranger(host: string): boolean {
    const strangers = [...this.#byId.values()].filter(({ stranger }) => stranger);
    if (strangers.filter(({ remote }) => remote.host === host).length >= STRANGER_CONNECTIONS_MAX) {
      this.limits?.dropped(host, performance.now());
      return false;
    }
    if (strangers.length >= STRANGERS_CONNECTIONS_MAX) this.#evict(strangers[0]);
    return true;
  }

  #makeRoom(): void {
    if (this.#byId.size < CONNECTIONS_MAX) return;
    const all = [...this.#byId.values()];
    this.#evict(all.find(({ stranger }) => stranger) ?? all.find(({ ours }) => !ours) ?? all[0]);
  }

  #evict(connection: Connection): void {
    this.#byId.delete(connection.id);
    connection.close('too many connections');
  }

  async stop(): Promise<void> {
    for (const connection of [...this.#byId.values()]) connection.end('stopping', STOP_LINGER_MS);
    await Promise.all(
      this.listeners.map(
        ({ server }) => new Promise<void>((resolve) => (server.listening ? server.close(() => resolve()) : resolve())),
      ),
    );
  }
}

/** Whom `hop` wants at the other end: without a name it is the address that must be in the certificate. */
const domainsOf = ({ domains, remote }: Hop): readonly string[] => domains ?? [remote.host];

function leadsTo(connection: Connection, hop: Hop): boolean {
  const { remote, transport } = connection;
  if (remote.host !== hop.remote.host || remote.port !== hop.remote.port) return false;
  return transport === 'tcp' || connection.isFor(domainsOf(hop));
}

function listen(listener: StreamListener, dscp: number): Promise<void> {
  const { server, configured, transport } = listener;
  const { host, port } = configured;
  return new Promise((resolve, reject) => {
    const failed = (error: Error) =>
      reject(
        new TransportError(`Cannot listen on ${transport} ${host} port ${port}: ${systemReason(error)}`, {
          cause: error,
        }),
      );
    server.once('error', failed);
    server.listen({ host, port, ipv6Only: true, exclusive: true }, () => {
      server.off('error', failed);
      markStream(server, dscp);
      // Accepting may fail for want of file descriptors: the next one may succeed.
      server.on('error', () => {});
      const address = server.address();
      if (address !== null && typeof address === 'object') listener.bound = { host, port: address.port };
      resolve();
    });
  });
}
