/**
 * Tells when the network has changed: a cable, an address, a route. The kernel's own words (rtnetlink(7)) say that something
 * happened; what is there before and after says whether it matters. Without a netlink socket only the latter is looked at. By
 * koffi, for Node has no netlink sockets; read without waiting on a slow tick, for a read that waits would hold a thread.
 */
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import koffi from 'koffi';
import type { Logger } from '../base/index.ts';

const LISTEN_EVERY_MS = 250;
/** Without netlink. */
const LOOK_EVERY_MS = 2_000;

const AF_NETLINK = 16;
const SOCK_RAW_NONBLOCK_CLOEXEC = 3 | 0o4000 | 0o2000000;
const NETLINK_ROUTE = 0;
/** RTMGRP_LINK, _IPV4_IFADDR, _IPV4_ROUTE, _IPV6_IFADDR, _IPV6_ROUTE */
const GROUPS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;
const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_DELADDR = 21;
const IFF_RUNNING = 0x40;
const HEADER_BYTES = 16;
/** Of the kernel's tables, so that a router's half a million routes are not read every time. */
const TABLE_MAX_CHARACTERS = 65_536;
/** Messages read in one go; the rest waits for the next tick. */
const MESSAGES_MAX = 256;

/** `lost`: an address or the carrier went away, perhaps only to come back: what was bound to it may be of no use any more. */
export type Word = 'lost' | 'something';

/** What one datagram of netlink says. nlmsghdr: length u32, type u16, flags u16, sequence u32, port u32. */
export function readNetlink(bytes: Buffer): Word | undefined {
  let word: Word | undefined;
  for (let at = 0; at + HEADER_BYTES <= bytes.length; ) {
    const length = bytes.readUInt32LE(at);
    if (length < HEADER_BYTES || at + length > bytes.length) break;
    const type = bytes.readUInt16LE(at + 4);
    // ifinfomsg: family u8, pad u8, type u16, index i32, flags u32.
    const flagsAt = at + HEADER_BYTES + 8;
    const down = type === RTM_NEWLINK && length >= HEADER_BYTES + 12 && !(bytes.readUInt32LE(flagsAt) & IFF_RUNNING);
    if (type === RTM_DELLINK || type === RTM_DELADDR || down) return 'lost';
    word = 'something';
    at += (length + 3) & ~3;
  }
  return word;
}

interface Listening {
  /** undefined: nothing has been said since. */
  heard(): Word | undefined;
  close(): void;
}

export interface NetworkState {
  /** Addresses of all interfaces that are up, loopback aside. */
  addresses: readonly string[];
}

export class NetworkWatch {
  readonly #onChange: (state: NetworkState) => void;
  readonly #logger: Logger;
  #listening?: Listening;
  #timer?: NodeJS.Timeout;
  #known = '';
  /** Heard, and not told yet: told when a tick brings nothing more, for a change comes in many words. */
  #pending: Word | undefined;

  constructor(onChange: (state: NetworkState) => void, logger: Logger) {
    this.#onChange = onChange;
    this.#logger = logger;
  }

  /** What there is now; from here on changes are told. */
  start(): NetworkState {
    try {
      this.#listening = listen();
    } catch (error) {
      this.#logger.warn('Network changes are polled for', { reason: (error as Error).message });
    }
    this.#known = look();
    const step = this.#listening === undefined ? () => this.#compare() : () => this.#listen();
    this.#timer = setInterval(step, this.#listening === undefined ? LOOK_EVERY_MS : LISTEN_EVERY_MS);
    this.#timer.unref();
    return { addresses: addressesNow() };
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#listening?.close();
    this.#listening = undefined;
  }

  #listen(): void {
    const word = this.#listening?.heard();
    if (word !== undefined) {
      if (this.#pending !== 'lost') this.#pending = word;
      // A network that never stops talking is looked at all the same.
      if (word === 'something') this.#compare();
      return;
    }
    const pending = this.#pending;
    this.#pending = undefined;
    if (pending !== undefined) this.#compare(pending === 'lost');
  }

  #compare(lost = false): void {
    const now = look();
    if (now === this.#known && !lost) return;
    this.#known = now;
    const addresses = addressesNow();
    this.#logger.info('The network has changed', { addresses });
    this.#onChange({ addresses });
  }
}

function listen(): Listening {
  const libc = koffi.load(null);
  const close = libc.func('int close(int)');
  const recv = libc.func('intptr_t recv(int, _Out_ uint8_t *, size_t, int)');
  const fd: number = libc.func('int socket(int, int, int)')(AF_NETLINK, SOCK_RAW_NONBLOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) throw new Error(`no netlink socket: errno ${koffi.errno()}`);
  // sockaddr_nl: family u16, pad u16, port u32, groups u32.
  const address = Buffer.alloc(12);
  address.writeUInt16LE(AF_NETLINK, 0);
  address.writeUInt32LE(GROUPS, 8);
  if (libc.func('int bind(int, const void *, uint32_t)')(fd, address, address.length) !== 0) {
    const errno = koffi.errno();
    close(fd);
    throw new Error(`cannot join the netlink groups: errno ${errno}`);
  }
  const buffer = Buffer.alloc(16_384);
  return {
    heard() {
      let word: Word | undefined;
      for (let count = 0; count < MESSAGES_MAX && word !== 'lost'; count++) {
        const octets = Number(recv(fd, buffer, buffer.length, 0));
        // ENOBUFS: there was more to be said than the kernel keeps.
        if (octets < 0) return koffi.errno() === koffi.os.errno.ENOBUFS ? 'lost' : word;
        word = readNetlink(buffer.subarray(0, octets)) ?? word;
      }
      return word;
    },
    close: () => void close(fd),
  };
}

function addressesNow(): string[] {
  return Object.values(networkInterfaces()).flatMap((all = []) =>
    all.filter(({ internal }) => !internal).map(({ address }) => address),
  );
}

/** What there is, as a text to compare: IPv4 addresses of what is up, IPv6 addresses with their flags, routes. */
function look(): string {
  const four = Object.entries(networkInterfaces()).flatMap(([name, all = []]) =>
    all.filter(({ family }) => family === 'IPv4').map(({ address }) => `${name} ${address}`),
  );
  // Columns that count uses or lifetimes are left out.
  return [
    ...four,
    ...table('/proc/net/if_inet6', [0, 4, 5]),
    ...table('/proc/net/route', [0, 1, 2, 3, 7]),
    ...table('/proc/net/ipv6_route', [0, 1, 4, 9]),
  ].join('\n');
}

function table(path: string, columns: readonly number[]): string[] {
  try {
    const lines = readFileSync(path, 'latin1').slice(0, TABLE_MAX_CHARACTERS).split('\n');
    return lines.map((line) => {
      const fields = line.trim().split(/\s+/);
      return columns.map((column) => fields[column]).join(' ');
    });
  } catch {
    // No such family in this kernel.
    return [];
  }
}
