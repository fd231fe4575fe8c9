/**
 * Questions at a steady rate, each with its answer and how long that took; a process of its own, so that who measures is not
 * who sends. `load.js FROM HOST PORT USER PER-SECOND SECONDS options|cancel` prints a `Loaded`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface LoadOptions {
  from: string;
  to: { address: string; port: number };
  /** Of the Request-URI. */
  user: string;
  perSecond: number;
  seconds: number;
  /** OPTIONS until its 200, or INVITE, 180, CANCEL, 200, 487, ACK. Nothing is sent twice. */
  kind: 'options' | 'cancel';
}

export interface Loaded {
  sent: number;
  /** Whole exchanges. */
  done: number;
  /** Those of which each answer came within 50 ms. */
  inTime: number;
  medianMs: number;
  p99Ms: number;
}

export const inTimeMs = 50;
const STEP_MS = 2;

/** Resolves when it is over. */
export async function load({ from, to, user, perSecond, seconds, kind }: LoadOptions): Promise<Loaded> {
  const args = [from, to.address, to.port, user, perSecond, seconds, kind].map(String);
  const child: ChildProcess = spawn(process.execPath, [fileURLToPath(import.meta.url), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout!.on('data', (chunk) => (text += chunk));
  await once(child, 'close');
  return JSON.parse(text) as Loaded;
}

interface Exchange {
  /** When what is waited for was asked. */
  askedMs: number;
  /** The longest wait so far. */
  tookMs: number;
  /** Of a CANCEL: its own answer, and that of the INVITE. */
  cancelled: boolean;
  refused: boolean;
}

async function main([from, host, port, user, perSecond, seconds, kind]: string[]): Promise<void> {
  const socket = createSocket({ type: 'udp4', sendBufferSize: 1 << 21, recvBufferSize: 1 << 21 });
  await new Promise<void>((done) => socket.bind(0, from, done));
  socket.connect(Number(port), host);
  await once(socket, 'connect');
  const sentBy = `${from}:${socket.address().port}`;
  const run = process.pid.toString(36);
  const body = `v=0\r\no=- 1 1 IN IP4 ${from}\r\ns=-\r\nc=IN IP4 ${from}\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n`;
  const make = (method: string, n: string, toTag = ''): string =>
    `${method} sip:${user}@${host} SIP/2.0\r\nVia: SIP/2.0/UDP ${sentBy};branch=z9hG4bK-${run}-${n};rport\r\n` +
    `Max-Forwards: 70\r\nFrom: <sip:load@${from}>;tag=${n}\r\nTo: <sip:${user}@${host}>${toTag}\r\n` +
    `Call-ID: ${n}-${run}@${from}\r\nCSeq: 1 ${method}\r\nContact: <sip:load@${sentBy}>\r\nUser-Agent: load\r\n` +
    (method === 'INVITE'
      ? `Content-Type: application/sdp\r\nContent-Length: ${body.length}\r\n\r\n${body}`
      : 'Content-Length: 0\r\n\r\n');
  const open = new Map<string, Exchange>();
  const took: number[] = [];
  let sent = 0;
  socket.on('message', (bytes) => {
    const text = bytes.toString('latin1');
    const status = Number(text.slice(8, 11));
    const n = /^(?:Call-ID|i):\s*(\w+)-/im.exec(text)?.[1] ?? '';
    const method = /^CSeq:\s*\d+\s+(\w+)/im.exec(text)?.[1];
    const exchange = open.get(n);
    const now = performance.now();
    if (kind === 'cancel' && status >= 300 && method === 'INVITE')
      socket.send(make('ACK', n, /^To:.*?(;tag=[^\s;]+)/im.exec(text)?.[1]));
    if (exchange === undefined || status === 100) return;
    if (kind === 'cancel') {
      if (status === 180 || status === 183) {
        exchange.tookMs = now - exchange.askedMs;
        exchange.askedMs = now;
        socket.send(make('CANCEL', n));
        return;
      }
      if (method === 'CANCEL') exchange.cancelled = true;
      else exchange.refused = status === 487;
      if (!exchange.cancelled || !exchange.refused) return;
    }
    open.delete(n);
    took.push(Math.max(exchange.tookMs, now - exchange.askedMs));
  });
  const begin = performance.now();
  const rate = Number(perSecond);
  const forMs = Number(seconds) * 1000;
  for (let passed = 0; passed < forMs; passed = performance.now() - begin) {
    // Who falls behind (the scheduler took the processor away) does not make up for it at once.
    const due = Math.min((passed * rate) / 1000, sent + Math.max(1, rate / 50));
    while (sent < due) {
      const n = `${sent++}`;
      open.set(n, { askedMs: performance.now(), tookMs: 0, cancelled: false, refused: false });
      socket.send(make(kind === 'options' ? 'OPTIONS' : 'INVITE', n));
    }
    await new Promise((done) => setTimeout(done, STEP_MS));
  }
  for (let i = 0; i < 20 && open.size > 0; i++) await new Promise((done) => setTimeout(done, 50));
  socket.close();
  took.sort((a, b) => a - b);
  const at = (share: number): number => took[Math.min(took.length - 1, Math.floor(took.length * share))] ?? -1;
  const inTime = took.filter((ms) => ms <= inTimeMs).length;
  const loaded: Loaded = { sent, done: took.length, inTime, medianMs: at(0.5), p99Ms: at(0.99) };
  console.log(JSON.stringify(loaded));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.slice(2));
