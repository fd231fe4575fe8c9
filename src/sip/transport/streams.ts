/** The TCP side: listening sockets, and every open connection by its name and by where it leads (RFC 3261 §18). */
import { createServer, isIP, type Server, type Socket } from 'node:net';
import type { HostPort } from '../message/index.ts';
import { allDone, systemReason, TransportError } from './errors.ts';
import { TcpConnection, type TcpEvents } from './tcp.ts';

/** Beyond it the one longest without a message makes room: one that others have opened, for ours lead to the servers. */
export const CONNECTIONS_MAX = 256;
export const CONNECT_TIMEOUT_MS = 4000;
const STOP_LINGER_MS = 500;

export interface TcpListener {
  readonly configured: HostPort;
  bound: HostPort;
  readonly family: 4 | 6;
  readonly server: Server;
}

export class Streams {
  readonly listeners: readonly TcpListener[];
  readonly #events: TcpEvents;
  /** In order of last use. */
  readonly #byId = new Map<string, TcpConnection>();
  #count = 0;

  constructor(listen: readonly HostPort[], events: TcpEvents) {
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
    this.listeners = listen.map((address) => ({
      configured: address,
      bound: address,
      family: isIP(address.host.split('%')[0]) === 6 ? 6 : 4,
      server: createServer((socket) => this.#accept(socket)),
    }));
  }

  async start(): Promise<void> {
    await allDone(this.listeners.map(listen));
  }

  /** The connection of that name, else any to that address. */
  find(flow: string | undefined, remote: HostPort): TcpConnection | undefined {
    const named = flow === undefined ? undefined : this.#byId.get(flow);
    if (named?.open) return named;
    for (const connection of this.#byId.values()) {
      if (connection.open && connection.remote.host === remote.host && connection.remote.port === remote.port) {
        return connection;
      }
    }
    return undefined;
  }

  open(remote: HostPort, from: string | undefined): TcpConnection {
    this.#makeRoom();
    const connection = TcpConnection.open(this.#name(), remote, from, CONNECT_TIMEOUT_MS, this.#events);
    this.#byId.set(connection.id, connection);
    return connection;
  }

  answered(branch: string): void {
    for (const connection of this.#byId.values()) connection.answered(branch);
  }

  #accept(socket: Socket): void {
    const { remoteAddress, remotePort } = socket;
    if (remoteAddress === undefined || remotePort === undefined) {
      socket.destroy();
      return;
    }
    this.#makeRoom();
    const connection = new TcpConnection(
      this.#name(),
      socket,
      { host: remoteAddress, port: remotePort },
      false,
      this.#events,
    );
    this.#byId.set(connection.id, connection);
  }

  #name(): string {
    return `tcp-${++this.#count}`;
  }

  #touch(connection: TcpConnection): void {
    if (this.#byId.delete(connection.id)) this.#byId.set(connection.id, connection);
  }

  #makeRoom(): void {
    if (this.#byId.size < CONNECTIONS_MAX) return;
    const all = [...this.#byId.values()];
    const oldest = all.find(({ ours }) => !ours) ?? all[0];
    this.#byId.delete(oldest.id);
    oldest.close('too many connections');
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

function listen(listener: TcpListener): Promise<void> {
  const { server, configured } = listener;
  const { host, port } = configured;
  return new Promise((resolve, reject) => {
    const failed = (error: Error) =>
      reject(new TransportError(`Cannot listen on tcp ${host} port ${port}: ${systemReason(error)}`, { cause: error }));
    server.once('error', failed);
    server.listen({ host, port, ipv6Only: true, exclusive: true }, () => {
      server.off('error', failed);
      // Accepting may fail for want of file descriptors: the next one may succeed.
      server.on('error', () => {});
      const address = server.address();
      if (address !== null && typeof address === 'object') listener.bound = { host, port: address.port };
      resolve();
    });
  });
}
