/** A baresip of the kit, driven over its ctrl_tcp module: netstrings of JSON. It serves one client at a time. */
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { peerEnvironment, startPeers } from './peers.ts';
import { Inbox } from './wait.ts';

export interface BaresipEvent {
  /** `CALL_INCOMING`, `CALL_ESTABLISHED`, `CALL_CLOSED`, `REGISTER_OK`, ... */
  type: string;
  class?: string;
  param?: string;
  peeruri?: string;
  direction?: string;
  /** `performance.now()` when it was read. */
  atMs: number;
}

interface Answer {
  token: string;
  ok: boolean;
  data: string;
}

const ctrlPort = 4444;
const answerLimitMs = 5_000;

export class Baresip {
  readonly events = new Inbox<BaresipEvent>();
  readonly address: string;
  /** What it heard in its last call (complete after the hang-up), 16 kHz. */
  readonly recording: string;
  readonly #socket: Socket;
  readonly #answers = new Inbox<Answer>();
  #buffer = Buffer.alloc(0);
  #token = 0;

  constructor(socket: Socket, address: string, recording: string) {
    this.#socket = socket;
    this.address = address;
    this.recording = recording;
    socket.on('data', (chunk) => this.#read(chunk));
  }

  /** The kit's `baresip` (1002) or `control` (2000), started when it is not running; a call that is left is ended. */
  static async open(name: 'baresip' | 'control', env?: Record<string, string>): Promise<Baresip> {
    await startPeers([name], env);
    const { PEERS_TERM_IP, PEERS_CTRL_IP, PEERS_STATE } = await peerEnvironment();
    const address = name === 'baresip' ? PEERS_TERM_IP : PEERS_CTRL_IP;
    const socket = connect(ctrlPort, address);
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    const phone = new Baresip(socket, address, join(PEERS_STATE, name, 'rec.wav'));
    await phone.command('hangupall');
    return phone;
  }

  /** The text it answers with. */
  async command(command: string, params = ''): Promise<string> {
    const token = `${++this.#token}`;
    const json = JSON.stringify({ command, params, token });
    this.#socket.write(`${Buffer.byteLength(json)}:${json},`);
    const answer = await this.#answers.take(
      `baresip's answer to ${command}`,
      answerLimitMs,
      (item) => item.token === token,
    );
    return answer.data;
  }

  /** Waits for an event of this type that comes, or has come since `from` (a length of `events.items`). */
  event(type: string, limitMs: number, from = 0): Promise<BaresipEvent> {
    return this.events.take(`${type} at baresip`, limitMs, (item) => item.type === type, from);
  }

  async hangup(): Promise<void> {
    await this.command('hangupall');
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    for (;;) {
      const colon = this.#buffer.indexOf(':');
      if (colon < 0) return;
      const end = colon + 1 + Number(this.#buffer.toString('latin1', 0, colon));
      if (this.#buffer.length <= end) return;
      const message = JSON.parse(this.#buffer.toString('utf8', colon + 1, end));
      this.#buffer = this.#buffer.subarray(end + 1);
      if (message.event) this.events.put({ ...message, atMs: performance.now() });
      else this.#answers.put({ token: message.token, ok: message.ok, data: String(message.data) });
    }
  }
}
