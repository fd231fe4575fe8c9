/** What a registration knows of its way: flows (RFC 5626), NAT (RFC 3581), Service-Route (RFC 3608), changes of the network. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Hop, SipRequest } from '../../../src/sip/message/index.ts';
import type { UaConfig } from '../../../src/sip/ua/index.ts';
import { TCP_REST_MS } from '../../../src/sip/ua/oversize.ts';
import { ACCOUNT, answer, CONFIG, hopTo, offer, Peer, SERVER } from './peer.ts';

const INSTANCE = '6b1f0c1e-8d53-4f7b-9a53-2f7e3a0c9a11';
const FLOWS: UaConfig = { ...CONFIG, instance: INSTANCE };
const OVER_TCP = { ...FLOWS, accounts: [{ ...ACCOUNT, servers: ['sip:127.66.0.10;transport=tcp'] }] };
const OUTBOUND: [string, string] = ['Require', 'outbound'];

const tcp = (flow: string): Hop => ({ ...hopTo(SERVER.host), transport: 'tcp', flow });

function started(config: UaConfig = FLOWS): Peer {
  const peer = new Peer(config);
  return peer.do(peer.ua.start(0));
}

/** As the registrar sends it: with the Via it got, and where it came from. */
function seenAt(request: SipRequest, received: string, rport: number): SipRequest {
  request.set('Via', `${request.header('Via')!.replace(';rport', `;rport=${rport}`)};received=${received}`);
  return request;
}

const contactsOf = (request: SipRequest): string[] => [...request.headers('Contact')];
const changed = (peer: Peer) => peer.do(peer.ua.transportChanged({ kind: 'network' }, peer.now));
const closed = (peer: Peer, flow: string) => peer.do(peer.ua.transportChanged({ kind: 'flow', flow }, peer.now));

test('REGISTER names the device, the flow and what we can do with it', () => {
  const register = started().request('REGISTER');
  const contact = `<sip:1001@127.66.0.1:5060>;reg-id=1;+sip.instance="<urn:uuid:${INSTANCE}>"`;
  assert.deepEqual(contactsOf(register), [contact]);
  assert.match(register.header('Supported')!, /\bpath, outbound$/);
});

test('two registrations of one address have numbers of their own', () => {
  const peer = started({ ...FLOWS, accounts: [ACCOUNT, { ...ACCOUNT, name: 'second' }] });
  const ids = peer.take().map((register) => /;reg-id=(\d)/.exec(register.header('Contact')!)?.[1]);
  assert.deepEqual(ids, ['1', '2']);
});

test('439: once more without a flow', () => {
  const peer = started();
  peer.reply(peer.request('REGISTER'), 439);
  const second = peer.request('REGISTER');
  assert.deepEqual(contactsOf(second), ['<sip:1001@127.66.0.1:5060>']);
  assert.doesNotMatch(second.header('Supported')!, /outbound/);
  peer.reply(second, 200);
  assert.equal(peer.events.at(-1), 'pbx registered 200');
});

for (const [name, headers, contact] of [
  ['bound the flow: calls say so in their Contact', [OUTBOUND], '<sip:1001@127.66.0.1:5060;transport=tcp;ob>'],
  ['did not: calls have the Contact of old', [], '<sip:1001@127.66.0.1:5060;transport=tcp>'],
] as const) {
  test(`the registrar ${name}`, () => {
    const peer = started(OVER_TCP);
    peer.reply(peer.request('REGISTER'), 200, { from: tcp('tcp-1'), headers: [...headers] });
    peer.do(peer.ua.invite({ session: 's', target: 'sip:100@127.66.0.10', body: () => offer }, peer.now));
    assert.equal(peer.sent[0].hop.flow, 'tcp-1');
    assert.equal(peer.request('INVITE').header('Contact'), contact);
    peer.ask('INVITE', { hop: tcp('tcp-1'), body: offer });
    peer.do(peer.ua.accept(peer.session, answer, peer.now));
    assert.equal(peer.response(200).header('Contact'), contact);
  });
}

test('the connection of a registration ends: registered anew at once, and nobody hears of it', () => {
  const peer = started(OVER_TCP);
  peer.reply(peer.request('REGISTER'), 200, { from: tcp('tcp-1') });
  closed(peer, 'tcp-7');
  assert.deepEqual(peer.lines(), []);
  closed(peer, 'tcp-1');
  assert.equal(peer.sent[0].hop.flow, undefined);
  peer.reply(peer.request('REGISTER'), 200, { from: tcp('tcp-2') });
  assert.deepEqual(peer.events, ['pbx registering', 'pbx registered 200']);
});

test('a server that ends every connection is not chased: 2 s, then longer and longer', () => {
  const peer = started(OVER_TCP);
  const at: number[] = [];
  for (let flow = 1; flow <= 5; flow++) {
    // Its OPTIONS stay unanswered in this test: only what REGISTER does counts.
    for (;;) {
      const found = peer.sent
        .splice(0)
        .find(({ message }) => message.kind === 'request' && message.method === 'REGISTER');
      if (found !== undefined) {
        at.push(peer.now);
        peer.reply(found.message as SipRequest, 200, { from: tcp(`tcp-${flow}`) });
        break;
      }
      peer.pass(10);
    }
    closed(peer, `tcp-${flow}`);
  }
  const waits = at.slice(1).map((time, i) => time - at[i]);
  assert.ok(waits[0] === 0 && waits[1] >= 1_000 && waits[1] <= 2_010, String(waits));
  assert.ok(waits[2] > 1_900 && waits[2] <= 4_010, String(waits));
});

test('a probe under way dies with its connection: the REGISTER by a new one decides', () => {
  const peer = started(OVER_TCP);
  peer.reply(peer.request('REGISTER'), 200, { from: tcp('tcp-1') });
  peer.pass(600);
  const probe = peer.sent.find(({ message }) => message.kind === 'request' && message.method === 'OPTIONS')!;
  peer.sent = [];
  peer.reply(probe.message as SipRequest, 200, { from: tcp('tcp-1') });
  peer.pass(5_000);
  const second = peer.sent.splice(0).at(-1)!;
  closed(peer, 'tcp-1');
  peer.do(peer.ua.transportFailed(second.transaction!, 'TCP connection: ECONNRESET', peer.now));
  peer.reply(peer.request('REGISTER'), 200, { from: tcp('tcp-2') });
  assert.deepEqual(peer.events, ['pbx registering', 'pbx registered 200']);
});

test('a refresh dies with its connection: sent again by a new one at once', () => {
  const peer = started(OVER_TCP);
  peer.reply(peer.request('REGISTER'), 200, { from: tcp('tcp-1') });
  let refresh: (typeof peer.sent)[number] | undefined;
  while (refresh === undefined) {
    peer.pass(500);
    for (const one of peer.sent.splice(0)) {
      if (one.message.kind !== 'request') continue;
      if (one.message.method === 'REGISTER') refresh = one;
      else peer.reply(one.message, 200, { from: tcp('tcp-1') });
    }
  }
  closed(peer, 'tcp-1');
  peer.do(peer.ua.transportFailed(refresh.transaction!, 'TCP connection: ECONNRESET', peer.now));
  peer.reply(peer.request('REGISTER'), 200, { from: tcp('tcp-2') });
  assert.deepEqual(peer.events, ['pbx registering', 'pbx registered 200']);
});

test('behind a NAT the binding is the address the registrar sees; the other one is taken away with the same request', () => {
  const peer = started();
  peer.reply(seenAt(peer.request('REGISTER'), '203.0.113.7', 41_000), 200);
  const second = peer.request('REGISTER');
  assert.deepEqual(
    contactsOf(second).map((contact) => contact.split(';reg-id')[0]),
    ['<sip:1001@203.0.113.7:41000>', '<sip:1001@127.66.0.1:5060>;expires=0'],
  );
  peer.reply(seenAt(second, '203.0.113.7', 41_000), 200);
  assert.deepEqual(peer.events, ['pbx registering', 'pbx registered 200']);
  peer.do(peer.ua.invite({ session: 's', target: 'sip:100@127.66.0.10', body: () => offer }, peer.now));
  assert.match(peer.sent[0].message.header('Via')!, /^SIP\/2\.0\/UDP 127\.66\.0\.1:5060;rport;/);
  assert.equal(peer.request('INVITE').header('Contact'), '<sip:1001@203.0.113.7:41000>');
  peer.ask('INVITE', { body: offer });
  peer.do(peer.ua.accept(peer.session, answer, peer.now));
  assert.equal(peer.response(200).header('Contact'), '<sip:1001@203.0.113.7:41000>');
  peer.do(peer.ua.stop(peer.now));
  const gone = peer.sent.map(({ message }) => message).filter((m): m is SipRequest => m.kind === 'request');
  const last = gone.find(({ method }) => method === 'REGISTER')!;
  assert.equal(contactsOf(last)[0].split(';reg-id')[0], '<sip:1001@203.0.113.7:41000>');
});

for (const [name, config, from, received, rport, headers] of [
  ['it sees us where we are', {}, undefined, '127.66.0.1', 5060, []],
  ['the account says off', { nat: 'off' }, undefined, '203.0.113.7', 41_000, []],
  ['it claims an address of the other family', {}, undefined, '2001:db8::1', 5060, []],
  ['it claims no address at all', {}, undefined, '0.0.0.0', 5060, []],
  ['it claims a name', {}, undefined, 'example.test', 5060, []],
  ['it claims port 0', {}, undefined, '203.0.113.7', 0, []],
  [
    'a connection comes from a port of its own',
    { servers: OVER_TCP.accounts[0].servers },
    tcp('t'),
    '127.66.0.1',
    9,
    [],
  ],
  ['it keeps the flow', { servers: OVER_TCP.accounts[0].servers }, tcp('t'), '203.0.113.7', 9, [OUTBOUND]],
] as const) {
  test(`the Contact stays as it is when ${name}`, () => {
    const peer = started({ ...FLOWS, accounts: [{ ...ACCOUNT, ...config }] });
    peer.reply(seenAt(peer.request('REGISTER'), received, rport), 200, { from, headers: [...headers] });
    assert.deepEqual(peer.lines(), []);
    assert.equal(peer.events.at(-1), 'pbx registered 200');
  });
}

test('where nobody listens the Contact names the port of the connection, and follows it to the next one', () => {
  const peer = new Peer(OVER_TCP);
  peer.deaf = true;
  peer.do(peer.ua.start(0));
  const at = (port: number): string => `<sip:1001@127.66.0.1:${port};transport=tcp>`;
  const named = (request: SipRequest) => contactsOf(request).map((contact) => contact.split(';reg-id')[0]);
  peer.reply(seenAt(peer.request('REGISTER'), '127.66.0.1', 41_000), 200, { from: tcp('tcp-1') });
  const second = peer.request('REGISTER');
  assert.deepEqual(named(second), [at(41_000), `${at(5060)};expires=0`]);
  peer.reply(seenAt(second, '127.66.0.1', 41_000), 200, { from: tcp('tcp-1') });
  peer.do(peer.ua.invite({ session: 's', target: 'sip:100@127.66.0.10', body: () => offer }, peer.now));
  assert.equal(peer.request('INVITE').header('Contact'), at(41_000));
  peer.ask('INVITE', { hop: tcp('tcp-1'), body: offer });
  peer.do(peer.ua.accept(peer.session, answer, peer.now));
  assert.equal(peer.response(200).header('Contact'), at(41_000));
  closed(peer, 'tcp-1');
  const third = peer.request('REGISTER');
  peer.reply(seenAt(third, '127.66.0.1', 42_000), 200, { from: tcp('tcp-2') });
  assert.deepEqual(named(peer.request('REGISTER')), [at(42_000), `${at(41_000)};expires=0`]);
});

test('a mapping that moves with every request is followed once a round', () => {
  const peer = started();
  for (let port = 41_000; port < 41_002; port++) {
    peer.reply(seenAt(peer.request('REGISTER'), '203.0.113.7', port), 200);
  }
  assert.deepEqual(peer.lines(), []);
});

test('a registrar that refuses the correction: the binding of before, and no second try', () => {
  const peer = started();
  peer.reply(seenAt(peer.request('REGISTER'), '203.0.113.7', 41_000), 200);
  peer.reply(peer.request('REGISTER'), 400);
  const third = peer.request('REGISTER');
  assert.equal(contactsOf(third).length, 1);
  assert.match(contactsOf(third)[0], /^<sip:1001@127\.66\.0\.1:5060>/);
  peer.reply(seenAt(third, '203.0.113.7', 41_000), 200);
  assert.deepEqual(peer.lines(), []);
  assert.deepEqual(peer.events, ['pbx registering', 'pbx registered 200']);
});

test('Service-Route: calls by that server go through it, REGISTER does not', () => {
  const peer = started();
  const routes = '<sip:edge.test;lr>, <sip:core.test;lr;x=1>';
  peer.reply(peer.request('REGISTER'), 200, { headers: [['Service-Route', routes]] });
  peer.do(peer.ua.invite({ session: 's', target: 'sip:100@127.66.0.10', body: () => offer }, peer.now));
  const invite = peer.request('INVITE');
  assert.deepEqual(invite.list('Route'), ['<sip:edge.test;lr>', '<sip:core.test;lr;x=1>']);
  peer.reply(invite, 486);
  assert.deepEqual(peer.request('ACK').list('Route'), ['<sip:edge.test;lr>', '<sip:core.test;lr;x=1>']);
  peer.do(peer.ua.stop(peer.now));
  assert.deepEqual(peer.request('REGISTER').list('Route'), []);
});

for (const [name, routes] of [
  ['a strict router', '<sip:edge.test>'],
  ['something unreadable', '<sip:edge.test;lr'],
  ['nine routers', Array(9).fill('<sip:edge.test;lr>').join(', ')],
]) {
  test(`Service-Route with ${name} is passed over`, () => {
    const peer = started();
    peer.reply(peer.request('REGISTER'), 200, { headers: [['Service-Route', routes]] });
    peer.do(peer.ua.invite({ session: 's', target: 'sip:100@127.66.0.10', body: () => offer }, peer.now));
    assert.deepEqual(peer.request('INVITE').list('Route'), []);
  });
}

test('the network changes and our address with it: registered there at once', () => {
  const peer = new Peer(FLOWS).register();
  peer.local = { host: '127.66.0.2', port: 5060 };
  changed(peer);
  assert.match(peer.request('REGISTER').header('Contact')!, /^<sip:1001@127\.66\.0\.2:5060>/);
});

test('the network changes and our address does not: the server is asked at once whether it still sees us', () => {
  const peer = new Peer(FLOWS).register();
  changed(peer);
  peer.pass(0);
  assert.deepEqual(peer.lines(), ['OPTIONS']);
});

for (const [name, ring] of [
  ['ours', false],
  ['theirs', true],
] as const) {
  test(`our address changes in a call of ${name}: the other side is told where we are`, () => {
    const peer = new Peer(FLOWS).register();
    if (ring) {
      peer.ask('INVITE', { body: offer });
      peer.do(peer.ua.accept(peer.session, answer, peer.now));
      const accepted = peer.response(200);
      peer.ask('ACK', { to: accepted.header('To')!, sequence: accepted.cseq.sequence });
    } else {
      peer.do(peer.ua.invite({ session: 's', target: 'sip:100@127.66.0.10', body: () => offer }, peer.now));
      peer.reply(peer.request('INVITE'), 200, { body: answer });
    }
    peer.take();
    changed(peer);
    assert.ok(!peer.lines().includes('INVITE'), 'the address is the same');
    peer.local = { host: '127.66.0.2', port: 5060 };
    changed(peer);
    const event = peer.event();
    assert.ok(event.type === 'refresh');
    assert.equal(event.hop?.local.host, '127.66.0.2');
    peer.take();
    peer.do(peer.ua.reinvite(peer.session, () => offer, peer.now));
    const invite = peer.request('INVITE');
    assert.equal(invite.header('Contact'), '<sip:1001@127.66.0.2:5060>');
    assert.match(invite.header('Via')!, /^SIP\/2\.0\/UDP 127\.66\.0\.2:5060;/);
  });
}

test('the network goes: said at once; it comes back: registered at once', () => {
  const peer = new Peer(FLOWS).register();
  peer.unknown.add(SERVER.host);
  changed(peer);
  assert.deepEqual(peer.events, ['pbx failed']);
  peer.pass(20_000);
  peer.take();
  peer.unknown.clear();
  changed(peer);
  peer.reply(peer.request('REGISTER'), 200);
  assert.deepEqual(peer.events, ['pbx failed', 'pbx registered 200']);
});

test('the network comes back while a server was being waited for: no rest of the wait', () => {
  const peer = started();
  for (let i = 0; i < 40; i++) peer.pass(10_000);
  peer.take();
  changed(peer);
  assert.deepEqual(peer.lines(), ['REGISTER']);
});

test('a network that changes is no reason to try a wrong password again', () => {
  const peer = started();
  peer.reply(peer.request('REGISTER'), 403);
  changed(peer);
  peer.pass(10_000);
  assert.deepEqual(peer.lines(), []);
});

const LARGE = { contentType: 'application/sdp', bytes: new Uint8Array(1_300).fill(97) };

test('a request above 1300 octets goes by TCP, a smaller one by UDP', () => {
  const peer = new Peer(FLOWS).register();
  peer.do(peer.ua.invite({ session: 's', target: 'sip:100@127.66.0.10', body: () => LARGE }, peer.now));
  const [{ message, hop }] = peer.sent;
  assert.deepEqual([hop.transport, hop.connectMs], ['tcp', 500]);
  assert.match(message.header('Via')!, /^SIP\/2\.0\/TCP /);
  assert.equal(message.header('Contact'), '<sip:1001@127.66.0.1:5060>');
  peer.take();
  peer.do(peer.ua.invite({ session: 't', target: 'sip:101@127.66.0.10', body: () => offer }, peer.now));
  assert.equal(peer.sent[0].hop.transport, 'udp');
});

test('no TCP there: by UDP at once, and for ten minutes without asking', () => {
  const peer = new Peer(FLOWS).register();
  const call = (session: string) =>
    peer.do(peer.ua.invite({ session, target: 'sip:100@127.66.0.10', body: () => LARGE }, peer.now));
  call('s');
  peer.do(peer.ua.transportFailed(peer.sent[0].transaction!, 'ECONNREFUSED', peer.now));
  assert.deepEqual(
    peer.sent.map(({ message, hop }) => [hop.transport, message.header('Via')!.slice(0, 11), message.cseq.sequence]),
    [
      ['tcp', 'SIP/2.0/TCP', 1],
      ['udp', 'SIP/2.0/UDP', 1],
    ],
  );
  const invite = peer.sent[1].message as SipRequest;
  peer.take();
  peer.reply(invite, 200, { body: answer });
  assert.deepEqual(peer.events, ['accepted with body']);
  call('t');
  assert.equal(peer.sent.at(-1)!.hop.transport, 'udp');
  peer.now += TCP_REST_MS;
  call('u');
  assert.equal(peer.sent.at(-1)!.hop.transport, 'tcp');
});

test('TCP that is there and mute costs one call its time', () => {
  const peer = new Peer(FLOWS).register();
  const call = (session: string): string => {
    peer.do(peer.ua.invite({ session, target: 'sip:100@127.66.0.10', body: () => LARGE }, peer.now));
    return peer.sent.at(-1)!.hop.transport;
  };
  assert.equal(call('s'), 'tcp');
  assert.equal(call('t'), 'tcp', 'it may only be slow');
  peer.now += 2_000;
  assert.equal(call('u'), 'udp');
  peer.now += 2_000;
  assert.equal(call('v'), 'udp');
  peer.now += TCP_REST_MS;
  peer.take();
  assert.equal(call('w'), 'tcp');
  peer.reply(peer.request('INVITE'), 100);
  peer.now += 2_000;
  assert.equal(call('x'), 'tcp');
});

test('who hangs up before the first word has not found TCP mute', () => {
  const peer = new Peer(FLOWS).register();
  const call = (session: string): string => {
    peer.do(peer.ua.invite({ session, target: 'sip:100@127.66.0.10', body: () => LARGE }, peer.now));
    return peer.sent.at(-1)!.hop.transport;
  };
  assert.equal(call('s'), 'tcp');
  peer.now += 200;
  peer.do(peer.ua.end('s', peer.now));
  peer.now += 2_000;
  assert.equal(call('t'), 'tcp');
  peer.now += 2_000;
  peer.do(peer.ua.end('t', peer.now));
  assert.equal(call('u'), 'udp', 'it had its time');
});

test('whoever says so has large requests by UDP', () => {
  const peer = new Peer({ ...FLOWS, oversize: 'udp' }).register();
  peer.do(peer.ua.invite({ session: 's', target: 'sip:100@127.66.0.10', body: () => LARGE }, peer.now));
  assert.equal(peer.sent[0].hop.transport, 'udp');
});

test('a large call that is answered over TCP goes on as any other', () => {
  const peer = new Peer(FLOWS).register();
  peer.do(peer.ua.invite({ session: 's', target: 'sip:100@127.66.0.10', body: () => LARGE }, peer.now));
  peer.reply(peer.request('INVITE'), 200, { body: answer, from: tcp('tcp-1') });
  assert.deepEqual(peer.lines(), ['ACK']);
  peer.do(peer.ua.end('s', peer.now));
  assert.deepEqual(peer.lines(), ['BYE']);
});
