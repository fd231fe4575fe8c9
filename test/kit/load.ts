/**
 * Questions at a steady or a rising rate, each with its answer and how long that took; a process of its own, so that who
 * measures is not who sends. `load.js FROM HOST PORT USER PER-SECOND TO-PER-SECOND SECONDS options|cancel` prints a `Loaded`.
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
  /** The rate grows to this, by the same factor each second, and it ends when the other side does not follow any more. */
  toPerSecond?: number;
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
  /** Of `done`, and never in time: INVITEs refused before they were cancelled, for too many rang at once. */
  busy: number;
  medianMs: number;
  p99Ms: number;
  /** What began in each second, up to the first of two in which fewer than 95 % were in time. */
  seconds: { sent: number; inTime: number }[];
  /** There were such two. */
  overrun: boolean;
}

export const inTimeMs = 50;
const FOLLOWED = 0.95;
const STEP_MS = 2;

/** Resolves when it is over. */
export async function load(options: LoadOptions): Promise<Loaded> {
  const { from, to, user, perSecond, toPerSecond = perSecond, seconds, kind } = options;
  const args = [from, to.address, to.port, user, perSecond, toPerSecond, seconds, kind].map(String);
  const child: ChildProcess = spawn(process.execPath, [fileURLToPath(import.meta.url), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout!.on('data', (chunk) => (text += chunk));
  await once(child, 'close');
  return JSON.parse(text) as Loaded;
}

interface Exchange {
  /** The second in which it began. */
  second: number;
  /** When what is waited for was asked. */
  askedMs: number;
  /** The longest wait so far. */
  tookMs: number;
  /** Of a CANCEL: its own answer, and that of the INVITE. */
  cancelled: boolean;
  refused: boolean;
}

async function main([from, host, port, user, perSecond, toPerSecond, lasts, kind]: string[]): Promise<void> {
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
  let busy = 0;
  const bins: Loaded['seconds'] = [];
  // An ICMP error, say: it is counted as unanswered.
  socket.on('error', () => undefined);
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
      else exchange.refused = true;
      if (exchange.refused && status === 486) {
        busy++;
        open.delete(n);
        return;
      }
      if (!exchange.cancelled || !exchange.refused) return;
    }
    open.delete(n);
    const longestMs = Math.max(exchange.tookMs, now - exchange.askedMs);
    took.push(longestMs);
    if (longestMs <= inTimeMs) bins[exchange.second].inTime++;
  });
  const begin = performance.now();
  const forMs = Number(lasts) * 1000;
  const rising = perSecond !== toPerSecond;
  const growth = Math.log(Number(toPerSecond) / Number(perSecond));
  /** How many should have gone after that share of the time. */
  const planned = (part: number): number =>
    Number(perSecond) * Number(lasts) * (rising ? (Math.exp(growth * part) - 1) / growth : part);
  const overran = (): number =>
    bins.slice(0, -2).findIndex((bin, i) => [bin, bins[i + 1]].every(({ sent, inTime }) => inTime < FOLLOWED * sent));
  for (let passed = 0; passed < forMs && !(rising && overran() >= 0); passed = performance.now() - begin) {
    const second = Math.floor(passed / 1000);
    while (bins.length <= second) bins.push({ sent: 0, inTime: 0 });
    // Who falls behind (the scheduler took the processor away) does not make up for it at once.
    const due = Math.min(planned(passed / forMs), sent + Math.max(1, (planned(1) - planned(0)) / Number(lasts) / 20));
    while (sent < due) {
      const n = `${sent++}`;
      bins[second].sent++;
      open.set(n, { second, askedMs: performance.now(), tookMs: 0, cancelled: false, refused: false });
      socket.send(make(kind === 'options' ? 'OPTIONS' : 'INVITE', n));
    }
    await new Promise((done) => setTimeout(done, STEP_MS));
  }
  for (let i = 0; i < 20 && open.size > 0; i++) await new Promise((done) => setTimeout(done, 50));
  socket.close();
  took.sort((a, b) => a - b);
  const at = (share: number): number => took[Math.min(took.length - 1, Math.floor(took.length * share))] ?? -1;
  const inTime = took.filter((ms) => ms <= inTimeMs).length;
  const overrun = overran();
  const seconds = overrun < 0 ? bins : bins.slice(0, overrun);
  const figures = { sent, done: took.length + busy, inTime, busy, medianMs: at(0.5), p99Ms: at(0.99) };
  const loaded: Loaded = { ...figures, seconds, overrun: overrun >= 0 };
  console.log(JSON.stringify(loaded));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.slice(2));
