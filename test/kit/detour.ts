/**
 * A call between two terminals led over here, so that its packets can be held up: each takes one of our two addresses for the
 * other terminal. All four are of one length, so nothing but the addresses changes in what they say.
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

const SIP_PORT = 5060;

interface Side {
  /** The terminal. */
  host: string;
  /** Who the other one is, as it sees it. */
  face: string;
  sockets: Map<number, Socket>;
}

export class Detour {
  readonly #left: Side;
  readonly #right: Side;
  readonly #jitterMs: number;
  #seed = 1;

  private constructor(left: Side, right: Side, jitterMs: number) {
    this.#left = left;
    this.#right = right;
    this.#jitterMs = jitterMs;
  }

  /** `left` calls `[faces[0]]` to reach `right`. RTP is held for up to `jitterMs`; half of it is the median. */
  static async open(left: string, right: string, faces: [string, string], jitterMs: number): Promise<Detour> {
    if (new Set([left, right, ...faces].map(({ length }) => length)).size > 1)
      throw new Error('addresses of one length, please');
    const side = (host: string, face: string): Side => ({ host, face, sockets: new Map() });
    const detour = new Detour(side(left, faces[0]), side(right, faces[1]), jitterMs);
    await detour.#listen(SIP_PORT, SIP_PORT);
    return detour;
  }

  close(): void {
    for (const { sockets } of [this.#left, this.#right]) for (const socket of sockets.values()) socket.close();
  }

  /** What `left` has at `leftPort`, and `right` at `rightPort`, can be reached under the same number here. */
  async #listen(leftPort: number, rightPort: number): Promise<void> {
    const [left, right] = [createSocket('udp4'), createSocket('udp4')];
    this.#left.sockets.set(rightPort, left.bind(rightPort, this.#left.face));
    this.#right.sockets.set(leftPort, right.bind(leftPort, this.#right.face));
    await Promise.all([once(left, 'listening'), once(right, 'listening')]);
    const pass = (bytes: Buffer, from: Side, to: Side, out: Socket, port: number): void => {
      if (port === SIP_PORT) return this.#say(bytes, from, to, out);
      const send = (): void => void out.send(bytes, port, to.host, () => {});
      setTimeout(send, this.#random() * this.#jitterMs);
    };
    left.on('message', (bytes) => pass(bytes, this.#left, this.#right, right, rightPort));
    right.on('message', (bytes) => pass(bytes, this.#right, this.#left, left, leftPort));
  }

  #ports: (number | undefined)[] = [];

  #say(bytes: Buffer, from: Side, to: Side, out: Socket): void {
    const text = bytes.toString('latin1');
    const audio = /^m=audio (\d+)/m.exec(text)?.[1];
    if (audio !== undefined) this.#ports[from === this.#left ? 0 : 1] = Number(audio);
    const said = text.replaceAll(from.face, '\0').replaceAll(from.host, to.face).replaceAll('\0', to.host);
    const send = (): void => void out.send(Buffer.from(said, 'latin1'), SIP_PORT, to.host);
    const [leftPort, rightPort] = this.#ports;
    if (leftPort !== undefined && rightPort !== undefined && !this.#left.sockets.has(rightPort))
      void this.#listen(leftPort, rightPort).then(send);
    else send();
  }

  #random(): number {
    this.#seed = (Math.imul(this.#seed, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return (this.#seed >>> 8) / 0x7f_ffff;
  }
}
