/** Many terminals in one process and one socket, registered at Kamailio and calling each other through it: as a curve. */
import { randomBytes } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { silentLogger } from '../../src/base/index.ts';
import type { Hop, SipMessage } from '../../src/sip/message/index.ts';
import { Alarms } from '../../src/sip/transaction/alarms.ts';
import { SipTransport } from '../../src/sip/transport/index.ts';
import { type SessionEvent, type UaOutput, UserAgent } from '../../src/sip/ua/index.ts';
import { leavePeers, peerEnvironment, startPeers } from '../kit/peers.ts';
import { bench } from './figures.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const heapMb = (): number => {
  collect();
  return process.memoryUsage().heapUsed / 1e6;
};

const sizes = [100, 1000, 3000, 10_000];
const host = '127.43.1.1';
/** Under way at once. */
const [registering, calling] = [64, 16];
/** Calls of each size, and how long nothing is asked of it but to keep its registrations alive. */
const callsOf = (size: number): number => Math.min(500, size / 2);
const idleMs = 5_000;
const expiresMs = 3_600_000;
const limitMs = 120_000;
const now = (): number => performance.now();

const body = {
  contentType: 'application/sdp',
  bytes: Buffer.from(`v=0\r\no=- 1 1 IN IP4 ${host}\r\ns=-\r\nc=IN IP4 ${host}\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n`),
};

/**
 * Terminals `t0`, `t1` …, each a user agent of its own. What comes is for the one that the Request-URI names, as our Contacts
 * do, or the branch of our Via, as each one's tokens do.
 */
class Fleet {
  readonly #proxy: string;
  readonly #transport: SipTransport;
  readonly #all: UserAgent[] = [];
  readonly #alarms = new Alarms();
  /** How far each one's clock is ahead, ms; and the REGISTER with a Contact it sent last. */
  readonly #aheadMs: number[] = [];
  readonly #registers: number[] = [];
  #alarm?: NodeJS.Timeout;
  messages = 0;
  onRegistered: (index: number) => void = () => {};
  onSession: (index: number, session: string, event: SessionEvent) => void = () => {};

  constructor(proxy: string) {
    this.#proxy = proxy;
    this.#transport = new SipTransport({
      listen: { udp: [{ host, port: 5060 }], tcp: [] },
      logger: silentLogger,
      onMessage: (message, hop) => this.#receive(message, hop),
      onFailure: (transaction, reason) => {
        const [index, name] = transaction.split(' ', 2);
        this.do(Number(index), (ua, at) => ua.transportFailed(name, reason, at));
      },
    });
  }

  get size(): number {
    return this.#all.length;
  }

  open(): Promise<void> {
    return this.#transport.start();
  }

  async close(): Promise<void> {
    clearTimeout(this.#alarm);
    await this.#transport.stop();
  }

  add(): number {
    const index = this.#all.length;
    this.#aheadMs.push(0);
    const user = `t${index}`;
    const account = { name: 'pbx', address: `sip:${user}@${this.#proxy}`, servers: [`sip:${this.#proxy}`] };
    const more = { username: user, password: `pw${user}`, expiresMs };
    const config = { accounts: [{ ...account, ...more }], product: 'fleet', user, displayName: user };
    const token = (): string => `${index}.${randomBytes(8).toString('hex')}`;
    this.#all.push(new UserAgent(config, { token, uint32: () => randomBytes(4).readUInt32LE() }));
    return index;
  }

  do(index: number, step: (ua: UserAgent, at: number) => UaOutput[]): void {
    const ua = this.#all[index];
    if (ua === undefined) return;
    const ahead = this.#aheadMs[index];
    this.#perform(index, ua, step(ua, now() + ahead));
    this.#alarms.set(`${index}`, ua.deadline === undefined ? undefined : ua.deadline - ahead);
    this.#arm();
  }

  forward(index: number, ms: number): void {
    this.#aheadMs[index] += ms;
    this.do(index, (ua, at) => ua.timeout(at));
  }

  #perform(index: number, ua: UserAgent, outputs: UaOutput[]): void {
    for (const output of outputs) {
      switch (output.kind) {
        case 'send': {
          const { message, hop, transaction } = output;
          this.messages++;
          if (message.cseq.method === 'REGISTER' && message.has('Contact'))
            this.#registers[index] = message.cseq.sequence;
          this.#transport.send(message, hop, transaction && `${index} ${transaction}`);
          break;
        }
        case 'resolve': {
          const remote = { host: output.uri.host, port: output.uri.port ?? 5060 };
          const hop: Hop = { transport: 'udp', remote, local: { host, port: 5060 } };
          this.#perform(index, ua, ua.resolved(output.query, [hop], now() + this.#aheadMs[index]));
          break;
        }
        case 'session':
          this.onSession(index, output.session, output.event);
          break;
      }
    }
  }

  #receive(message: SipMessage, hop: Hop): void {
    this.messages++;
    const name =
      message.kind === 'request'
        ? /^t(\d+)$/.exec(message.parsedUri().user ?? '')
        : /^z9hG4bK(\d+)\./.exec(message.via.params.get('branch') ?? '');
    if (name === null) return;
    const index = Number(name[1]);
    this.do(index, (ua, at) => ua.receive(message, hop, at));
    const { method, sequence } = message.cseq;
    if (message.kind === 'request' || message.status !== 200 || method !== 'REGISTER') return;
    if (this.#registers[index] === sequence) this.onRegistered(index);
  }

  #arm(): void {
    clearTimeout(this.#alarm);
    const { next } = this.#alarms;
    if (next === undefined) return;
    this.#alarm = setTimeout(
      () => {
        for (let id = this.#alarms.take(now()); id !== undefined; id = this.#alarms.take(now())) {
          this.do(Number(id), (ua, at) => ua.timeout(at));
        }
        this.#arm();
      },
      Math.max(0, next - now()),
    );
  }
}

interface Run {
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
}

/** `count` things, so many at once: `start` begins one, who calls `over` of it says that it is done. */
function each(count: number, atOnce: number, start: (n: number) => void): { over(n: number): void; run: Promise<Run> } {
  const began = new Map<number, number>();
  const took: number[] = [];
  const begin = now();
  let next = 0;
  let done: (run: Run) => void = () => {};
  let failed: (error: Error) => void = () => {};
  const run = new Promise<Run>((resolve, reject) => {
    done = resolve;
    failed = reject;
  });
  const limit = setTimeout(() => failed(new Error(`${took.length} of ${count} in ${limitMs} ms`)), limitMs);
  const more = (): void => {
    while (next < count && began.size < atOnce) {
      began.set(next, now());
      start(next++);
    }
  };
  const over = (n: number): void => {
    const since = began.get(n);
    if (since === undefined) return;
    took.push(now() - since);
    began.delete(n);
    more();
    if (took.length < count) return;
    clearTimeout(limit);
    took.sort((a, b) => a - b);
    const at = (share: number): number => took[Math.floor((took.length - 1) * share)];
    done({ perSecond: (count * 1000) / (now() - begin), p50Ms: at(0.5), p99Ms: at(0.99) });
  };
  setImmediate(more);
  return { over, run };
}

async function register(fleet: Fleet, from: number, to: number): Promise<Run> {
  const all = each(to - from, registering, (n) => fleet.do(from + n, (ua, at) => ua.start(at)));
  fleet.onRegistered = (index) => all.over(index - from);
  return all.run;
}

/** Each finds that it is late enough to register once more: its clock is put forward. */
async function refresh(fleet: Fleet): Promise<Run> {
  const all = each(fleet.size, registering, (n) => fleet.forward(n, 0.8 * expiresMs + 1_000));
  fleet.onRegistered = all.over;
  return all.run;
}

/** The first call the last: INVITE, digest, 200, ACK, BYE; timed until the 200. */
async function call(fleet: Fleet, proxy: string, count: number): Promise<Run> {
  const all = each(count, calling, (n) => {
    const target = `sip:t${fleet.size - 1 - n}@${proxy}`;
    fleet.do(n, (ua, at) => ua.invite({ session: `c${n}`, target, body: () => body }, at));
  });
  fleet.onSession = (index, session, event) => {
    // What an event leads to waits until all outputs of this turn are out.
    const then = (step: (ua: UserAgent, at: number) => UaOutput[]): void => queueMicrotask(() => fleet.do(index, step));
    if (event.type === 'incoming') then((ua, at) => ua.accept(session, body, at));
    if (event.type === 'accepted') {
      all.over(Number(session.slice(1)));
      then((ua, at) => ua.end(session, at));
    }
    if (event.type === 'ended' && !['bye', 'local'].includes(event.cause))
      console.log(`a call ended: ${event.cause}, ${event.reason}`);
  };
  return all.run;
}

const show = ({ perSecond, p50Ms, p99Ms }: Run): string =>
  `${perSecond.toFixed(0).padStart(5)}/s ${p50Ms.toFixed(1).padStart(5)} ${p99Ms.toFixed(1).padStart(6)}`;

await bench(async (t) => {
  await startPeers(['kamailio'], { PEERS_KAM_MB: '256' });
  t.after(() => leavePeers('kamailio'));
  const { PEERS_KAM_IP: proxy } = await peerEnvironment();
  const fleet = new Fleet(proxy);
  await fleet.open();
  t.after(() => fleet.close());
  const emptyMb = heapMb();
  console.log('                registered            again                 calls                 idle, for 5 s');
  console.log('terminals      rate   p50    p99     rate   p50    p99     rate   p50    p99    CPU  messages    heap');
  for (const size of sizes) {
    const from = fleet.size;
    while (fleet.size < size) fleet.add();
    const first = await register(fleet, from, size);
    const again = await refresh(fleet);
    const calls = await call(fleet, proxy, callsOf(size));
    const cpu = process.cpuUsage();
    const { messages } = fleet;
    await new Promise((resolve) => setTimeout(resolve, idleMs));
    const { user, system } = process.cpuUsage(cpu);
    const share = ((100 * (user + system)) / 1000 / idleMs).toFixed(0);
    const perSecond = (((fleet.messages - messages) * 1000) / idleMs).toFixed(0);
    const idle = `${share.padStart(4)} % ${perSecond.padStart(6)}/s ${(heapMb() - emptyMb).toFixed(0).padStart(4)} MB`;
    console.log(`${`${size}`.padStart(9)}  ${show(first)}  ${show(again)}  ${show(calls)}  ${idle}`);
  }
});
