/** A UDP socket for each server beside the shared one: who hears what, what the network says of a dead port, who may bind. */
import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { type TestContext, test } from 'node:test';
import { silentLogger } from '../../../src/base/index.ts';
import { createRequest, createResponse, type Hop, type SipMessage } from '../../../src/sip/message/index.ts';
import { SipTransport } from '../../../src/sip/transport/index.ts';
import { PEERS_MAX } from '../../../src/sip/transport/udp-peers.ts';
import { type UaOutput, UserAgent } from '../../../src/sip/ua/index.ts';
import { CountingRandom } from '../../kit/random.ts';
import { Inbox, until } from '../../kit/wait.ts';

const LIMIT_MS = 5_000;
const US = '127.48.3.1';
const DEAD = '127.48.3.4';
const STRANGER = '127.48.3.9';

const any = (): boolean => true;

interface End {
  transport: SipTransport;
  arrivals: Inbox<{ message: SipMessage; hop: Hop }>;
  refused: Inbox<string>;
  failed: string[];
}

async function end(t: TestContext, host: string, port = 0, servers?: readonly string[]): Promise<End> {
  const self: Omit<End, 'transport'> = { arrivals: new Inbox(), refused: new Inbox(), failed: [] };
  const transport = new SipTransport({
    listen: { udp: [{ host, port }], tcp: [] },
    limits: servers && { known: (one) => servers.includes(one), strangerPerS: 5, knownPerS: 10_000 },
    logger: silentLogger,
    onMessage: (message, hop) => self.arrivals.put({ message, hop }),
    onFailure: (transaction, reason) => self.failed.push(`${transaction}: ${reason}`),
    onRefused: (transaction, reason) => self.refused.put(`${transaction}: ${reason}`),
  });
  t.after(() => transport.stop());
  await transport.start();
  return { transport, ...self };
}

async function plain(t: TestContext, host: string, port = 0): Promise<Socket> {
  const socket = createSocket({ type: host.includes(':') ? 'udp6' : 'udp4', recvBufferSize: 1 << 20 });
  t.after(() => socket.close());
  await new Promise<void>((resolve) => socket.bind(port, host, resolve));
  return socket;
}

const hopTo = ({ transport }: End, host: string, port: number): Hop => ({
  transport: 'udp',
  remote: { host, port },
  local: transport.localFor(host, 'udp'),
});

function options({ local }: Hop, branch: string): SipMessage {
  const host = local.host.includes(':') ? `[${local.host}]` : local.host;
  return createRequest({
    method: 'OPTIONS',
    uri: 'sip:gate',
    headers: [
      ['Via', `SIP/2.0/UDP ${host}:${local.port};rport;branch=z9hG4bK${branch}`],
      ['From', '<sip:desk>;tag=1'],
      ['To', '<sip:gate>'],
      ['Call-ID', branch],
      ['CSeq', '1 OPTIONS'],
    ],
  });
}

const ask = (from: End, hop: Hop, name: string): void => from.transport.send(options(hop, name), hop, name);

/** A port where nobody listens, and nobody will soon. */
async function deadPort(host: string): Promise<number> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  await new Promise<void>((resolve) => socket.bind(0, host, resolve));
  const { port } = socket.address();
  socket.close();
  return port;
}

for (const [us, dead] of [
  [US, DEAD],
  ['0.0.0.0', DEAD],
  ['::1', '::1'],
  ['::', '::1'],
])
  test(`from ${us} to a port where nobody listens: the request is named at once, and nothing failed`, async (t) => {
    const a = await end(t, us);
    const hop = hopTo(a, dead, await deadPort(dead));
    const began = performance.now();
    ask(a, hop, 'one');
    assert.equal(await a.refused.take('the refusal', LIMIT_MS, any), 'one: UDP: ECONNREFUSED');
    t.diagnostic(`${Math.round(performance.now() - began)} ms`);
    assert.deepEqual(a.failed, []);
  });

test('a server that comes to life hears the next copy, and its answer has the right hop', async (t) => {
  const a = await end(t, US);
  const port = await deadPort(DEAD);
  const hop = hopTo(a, DEAD, port);
  ask(a, hop, 'one');
  await a.refused.take('the refusal', LIMIT_MS, any);
  const b = await end(t, DEAD, port);
  ask(a, hop, 'one');
  const { message, hop: from } = await b.arrivals.take('the second copy', LIMIT_MS, any);
  assert.deepEqual(from.remote, a.transport.listening.udp[0]);
  b.transport.send(createResponse(message as never, 200), from);
  assert.deepEqual((await a.arrivals.take('the answer', LIMIT_MS, any)).hop, hop);
});

test('what has been answered is not named when the server dies later', async (t) => {
  const a = await end(t, US);
  const b = await end(t, DEAD);
  const hop = hopTo(a, DEAD, b.transport.listening.udp[0].port);
  ask(a, hop, 'answered');
  const { message, hop: from } = await b.arrivals.take('the request', LIMIT_MS, any);
  b.transport.send(createResponse(message as never, 100), from);
  await a.arrivals.take('the answer', LIMIT_MS, any);
  await b.transport.stop();
  ask(a, hop, 'late');
  assert.equal(await a.refused.take('the refusal', LIMIT_MS, any), 'late: UDP: ECONNREFUSED');
  assert.equal(a.refused.items.length, 1);
});

test('only known servers get a socket; others, and servers beyond the cap, are reached all the same', async (t) => {
  const servers = Array.from({ length: PEERS_MAX + 1 }, (_, i) => `127.48.4.${i + 1}`);
  const a = await end(t, US, 0, servers);
  const port = await deadPort(DEAD);
  ask(a, hopTo(a, STRANGER, port), 'stranger');
  for (const [i, host] of servers.entries()) ask(a, hopTo(a, host, port), `s${i}`);
  await until('the refusals', LIMIT_MS, () => a.refused.items.length >= PEERS_MAX);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual(
    a.refused.items.map((item) => item.split(':')[0]).sort(),
    servers
      .slice(0, PEERS_MAX)
      .map((_, i) => `s${i}`)
      .sort(),
  );
  const last = await plain(t, servers[PEERS_MAX]);
  const heard = new Promise<string>((resolve) =>
    last.once('message', (_, { address, port }) => resolve(`${address} ${port}`)),
  );
  const hop = hopTo(a, servers[PEERS_MAX], last.address().port);
  ask(a, hop, 'shared');
  assert.equal(await heard, `${US} ${hop.local.port}`);
});

test('nobody else can bind the port while such sockets are there, nor after', async (t) => {
  const a = await end(t, US);
  const [{ port }] = a.transport.listening.udp;
  const third = (reuseAddr: boolean): Promise<string> =>
    new Promise((resolve) => {
      const socket = createSocket({ type: 'udp4', reuseAddr });
      const close = (what: string) => socket.close(() => resolve(what));
      socket.once('error', (error) => close((error as NodeJS.ErrnoException).code ?? ''));
      socket.bind({ address: US, port, exclusive: true }, () => close('bound'));
    });
  for (const reuse of [false, true]) assert.equal(await third(reuse), 'EADDRINUSE');
  ask(a, hopTo(a, DEAD, await deadPort(DEAD)), 'one');
  for (const reuse of [false, true]) assert.equal(await third(reuse), 'EADDRINUSE');
  a.transport.refresh();
  for (const reuse of [false, true]) assert.equal(await third(reuse), 'EADDRINUSE');
  await a.transport.stop();
  assert.equal(await third(false), 'bound');
});

test('refresh and a new start make them anew', async (t) => {
  const a = await end(t, US);
  const hop = hopTo(a, DEAD, await deadPort(DEAD));
  for (const name of ['before', 'refreshed', 'restarted']) {
    ask(a, hop, name);
    await a.refused.take(name, LIMIT_MS, (item) => item.startsWith(name));
    if (name === 'before') a.transport.refresh();
    else {
      await a.transport.stop();
      await a.transport.start();
      Object.assign(hop, { local: a.transport.localFor(DEAD, 'udp') });
    }
  }
});

test('strangers fill the shared queue while nobody reads it: all that the server says is heard', async (t) => {
  const a = await end(t, US, 0, [DEAD]);
  const [to] = a.transport.listening.udp;
  const server = await plain(t, DEAD);
  const stranger = await plain(t, STRANGER);
  const hop = hopTo(a, DEAD, server.address().port);
  ask(a, hop, 'hello');
  const message = (name: string): Buffer => {
    const text = `OPTIONS sip:gate SIP/2.0\r\nVia: SIP/2.0/UDP ${DEAD}:5060;branch=z9hG4bK${name}\r\nFrom: <sip:a>;tag=1\r\nTo: <sip:b>\r\nCall-ID: ${name}\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n`;
    return Buffer.from(text);
  };
  const noise = message('x'.repeat(400));
  let wanted = 0;
  for (let round = 0; round < 20; round++) {
    // One turn of the loop: whatever does not fit into the queue is gone.
    const sent: Promise<unknown>[] = [];
    for (let i = 0; i < 1_000; i++) stranger.send(noise, to.port, to.host);
    for (let i = 0; i < 10; i++)
      sent.push(new Promise((done) => server.send(message(`s${wanted++}`), to.port, to.host, done)));
    await Promise.all(sent);
  }
  const ours = () => a.arrivals.items.filter(({ hop: from }) => from.remote.host === DEAD);
  await until('all of the server', LIMIT_MS, () => ours().length === wanted);
  assert.deepEqual(ours()[0].hop, hop);
});

/** A user agent on a real transport, in real time. */
async function agent(t: TestContext, servers: readonly string[]) {
  const ua = new UserAgent(
    {
      accounts: [
        {
          name: 'pbx',
          address: 'sip:1001@pbx.test',
          servers: [...servers],
          username: 'x',
          password: 'x',
          expiresMs: 300_000,
        },
      ],
      product: 'test',
      user: 'x',
      displayName: '',
    },
    new CountingRandom(),
  );
  const events: string[] = [];
  const transport: SipTransport = new SipTransport({
    listen: { udp: [{ host: US, port: 0 }], tcp: [] },
    logger: silentLogger,
    onMessage: (message, hop) => act(ua.receive(message, hop, performance.now())),
    onFailure: (transaction, reason) => act(ua.transportFailed(transaction, reason, performance.now())),
    onRefused: (transaction) => act(ua.refused(transaction, performance.now())),
  });
  let alarm: NodeJS.Timeout | undefined;
  const act = (outputs: UaOutput[]): void => {
    for (const output of outputs) {
      if (output.kind === 'send') transport.send(output.message, output.hop, output.transaction);
      else if (output.kind === 'session') events.push(output.event.type);
      else if (output.kind === 'resolve') {
        const { host, port = 5060 } = output.uri;
        const hop: Hop = { transport: 'udp', remote: { host, port }, local: transport.localFor(host, 'udp') };
        act(ua.resolved(output.query, [hop], performance.now()));
      }
    }
    clearTimeout(alarm);
    const { deadline } = ua;
    if (deadline !== undefined)
      alarm = setTimeout(() => act(ua.timeout(performance.now())), deadline - performance.now());
  };
  t.after(() => {
    clearTimeout(alarm);
    return transport.stop();
  });
  await transport.start();
  return {
    events,
    call: () => act(ua.invite({ session: 's', target: 'sip:100@pbx.test', body: () => undefined }, performance.now())),
  };
}

test('the process of the first server is dead: the INVITE is at the second one within 100 ms', async (t) => {
  const second = await end(t, '127.48.3.5');
  const { port } = second.transport.listening.udp[0];
  const { call } = await agent(t, [`sip:${DEAD}:${await deadPort(DEAD)}`, `sip:127.48.3.5:${port}`]);
  const began = performance.now();
  call();
  await second.arrivals.take('the INVITE', LIMIT_MS, any);
  const tookMs = performance.now() - began;
  t.diagnostic(`${Math.round(tookMs)} ms`);
  assert.ok(tookMs < 100, `${tookMs} ms`);
});

test('the only server is just being started: the call waits for it and goes on', async (t) => {
  const port = await deadPort(DEAD);
  const { call, events } = await agent(t, [`sip:${DEAD}:${port}`]);
  call();
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal(events.length, 0);
  const server = await end(t, DEAD, port);
  const { message, hop } = await server.arrivals.take('a later copy', LIMIT_MS, any);
  server.transport.send(createResponse(message as never, 180, undefined, { toTag: 'x' }), hop);
  await until('the ringing', LIMIT_MS, () => events.includes('progress'));
});
