/** TLS on real sockets of the loopback network, with certificates made for each run. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { after, type TestContext, test } from 'node:test';
import { createServer as createTlsServer, type TlsOptions as NodeTlsOptions, connect as tlsConnect } from 'node:tls';
import { silentLogger } from '../../../src/base/index.ts';
import {
  createRequest,
  createResponse,
  formatHostPort,
  type Hop,
  parseUri,
  type SipMessage,
} from '../../../src/sip/message/index.ts';
import { Resolver, SipTransport, type TlsOptions } from '../../../src/sip/transport/index.ts';
import { authorities, fingerprintOf, type Pair, withoutOpenssl } from '../../kit/certificates.ts';
import { CountingRandom } from '../../kit/random.ts';
import { Inbox } from '../../kit/wait.ts';

const LIMIT_MS = 6000;
const US = '127.41.3.1';
const THEM = '127.41.3.2';
const skip = withoutOpenssl;

/** Made once: openssl takes its time. */
function make() {
  const made = authorities('known', 'stranger');
  after(() => made.remove());
  const { known, stranger } = made;
  const good = known.sign({ names: `DNS:pbx.test,IP:${THEM}` });
  return {
    ca: known.certificate,
    good,
    six: known.sign({ names: 'IP:::1' }),
    byUri: known.sign({ names: 'URI:sip:pbx.test,DNS:www.test' }),
    wrongName: known.sign({ names: 'DNS:other.test,DNS:*.test' }),
    expired: known.sign({ names: 'DNS:pbx.test', days: -1 }),
    unknown: stranger.sign({ names: 'DNS:pbx.test' }),
    client: known.sign({ commonName: 'help-07' }),
    self: { certificate: stranger.certificate, key: '' },
  };
}
const certificates = withoutOpenssl === false ? make() : undefined;

interface End {
  transport: SipTransport;
  arrivals: Inbox<{ message: SipMessage; hop: Hop }>;
  /** The first word about each request: the status of its answer, or why there is none. */
  words: Inbox<string>;
}

/** `listens` on TLS too, or on UDP alone. */
async function end(t: TestContext, host: string, tls: TlsOptions, listens = tls.key !== undefined): Promise<End> {
  const arrivals: End['arrivals'] = new Inbox();
  const words: End['words'] = new Inbox();
  const transport = new SipTransport({
    listen: { udp: [{ host, port: 0 }], tcp: [], tls: listens ? [{ host, port: 0 }] : [] },
    tls,
    logger: silentLogger,
    onMessage(message, hop) {
      arrivals.put({ message, hop });
      if (message.kind === 'response') words.put(`${message.callId}: ${message.status}`);
      if (message.kind === 'request' && message.method === 'OPTIONS') transport.send(createResponse(message, 200), hop);
    },
    onFailure: (transaction, reason) => words.put(`${transaction}: ${reason}`),
  });
  t.after(() => transport.stop());
  await transport.start();
  return { transport, arrivals, words };
}

function hopTo(from: End, port: number, domains?: string[]): Hop {
  const local = from.transport.localFor(THEM, 'tls');
  return { transport: 'tls', remote: { host: THEM, port }, local, ...(domains && { domains }) };
}

function ask(from: End, hop: Hop, name = 'one', method = 'OPTIONS'): void {
  const request = createRequest({
    method,
    uri: 'sip:gate',
    headers: [
      ['Via', `SIP/2.0/TLS ${formatHostPort(hop.local.host, hop.local.port)};rport;branch=z9hG4bK${name}`],
      ['From', '<sip:desk>;tag=1'],
      ['To', '<sip:gate>'],
      ['Call-ID', name],
      ['CSeq', `1 ${method}`],
    ],
  });
  from.transport.send(request, hop, name);
}

async function outcome({ words }: End, name = 'one'): Promise<string> {
  const word = await words.take(`word of ${name}`, LIMIT_MS, (text) => text.startsWith(`${name}: `));
  return word.slice(name.length + 2);
}

/** A server of our own kind behind `pair`. */
async function server(t: TestContext, pair: Pair): Promise<{ end: End; port: number }> {
  const them = await end(t, THEM, pair);
  return { end: them, port: them.transport.listening.tls[0].port };
}

const c = certificates!;
for (const [sentence, pair, trust, domains, expected] of [
  ['its authority is known and its name is right', 'good', 'ca', ['pbx.test'], /^200$/],
  ['the address stands in it', 'good', 'ca', [THEM], /^200$/],
  ['without a name the address must stand in it', 'good', 'ca', undefined, /^200$/],
  ['one of two names is enough', 'good', 'ca', ['10.9.9.9', 'pbx.test'], /^200$/],
  ['the name stands in a SIP URI', 'byUri', 'ca', ['pbx.test'], /^200$/],
  [
    'beside a SIP URI other names do not count',
    'byUri',
    'ca',
    ['www.test'],
    /certificate is for pbx\.test, not for www\.test$/,
  ],
  [
    'it is for somebody else, and a wildcard does not help',
    'wrongName',
    'ca',
    ['pbx.test'],
    /^TLS connection: the certificate is for other\.test, \*\.test, not for pbx\.test$/,
  ],
  ['it has expired', 'expired', 'ca', ['pbx.test'], /the certificate has expired: it was valid until \w+ /],
  ['nobody knows who signed it', 'unknown', 'ca', ['pbx.test'], /signed by an authority that is not trusted here$/],
  [
    'nobody knows who signed it, public authorities alone',
    'good',
    'public',
    ['pbx.test'],
    /signed by an authority that is not trusted here$/,
  ],
  ['its fingerprint is known, and nothing else of it is right', 'expired', 'pin', ['elsewhere.test'], /^200$/],
  [
    'another fingerprint is known',
    'good',
    'other pin',
    ['pbx.test'],
    /not the one expected: its fingerprint is sha256:[0-9a-f]{64}$/,
  ],
  ['another fingerprint is known, and its authority', 'good', 'other pin and ca', ['pbx.test'], /^200$/],
] as const) {
  test(`the server's certificate: ${sentence}`, { skip }, async (t) => {
    const them = await server(t, c[pair]);
    const trusts: Record<typeof trust, TlsOptions> = {
      ca: { ca: c.ca },
      public: {},
      pin: { fingerprints: [fingerprintOf(c.unknown.certificate), fingerprintOf(c[pair].certificate)] },
      'other pin': { fingerprints: [fingerprintOf(c.unknown.certificate)] },
      'other pin and ca': { ca: c.ca, fingerprints: [fingerprintOf(c.unknown.certificate)] },
    };
    const us = await end(t, US, trusts[trust]);
    ask(us, hopTo(us, them.port, domains && [...domains]));
    assert.match(await outcome(us), expected);
    // Who is not trusted has not been told a word.
    assert.equal(them.end.arrivals.items.length, String(expected) === '/^200$/' ? 1 : 0);
  });
}

for (const [sentence, pair, remote, expected] of [
  ['its address stands in the certificate', 'six', '::1', /^200$/],
  ['written in another way', 'six', '0:0:0:0:0:0:0:1', /^200$/],
  ['another address stands in the certificate', 'good', '::1', /not for ::1$/],
] as const)
  test(`IPv6: ${sentence}`, { skip }, async (t) => {
    const them = await end(t, '::1', c[pair]);
    const us = await end(t, '::1', { ca: c.ca });
    const { port } = them.transport.listening.tls[0];
    const resolver = new Resolver({ localFor: us.transport.localFor.bind(us.transport), random: new CountingRandom() });
    const [hop] = await resolver.resolve(parseUri(`sip:[${remote}]:${port};transport=tls`));
    ask(us, hop);
    assert.match(await outcome(us), expected);
    if (pair === 'good') return;
    const [{ message, hop: theirs }] = them.arrivals.items;
    assert.equal(message.via.host, '::1');
    ask(them, theirs, 'back');
    assert.equal(await outcome(them, 'back'), '200');
  });

test('one connection serves both ways and is used again for whom it names, and for nobody else', {
  skip,
}, async (t) => {
  const them = await server(t, c.good);
  const us = await end(t, US, { ca: c.ca });
  const hop = hopTo(us, them.port, ['pbx.test']);
  ask(us, hop);
  assert.equal(await outcome(us), '200');
  const [{ hop: theirs }] = them.end.arrivals.items;
  assert.equal(theirs.transport, 'tls');
  assert.deepEqual(theirs.local, them.end.transport.listening.tls[0]);
  assert.equal(us.arrivals.items[0].message.via.params.get('received'), US);
  assert.deepEqual(us.arrivals.items[0].hop.domains, ['pbx.test']);
  // Back over the connection we opened: nobody listens for TLS here.
  ask(them.end, theirs, 'back');
  assert.equal(await outcome(them.end, 'back'), '200');
  ask(us, hop, 'two');
  assert.equal(await outcome(us, 'two'), '200');
  assert.equal(them.end.arrivals.items[1].hop.flow, theirs.flow);
  ask(us, hopTo(us, them.port, [THEM]), 'three');
  assert.equal(await outcome(us, 'three'), '200');
  const flows = new Set(them.end.arrivals.items.map((arrival) => arrival.hop.flow));
  assert.equal(flows.size, 1, 'its certificate names the address, too');
  ask(us, hopTo(us, them.port, ['elsewhere.test']), 'four');
  assert.match(await outcome(us, 'four'), /not for elsewhere\.test$/);
});

/** A bare TLS server, to see what kinds of them there are. */
async function plainServer(t: TestContext, options: NodeTlsOptions) {
  const tlsServer = createTlsServer({ cert: c.good.certificate, key: c.good.key, ...options });
  const seen = new Inbox<{ protocol: string | null; servername: string | false; subject: string | undefined }>();
  tlsServer.on('secureConnection', (socket) => {
    const { servername } = socket as unknown as { servername: string | false };
    seen.put({
      protocol: socket.getProtocol(),
      servername,
      subject: socket.getPeerCertificate().subject?.CN?.toString(),
    });
    socket.on('data', (text) => {
      const [, via] = /(Via:.*)\r\n/.exec(String(text)) ?? [];
      if (via !== undefined)
        socket.write(
          `SIP/2.0 200 OK\r\n${via}\r\nFrom: <sip:desk>;tag=1\r\nTo: <sip:gate>;tag=2\r\nCall-ID: one\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n`,
        );
    });
    socket.on('error', () => {});
  });
  tlsServer.listen(0, THEM);
  await once(tlsServer, 'listening');
  t.after(() => tlsServer.close());
  return { port: (tlsServer.address() as { port: number }).port, seen };
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  test(`${version}: our certificate where it is demanded, and the name asked for`, { skip }, async (t) => {
    const demands = { requestCert: true, rejectUnauthorized: true, ca: c.ca };
    const { port, seen } = await plainServer(t, { ...demands, minVersion: version, maxVersion: version });
    const us = await end(t, US, { ca: c.ca, ...c.client }, false);
    ask(us, hopTo(us, port, ['10.9.9.9', 'pbx.test']));
    assert.equal(await outcome(us), '200');
    assert.deepEqual(seen.items, [{ protocol: version, servername: 'pbx.test', subject: 'help-07' }]);
    const nobody = await end(t, US, { ca: c.ca });
    ask(nobody, hopTo(nobody, port, ['pbx.test']));
    assert.match(await outcome(nobody), /^TLS connection: .*demands? a certificate of ours/);
  });
}

for (const [sentence, trust, shows, expected] of [
  ['of an authority known here: its names count', 'ca', 'byUri', ['pbx.test']],
  ['of a stranger: no name counts, and the call is heard all the same', 'ca', 'unknown', []],
  ['that has expired: no name counts', 'ca', 'expired', []],
  ['known by its fingerprint, whoever signed it', 'pin', 'unknown', ['pbx.test']],
  ['of a known authority, where only a fingerprint counts', 'other pin', 'good', []],
  ['of none at all', 'ca', undefined, []],
] as const) {
  test(`who calls shows a certificate ${sentence}`, { skip }, async (t) => {
    const trusts = {
      ca: { ca: c.ca },
      pin: { fingerprints: [fingerprintOf(c.unknown.certificate)] },
      'other pin': { fingerprints: [fingerprintOf(c.unknown.certificate)] },
    };
    const them = await end(t, THEM, { ...c.good, ...trusts[trust] });
    const us = await end(t, US, { ca: c.ca, ...(shows && c[shows]) }, false);
    ask(us, hopTo(us, them.transport.listening.tls[0].port));
    assert.equal(await outcome(us), '200');
    assert.deepEqual(them.arrivals.items[0].hop.identities, expected);
  });
}

test('nothing older than TLS 1.2', { skip }, async (t) => {
  const { port } = await plainServer(t, { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' });
  const us = await end(t, US, { ca: c.ca });
  ask(us, hopTo(us, port, ['pbx.test']));
  assert.match(await outcome(us), /^TLS connection: the other side speaks no version of TLS that we do$/);
});

test('a server that speaks no TLS, or nothing at all, is told apart', { skip }, async (t) => {
  const silent = createServer((socket) => socket.on('error', () => {}));
  const plain = createServer((socket) => socket.on('error', () => {}).end('SIP/2.0 400 Bad Request\r\n\r\n'));
  for (const one of [silent, plain]) {
    one.listen(0, THEM);
    await once(one, 'listening');
    t.after(() => one.close());
  }
  const portOf = (one: typeof plain) => (one.address() as { port: number }).port;
  const us = await end(t, US, { ca: c.ca });
  ask(us, hopTo(us, portOf(plain)), 'plain');
  ask(us, hopTo(us, portOf(silent)), 'silent');
  ask(us, hopTo(us, 1), 'none');
  assert.match(await outcome(us, 'plain'), /does not speak TLS at that port$/);
  assert.match(await outcome(us, 'silent'), /no connection within 4000 ms$/);
  assert.match(await outcome(us, 'none'), /ECONNREFUSED$/);
});

test('who calls at our TLS port and says nothing, or no TLS, is let go and harms nobody', { skip }, async (t) => {
  const them = await server(t, c.good);
  const idle = connect({ host: THEM, port: them.port });
  const noise = connect({ host: THEM, port: them.port });
  const broken = connect({ host: THEM, port: them.port });
  const ends = [idle, noise].map((socket) =>
    once(
      socket.on('error', () => {}),
      'close',
    ),
  );
  broken.on('error', () => {});
  await once(broken, 'connect');
  broken.resetAndDestroy();
  noise.write('OPTIONS sip:gate SIP/2.0\r\n\r\n');
  await Promise.all(ends);
  const old = tlsConnect({
    host: THEM,
    port: them.port,
    rejectUnauthorized: false,
    maxVersion: 'TLSv1.1',
    minVersion: 'TLSv1',
    ciphers: 'DEFAULT@SECLEVEL=0',
  });
  const [error] = (await once(old, 'error').catch((reason: Error) => [reason])) as [Error];
  assert.match(error.message, /version/);
  const us = await end(t, US, { ca: c.ca });
  ask(us, hopTo(us, them.port));
  assert.equal(await outcome(us), '200');
});

test('a TLS port without certificate, or with the key of another one, is refused at the start', { skip }, async (t) => {
  await assert.rejects(end(t, THEM, {}, true), { code: 'sip-transport', message: /without a certificate/ });
  const foreign = { certificate: c.good.certificate, key: c.unknown.key };
  await assert.rejects(end(t, THEM, foreign), {
    code: 'sip-transport',
    message: /Cannot use the certificates and key/,
  });
});

test('a key of another certificate fails each request over TLS, and nothing else', { skip }, async (t) => {
  const us = await end(t, US, { ca: c.ca, certificate: c.good.certificate, key: c.unknown.key }, false);
  ask(us, hopTo(us, 9, ['pbx.test']));
  assert.match(await outcome(us), /^Cannot use the certificates and key for TLS: /);
});

test('over TLS a hop knows whom it is to find: the host of the URI, whatever maddr says', () => {
  const resolver = new Resolver({ localFor: () => ({ host: US, port: 5061 }), random: new CountingRandom() });
  const domainsOf = (uri: string) => (resolver.resolve(parseUri(uri)) as Hop[])[0].domains;
  assert.deepEqual(domainsOf('sips:100@pbx.test;maddr=127.41.3.2'), ['pbx.test']);
  assert.deepEqual(domainsOf('sip:127.41.3.2;transport=tls'), ['127.41.3.2']);
  assert.equal(domainsOf('sip:127.41.3.2;transport=tcp'), undefined);
});
