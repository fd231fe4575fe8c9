/**
 * One bound UDP socket, and beside it, at the same address and port, one for each server: the system gives a connected socket
 * what its other side sends, so strangers cannot fill the queue of a server, and tells it the ICMP errors of what it sent.
 */
import { createSocket, type Socket } from 'node:dgram';
import type { HostPort } from '../message/index.ts';
import { systemReason, TransportError } from './errors.ts';
import { closeSocket, familyOf, forgetErrors, keepAlone, mark, openUdp, tellEveryError } from './system.ts';

/** Asked of the kernel: a burst of INVITEs must not be lost while the process is busy. */
const RECEIVE_BUFFER_BYTES = 1 << 20;

type OnDatagram = (bytes: Buffer, remote: HostPort) => void;

export class UdpListener {
  readonly configured: HostPort;
  /** With the port the system chose when 0 was asked for. */
  bound: HostPort;
  readonly family: 4 | 6;
  readonly #dscp: number;
  readonly #onDatagram: OnDatagram;
  readonly #onError: (reason: string) => void;
  /** While it is bound. */
  #open?: { socket: Socket; fd: number };

  constructor(address: HostPort, dscp: number, onDatagram: OnDatagram, onError: (reason: string) => void) {
    this.#dscp = dscp;
    this.configured = address;
    this.bound = address;
    this.family = familyOf(address.host);
    this.#onDatagram = onDatagram;
    this.#onError = onError;
  }

  /** Again after `stop`, too: an address may be there later. */
  async start(): Promise<void> {
    const { host, port } = this.configured;
    try {
      const fd = openUdp(host, port);
      mark(fd, this.#dscp);
      const socket = adopt(fd, this.family, this.#onDatagram, (error) => this.#onError(systemReason(error)));
      keepAlone(fd);
      this.#open = { socket, fd };
      this.bound = { host, port: socket.address().port };
    } catch (error) {
      throw new TransportError(`Cannot listen on udp ${host} port ${port}: ${systemReason(error)}`, { cause: error });
    }
  }

  send(bytes: Uint8Array, to: HostPort, done: (error: Error | null) => void): void {
    try {
      if (!this.#open) throw new Error('the socket is not open');
      this.#open.socket.send(bytes, to.port, to.host, done);
    } catch (error) {
      queueMicrotask(() => done(error as Error));
    }
  }

  /** A socket for `remote` alone, at the address and port of this one. Throws the error of the system. */
  beside(remote: HostPort, onError: (error: Error) => void): UdpPeer {
    if (!this.#open) throw new Error('the socket is not open');
    const fd = openUdp(this.bound.host, this.bound.port, this.#open.fd);
    mark(fd, this.#dscp);
    let peer: UdpPeer | undefined;
    const failed = (error: Error): void => {
      peer?.forgetErrors();
      onError(error);
    };
    // What others send until it is connected reaches it too.
    peer = new UdpPeer(adopt(fd, this.family, this.#onDatagram, failed), fd, remote);
    tellEveryError(fd, this.family);
    return peer;
  }

  stop(): Promise<void> {
    const socket = this.#open?.socket;
    this.#open = undefined;
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

export class UdpPeer {
  readonly #socket: Socket;
  /** Until it is closed. */
  #fd: number | undefined;

  constructor(socket: Socket, fd: number, remote: HostPort) {
    this.#socket = socket;
    this.#fd = fd;
    try {
      socket.connect(remote.port, remote.host);
      socket.remoteAddress();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  send(bytes: Uint8Array, done: (error: Error | null) => void): void {
    try {
      this.#socket.send(bytes, (error) => {
        if (error !== null) this.forgetErrors();
        done(error);
      });
    } catch (error) {
      queueMicrotask(() => done(error as Error));
    }
  }

  /** After each error. */
  forgetErrors(): void {
    if (this.#fd !== undefined) forgetErrors(this.#fd);
  }

  close(): void {
    this.#fd = undefined;
    try {
      this.#socket.close();
    } catch {
      // It is closed.
    }
  }
}

/** Hands a bound socket to the event loop. Whatever happens, it is closed with what this returns. */
function adopt(fd: number, family: 4 | 6, onDatagram: OnDatagram, onError: (error: Error) => void): Socket {
  const socket = createSocket({
    type: family === 6 ? 'udp6' : 'udp4',
    recvBufferSize: RECEIVE_BUFFER_BYTES,
    // Addresses are literals: nothing to look up, so a datagram leaves, and a socket is connected, in the same turn.
    lookup: (host, _options, done) => done(null, host, family),
  });
  socket.on('message', (bytes, from) => onDatagram(bytes, { host: from.address, port: from.port }));
  socket.on('error', onError);
  try {
    socket.bind({ fd, exclusive: true });
  } catch (error) {
    closeSocket(fd);
    throw error;
  }
  return socket;
}
