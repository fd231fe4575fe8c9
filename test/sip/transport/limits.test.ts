/** How much of one address is looked at, and what strangers may hold open. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { type LogFields, silentLogger } from '../../../src/base/index.ts';
import { networkOf } from '../../../src/sip/message/index.ts';
import { FIRST_MESSAGE_MS } from '../../../src/sip/transport/connection.ts';
import { SipTransport } from '../../../src/sip/transport/index.ts';
import { Limits, SOURCES_MAX } from '../../../src/sip/transport/limits.ts';
import { STRANGER_CONNECTIONS_MAX } from '../../../src/sip/transport/streams.ts';
import { until } from '../../kit/wait.ts';

const KNOWN = '127.38.3.2';
const STRANGER = '127.38.3.66';
const make = () => new Limits({ known: (host) => host === KNOWN, strangerPerS: 10, knownPerS: 100 });

/** How many of `count` messages at one moment are admitted. */
const burst = (limits: Limits, host: string, count: number, now: number): number =>
  Array.from({ length: count }, () => limits.admit(host, now)).filter(Boolean).length;

for (const [name, host, waits, expected] of [
  ['a stranger: as many at once as in a second', STRANGER, [0], [10]],
  ['then as many as time has passed', STRANGER, [0, 500, 1000], [10, 5, 5]],
  ['never more than a second saves up', STRANGER, [0, 60_000], [10, 10]],
  ['whom a rule names has the wider measure', KNOWN, [0, 500], [100, 50]],
] as [string, string, number[], number[]][])
  test(`measure: ${name}`, () => {
    const limits = make();
    assert.deepEqual(
      waits.map((now) => burst(limits, host, 1_000, now)),
      expected,
    );
  });

test('measure: one stranger does not take what is another one’s, all together take twice the measure', () => {
  const limits = make();
  assert.equal(burst(limits, '127.38.3.67', 1_000, 0), 10);
  assert.equal(burst(limits, '127.38.3.68', 1_000, 0), 10);
  assert.equal(burst(limits, '127.38.3.69', 1_000, 0), 0);
  assert.equal(burst(limits, KNOWN, 1_000, 0), 100);
});

test('measure: a wide one is not all taken in one moment by a stranger', () => {
  const limits = new Limits({ known: (host) => host === KNOWN, strangerPerS: 1_500, knownPerS: 5_000 });
  assert.equal(burst(limits, STRANGER, 10_000, 0), 100);
  assert.equal(burst(limits, STRANGER, 10_000, 20), 30);
  assert.equal(burst(limits, STRANGER, 10_000, 5_000), 100);
  assert.equal(burst(limits, '127.38.3.67', 10_000, 5_000), 100);
  assert.equal(burst(limits, '127.38.3.68', 10_000, 5_000), 0);
  assert.equal(burst(limits, KNOWN, 10_000, 5_000), 5_000);
});

test('measure: whom we ask may answer', () => {
  const limits = make();
  limits.asked(STRANGER, 0);
  assert.equal(burst(limits, STRANGER, 1_000, 0), 100);
  assert.equal(limits.strangers.messages, 0);
});

test('measure: who becomes known has the wider measure within seconds', () => {
  let known = false;
  const limits = new Limits({ known: () => known, strangerPerS: 10, knownPerS: 100 });
  assert.equal(burst(limits, STRANGER, 1_000, 0), 10);
  known = true;
  assert.equal(burst(limits, STRANGER, 1_000, 3_000), 100);
});

test('measure: a million invented addresses take no more room than some, and push out nobody known', () => {
  const limits = make();
  limits.admit(KNOWN, 0);
  for (let i = 0; i < 10_000; i++) limits.admit(`10.${i >> 8}.${i & 255}.1`, i);
  assert.equal(limits.size, SOURCES_MAX);
  assert.equal(burst(limits, KNOWN, 1_000, 1), 99);
  assert.equal(limits.strangers.sources.length, 10);
  assert.equal(limits.strangers.messages, 10_000);
});

for (const [host, key] of [
  ['10.0.0.1', '10.0.0.1'],
  ['::ffff:10.0.0.1', '10.0.0.1'],
  ['2001:db8:0:1:2:3:4:5', '2001:db8:0:1::/64'],
  ['2001:DB8:0:1::5', '2001:db8:0:1::/64'],
  ['2001:db8::5', '2001:db8:0:0::/64'],
  ['2001:0db8::5', '2001:db8:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
] as const)
  test(`measure: ${host} is counted as ${key}`, () => assert.equal(networkOf(host), key));

async function listening(t: TestContext, host: string, silent = false, logs: [string, LogFields?][] = []) {
  let taken = 0;
  const transport = new SipTransport({
    listen: { udp: [{ host, port: 0 }], tcp: [{ host, port: 0 }] },
    limits: { known: (address) => address === KNOWN, strangerPerS: 20, knownPerS: 1000, silent },
    logger: { ...silentLogger, info: (message, fields) => logs.push([message, fields]) },
    onMessage: () => taken++,
    onFailure: () => undefined,
  });
  t.after(() => transport.stop());
  await transport.start();
  return { transport, taken: () => taken };
}

const REQUEST = (branch: string): Buffer =>
  Buffer.from(
    `OPTIONS sip:x@127.38.3.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.38.3.66;branch=z9hG4bK${branch};rport\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:x@127.38.3.1>\r\nCall-ID: ${branch}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n`,
  );

test('UDP: what is above the measure is not read; a 400 tells a stranger nothing, one who is known why', async (t) => {
  const { transport, taken } = await listening(t, '127.38.3.1');
  const to = transport.listening.udp[0];
  const answers = new Map<string, string[]>();
  for (const host of [STRANGER, KNOWN]) {
    const socket = createSocket('udp4');
    t.after(() => socket.close());
    answers.set(host, []);
    socket.on('message', (bytes) => answers.get(host)!.push(bytes.toString()));
    await new Promise<void>((done) => socket.bind(0, host, done));
    const text = REQUEST('broken').toString();
    socket.send(Buffer.from(text.replace('1 OPTIONS', '1 INVITE')), to.port, to.host);
    for (let i = 0; i < 50; i++) socket.send(REQUEST(`${i}`), to.port, to.host);
  }
  await until('the known ones', 3_000, () => taken() >= 50 && answers.get(KNOWN)!.length === 1);
  await new Promise((done) => setTimeout(done, 50));
  assert.ok(taken() < 50 + 25, `${taken()} were read`);
  assert.match(answers.get(KNOWN)![0], /^SIP\/2\.0 400 [\s\S]*\r\nWarning: /);
  assert.match(answers.get(STRANGER)![0], /^SIP\/2\.0 400 /);
  assert.doesNotMatch(answers.get(STRANGER)![0], /\r\n(?:Warning|Server|Allow)/);
  const { sources, dropped } = transport.strangers;
  assert.equal(sources[0].address, STRANGER);
  assert.ok(dropped > 20);
});

test('UDP: strangers: silent: nothing at all', async (t) => {
  const { transport } = await listening(t, '127.38.3.3', true);
  const to = transport.listening.udp[0];
  const socket = createSocket('udp4');
  t.after(() => socket.close());
  let answers = 0;
  socket.on('message', () => answers++);
  await new Promise<void>((done) => socket.bind(0, STRANGER, done));
  socket.send(Buffer.from(REQUEST('x').toString().replace('OPTIONS sip', 'INVITE sip')), to.port, to.host);
  await until('it to be read', 3_000, () => transport.strangers.messages === 1);
  await new Promise((done) => setTimeout(done, 50));
  assert.equal(answers, 0);
});

test('TCP: a stranger has some connections and no more; who is known still gets in', async (t) => {
  const { transport, taken } = await listening(t, '127.38.3.4');
  const { host, port } = transport.listening.tcp[0];
  const open = async (from: string): Promise<Socket> => {
    const socket = connect({ host, port, localAddress: from });
    socket.on('error', () => undefined);
    t.after(() => socket.destroy());
    await once(socket, 'connect');
    return socket;
  };
  const mine = await Promise.all(Array.from({ length: 2 * STRANGER_CONNECTIONS_MAX }, () => open(STRANGER)));
  await until(
    'the others to be closed',
    3_000,
    () => mine.filter((socket) => socket.closed).length >= STRANGER_CONNECTIONS_MAX,
  );
  const good = await open(KNOWN);
  good.write(REQUEST('good'));
  await until('its message', 3_000, () => taken() === 1);
  assert.equal(mine.filter((socket) => !socket.closed).length, STRANGER_CONNECTIONS_MAX);
  // Above the measure a connection is of no use any more.
  const one = mine.find((socket) => !socket.closed)!;
  for (let i = 0; i < 40; i++) one.write(REQUEST(`t${i}`));
  await until('it to be closed', 3_000, () => one.closed);
});

/** Lets what sockets do happen, where timers stand still. */
async function turns(count = 200): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((done) => setImmediate(done));
}

for (const [name, sent] of [
  ['says nothing', ''],
  ['only pings', '\r\n\r\n'],
  ['says one letter at a time', 'OPTIONS sip:x SIP/2.0\r\nX: '],
] as const)
  test(`TCP: a stranger who ${name} is not waited for; who is known is`, async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
    const { transport, taken } = await listening(t, '127.38.3.5');
    const { host, port } = transport.listening.tcp[0];
    const open = async (from: string): Promise<Socket> => {
      const socket = connect({ host, port, localAddress: from });
      socket.on('error', () => undefined).resume();
      t.after(() => socket.destroy());
      await once(socket, 'connect');
      return socket;
    };
    const [stranger, good] = [await open(STRANGER), await open(KNOWN)];
    if (sent !== '') stranger.write(sent);
    await turns();
    t.mock.timers.tick(FIRST_MESSAGE_MS - 1_000);
    if (sent !== '') stranger.write('a');
    await turns();
    assert.equal(stranger.closed, false);
    t.mock.timers.tick(2_000);
    await turns();
    assert.equal(stranger.closed, true);
    good.write(REQUEST('late'));
    await turns();
    assert.equal(taken(), 1);
  });

test('the log has one line a minute for all strangers, and none when there were none', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const logs: [string, LogFields?][] = [];
  const { transport } = await listening(t, '127.38.3.6', false, logs);
  t.mock.timers.tick(60_000);
  assert.deepEqual(logs, []);
  const to = transport.listening.udp[0];
  const socket = createSocket('udp4');
  t.after(() => socket.close());
  await new Promise<void>((done) => socket.bind(0, STRANGER, done));
  for (let i = 0; i < 100; i++) socket.send(REQUEST(`${i}`), to.port, to.host);
  await until('all to be counted', 3_000, () => transport.strangers.messages === 100);
  assert.deepEqual(logs, []);
  t.mock.timers.tick(120_000);
  assert.equal(logs.length, 1);
  const [[message, fields]] = logs as [string, LogFields][];
  const { messages, busiest } = fields as { messages: number; busiest: { address: string }[] };
  assert.deepEqual([message, messages, busiest[0].address], ['Strangers', 100, STRANGER]);
});
