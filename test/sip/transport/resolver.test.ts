/** RFC 3263 over a real name server on loopback: which hops a URI leads to, and what happens when nobody answers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Logger, silentLogger } from '../../../src/base/index.ts';
import { type Hop, parseUri, type Transport } from '../../../src/sip/message/index.ts';
import { BOTH_FAMILIES_MS, systemAddresses, systemQuestions } from '../../../src/sip/transport/dns.ts';
import { TransportError } from '../../../src/sip/transport/errors.ts';
import { Dns, type Questions, Resolver } from '../../../src/sip/transport/index.ts';
import { nameServer, type Record } from '../../kit/names.ts';
import { CountingRandom } from '../../kit/random.ts';
import type { Cleaner } from '../../kit/terminal.ts';

const HOST = '127.32.0.53';
const a = (address: string, ttl?: number): Record => ({ type: 'A', address, ttl });
const srv = (priority: number, port: number, target: string): Record => ({
  type: 'SRV',
  priority,
  weight: 0,
  port,
  target,
});
const naptr = (order: number, service: string, replacement: string): Record => ({
  ...{ type: 'NAPTR', order, preference: 1, flags: 's', service, replacement },
});

const ZONE: { [name: string]: Record[] } = {
  'full.example': [naptr(10, 'SIP+D2T', '_sip._tcp.full.example'), naptr(5, 'SIPS+D2T', '_sips._tcp.full.example')],
  '_sips._tcp.full.example': [srv(2, 5071, 'b.example'), srv(1, 5061, 'a.example')],
  '_sip._tcp.full.example': [srv(1, 5072, 'a.example')],
  '_sip._udp.full.example': [srv(1, 5073, 'b.example')],
  'srv.example': [a('127.32.9.9')],
  '_sip._udp.srv.example': [srv(1, 5070, 'a.example'), srv(2, 5070, 'gone.example'), srv(3, 5070, 'b.example')],
  '_sip._tcp.srv.example': [srv(1, 5080, 'a.example')],
  'plain.example': [a('127.32.1.1'), a('127.32.1.2')],
  'closed.example': [a('127.32.1.1')],
  '_sip._udp.closed.example': [srv(0, 0, '.')],
  'a.example': [a('127.32.1.1')],
  'b.example': [a('127.32.1.2')],
  'short.example': [a('127.32.1.1', 7)],
};

const localFor = (_host: string, transport: Transport) => ({ host: HOST, port: transport === 'tls' ? 5061 : 5060 });
const shortly = (hops: readonly Hop[]) =>
  hops.map(({ transport, remote: { host, port } }) => `${transport} ${host} ${port}`);

async function setup(t: Cleaner, options: { now?: () => number; logger?: Logger } = {}) {
  const names = await nameServer(t, HOST, structuredClone(ZONE));
  const dns = new Dns({ questions: systemQuestions([names.address]), ...options });
  const resolver = new Resolver({ localFor, random: new CountingRandom(), dns });
  return { names, resolve: async (uri: string) => resolver.resolve(parseUri(uri)) };
}

for (const [sentence, uri, expected] of [
  ['NAPTR chooses TLS, its SRV the order', 'sip:full.example', ['tls 127.32.1.1 5061', 'tls 127.32.1.2 5071']],
  ['sips: TLS, by NAPTR', 'sips:full.example', ['tls 127.32.1.1 5061', 'tls 127.32.1.2 5071']],
  ['a transport: its SRV only', 'sip:full.example;transport=tcp', ['tcp 127.32.1.1 5072']],
  ['transport=tls: the SRV of sips', 'sip:full.example;transport=tls', ['tls 127.32.1.1 5061', 'tls 127.32.1.2 5071']],
  ['a port: no SRV', 'sip:srv.example:5090', ['udp 127.32.9.9 5090']],
  ['a port of sips: no SRV', 'sips:srv.example:5090', ['tls 127.32.9.9 5090']],
  [
    'no NAPTR: SRV of each transport; a target without address is left out',
    'sip:srv.example',
    ['udp 127.32.1.1 5070', 'udp 127.32.1.2 5070', 'tcp 127.32.1.1 5080'],
  ],
  ['sips without SRV of its own: the address, over TLS', 'sips:srv.example', ['tls 127.32.9.9 5061']],
  ['neither: the addresses, over UDP', 'sip:plain.example', ['udp 127.32.1.1 5060', 'udp 127.32.1.2 5060']],
  ['neither, but a transport', 'sip:plain.example;transport=tcp', ['tcp 127.32.1.1 5060', 'tcp 127.32.1.2 5060']],
  [
    'maddr is what is looked up',
    'sip:full.example;maddr=plain.example',
    ['udp 127.32.1.1 5060', 'udp 127.32.1.2 5060'],
  ],
] as const) {
  test(sentence, async (t) => {
    const { resolve } = await setup(t);
    assert.deepEqual(shortly(await resolve(uri)), expected);
  });
}

for (const host of ['224.0.1.75', '239.1.2.3', '255.255.255.255', '0.0.0.0', '[::]', '[ff02::1]'])
  test(`a request goes to one place, and not to ${host}`, async (t) => {
    const { resolve } = await setup(t);
    assert.deepEqual(await resolve(`sip:x@${host}`), []);
  });

test('whatever name SRV leads to, the certificate has to show the domain of the URI', async (t) => {
  const { resolve } = await setup(t);
  assert.deepEqual((await resolve('sip:full.example'))[0].domains, ['full.example']);
});

for (const [sentence, uri, message] of [
  ['SRV says "." ', 'sip:closed.example', 'Cannot resolve closed.example: its SRV record says "not here"'],
  ['nothing has that name', 'sip:none.example', 'Cannot resolve none.example: ENOTFOUND'],
] as const) {
  test(`an error: ${sentence}`, async (t) => {
    const { resolve } = await setup(t);
    await assert.rejects(resolve(uri), { code: 'sip-transport', message });
  });
}

test('answers are remembered: SRV for five minutes, addresses as long as their record says', async (t) => {
  let now = 0;
  const { names, resolve } = await setup(t, { now: () => now });
  const asked = (): string[] => names.asked.splice(0);
  await resolve('sip:short.example;transport=udp');
  asked();
  now = 6_900;
  await resolve('sip:short.example;transport=udp');
  assert.deepEqual(asked(), []);
  now = 7_100;
  await resolve('sip:short.example;transport=udp');
  assert.deepEqual(asked().sort(), ['A short.example', 'AAAA short.example']);
  now = 290_000;
  await resolve('sip:full.example;transport=tcp');
  asked();
  now = 580_000;
  await resolve('sip:full.example;transport=tcp');
  assert.deepEqual(asked().sort(), ['A a.example', 'AAAA a.example']);
});

test('a dead name server: the old answers are served, said once, and the new ones when it is back', async (t) => {
  let now = 0;
  const said: string[] = [];
  const logger = { ...silentLogger, warn: (line: string) => said.push(line), info: (line: string) => said.push(line) };
  const { names, resolve } = await setup(t, { now: () => now, logger });
  const before = await resolve('sip:full.example');
  names.silent = true;
  for (now of [4_000_000, 4_010_000]) {
    const begin = performance.now();
    assert.deepEqual(await resolve('sip:full.example'), before);
    assert.ok(performance.now() - begin < 4_500);
  }
  // The question that was under way has failed by now.
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  assert.deepEqual(said, ['The name servers do not answer: names known before are still served']);
  names.silent = false;
  names.zone['_sips._tcp.full.example'] = [srv(1, 5099, 'b.example')];
  now = 4_030_000;
  assert.deepEqual(shortly(await resolve('sip:full.example')), ['tls 127.32.1.2 5099']);
  assert.deepEqual(said.slice(1), ['The name servers answer again']);
});

test('a name that was never known and a dead name server: the system may still know its address', async () => {
  const silent = (): Promise<never> => Promise.reject(Object.assign(new Error('late'), { code: 'ETIMEOUT' }));
  const questions: Questions = { naptr: silent, srv: silent, addresses: async () => ({ addresses: ['127.32.1.7'] }) };
  const resolver = new Resolver({ localFor, random: new CountingRandom(), dns: new Dns({ questions }) });
  assert.deepEqual(shortly(await resolver.resolve(parseUri('sip:hosts.example'))), ['udp 127.32.1.7 5060']);
});

test('a name server that is silent about NAPTR or SRV: the address is there within 2 s, for it was asked for meanwhile', async (t) => {
  for (const unknown of [['NAPTR'], ['SRV']]) {
    const { names, resolve } = await setup(t);
    names.unknown = unknown;
    const begin = performance.now();
    assert.deepEqual(shortly(await resolve('sip:plain.example')), ['udp 127.32.1.1 5060', 'udp 127.32.1.2 5060']);
    // Two copies of a question; and what the machine does beside.
    assert.ok(performance.now() - begin < 2_500, `${unknown}: ${performance.now() - begin} ms`);
  }
});

test('a host of the neighbourhood is asked of no name server: the system knows it', async () => {
  const never = (): Promise<never> => assert.fail('asked');
  const questions: Questions = { ...systemQuestions(), naptr: never, srv: never };
  const resolver = new Resolver({ localFor, random: new CountingRandom(), dns: new Dns({ questions }) });
  const hops = await resolver.resolve(parseUri('sip:localhost'));
  assert.ok(hops.some(({ remote }) => remote.host === '127.0.0.1' || remote.host === '::1'));
});

test('a name server that is silent about IPv6: IPv4 is asked for alone after a second', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let asked = 0;
  const system = (both: Promise<string[]>, four: Promise<string[]>) => {
    const count = (): Promise<string[]> => {
      asked++;
      return four;
    };
    return systemAddresses('pbx.test', () => both, count);
  };
  const never = new Promise<never>(() => {});
  const v4 = Promise.resolve(['127.32.2.3']);
  const found = system(never, v4);
  t.mock.timers.tick(BOTH_FAMILIES_MS - 1);
  assert.equal(asked, 0);
  t.mock.timers.tick(1);
  assert.deepEqual(await found, ['127.32.2.3']);
  assert.equal(asked, 1);

  assert.deepEqual(await system(v4, never), ['127.32.2.3']);
  await assert.rejects(system(Promise.reject(new Error('ENOTFOUND')), v4), /ENOTFOUND/);
  t.mock.timers.tick(BOTH_FAMILIES_MS);
  assert.equal(asked, 1, 'what was answered is asked once');

  // No IPv4 there: the whole answer counts, as late as it is.
  let tell: (found: string[]) => void = () => {};
  const late = system(
    new Promise((resolve) => {
      tell = resolve;
    }),
    Promise.reject(new Error('ENODATA')),
  );
  t.mock.timers.tick(BOTH_FAMILIES_MS);
  await Promise.resolve();
  tell(['::1']);
  assert.deepEqual(await late, ['::1']);

  // Nobody answers at all: the next server of the plan is not kept waiting.
  const nobody = system(never, Promise.reject(Object.assign(new Error('ETIMEOUT'), { code: 'ETIMEOUT' })));
  t.mock.timers.tick(BOTH_FAMILIES_MS);
  await assert.rejects(nobody, /ETIMEOUT/);
});

test('a name that leads nowhere is said once, and once when it is found again', async () => {
  const said: string[] = [];
  const logger = { ...silentLogger, warn: (line: string) => said.push(line), info: (line: string) => said.push(line) };
  let known = false;
  const nothing = async (): Promise<never[]> => [];
  const addresses = async () => {
    if (!known) throw Object.assign(new Error('later'), { code: 'EAI_AGAIN' });
    return { addresses: ['127.32.1.7'] };
  };
  const dns = new Dns({ questions: { naptr: nothing, srv: nothing, addresses } });
  const resolver = new Resolver({ localFor, random: new CountingRandom(), dns, logger });
  const uri = parseUri('sip:pbx.example');
  for (let i = 0; i < 3; i++) await assert.rejects(async () => resolver.resolve(uri));
  known = true;
  for (let i = 0; i < 2; i++) await resolver.resolve(uri);
  assert.deepEqual(said, ['Cannot resolve pbx.example: EAI_AGAIN', 'pbx.example is found again']);
});

/** Addresses by hand, and how often they were asked for. */
function byHand(addresses: Questions['addresses']): Resolver {
  const nothing = async (): Promise<never[]> => [];
  const dns = new Dns({ questions: { naptr: nothing, srv: nothing, addresses } });
  const noV6 = (host: string, transport: Transport) => {
    if (host === '::1') throw new TransportError('no IPv6 here');
    return localFor(host, transport);
  };
  return new Resolver({ localFor: noV6, random: new CountingRandom(), dns });
}

test('hops of a name: each address once, those without a route left out', async () => {
  const resolver = byHand(async () => ({ addresses: ['127.32.2.3', '::1', '127.32.2.4', '127.32.2.3'] }));
  assert.deepEqual(shortly(await resolver.resolve(parseUri('sip:two.example'))), [
    'udp 127.32.2.3 5060',
    'udp 127.32.2.4 5060',
  ]);
});

test('a name asked for twice while nobody answers is asked for once', async () => {
  let asked = 0;
  let tell: (found: { addresses: string[] }) => void = () => {};
  const slow = byHand(() => {
    asked++;
    return new Promise((resolve) => {
      tell = resolve;
    });
  });
  const both = [slow.resolve(parseUri('sip:pbx.test:5060')), slow.resolve(parseUri('sip:PBX.test:5070'))];
  tell({ addresses: ['127.32.2.3'] });
  const [one, two] = await Promise.all(both);
  assert.deepEqual([...shortly(one), ...shortly(two)], ['udp 127.32.2.3 5060', 'udp 127.32.2.3 5070']);
  assert.equal(asked, 1);
});
