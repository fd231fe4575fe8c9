/** What Node does not offer of sockets: system calls by koffi, an edge. */
import { isIP } from 'node:net';
import koffi from 'koffi';

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const SOCK_NONBLOCK = 0o4000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const IPPROTO_IP = 0;
const IP_TOS = 1;
const IPV6_TCLASS = 67;
const IP_RECVERR = 11;
const IPV6_RECVERR = 25;
const MSG_ERRQUEUE_DONTWAIT = 0x2000 | 0x40;
/** Longer than any error queue: each entry counts for more than its octets, and all of them for a receive buffer. */
const ERRORS_MAX = 65_536;

const libc = koffi.load(null);
const system = {
  socket: libc.func('int socket(int, int, int)'),
  setsockopt: libc.func('int setsockopt(int, int, int, void *, uint32_t)'),
  bind: libc.func('int bind(int, void *, uint32_t)'),
  connect: libc.func('int connect(int, void *, uint32_t)'),
  getsockname: libc.func('int getsockname(int, void *, void *)'),
  close: libc.func('int close(int)'),
  recvmsg: libc.func('intptr_t recvmsg(int, void *, int)'),
  inet_pton: libc.func('int inet_pton(int, const char *, void *)'),
  inet_ntop: libc.func('const char *inet_ntop(int, void *, void *, uint32_t)'),
  if_nametoindex: libc.func('unsigned int if_nametoindex(const char *)'),
};

export const familyOf = (host: string): 4 | 6 => (isIP(host.split('%')[0]) === 6 ? 6 : 4);

/** A UDP socket of the family of `host`, asked something and closed; undefined when there is no such family here. */
export function tryUdp<T>(host: string, ask: (fd: number) => T): T | undefined {
  const fd: number = system.socket(familyOf(host) === 6 ? AF_INET6 : AF_INET, SOCK_DGRAM_CLOEXEC, 0);
  if (fd < 0) return undefined;
  try {
    return ask(fd);
  } finally {
    system.close(fd);
  }
}

export function bind(fd: number, host: string, port: number): boolean {
  const address = sockaddr(host, port);
  return system.bind(fd, address, address.length) === 0;
}

export function connect(fd: number, host: string, port: number): boolean {
  const address = sockaddr(host, port);
  return system.connect(fd, address, address.length) === 0;
}

/** The address the socket is bound to, as text. */
export function boundHost(fd: number): string | undefined {
  const bytes = new Uint8Array(28);
  if (system.getsockname(fd, bytes, new Uint32Array([bytes.length])) !== 0) return undefined;
  const family = new Uint16Array(bytes.buffer, 0, 1)[0];
  const address = family === AF_INET6 ? bytes.subarray(8, 24) : bytes.subarray(4, 8);
  return system.inet_ntop(family, address, new Uint8Array(64), 64) ?? undefined;
}

/**
 * A UDP socket for an event loop, bound to `port` (0: the system chooses) of the IP literal `host`. `beside`: a socket that
 * has this place, and allows to share it only for the moment in which this one is bound: so nobody else can. Throws an error whose
 * `code` is that of the system.
 */
export function openUdp(host: string, port: number, beside?: number): number {
  const six = familyOf(host) === 6;
  const fd: number = system.socket(six ? AF_INET6 : AF_INET, SOCK_DGRAM_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) throw lastError();
  try {
    if (six) setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (beside !== undefined) for (const one of [fd, beside]) setOption(one, SOL_SOCKET, SO_REUSEADDR, 1);
    if (!bind(fd, host, port)) throw lastError();
  } catch (error) {
    system.close(fd);
    throw error;
  } finally {
    if (beside !== undefined) keepAlone(beside);
  }
  return fd;
}

/** Nobody else can bind the place of this socket, whatever he allows on his side. libuv opens it when it takes a socket over. */
export function keepAlone(fd: number): void {
  system.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, new Int32Array([0]), 4);
}

/**
 * Marks what leaves by this socket (RFC 2474); what a listening one accepts is marked alike. A mark is a wish: where the system
 * refuses it, SIP goes unmarked.
 */
export function mark(fd: number, dscp: number): void {
  const octet = new Int32Array([dscp << 2]);
  system.setsockopt(fd, IPPROTO_IP, IP_TOS, octet, 4);
  system.setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, octet, 4);
}

/** The same for a socket of `node:net` or `node:tls`, which keep the descriptor to themselves. */
export function markStream(socket: object, dscp: number): void {
  const fd = (socket as { _handle?: { fd?: number } | null })._handle?.fd;
  if (fd !== undefined && fd >= 0) mark(fd, dscp);
}

/**
 * A connected UDP socket hears of hosts and networks out of reach, too, which Linux takes for passing (RFC 1122 §3.2.2.1): as of
 * other ICMP errors, by the next call. Who asks for that must forget what queues up beside it after each error: until then the
 * socket counts as one with an error.
 */
export function tellEveryError(fd: number, family: 4 | 6): void {
  const [level, name] = family === 6 ? [IPPROTO_IPV6, IPV6_RECVERR] : [IPPROTO_IP, IP_RECVERR];
  system.setsockopt(fd, level, name, new Int32Array([1]), 4);
}

export function forgetErrors(fd: number): void {
  // An empty struct msghdr, of 64 bits: nothing is wanted of them.
  const nothing = new Uint8Array(56);
  for (let i = 0; i < ERRORS_MAX && system.recvmsg(fd, nothing, MSG_ERRQUEUE_DONTWAIT) >= 0; i++) nothing.fill(0);
}

export function closeSocket(fd: number): void {
  system.close(fd);
}

function setOption(fd: number, level: number, name: number, value: number): void {
  if (system.setsockopt(fd, level, name, new Int32Array([value]), 4) !== 0) throw lastError();
}

function lastError(): Error {
  const number = koffi.errno();
  const code = Object.entries(koffi.os.errno).find(([, value]) => value === number)?.[0] ?? `errno ${number}`;
  return Object.assign(new Error(code), { code });
}

/** struct sockaddr_in (16 octets) or sockaddr_in6 (28): family in the machine's byte order, port in the network's. */
function sockaddr(host: string, port: number): Uint8Array {
  const [literal, zone] = host.split('%');
  const family = familyOf(host) === 6 ? AF_INET6 : AF_INET;
  const bytes = new Uint8Array(family === AF_INET6 ? 28 : 16);
  new Uint16Array(bytes.buffer, 0, 1)[0] = family;
  bytes[2] = port >> 8;
  bytes[3] = port & 0xff;
  system.inet_pton(family, literal, bytes.subarray(family === AF_INET6 ? 8 : 4));
  if (zone !== undefined && family === AF_INET6)
    new Uint32Array(bytes.buffer, 24, 1)[0] = Number(zone) || system.if_nametoindex(zone);
  return bytes;
}
