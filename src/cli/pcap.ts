/**
 * Messages as a capture file: pcap 2.4, link type RAW (101), each message one UDP datagram between the addresses it went
 * between. What came over TCP or TLS stands there as UDP, too: decrypted, cut into messages, which is what people look for.
 */
import { Buffer } from 'node:buffer';
import { isIPv6 } from 'node:net';
import type { Recorded } from '../trace/index.ts';

const LINKTYPE_RAW = 101;
const UDP = 17;
const UDP_MAX_BYTES = 65_507;

export function pcapHeader(): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(0x40000, 16);
  header.writeUInt32LE(LINKTYPE_RAW, 20);
  return header;
}

export function pcapRecord({ timeMs, direction, local, remote, message }: Recorded): Buffer {
  const [from, to] = direction === 'out' ? [local, remote] : [remote, local];
  const payload = Buffer.from(message, 'base64').subarray(0, UDP_MAX_BYTES - 40);
  const udp = Buffer.alloc(8);
  udp.writeUInt16BE(from.port, 0);
  udp.writeUInt16BE(to.port, 2);
  udp.writeUInt16BE(8 + payload.length, 4);
  const six = isIPv6(bare(from.host)) || isIPv6(bare(to.host));
  const source = addressBytes(from.host, six);
  const destination = addressBytes(to.host, six);
  // RFC 768 and RFC 8200 §8.1: over a pseudo header of both addresses, the length and the protocol.
  const pseudo = Buffer.concat([source, destination, Buffer.from([0, UDP]), udp.subarray(4, 6), udp, payload]);
  udp.writeUInt16BE(checksum(pseudo) || 0xffff, 6);
  const ip = six ? ipv6(source, destination, 8 + payload.length) : ipv4(source, destination, 8 + payload.length);
  const packet = Buffer.concat([ip, udp, payload]);
  const header = Buffer.alloc(16);
  header.writeUInt32LE(Math.floor(timeMs / 1000), 0);
  header.writeUInt32LE(Math.floor((timeMs % 1000) * 1000), 4);
  header.writeUInt32LE(packet.length, 8);
  header.writeUInt32LE(packet.length, 12);
  return Buffer.concat([header, packet]);
}

function ipv4(source: Buffer, destination: Buffer, length: number): Buffer {
  const header = Buffer.alloc(20);
  header[0] = 0x45;
  header.writeUInt16BE(20 + length, 2);
  header[8] = 64;
  header[9] = UDP;
  source.copy(header, 12);
  destination.copy(header, 16);
  header.writeUInt16BE(checksum(header), 10);
  return header;
}

function ipv6(source: Buffer, destination: Buffer, length: number): Buffer {
  const header = Buffer.alloc(40);
  header[0] = 0x60;
  header.writeUInt16BE(length, 4);
  header[6] = UDP;
  header[7] = 64;
  source.copy(header, 8);
  destination.copy(header, 24);
  return header;
}

/** RFC 1071. */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i] << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

const bare = (host: string): string => host.replace(/%.*$/, '');

/** What is no address (a connection that is gone has none) is the unspecified one. */
function addressBytes(host: string, six: boolean): Buffer {
  const text = bare(host);
  const quad = /^(?:::ffff:)?(\d+)\.(\d+)\.(\d+)\.(\d+)$/i.exec(text);
  if (!six) return Buffer.from(quad?.slice(1).map(Number) ?? [0, 0, 0, 0]);
  const bytes = Buffer.alloc(16);
  if (quad !== null) Buffer.from([0xff, 0xff, ...quad.slice(1).map(Number)]).copy(bytes, 10);
  else if (isIPv6(text)) {
    const [head, tail = []] = text.split('::').map((part) => (part === '' ? [] : part.split(':')));
    const groups = [...head, ...new Array<string>(8 - head.length - tail.length).fill('0'), ...tail];
    for (const [i, group] of groups.entries()) bytes.writeUInt16BE(Number.parseInt(group, 16), 2 * i);
  }
  return bytes;
}
