/** A stretch of bad network on loopback: forwards UDP between two ports and loses, delays or doubles as told. Seeded. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

export interface Mishaps {
  /** Share of datagrams lost, 0..1. */
  loss?: number;
  /** Each is held for up to this long, which reorders them. */
  jitterMs?: number;
  /** Share sent twice. */
  doubled?: number;
}

export class Wire {
  readonly #left: Socket;
  readonly #right: Socket;
  readonly #mishaps: Mishaps;
  #seed: number;
  lost = 0;

  private constructor(left: Socket, right: Socket, mishaps: Mishaps, seed: number) {
    this.#left = left;
    this.#right = right;
    this.#mishaps = mishaps;
    this.#seed = seed;
  }

  /** Between `a` and `b`, who must each talk to the end given to them: `forA`, `forB`. Both ends are on `host`. */
  static async lay(
    host: string,
    a: AddressLike,
    b: AddressLike,
    mishaps: Mishaps,
    seed = 1,
  ): Promise<{ wire: Wire; forA: AddressLike; forB: AddressLike }> {
    const left = createSocket('udp4').bind(0, host);
    const right = createSocket('udp4').bind(0, host);
    await Promise.all([once(left, 'listening'), once(right, 'listening')]);
    const wire = new Wire(left, right, mishaps, seed);
    left.on('message', (bytes) => wire.#pass(bytes, right, b));
    right.on('message', (bytes) => wire.#pass(bytes, left, a));
    return { wire, forA: end(left), forB: end(right) };
  }

  close(): void {
    this.#left.close();
    this.#right.close();
  }

  #pass(bytes: Buffer, out: Socket, to: AddressLike): void {
    if (this.#random() < (this.#mishaps.loss ?? 0)) {
      this.lost++;
      return;
    }
    const copies = this.#random() < (this.#mishaps.doubled ?? 0) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      const delayMs = this.#random() * (this.#mishaps.jitterMs ?? 0);
      const send = (): void => {
        try {
          out.send(bytes, to.port, to.host);
        } catch {
          // Closed meanwhile: what is still under way is lost.
        }
      };
      if (delayMs < 1) send();
      else setTimeout(send, delayMs);
    }
  }

  #random(): number {
    this.#seed = (Math.imul(this.#seed, 1664525) + 1013904223) >>> 0;
    return this.#seed / 2 ** 32;
  }
}

interface AddressLike {
  host: string;
  port: number;
}

function end(socket: Socket): AddressLike {
  const { address, port } = socket.address() as AddressInfo;
  return { host: address, port };
}
