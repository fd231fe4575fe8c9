/** The headers of what really passes on the network, by a packet socket (Linux, CAP_NET_RAW). */
import koffi from 'koffi';
import { until } from './wait.ts';

const AF_PACKET = 17;
const SOCK_DGRAM_NONBLOCK = 2 | 0o4000;
const ETH_P_ALL = 3;
const TCP = 6;
const UDP = 17;

const libc = koffi.load(null);
const socket = libc.func('int socket(int, int, int)');
const recv = libc.func('long recv(int, void *, size_t, int)');
const close = libc.func('int close(int)');

export interface SeenPacket {
  protocol: 'udp' | 'tcp';
  from: string;
  to: string;
  fromPort: number;
  toPort: number;
  /** RFC 2474, 0..63. */
  dscp: number;
}

/** Sees every IPv4 packet of UDP and TCP on this machine from now on. */
export class PacketWatch {
  readonly #fd: number;

  constructor() {
    this.#fd = socket(AF_PACKET, SOCK_DGRAM_NONBLOCK, ETH_P_ALL << 8);
    if (this.#fd < 0) throw new Error('Cannot watch packets: that takes CAP_NET_RAW');
  }

  /** The next packet that fits. */
  next(what: string, limitMs: number, fits: (packet: SeenPacket) => boolean): Promise<SeenPacket> {
    const bytes = new Uint8Array(128);
    return until(what, limitMs, () => {
      while (Number(recv(this.#fd, bytes, bytes.length, 0)) > 0) {
        const packet = parse(bytes);
        if (packet !== undefined && fits(packet)) return packet;
      }
      return undefined;
    });
  }

  close(): void {
    close(this.#fd);
  }
}

function parse(bytes: Uint8Array): SeenPacket | undefined {
  const protocol = bytes[9] === UDP ? 'udp' : bytes[9] === TCP ? 'tcp' : undefined;
  if (bytes[0] >> 4 !== 4 || protocol === undefined) return undefined;
  const at = 4 * (bytes[0] & 15);
  return {
    protocol,
    from: bytes.subarray(12, 16).join('.'),
    to: bytes.subarray(16, 20).join('.'),
    fromPort: (bytes[at] << 8) | bytes[at + 1],
    toPort: (bytes[at + 2] << 8) | bytes[at + 3],
    dscp: bytes[1] >> 2,
  };
}

export const mayWatchPackets = process.getuid?.() === 0;
