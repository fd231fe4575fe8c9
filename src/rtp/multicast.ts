/**
 * Sockets of multicast groups, by system calls (koffi). One that receives is bound to its group's own address, so that no other
 * group of the same port is heard on it, and joins by the index of an interface; one that sends says by which interface and how
 * far. Also when a datagram came, by the kernel's clock: a tick only knows that it was there. An edge, as `socket.ts`.
 */
import { endianness, networkInterfaces } from 'node:os';
import koffi from 'koffi';
import { bindPort, closeSocket, DSCP_EF, SocketName, systemError } from './socket.ts';

const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const IPPROTO_IP = 0;
const IP_MULTICAST_IF = 32;
const IP_MULTICAST_TTL = 33;
const IP_MULTICAST_LOOP = 34;
const IP_ADD_MEMBERSHIP = 35;
const IP_DROP_MEMBERSHIP = 36;
const IP_MULTICAST_ALL = 49;
const IPPROTO_IPV6 = 41;
const IPV6_MULTICAST_IF = 17;
const IPV6_MULTICAST_HOPS = 18;
const IPV6_MULTICAST_LOOP = 19;
const IPV6_JOIN_GROUP = 20;
const IPV6_LEAVE_GROUP = 21;
const IPV6_MULTICAST_ALL = 29;
/** With native longs: what `clock_gettime` fills in, too. */
const SIOCGSTAMPNS = 0x8907;
const CLOCK_REALTIME = 0;
const POLLIN = 1;
/** A burst of all packets of a second: pages are few and small. */
const SO_RCVBUF = 8;
const BUFFER_BYTES = 256 * 1024;
const LITTLE = endianness() === 'LE';
/** Two readings with this between them. */
const AT_ONCE_MS = 0.05;
const MAX_TRIES = 3;
/** And at first, where the best of them counts. */
const FIRST_TRIES = 20;

const libc = koffi.load(null);
const native = {
  setsockopt: libc.func('int setsockopt(int fd, int level, int name, void *value, uint32_t length)'),
  ifIndex: libc.func('unsigned int if_nametoindex(const char *name)'),
  stamp: libc.func('int ioctl(int fd, unsigned long request, void *time)'),
  poll: libc.func('int poll(void *sockets, unsigned long count, int timeoutMs)'),
  clock: libc.func('int clock_gettime(int clock, void *time)'),
};
const LONG_WORDS = koffi.sizeof('long') / 4;

function set(fd: number, level: number, name: number, value: number): boolean {
  return native.setsockopt(fd, level, name, new Int32Array([value]), 4) === 0;
}

/** A socket that receives what is sent to `host:port`, once it has joined. Throws `SocketError`. */
export function openGroup(host: string, port: number, dscp: number = DSCP_EF): number {
  return bindPort(host, port, dscp, (fd) => {
    set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    set(fd, SOL_SOCKET, SO_RCVBUF, BUFFER_BYTES);
    // Asked for the first time, the kernel begins to take note.
    native.stamp(fd, SIOCGSTAMPNS, new Uint32Array(2 * LONG_WORDS));
    if (isIpv6(host)) set(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
    else set(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0);
  });
}

/** `interface`: its name; absent: the system's choice. `hops`: TTL. Throws `SocketError`. */
export function openSender(to: { host: string; hops: number; interface?: string }, dscp: number = DSCP_EF): number {
  const six = isIpv6(to.host);
  const fd = bindPort(six ? '::' : '0.0.0.0', 0, dscp, (fd) => {
    set(fd, six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_MULTICAST_HOPS : IP_MULTICAST_TTL, to.hops);
    // A loudspeaker of this machine may be listening.
    set(fd, six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_MULTICAST_LOOP : IP_MULTICAST_LOOP, 1);
  });
  if (to.interface === undefined) return fd;
  const index: number = native.ifIndex(to.interface);
  const chosen = six
    ? set(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, index)
    : native.setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, membership('0.0.0.0', index), 12) === 0;
  if (index !== 0 && chosen) return fd;
  const error = systemError(`send by ${to.interface}`);
  closeSocket(fd);
  throw error;
}

/** Which groups a socket is in, by interface. */
export class Membership {
  readonly #fd: number;
  readonly #host: string;
  readonly #interface: string | undefined;
  #joined: [name: string, index: number][] = [];

  /** `interface`: only there; absent: on every one that is up and has an address of the group's family. */
  constructor(fd: number, host: string, name: string | undefined) {
    this.#fd = fd;
    this.#host = host;
    this.#interface = name;
  }

  /** Names of interfaces. */
  get joined(): readonly string[] {
    return this.#joined.map(([name]) => name);
  }

  /** Until `join`. */
  leave(): void {
    for (const [, index] of this.#joined) this.#ask(IP_DROP_MEMBERSHIP, IPV6_LEAVE_GROUP, index);
  }

  /** Where it can be now. One whose link is down is still there. */
  join(): readonly string[] {
    const names =
      this.#interface === undefined ? new Set([...usable(isIpv6(this.#host)), ...this.joined]) : [this.#interface];
    this.#joined = [...names]
      .map((name): [string, number] => [name, native.ifIndex(name)])
      .filter(([, index]) => index !== 0 && this.#ask(IP_ADD_MEMBERSHIP, IPV6_JOIN_GROUP, index));
    return this.joined;
  }

  #ask(four: number, six: number, index: number): boolean {
    const bytes = membership(this.#host, index);
    const [level, name] = isIpv6(this.#host) ? [IPPROTO_IPV6, six] : [IPPROTO_IP, four];
    return native.setsockopt(this.#fd, level, name, bytes, bytes.length) === 0;
  }
}

/** struct ip_mreqn, or ipv6_mreq. */
function membership(host: string, index: number): Uint8Array {
  const name = new SocketName().set(host, 0);
  if (!isIpv6(host)) {
    const bytes = new Uint8Array(12);
    bytes.set(name.bytes.subarray(4, 8));
    new DataView(bytes.buffer).setInt32(8, index, LITTLE);
    return bytes;
  }
  const bytes = new Uint8Array(20);
  bytes.set(name.bytes.subarray(8, 24));
  new DataView(bytes.buffer).setInt32(16, index, LITTLE);
  return bytes;
}

/** Those that are up and no loopback. */
function usable(six: boolean): string[] {
  return Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
    addresses.some(({ internal, family }) => !internal && (family === 'IPv6') === six) ? [name] : [],
  );
}

const isIpv6 = (host: string): boolean => host.includes(':');

/** Whether anything waits at one of some sockets: asked in one go, many times a second. */
export class Waiting {
  /** struct pollfd: fd i32, events i16, revents i16. */
  readonly #sockets: Int32Array;

  constructor(fds: readonly number[]) {
    this.#sockets = Int32Array.from(fds.flatMap((fd) => [fd, LITTLE ? POLLIN : POLLIN << 16]));
  }

  get any(): boolean {
    return this.#sockets.length > 0 && native.poll(this.#sockets, this.#sockets.length / 2, 0) !== 0;
  }
}

/** The time of day as the kernel has it, and when it received; ms since 1970. Nothing is allocated. */
export class KernelClock {
  readonly #time = new Uint32Array(2 * LONG_WORDS);

  now(): number {
    native.clock(CLOCK_REALTIME, this.#time);
    return this.#read();
  }

  /** When the datagram last read from `fd` came; NaN: nobody knows. */
  received(fd: number): number {
    return native.stamp(fd, SIOCGSTAMPNS, this.#time) === 0 ? this.#read() : Number.NaN;
  }

  /**
   * The time of day less `clock` (ms), as exactly as the two can be read one after the other; `before`, the last answer, where
   * something came between.
   */
  ahead(clock: () => number, before: number): number {
    const first = Number.isNaN(before);
    let leastMs = Number.POSITIVE_INFINITY;
    let aheadMs = before;
    for (let tries = first ? FIRST_TRIES : MAX_TRIES; tries > 0 && !(leastMs < AT_ONCE_MS); tries--) {
      const from = clock();
      const wallMs = this.now();
      const to = clock();
      if (to - from >= (first ? leastMs : AT_ONCE_MS)) continue;
      leastMs = to - from;
      aheadMs = wallMs - (from + to) / 2;
    }
    return aheadMs;
  }

  /** Seconds and nanoseconds: the low words are enough until 2106. */
  #read(): number {
    const low = LITTLE ? 0 : LONG_WORDS - 1;
    return this.#time[low] * 1000 + this.#time[LONG_WORDS + low] / 1e6;
  }
}
