/**
 * RTP and RTCP sockets by system calls (koffi): bound synchronously, marked for the voice queue (DSCP EF), read and written by
 * the media thread without an event loop. An edge beside the pure `rtp` room: import this file, not the room's door.
 */

import { isIP } from 'node:net';
import { endianness } from 'node:os';
import koffi from 'koffi';
import { CodedError } from '../base/index.ts';

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM_NONBLOCK_CLOEXEC = 2 | 0o4000 | 0o2000000;
const SOL_SOCKET = 1;
const SO_PRIORITY = 12;
const IPPROTO_IP = 0;
const IP_TOS = 1;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const IPV6_TCLASS = 67;
const MSG_DONTWAIT = 0x40;
/** Expedited forwarding, RFC 3246. */
export const DSCP_EF = 46;
const PRIORITY_VOICE = 6;
/** Tries to find two free neighbouring ports when the system chooses one of them. */
const MAX_PAIR_TRIES = 64;
const ADDRESS_BYTES = 28;

const libc = koffi.load(null);
const native = {
  socket: libc.func('int socket(int family, int type, int protocol)'),
  setsockopt: libc.func('int setsockopt(int fd, int level, int name, void *value, uint32_t length)'),
  bind: libc.func('int bind(int fd, void *address, uint32_t length)'),
  getsockname: libc.func('int getsockname(int fd, void *address, void *length)'),
  recvfrom: libc.func(
    'long recvfrom(int fd, void *bytes, size_t length, int flags, void *address, void *addressLength)',
  ),
  sendto: libc.func(
    'long sendto(int fd, void *bytes, size_t length, int flags, void *address, uint32_t addressLength)',
  ),
  close: libc.func('int close(int fd)'),
  inet_pton: libc.func('int inet_pton(int family, const char *text, void *address)'),
  ifIndex: libc.func('unsigned int if_nametoindex(const char *name)'),
};
const LITTLE = endianness() === 'LE';

/** `code`: what the system said, lower case: `eaddrinuse`, `eaddrnotavail`, `eacces`. */
export class SocketError extends CodedError {}

/** A struct sockaddr_in or sockaddr_in6 with the bytes that tell two peers apart. */
export class SocketName {
  readonly bytes = new Uint8Array(ADDRESS_BYTES);
  length = ADDRESS_BYTES;

  /** Reads an IP literal (IPv6 with an optional `%zone`) and a port. Throws `SocketError`. */
  set(host: string, port: number): this {
    const [address, zone] = host.split('%');
    const family = isIP(address);
    if (family === 0) throw new SocketError('einval', `Cannot use "${host}" as an address: it is no IP literal`);
    this.bytes.fill(0);
    const view = new DataView(this.bytes.buffer);
    view.setUint16(0, family === 4 ? AF_INET : AF_INET6, LITTLE);
    view.setUint16(2, port);
    if (family === 4) native.inet_pton(AF_INET, address, this.bytes.subarray(4));
    else native.inet_pton(AF_INET6, address, this.bytes.subarray(8));
    if (zone !== undefined) view.setUint32(24, Number(zone) || native.ifIndex(zone), LITTLE);
    this.length = family === 4 ? 16 : ADDRESS_BYTES;
    return this;
  }

  copy(other: SocketName): void {
    this.bytes.set(other.bytes);
    this.length = other.length;
  }

  get port(): number {
    return (this.bytes[2] << 8) | this.bytes[3];
  }

  set port(port: number) {
    this.bytes[2] = port >> 8;
    this.bytes[3] = port;
  }

  sameHost(other: SocketName): boolean {
    const [from, to] = this.#isIpv6 ? [8, 24] : [4, 8];
    if (this.bytes[0] !== other.bytes[0] || this.bytes[1] !== other.bytes[1]) return false;
    for (let i = from; i < to; i++) if (this.bytes[i] !== other.bytes[i]) return false;
    return true;
  }

  same(other: SocketName): boolean {
    return this.bytes[2] === other.bytes[2] && this.bytes[3] === other.bytes[3] && this.sameHost(other);
  }

  get host(): string {
    if (!this.#isIpv6) return this.bytes.subarray(4, 8).join('.');
    const groups = [];
    for (let i = 8; i < 24; i += 2) groups.push(((this.bytes[i] << 8) | this.bytes[i + 1]).toString(16));
    return groups.join(':');
  }

  toString(): string {
    return this.#isIpv6 ? `[${this.host}]:${this.port}` : `${this.host}:${this.port}`;
  }

  get #isIpv6(): boolean {
    return this.length === ADDRESS_BYTES;
  }
}

export interface PortPair {
  rtpFd: number;
  rtcpFd: number;
  /** The even port; RTCP has the next one. */
  port: number;
}

/**
 * Binds an even port and its neighbour on `host`: one the system chooses, or one of `range`. What they send is marked with `dscp`
 * (RFC 2474). Throws `SocketError`.
 */
export function bindPair(host: string, range?: { from: number; to: number }, dscp: number = DSCP_EF): PortPair {
  if (range === undefined) {
    for (let tries = 0; tries < MAX_PAIR_TRIES; tries++) {
      const fd = bindPort(host, 0, dscp);
      const port = boundPort(fd);
      const neighbour = bindNeighbour(host, fd, port ^ 1, dscp);
      if (neighbour === undefined) closeSocket(fd);
      else if (port % 2 === 0) return { rtpFd: fd, rtcpFd: neighbour, port };
      else return { rtpFd: neighbour, rtcpFd: fd, port: port - 1 };
    }
    throw new SocketError('eaddrinuse', `Cannot find two neighbouring free UDP ports on ${host}`);
  }
  const first = range.from + (range.from % 2);
  const count = Math.floor((range.to - first + 1) / 2);
  for (let i = 0; i < count; i++) {
    const port = first + 2 * ((nextInRange + i) % count);
    try {
      const rtpFd = bindPort(host, port, dscp);
      const rtcpFd = bindNeighbour(host, rtpFd, port + 1, dscp);
      nextInRange = (nextInRange + i + 1) % count;
      if (rtcpFd !== undefined) return { rtpFd, rtcpFd, port };
      closeSocket(rtpFd);
    } catch (error) {
      if (!(error instanceof SocketError) || error.code !== 'eaddrinuse') throw error;
    }
  }
  throw new SocketError('eaddrinuse', `Cannot bind RTP on ${host}: ports ${range.from}..${range.to} are all taken`);
}

/** Calls take turns through the range, so that stragglers of the last call do not reach the next one. */
let nextInRange = 0;

/** Undefined when somebody has it; any other failure closes `fd` as well. */
function bindNeighbour(host: string, fd: number, port: number, dscp: number): number | undefined {
  try {
    return bindPort(host, port, dscp);
  } catch (error) {
    if (error instanceof SocketError && error.code === 'eaddrinuse') return undefined;
    closeSocket(fd);
    throw error;
  }
}

/** `prepare`: options that must be set before. Throws `SocketError`. */
export function bindPort(host: string, port: number, dscp: number, prepare?: (fd: number) => void): number {
  const name = new SocketName().set(host, port);
  const ipv6 = name.length === ADDRESS_BYTES;
  const fd: number = native.socket(ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM_NONBLOCK_CLOEXEC, 0);
  if (fd < 0) throw systemError('open a UDP socket');
  if (ipv6) option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  option(fd, ipv6 ? IPPROTO_IPV6 : IPPROTO_IP, ipv6 ? IPV6_TCLASS : IP_TOS, dscp << 2);
  option(fd, SOL_SOCKET, SO_PRIORITY, PRIORITY_VOICE);
  prepare?.(fd);
  if (native.bind(fd, name.bytes, name.length) < 0) {
    const error = systemError(`bind UDP ${name}`);
    closeSocket(fd);
    throw error;
  }
  return fd;
}

/** Marks are a wish: a system that refuses one still carries the call. */
function option(fd: number, level: number, name: number, value: number): void {
  native.setsockopt(fd, level, name, new Int32Array([value]), 4);
}

function boundPort(fd: number): number {
  const name = new SocketName();
  if (native.getsockname(fd, name.bytes, new Uint32Array([ADDRESS_BYTES])) < 0) throw systemError('read a local port');
  return name.port;
}

export function systemError(tried: string): SocketError {
  const number = koffi.errno();
  const known = Object.entries(koffi.os.errno).find(([, value]) => value === number);
  const code = known?.[0] ?? `errno ${number}`;
  return new SocketError(code.toLowerCase(), `Cannot ${tried}: ${code}`);
}

export function closeSocket(fd: number): void {
  native.close(fd);
}

/** One bound socket in the media thread. Nothing is allocated per datagram. */
export class UdpSocket {
  readonly #fd: number;
  /** Where the datagram of the last `receive` came from. */
  readonly source = new SocketName();
  readonly #sourceLength = new Uint32Array(1);

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** The length of the next waiting datagram, now in `into`; -1 when none waits. What is longer than `into` is cut. */
  receive(into: Uint8Array): number {
    this.#sourceLength[0] = ADDRESS_BYTES;
    const { bytes } = this.source;
    const length = Number(native.recvfrom(this.#fd, into, into.length, MSG_DONTWAIT, bytes, this.#sourceLength));
    if (length < 0) return -1; // EAGAIN; and ECONNREFUSED, the ICMP answer to an earlier packet, is no news either
    this.source.length = this.#sourceLength[0];
    return length;
  }

  /** False when the system did not take it (no route, full queue): RTP does not repeat. */
  send(bytes: Uint8Array, length: number, to: SocketName): boolean {
    return native.sendto(this.#fd, bytes, length, MSG_DONTWAIT, to.bytes, to.length) >= 0;
  }

  close(): void {
    closeSocket(this.#fd);
  }
}
