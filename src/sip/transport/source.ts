/**
 * Which of our addresses the system would send from, asked without waiting: a UDP socket is connected (which sends nothing)
 * and asked for its name. An edge: system calls by koffi.
 */
import { isIP } from 'node:net';
import koffi from 'koffi';

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const DISCARD_PORT = 9;

interface Native {
  socket(family: number, type: number, protocol: number): number;
  connect(fd: number, address: Uint8Array, length: number): number;
  getsockname(fd: number, address: Uint8Array, length: Uint32Array): number;
  bind(fd: number, address: Uint8Array, length: number): number;
  close(fd: number): number;
  inet_pton(family: number, text: string, address: Uint8Array): number;
  inet_ntop(family: number, address: Uint8Array, text: Uint8Array, size: number): string | null;
  if_nametoindex(name: string): number;
}

let native: Native | undefined;

function load(): Native {
  const libc = koffi.load(null);
  return {
    socket: libc.func('int socket(int, int, int)'),
    connect: libc.func('int connect(int, void *, uint32_t)'),
    getsockname: libc.func('int getsockname(int, void *, void *)'),
    bind: libc.func('int bind(int, void *, uint32_t)'),
    close: libc.func('int close(int)'),
    inet_pton: libc.func('int inet_pton(int, const char *, void *)'),
    inet_ntop: libc.func('const char *inet_ntop(int, void *, void *, uint32_t)'),
    if_nametoindex: libc.func('unsigned int if_nametoindex(const char *)'),
  } as Native;
}

/** Whether the IP literal `host` is an address of this machine now. Asked by binding a socket to it. */
export function isOwnAddress(host: string): boolean {
  const [literal, zone] = host.split('%');
  native ??= load();
  const family = isIP(literal) === 6 ? AF_INET6 : AF_INET;
  const fd = native.socket(family, SOCK_DGRAM_CLOEXEC, 0);
  if (fd < 0) return false;
  const address = sockaddr(native, family, literal, zone, 0);
  const bound = native.bind(fd, address, family === AF_INET6 ? 28 : 16) === 0;
  native.close(fd);
  return bound;
}

/** The source address towards the IP literal `remote`; undefined when there is no route (or no such family here). */
export function sourceAddress(remote: string): string | undefined {
  const [literal, zone] = remote.split('%');
  const six = isIP(literal) === 6;
  if (!six && isIP(literal) !== 4) return undefined;
  native ??= load();
  const family = six ? AF_INET6 : AF_INET;
  const fd = native.socket(family, SOCK_DGRAM_CLOEXEC, 0);
  if (fd < 0) return undefined;
  try {
    const address = sockaddr(native, family, literal, zone, DISCARD_PORT);
    if (native.connect(fd, address, six ? 28 : 16) !== 0) return undefined;
    const length = new Uint32Array([28]);
    if (native.getsockname(fd, address, length) !== 0) return undefined;
    const source = native.inet_ntop(family, address.subarray(six ? 8 : 4, six ? 24 : 8), new Uint8Array(64), 64);
    if (source === null) return undefined;
    return zone !== undefined && source.startsWith('fe80:') ? `${source}%${zone}` : source;
  } finally {
    native.close(fd);
  }
}

/** struct sockaddr_in (16 octets) or sockaddr_in6 (28): family in the machine's byte order, port in the network's. */
function sockaddr(native: Native, family: number, literal: string, zone: string | undefined, port: number): Uint8Array {
  const bytes = new Uint8Array(28);
  new Uint16Array(bytes.buffer, 0, 1)[0] = family;
  bytes[3] = port;
  native.inet_pton(family, literal, bytes.subarray(family === AF_INET6 ? 8 : 4));
  if (zone !== undefined) new Uint32Array(bytes.buffer, 24, 1)[0] = Number(zone) || native.if_nametoindex(zone);
  return bytes;
}
