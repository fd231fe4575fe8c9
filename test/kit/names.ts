/** A name server for tests: answers over UDP what its zone holds (RFC 1035; SRV: RFC 2782, NAPTR: RFC 3403). */
import { createSocket } from 'node:dgram';
import type { Cleaner } from './terminal.ts';

export type Record =
  | { type: 'A'; address: string; ttl?: number }
  | { type: 'SRV'; priority: number; weight: number; port: number; target: string }
  | { type: 'NAPTR'; order: number; preference: number; flags: string; service: string; replacement: string };

const TYPES: { readonly [code: number]: string } = { 1: 'A', 28: 'AAAA', 33: 'SRV', 35: 'NAPTR' };

const uint16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255]);
const text = (value: string): Buffer => Buffer.concat([Buffer.from([value.length]), Buffer.from(value, 'latin1')]);
const nameOf = (name: string): Buffer =>
  Buffer.concat([...name.split('.').filter(Boolean).map(text), Buffer.from([0])]);

function dataOf(record: Record): Buffer {
  switch (record.type) {
    case 'A':
      return Buffer.from(record.address.split('.').map(Number));
    case 'SRV':
      return Buffer.concat([
        uint16(record.priority),
        uint16(record.weight),
        uint16(record.port),
        nameOf(record.target),
      ]);
    case 'NAPTR':
      return Buffer.concat([
        ...[record.order, record.preference].map(uint16),
        ...[record.flags, record.service, ''].map(text),
        nameOf(record.replacement),
      ]);
  }
}

export class NameServer {
  /** `IP:PORT`, for `Resolver.setServers`. */
  address = '';
  /** `SRV _sip._udp.example.com`: what was asked, in order. */
  readonly asked: string[] = [];
  /** Names in lower case. */
  readonly zone: { [name: string]: Record[] };
  /** Lets every question drop. */
  silent = false;
  /** Questions of these types drop. */
  unknown: readonly string[] = [];
  readonly #socket = createSocket('udp4');

  constructor(zone: { [name: string]: Record[] }) {
    this.zone = zone;
  }

  async start(host: string): Promise<void> {
    this.#socket.on('message', (question, { port, address }) => {
      const answer = this.#answer(question);
      if (answer !== undefined) this.#socket.send(answer, port, address);
    });
    await new Promise<void>((resolve) => this.#socket.bind(0, host, resolve));
    this.address = `${host}:${this.#socket.address().port}`;
  }

  stop(): Promise<void> {
    return new Promise((resolve) => this.#socket.close(() => resolve()));
  }

  #answer(question: Buffer): Buffer | undefined {
    const labels: string[] = [];
    let at = 12;
    for (; question[at] !== 0; at += question[at] + 1)
      labels.push(question.toString('latin1', at + 1, at + 1 + question[at]));
    const name = labels.join('.').toLowerCase();
    const code = question.readUInt16BE(at + 1);
    this.asked.push(`${TYPES[code] ?? code} ${name}`);
    if (this.silent || this.unknown.includes(TYPES[code])) return undefined;
    const records = (this.zone[name] ?? []).filter(({ type }) => type === TYPES[code]);
    const answers = records.map((record) => {
      const data = dataOf(record);
      const ttl = Buffer.alloc(4);
      ttl.writeUInt32BE(record.type === 'A' ? (record.ttl ?? 60) : 60);
      // 0xc00c: the name of the question.
      return Buffer.concat([uint16(0xc00c), uint16(code), uint16(1), ttl, uint16(data.length), data]);
    });
    const notThere = this.zone[name] === undefined ? 3 : 0;
    const counts = [1, answers.length, 0, 0].map(uint16);
    const head = [question.subarray(0, 2), uint16(0x8180 | notThere), ...counts];
    return Buffer.concat([...head, question.subarray(12, at + 5), ...answers]);
  }
}

export async function nameServer(t: Cleaner, host: string, zone: { [name: string]: Record[] }): Promise<NameServer> {
  const server = new NameServer(zone);
  await server.start(host);
  t.after(() => server.stop());
  return server;
}
