/** The transport on real sockets of the loopback network: no peer but ourselves and plain sockets. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { silentLogger } from '../../../src/base/index.ts';
import {
  createRequest,
  createResponse,
  type Hop,
  type HostPort,
  type SipMessage,
  SipSyntaxError,
  type Transport,
} from '../../../src/sip/message/index.ts';
import { SILENT_MS } from '../../../src/sip/transport/connection.ts';
import { type Passage, SipTransport, sourceAddress } from '../../../src/sip/transport/index.ts';
import { CONNECTIONS_MAX } from '../../../src/sip/transport/streams.ts';
import { checkout } from '../../kit/checkout.ts';
import { Inbox } from '../../kit/wait.ts';

const LIMIT_MS = 5000;
const US = '127.21.3.1';
const THEM = '127.21.3.2';

/** Takes one after the other. */
class Queue<T> extends Inbox<T> {
  #taken = 0;

  next(what: string): Promise<T> {
    return this.take(what, LIMIT_MS, () => true, this.#taken++);
  }
}

interface Arrival {
  message: SipMessage;
  hop: Hop;
}

interface End {
  transport: SipTransport;
  arrivals: Queue<Arrival>;
  failures: Queue<string>;
  passages: Passage[];
}

async function end(
  t: TestContext,
  host: string,
  react: (end: End, arrival: Arrival) => void = () => undefined,
  listen: Partial<Record<'udp' | 'tcp', HostPort[]>> = {},
): Promise<End> {
  const arrivals = new Queue<Arrival>();
  const failures = new Queue<string>();
  const passages: Passage[] = [];
  const transport = new SipTransport({
    listen: { udp: [{ host, port: 0 }], tcp: [{ host, port: 0 }], ...listen },
    logger: silentLogger,
    onMessage(message, hop) {
      arrivals.put({ message, hop });
      react(self, { message, hop });
    },
    onFailure: (transaction, reason) => failures.put(`${transaction}: ${reason}`),
    onBytes: (passage) => passages.push(passage),
  });
  const self: End = { transport, arrivals, failures, passages };
  t.after(() => transport.stop());
  await transport.start();
  return self;
}

const answer = ({ transport }: End, { message, hop }: Arrival): void => {
  if (message.kind === 'request' && message.method !== 'ACK') transport.send(createResponse(message, 200), hop);
};

function options(hop: Hop, branch = 'z9hG4bKa', body?: Uint8Array): SipMessage {
  const { host, port } = hop.local;
  const sentBy = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  return createRequest({
    method: 'OPTIONS',
    uri: 'sip:gate',
    headers: [
      ['Via', `SIP/2.0/${hop.transport.toUpperCase()} ${sentBy};rport;branch=${branch}`],
      ['From', '<sip:desk>;tag=1'],
      ['To', '<sip:gate>'],
      ['Call-ID', 'x'],
      ['CSeq', '1 OPTIONS'],
    ],
    body,
  });
}

function hopTo(from: End, to: HostPort, transport: Transport): Hop {
  return { transport, remote: to, local: from.transport.localFor(to.host, transport) };
}

const arrived = (side: End, what: string) => side.arrivals.next(what);

for (const [transport, us, them] of [
  ['udp', US, THEM],
  ['tcp', US, THEM],
  ['udp', '::1', '::1'],
  ['tcp', '::1', '::1'],
] as const) {
  test(`${transport} ${us}: there and back`, async (t) => {
    const [a, b] = [await end(t, us), await end(t, them, answer)];
    const hop = hopTo(a, b.transport.listening[transport][0], transport);
    a.transport.send(options(hop), hop, 'one');
    const request = await arrived(b, 'the request');
    assert.equal(request.message.via.params.get('received'), us);
    assert.equal(request.message.via.params.get('rport'), String(request.hop.remote.port));
    assert.deepEqual(request.hop.local, b.transport.listening[transport][0]);
    const response = await arrived(a, 'the response');
    assert.equal(response.message.kind === 'response' && response.message.status, 200);
    assert.deepEqual(response.hop.remote, b.transport.listening[transport][0]);
    assert.deepEqual(
      a.passages.map(({ direction }) => direction),
      ['out', 'in'],
    );
  });
}

test('several listeners: each answers from its own address, and a request leaves from the one its hop names', async (t) => {
  const listen = {
    udp: [
      { host: US, port: 0 },
      { host: '127.21.3.3', port: 0 },
      { host: '::1', port: 0 },
    ],
  };
  const a = await end(t, US, answer, listen);
  const b = await end(t, THEM, answer);
  const [to] = b.transport.listening.udp;
  for (const local of a.transport.listening.udp.slice(0, 2)) {
    const hop: Hop = { transport: 'udp', remote: to, local };
    a.transport.send(options(hop), hop);
    assert.deepEqual((await arrived(b, `a request from ${local.host}`)).hop.remote, local);
    assert.deepEqual((await arrived(a, 'its answer')).hop.local, local);
  }
});

test('a wildcard listener knows the address the other side sees', async (t) => {
  const a = await end(t, '0.0.0.0', answer);
  const b = await end(t, THEM);
  const [{ port }] = a.transport.listening.udp;
  const local = a.transport.localFor(THEM, 'udp');
  assert.deepEqual(local, { host: sourceAddress(THEM), port });
  for (const transport of ['udp', 'tcp'] as const) {
    const hop = hopTo(b, { host: '127.21.3.7', port: a.transport.listening[transport][0].port }, transport);
    b.transport.send(options(hop), hop);
    assert.equal((await arrived(b, 'the answer')).hop.remote.port, hop.remote.port);
  }
});

test('one TCP connection serves both ways', async (t) => {
  const [a, b] = [await end(t, US, answer), await end(t, THEM, answer)];
  const hop = hopTo(a, b.transport.listening.tcp[0], 'tcp');
  const flows = new Set<string | undefined>();
  for (let i = 0; i < 3; i++) {
    a.transport.send(options(hop, `z9hG4bK${i}`), hop);
    flows.add((await arrived(b, 'the request')).hop.flow);
    await arrived(a, 'the response');
  }
  assert.equal(flows.size, 1);
  // The other side uses the connection we opened.
  const back: Hop = { ...b.arrivals.items[0].hop };
  b.transport.send(options(back, 'z9hG4bKback'), back);
  const { message } = await a.arrivals.take('the request back', LIMIT_MS, (item) => item.message.kind === 'request');
  assert.equal(message.via.params.get('branch'), 'z9hG4bKback');
});

test('an answer whose connection is gone goes to the sent-by port over a new one', async (t) => {
  const [a, b] = [await end(t, US), await end(t, THEM)];
  const [local] = b.transport.listening.tcp;
  const socket = connect({ ...a.transport.listening.tcp[0], localAddress: THEM });
  const hop: Hop = { transport: 'tcp', remote: local, local };
  socket.end(bytesOf(options(hop)));
  const { message, hop: from } = await arrived(a, 'the request');
  await once(socket, 'close');
  assert.ok(message.kind === 'request');
  a.transport.send(createResponse(message, 200), from);
  assert.equal((await arrived(b, 'the answer')).message.kind, 'response');
});

function bytesOf(message: SipMessage): Buffer {
  const head = `${message.startLine}\r\n${message
    .lines()
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}`;
  return Buffer.from(`${head}Content-Length: 0\r\n\r\n`);
}

test('a refused connection is reported, not thrown', async (t) => {
  const a = await end(t, US);
  const hop = hopTo(a, { host: THEM, port: 1 }, 'tcp');
  a.transport.send(options(hop), hop, 'refused');
  assert.equal(await a.failures.next('the failure'), 'refused: TCP connection: ECONNREFUSED');
});

test('a connection that breaks reports the requests without any answer, and only those', async (t) => {
  const sockets: Socket[] = [];
  const server: Server = createServer((socket) => {
    sockets.push(socket);
    socket.once('data', (bytes) => {
      const text = bytes.toString().replace(/^.*\r\n/, 'SIP/2.0 180 Ringing\r\n');
      socket.write(text);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, THEM, resolve));
  t.after(() => server.close());
  const a = await end(t, US);
  const { port } = server.address() as { port: number };
  const hop = hopTo(a, { host: THEM, port }, 'tcp');
  a.transport.send(options(hop, 'z9hG4bKringing'), hop, 'ringing');
  await arrived(a, 'the 180');
  a.transport.send(options(hop, 'z9hG4bKwaiting'), hop, 'waiting');
  await new Promise((resolve) => setTimeout(resolve, 20));
  for (const socket of sockets) socket.resetAndDestroy();
  assert.match(await a.failures.next('the failure'), /^waiting: TCP connection: (ECONNRESET|closed)/);
  assert.equal(a.failures.items.length, 1);
});

test('a connection over which nothing comes back is given up, and the next request goes over a new one', async (t) => {
  const opened = new Queue<string>();
  const server: Server = createServer((socket) => socket.once('data', (bytes) => opened.put(bytes.toString())));
  await new Promise<void>((resolve) => server.listen(0, THEM, resolve));
  t.after(() => server.close());
  const a = await end(t, US);
  const { port } = server.address() as { port: number };
  const hop = hopTo(a, { host: THEM, port }, 'tcp');
  t.mock.timers.enable({ apis: ['setTimeout'] });
  a.transport.send(options(hop, 'z9hG4bKone'), hop, 'one');
  await opened.next('the first connection');
  t.mock.timers.tick(SILENT_MS - 1);
  a.transport.send(options(hop, 'z9hG4bKtwo'), hop, 'two');
  t.mock.timers.tick(1);
  assert.equal(await a.failures.next('the first failure'), 'one: TCP connection: nothing came for 8 s');
  assert.equal(await a.failures.next('the second failure'), 'two: TCP connection: nothing came for 8 s');
  a.transport.send(options(hop, 'z9hG4bKthree'), hop, 'three');
  assert.match(await opened.next('the second connection'), /z9hG4bKthree/);
});

test('strangers with many connections do not push out the one to our server', async (t) => {
  const [a, b] = [await end(t, US), await end(t, THEM, answer)];
  const hop = hopTo(a, b.transport.listening.tcp[0], 'tcp');
  a.transport.send(options(hop, 'z9hG4bKone'), hop, 'one');
  const { hop: flow } = await arrived(a, 'the first response');
  const { host, port } = a.transport.listening.tcp[0];
  const strangers: Socket[] = [];
  t.after(() => {
    for (const socket of strangers) socket.destroy();
  });
  for (let i = 0; i < CONNECTIONS_MAX; i++) {
    const socket = connect({ host, port, localAddress: '127.21.3.9' });
    socket.on('error', () => {});
    strangers.push(socket);
    await once(socket, 'connect');
  }
  a.transport.send(options(hop, 'z9hG4bKtwo'), hop, 'two');
  assert.equal((await arrived(a, 'the second response')).hop.flow, flow.flow);
  assert.equal(a.failures.items.length, 0);
});

test('no socket of that family, no such port, nobody there over TLS: reported', async (t) => {
  const a = await end(t, US);
  const local = { host: US, port: 5060 };
  a.transport.send(
    options({ transport: 'udp', remote: local, local }),
    { transport: 'udp', remote: { host: '::1', port: 9 }, local },
    'v6',
  );
  a.transport.send(
    options({ transport: 'udp', remote: local, local }),
    { transport: 'udp', remote: { host: THEM, port: 0 }, local },
    'port',
  );
  a.transport.send(
    options({ transport: 'tls', remote: local, local }),
    { transport: 'tls', remote: local, local },
    'tls',
  );
  a.transport.send(
    options({ transport: 'udp', remote: local, local }, 'z9hG4bKbig', new Uint8Array(70_000)),
    { transport: 'udp', remote: { host: THEM, port: 9 }, local },
    'big',
  );
  const failed = new Set<string>();
  for (let i = 0; i < 4; i++) failed.add((await a.failures.next('a failure')).split(':')[0]);
  assert.deepEqual([...failed].sort(), ['big', 'port', 'tls', 'v6']);
  assert.throws(() => a.transport.localFor('::1', 'udp'), { code: 'sip-transport' });
});

test('an address in use is named, and nothing stays bound', async (t) => {
  const a = await end(t, US);
  const [taken] = a.transport.listening.udp;
  const free = { host: THEM, port: taken.port };
  const b = new SipTransport({
    listen: { udp: [free, taken], tcp: [] },
    logger: silentLogger,
    onMessage: () => undefined,
    onFailure: () => undefined,
  });
  await assert.rejects(b.start(), {
    code: 'sip-transport',
    message: `Cannot listen on udp ${US} port ${taken.port}: EADDRINUSE`,
  });
  const socket = createSocket('udp4');
  await new Promise<void>((resolve, reject) => socket.once('error', reject).bind(free.port, free.host, resolve));
  socket.close();
});

/** Sends raw octets and gives the first answer, or undefined when an OPTIONS after them is answered first. */
async function provoke(side: End, transport: 'udp' | 'tcp', bytes: Uint8Array): Promise<string | undefined> {
  const to = side.transport.listening[transport][0];
  const probe = options({ transport, remote: to, local: { host: THEM, port: 1 } }, 'z9hG4bKprobe');
  const texts = new Queue<string>();
  if (transport === 'udp') {
    const socket = createSocket('udp4');
    socket.on('message', (datagram) => texts.put(datagram.toString('latin1')));
    await new Promise<void>((resolve) => socket.bind(0, THEM, resolve));
    const { port } = socket.address();
    // Answers to a Via without rport go to its sent-by port: make that ours.
    const text = Buffer.from(bytes).toString('latin1');
    socket.send(Buffer.from(text.replace(/127\.0\.2\.30(?=[;,])/g, `127.0.2.30:${port}`), 'latin1'), to.port, to.host);
    socket.send(bytesOf(probe), to.port, to.host);
    const first = await texts.next('an answer');
    socket.close();
    return first.includes('z9hG4bKprobe') ? undefined : first;
  }
  const socket = connect({ ...to, localAddress: THEM });
  socket.on('data', (chunk) => texts.put(chunk.toString('latin1'))).on('error', () => undefined);
  const closed = new Promise<string>((resolve) => socket.once('close', () => resolve('closed')));
  socket.write(bytes);
  socket.write(bytesOf(probe));
  const first = await Promise.race([texts.next('an answer'), closed]);
  socket.destroy();
  // Both answers may come in one piece: what stands before that to the probe counts.
  const own = first.replace(/SIP\/2\.0 200 [\s\S]*$/, '');
  return own === '' ? undefined : own;
}

for (const [sentence, name, udp, tcp] of [
  ['a length beyond the datagram', 'clerr', 400, undefined],
  ['a negative length', 'ncl', 400, 400],
  ['another version', 'badvers', 505, 505],
  ['a Via that cannot be read', 'badinv01', 'other port', 400],
  ['a missing From', 'insuf', 400, 400],
  ['a wrong CSeq', 'mismatch01', 400, 400],
] as const) {
  test(`${sentence} is answered`, async (t) => {
    const a = await end(t, US, answer);
    const bytes = readFileSync(join(checkout, 'test/fixtures/sip', `${name}.sip`));
    if (udp !== 'other port') {
      assert.match((await provoke(a, 'udp', bytes)) ?? '', new RegExp(`^SIP/2\\.0 ${udp} `));
    }
    if (tcp !== undefined) assert.match((await provoke(a, 'tcp', bytes)) ?? '', new RegExp(`^SIP/2\\.0 ${tcp} `));
  });
}

for (const [sentence, octets] of [
  ['a NAT keep-alive', '\r\n\r\n'],
  ['one zero octet', '\0'],
  ['nothing', ''],
  ['a STUN request', '\0\x01\0\0!\x12\xa4B0123456789ab'],
  ['text', 'hello\r\n\r\n'],
  ['a response nobody can read', 'SIP/2.0 9999 x\r\nVia: SIP/2.0/UDP a\r\n\r\n'],
  ['an ACK nobody can read', 'ACK sip:a SIP/2.0\r\nVia: SIP/2.0/UDP a\r\n\r\n'],
] as const) {
  test(`UDP: ${sentence} is not answered, and the next request is`, async (t) => {
    const a = await end(t, US, answer);
    assert.equal(await provoke(a, 'udp', Buffer.from(octets, 'latin1')), undefined);
    assert.equal(a.arrivals.items.length, 1);
  });
}

test('TCP: a ping is answered with a pong; another protocol is cut off', async (t) => {
  const a = await end(t, US, answer);
  assert.equal(await provoke(a, 'tcp', Buffer.from('\r\n\r\n')), '\r\n');
  assert.equal(await provoke(a, 'tcp', Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n')), 'closed');
});

test('a header field that only the user of a message finds malformed is answered with 400', async (t) => {
  const a = await end(t, US, () => {
    throw new SipSyntaxError('Cannot parse Replaces');
  });
  const to = a.transport.listening.udp[0];
  const text = await provoke(
    a,
    'udp',
    bytesOf(options({ transport: 'udp', remote: to, local: { host: THEM, port: 9 } })),
  );
  assert.match(text ?? '', /^SIP\/2\.0 400 /);
});
