/** Connections a registration hangs on: RFC 5626 §4.4.1, and who is at the other end of those others open, RFC 5922 §7.4. */
import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { silentLogger } from '../../../src/base/index.ts';
import { createRequest, type Hop } from '../../../src/sip/message/index.ts';
import { PONG_MS } from '../../../src/sip/transport/connection.ts';
import { SipTransport } from '../../../src/sip/transport/index.ts';
import { isOwnAddress } from '../../../src/sip/transport/source.ts';
import { Inbox } from '../../kit/wait.ts';

const LIMIT_MS = 5_000;
const US = '127.33.3.1';
const THEM = '127.33.3.2';

interface Flow {
  /** What came from us, pings and all. */
  heard: Inbox<string>;
  say(text: string): void;
  /** `closed` and what failed. */
  words: Inbox<string>;
  /** Lets virtual time pass. */
  tick(ms: number): void;
}

/** The timers of the program in virtual time; those of Node's sockets are its own. (Node 20's mock forgets to clear some.) */
class Clock {
  #now = 0;
  #alarms: { at: number; every?: number; act: () => void }[] = [];

  constructor(t: TestContext) {
    const start = (every: boolean) => (act: () => void, ms: number) => {
      const alarm = { at: this.#now + ms, act, ...(every && { every: ms }) };
      this.#alarms.push(alarm);
      return alarm;
    };
    const clear = (gone: unknown): void => {
      this.#alarms = this.#alarms.filter((alarm) => alarm !== gone);
    };
    const own = { setTimeout: start(false), setInterval: start(true), clearTimeout: clear, clearInterval: clear };
    const { setTimeout, setInterval, clearTimeout, clearInterval } = globalThis;
    Object.assign(globalThis, own);
    t.after(() => Object.assign(globalThis, { setTimeout, setInterval, clearTimeout, clearInterval }));
  }

  tick(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      const next = this.#alarms.toSorted((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > until) break;
      this.#now = next.at;
      if (next.every === undefined) this.#alarms = this.#alarms.filter((alarm) => alarm !== next);
      else next.at += next.every;
      next.act();
    }
    this.#now = until;
  }
}

/** Our side has registered over TCP, and the answer had `headers`. */
async function registered(t: TestContext, headers: string): Promise<Flow> {
  const heard = new Inbox<string>();
  const words = new Inbox<string>();
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      const text = bytes.toString('latin1');
      const copied = text.match(/^(?:Via|From|To|Call-ID|CSeq):.*$/gm)?.map((line) => line.trim());
      if (copied !== undefined)
        socket.write(`SIP/2.0 200 OK\r\n${copied.join('\r\n')}\r\n${headers}Content-Length: 0\r\n\r\n`);
      heard.put(text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, THEM, resolve));
  const transport = new SipTransport({
    listen: { udp: [{ host: US, port: 0 }], tcp: [] },
    logger: silentLogger,
    onMessage: (message) => words.put(message.kind === 'response' ? String(message.status) : message.method),
    onFailure: (transaction, reason) => words.put(`${transaction}: ${reason}`),
    onClosed: () => words.put('closed'),
  });
  await transport.start();
  t.after(async () => {
    await transport.stop();
    server.close();
  });
  const clock = new Clock(t);
  const { port } = server.address() as { port: number };
  const hop: Hop = { transport: 'tcp', remote: { host: THEM, port }, local: { host: US, port: 5060 } };
  const register = createRequest({
    method: 'REGISTER',
    uri: 'sip:gate',
    headers: [
      ['Via', `SIP/2.0/TCP ${US}:5060;branch=z9hG4bKa`],
      ['From', '<sip:desk>;tag=1'],
      ['To', '<sip:desk>'],
      ['Call-ID', 'x'],
      ['CSeq', '1 REGISTER'],
    ],
  });
  transport.send(register, hop, 'one');
  while (words.items.length === 0) await turn();
  assert.deepEqual(words.items, ['200']);
  heard.items.length = 0;
  return { heard, words, say: (text) => sockets[0].write(text), tick: (ms) => clock.tick(ms) };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Lets the sockets do what they have to; virtual time stands. */
async function settled(what: string, done: () => boolean): Promise<void> {
  const end = performance.now() + LIMIT_MS;
  while (!done()) {
    if (performance.now() > end) assert.fail(`waited in vain for ${what}`);
    await turn();
  }
}

const text = ({ heard }: Flow): string => heard.items.join('');
const pinged = (flow: Flow, times: number) => settled(`ping ${times}`, () => text(flow).length >= 4 * times);

for (const [name, headers, everyMs] of [
  ['Flow-Timer', 'Flow-Timer: 20\r\n', 20_000],
  ['no Flow-Timer', 'Require: outbound\r\n', 120_000],
  ['no word about flows at all', '', 120_000],
] as const) {
  test(`${name}: a ping every ${everyMs / 1_000} s or a fifth earlier`, async (t) => {
    const flow = await registered(t, headers);
    flow.tick(everyMs * 0.79);
    await turn();
    assert.equal(text(flow), '');
    flow.tick(everyMs * 0.22);
    await pinged(flow, 1);
    assert.equal(text(flow), '\r\n\r\n');
  });
}

test('a server that promised pongs and sends none: the flow is dead after 10 s', async (t) => {
  const flow = await registered(t, 'Flow-Timer: 20\r\n');
  flow.tick(20_000);
  await pinged(flow, 1);
  flow.tick(PONG_MS - 4_001);
  await turn();
  assert.deepEqual(flow.words.items, ['200']);
  flow.tick(4_001);
  await settled('the end', () => flow.words.items.length === 2);
  assert.deepEqual(flow.words.items, ['200', 'closed']);
});

test('a server that promised nothing may leave pings unanswered', async (t) => {
  const flow = await registered(t, '');
  flow.tick(120_000);
  await pinged(flow, 1);
  flow.tick(PONG_MS);
  await turn();
  await turn();
  assert.deepEqual(flow.words.items, ['200']);
});

test('one that has sent a pong owes the next one too; pongs are no pings', async (t) => {
  const flow = await registered(t, '');
  for (let count = 1; count <= 3; count++) {
    for (let s = 0; s < 121 && text(flow).length < 4 * count; s++) {
      flow.tick(1_000);
      for (let i = 0; i < 5; i++) await turn();
    }
    // The last one is kept back.
    if (count < 3) flow.say('\r\n');
    for (let i = 0; i < 20; i++) await turn();
  }
  // Two pongs in a row were not taken for a ping: nothing but our own three pings has been sent.
  assert.equal(text(flow), '\r\n\r\n'.repeat(3));
  flow.tick(PONG_MS);
  await settled('the end', () => flow.words.items.includes('closed'));
});

for (const [sentence, headers, pong, closed] of [
  [
    'a request in place of the pong is none, where pongs are promised (RFC 5626 §4.4.1)',
    'Flow-Timer: 20\r\n',
    '',
    true,
  ],
  ['a pong in one piece with a request is seen', 'Flow-Timer: 20\r\n', '\r\n', false],
  ['where nothing is promised, a request is a sign of life', '', '', false],
] as const)
  test(sentence, async (t) => {
    const flow = await registered(t, headers);
    flow.tick(headers === '' ? 120_000 : 20_000);
    await pinged(flow, 1);
    const head = `OPTIONS sip:desk SIP/2.0\r\nVia: SIP/2.0/TCP ${THEM};branch=z9hG4bKb\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:b>\r\n`;
    flow.say(`${head}Call-ID: y\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n${pong}`);
    await settled('the request', () => flow.words.items.includes('OPTIONS'));
    flow.tick(PONG_MS);
    for (let i = 0; i < 50; i++) await turn();
    assert.equal(flow.words.items.includes('closed'), closed);
  });

for (const [address, own] of [
  ['127.33.200.7', true],
  ['::1', true],
  ['0.0.0.0', true],
  ['192.0.2.1', false],
  ['2001:db8::1', false],
] as const) {
  test(`${address} is ${own ? '' : 'not '}an address of this machine`, () => assert.equal(isOwnAddress(address), own));
}
