/** Addresses and prefixes that may send, asked for every packet: by bytes. */
import { SocketName } from '../rtp/socket.ts';

export class Allowed {
  readonly #prefixes: { name: SocketName; bits: number }[];

  /** Of each: an IP address, or a prefix such as 10.0.0.0/8. */
  constructor(prefixes: readonly string[]) {
    this.#prefixes = prefixes.map((prefix) => {
      const [host, bits] = prefix.split('/');
      return { name: new SocketName().set(host, 0), bits: bits === undefined ? 128 : Number(bits) };
    });
  }

  has(source: SocketName): boolean {
    for (let i = 0; i < this.#prefixes.length; i++) {
      const { name, bits } = this.#prefixes[i];
      if (name.length === source.length && sameBits(name, source, bits)) return true;
    }
    return false;
  }
}

function sameBits(a: SocketName, b: SocketName, bits: number): boolean {
  const [from, to] = a.length === 16 ? [4, 8] : [8, 24];
  for (let i = from, left = bits; i < to && left > 0; i++, left -= 8) {
    const mask = left >= 8 ? 0xff : 0xff << (8 - left);
    if (((a.bytes[i] ^ b.bytes[i]) & mask) !== 0) return false;
  }
  return true;
}
