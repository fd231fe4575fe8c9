/** One bound UDP socket. */
import { createSocket, type Socket } from 'node:dgram';
import { isIP } from 'node:net';
import type { HostPort } from '../message/index.ts';
import { systemReason, TransportError } from './errors.ts';

/** Asked of the kernel: a burst of INVITEs must not be lost while the process is busy. */
const RECEIVE_BUFFER_BYTES = 1 << 20;

export class UdpListener {
  readonly configured: HostPort;
  /** With the port the system chose when 0 was asked for. */
  bound: HostPort;
  readonly family: 4 | 6;
  readonly #onDatagram: (bytes: Buffer, remote: HostPort) => void;
  readonly #onError: (reason: string) => void;
  /** While it is bound. */
  #socket?: Socket;

  constructor(
    address: HostPort,
    onDatagram: (bytes: Buffer, remote: HostPort) => void,
    onError: (reason: string) => void,
  ) {
    this.configured = address;
    this.bound = address;
    this.family = isIP(address.host.split('%')[0]) === 6 ? 6 : 4;
    this.#onDatagram = onDatagram;
    this.#onError = onError;
  }

  /** Again after `stop`, too: an address may be there later. */
  start(): Promise<void> {
    const { host, port } = this.configured;
    const socket = createSocket({
      type: this.family === 6 ? 'udp6' : 'udp4',
      ipv6Only: this.family === 6,
      recvBufferSize: RECEIVE_BUFFER_BYTES,
      // Addresses are literals: nothing to look up, so a datagram leaves in the same turn.
      lookup: (host, _options, done) => done(null, host, this.family),
    });
    this.#socket = socket;
    socket.on('message', (bytes, from) => this.#onDatagram(bytes, { host: from.address, port: from.port }));
    socket.on('error', (error) => this.#onError(systemReason(error)));
    return new Promise((resolve, reject) => {
      const failed = (error: Error) =>
        reject(
          new TransportError(`Cannot listen on udp ${host} port ${port}: ${systemReason(error)}`, { cause: error }),
        );
      socket.once('error', failed);
      socket.bind({ address: host, port, exclusive: true }, () => {
        socket.off('error', failed);
        this.bound = { host, port: socket.address().port };
        resolve();
      });
    });
  }

  send(bytes: Uint8Array, to: HostPort, done: (error: Error | null) => void): void {
    try {
      if (!this.#socket) throw new Error('the socket is not open');
      this.#socket.send(bytes, to.port, to.host, done);
    } catch (error) {
      queueMicrotask(() => done(error as Error));
    }
  }

  stop(): Promise<void> {
    const socket = this.#socket;
    this.#socket = undefined;
    return new Promise((resolve) => {
      try {
        if (socket) socket.close(() => resolve());
        else resolve();
      } catch {
        resolve();
      }
    });
  }
}
