/** Registration in virtual time: RFC 3261 §10.2, §22; what happens when servers die and come back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAuth, type SipRequest } from '../../../src/sip/message/index.ts';
import { ACCOUNT, answer, CONFIG, hopTo, offer, Peer } from './peer.ts';

const CHALLENGE: [string, string] = ['WWW-Authenticate', 'Digest realm="pbx", nonce="n1", algorithm=MD5, qop="auth"'];
const again = (nonce: string, stale: boolean): [string, string] => [
  'WWW-Authenticate',
  `Digest realm="pbx", nonce="${nonce}", qop="auth"${stale ? ', stale=true' : ''}`,
];

function started(config = CONFIG): Peer {
  const peer = new Peer(config);
  return peer.do(peer.ua.start(0));
}

/** Lets `ms` pass second by second; a server at `host` answers OPTIONS and REGISTER while `lives` says so. */
function serve(peer: Peer, ms: number, lives: (at: number, host: string) => boolean): { at: number; line: string }[] {
  const seen: { at: number; line: string }[] = [];
  const until = peer.now + ms;
  while (peer.now < until) {
    peer.pass(100);
    const batch = peer.sent;
    peer.sent = [];
    for (const { message, hop } of batch) {
      if (message.kind !== 'request') continue;
      seen.push({ at: peer.now, line: `${message.method} ${hop.remote.host}` });
      if (lives(peer.now, hop.remote.host)) peer.reply(message, 200, { from: hop });
    }
  }
  return seen;
}

test('REGISTER says who, where and for how long', () => {
  const register = started().request('REGISTER');
  assert.equal(register.uri, 'sip:127.66.0.10');
  assert.equal(register.header('To'), '<sip:1001@127.66.0.10>');
  assert.equal(register.header('Contact'), '<sip:1001@127.66.0.1:5060>');
  assert.equal(register.header('Expires'), '300');
});

test('challenged once, registered with the second one', () => {
  const peer = started();
  const first = peer.request('REGISTER');
  peer.reply(first, 401, { headers: [CHALLENGE] });
  const second = peer.request('REGISTER');
  assert.equal(second.cseq.sequence, first.cseq.sequence + 1);
  assert.equal(second.callId, first.callId);
  assert.equal(second.fromTag, first.fromTag);
  const { params } = parseAuth(second.header('Authorization')!);
  assert.deepEqual([params.get('username'), params.get('realm'), params.get('nc')], ['1001', 'pbx', '00000001']);
  peer.reply(second, 200);
  assert.deepEqual(peer.events, ['pbx registering', 'pbx registered 200']);
});

test('407 is answered with Proxy-Authorization', () => {
  const peer = started();
  peer.reply(peer.request('REGISTER'), 407, { headers: [['Proxy-Authenticate', CHALLENGE[1]]] });
  assert.ok(peer.request('REGISTER').has('Proxy-Authorization'));
});

test('a wrong password: said once, no loop, the next try after about a minute', () => {
  const peer = started();
  peer.reply(peer.request('REGISTER'), 401, { headers: [CHALLENGE] });
  peer.reply(peer.request('REGISTER'), 401, { headers: [again('n2', false)] });
  assert.deepEqual(peer.lines(), []);
  assert.deepEqual(peer.events, ['pbx registering', 'pbx failed 401']);
  peer.pass(40_000);
  assert.deepEqual(peer.lines(), []);
  peer.pass(40_000);
  assert.equal(peer.lines().includes('REGISTER'), true);
});

test('a stale nonce is no wrong password', () => {
  const peer = started();
  peer.reply(peer.request('REGISTER'), 401, { headers: [CHALLENGE] });
  peer.reply(peer.request('REGISTER'), 401, { headers: [again('n2', true)] });
  peer.reply(peer.request('REGISTER'), 200);
  assert.deepEqual(peer.events, ['pbx registering', 'pbx registered 200']);
});

test('a server that calls every nonce stale is not followed for ever', () => {
  const peer = started();
  for (let i = 0; i < 4; i++) peer.reply(peer.request('REGISTER'), 401, { headers: [again(`n${i}`, true)] });
  assert.deepEqual(peer.lines(), []);
  assert.deepEqual(peer.events.at(-1), 'pbx failed 401');
});

test('the refresh comes between 70 % and 80 % of the interval, with credentials in advance', () => {
  const peer = started();
  peer.reply(peer.request('REGISTER'), 401, { headers: [CHALLENGE] });
  peer.reply(peer.request('REGISTER'), 200);
  let refresh: { at: number; request: SipRequest } | undefined;
  while (refresh === undefined && peer.now < 300_000) {
    peer.pass(1_000);
    for (const message of peer.take()) {
      if (message.kind !== 'request') continue;
      if (message.method === 'REGISTER' && message.has('Contact')) refresh ??= { at: peer.now, request: message };
      else peer.reply(message, 200);
    }
  }
  assert.ok(refresh !== undefined && refresh.at >= 210_000 && refresh.at <= 241_000, String(refresh?.at));
  assert.match(parseAuth(refresh.request.header('Authorization')!).params.get('nc')!, /^0000000[2-9]$/);
});

test('the granted interval is that of our Contact, not of another device', () => {
  const peer = started();
  const contact = '<sip:1001@127.66.0.99:5060>;expires=3600, <sip:1001@127.66.0.1:5060>;expires=60';
  peer.reply(peer.request('REGISTER'), 200, { headers: [['Contact', contact]] });
  const refresh = serve(peer, 60_000, () => true).find(({ line }) => line.startsWith('REGISTER'));
  assert.ok(refresh !== undefined && refresh.at >= 42_000 && refresh.at <= 48_100, String(refresh?.at));
});

test('a 200 that grants no time is a refusal, and says so', () => {
  const peer = started();
  const register = peer.request('REGISTER');
  peer.reply(register, 200, { headers: [['Contact', `${register.header('Contact')};expires=0`]] });
  assert.equal(peer.events.at(-1), 'pbx failed 200');
  assert.equal(peer.reasons.at(-1), '200 OK, for no time at all');
});

test('423: once more with the interval the registrar asks for', () => {
  const peer = started({ ...CONFIG, accounts: [{ ...ACCOUNT, expiresMs: 10_000 }] });
  peer.reply(peer.request('REGISTER'), 423, { headers: [['Min-Expires', '20']] });
  const second = peer.request('REGISTER');
  assert.equal(second.header('Expires'), '20');
  peer.reply(second, 200);
  assert.equal(peer.events.at(-1), 'pbx registered 200');
});

test('423 without end is a refusal', () => {
  const peer = started();
  for (let i = 0; i < 3; i++) {
    peer.reply(peer.request('REGISTER'), 423, { headers: [['Min-Expires', String(1_000 * (i + 1))]] });
  }
  assert.deepEqual(peer.lines(), []);
  assert.equal(peer.events.at(-1), 'pbx failed 423');
});

for (const [name, status, header] of [
  ['a 423 whose Min-Expires cannot be read', 423, ['Min-Expires', 'soon']],
  ['a 423 that names none', 423, ['Warning', 'none']],
  ['a 503 that wants to be asked again at once', 503, ['Retry-After', '0']],
] as const)
  test(`${name}: asked again in about 2 s`, () => {
    const peer = started();
    peer.reply(peer.request('REGISTER'), status, { headers: [[...header]] });
    assert.equal(peer.events.at(-1), `pbx failed ${status}`);
    peer.pass(1_400);
    assert.deepEqual(peer.lines(), []);
    peer.pass(1_200);
    assert.equal(peer.lines()[0], 'REGISTER');
  });

test('the binding of another device that cannot be read takes nothing from ours', () => {
  const peer = started();
  const contact = '"broken <sip:x>, <sip:1001@127.66.0.1:5060>;expires=60';
  const register = peer.request('REGISTER');
  peer.reply(register, 200, {
    headers: [
      ['Contact', '<sip:%%%@>;expires=1'],
      ['Contact', contact],
      ['Expires', '60'],
    ],
  });
  assert.equal(peer.events.at(-1), 'pbx registered 200');
  const refresh = serve(peer, 60_000, () => true).find(({ line }) => line.startsWith('REGISTER'));
  assert.ok(refresh !== undefined && refresh.at >= 42_000 && refresh.at <= 48_100, String(refresh?.at));
});

test('a server that lets every OPTIONS drop stays registered, by REGISTER', () => {
  const peer = new Peer().register();
  for (const until = peer.now + 120_000; peer.now < until; ) {
    peer.pass(100);
    for (const message of peer.take())
      if (message.kind === 'request' && message.method === 'REGISTER') peer.reply(message, 200);
  }
  assert.deepEqual(peer.events, []);
  while (peer.now < 140_000) peer.pass(100);
  assert.deepEqual(peer.events, ['pbx failed']);
});

test('503 with Retry-After is left alone that long', () => {
  const peer = started();
  peer.reply(peer.request('REGISTER'), 503, { headers: [['Retry-After', '33 (maintenance)']] });
  peer.pass(32_900);
  assert.deepEqual(peer.lines(), []);
  peer.pass(200);
  assert.deepEqual(peer.lines(), ['REGISTER']);
});

test('refusals are retried after 2 s, doubling to a minute, with jitter', () => {
  const peer = started();
  const waits: number[] = [];
  for (let i = 0; i < 8; i++) {
    const register = peer.request('REGISTER');
    peer.reply(register, 500);
    const from = peer.now;
    while (peer.sent.length === 0) peer.pass(50);
    waits.push(peer.now - from);
  }
  [2, 4, 8, 16, 32, 60, 60, 60].forEach((seconds, i) => {
    assert.ok(waits[i] >= seconds * 740 && waits[i] <= seconds * 1_310, `wait ${i}: ${waits[i]}`);
  });
});

test('the return of a dead server is answered with REGISTER within 6 s', () => {
  const peer = new Peer().register();
  const died = 20_000;
  const back = 140_000;
  const seen = serve(peer, 160_000, (at) => at < died || at > back);
  const registers = seen.filter(({ at, line }) => at > back && line.startsWith('REGISTER'));
  assert.ok(registers[0].at - back < 6_000, String(registers[0].at));
  assert.deepEqual(peer.events, ['pbx failed', 'pbx registered 200']);
});

test('the loss is told within 10 s of the last sign of life', () => {
  const peer = new Peer().register();
  serve(peer, 20_000, () => true);
  const from = peer.now;
  while (!peer.events.includes('pbx failed') && peer.now < from + 30_000) serve(peer, 100, () => false);
  assert.ok(peer.now - from <= 10_000, String(peer.now - from));
});

test('also of a server that dies a second after the first registration', () => {
  const peer = new Peer().register();
  serve(peer, 1_000, () => true);
  const from = peer.now;
  while (!peer.events.includes('pbx failed') && peer.now < from + 30_000) serve(peer, 100, () => false);
  assert.ok(peer.now - from <= 10_000, String(peer.now - from));
});

test('a server that was away so shortly that only one copy was lost: registered anew', () => {
  const peer = new Peer().register();
  const seen = serve(peer, 30_000, (at) => at < 9_000 || at > 11_000);
  assert.deepEqual(seen.filter(({ line }) => line.startsWith('REGISTER')).length, 1, JSON.stringify(seen));
});

/** The next probe, as soon as it comes. */
function probed(peer: Peer): SipRequest {
  for (let i = 0; i < 100 && peer.sent.length === 0; i++) peer.pass(100);
  return peer.request('OPTIONS');
}

test('our address changes while the server lives: registered anew at the next probe', () => {
  const peer = new Peer().register();
  const probe = (address: string): string[] => {
    const options = probed(peer);
    options.set('Via', `${options.header('Via')};received=${address}`);
    return peer.reply(options, 200).lines();
  };
  assert.deepEqual(probe('127.66.0.1'), []);
  assert.deepEqual(probe('127.66.0.1'), []);
  peer.local = { host: '127.66.0.2', port: 5060 };
  const options = probed(peer);
  options.set('Via', `${options.header('Via')};received=127.66.0.2`);
  peer.reply(options, 200);
  assert.equal(peer.request('REGISTER').header('Contact'), '<sip:1001@127.66.0.2:5060>');
});

test('a network that came back with another address: registered there within 15 s', () => {
  const peer = new Peer().register();
  serve(peer, 60_000, () => false);
  peer.local = { host: '127.66.0.2', port: 5060 };
  const back = peer.now;
  let contact: string | undefined;
  while (contact === undefined && peer.now < back + 60_000) {
    peer.pass(100);
    for (const { message, hop } of peer.sent.splice(0)) {
      if (message.kind !== 'request' || hop.local.host !== peer.local.host) continue;
      if (message.method === 'REGISTER') contact = message.header('Contact');
      else peer.reply(message, 200, { from: hop });
    }
  }
  assert.equal(contact, '<sip:1001@127.66.0.2:5060>');
  assert.ok(peer.now - back <= 15_000, String(peer.now - back));
});

test('an answer over a new connection: the binding to the old one is made anew', () => {
  const peer = started();
  const flow = (name: string) => ({ ...hopTo('127.66.0.10'), transport: 'tcp' as const, flow: name });
  peer.reply(peer.request('REGISTER'), 200, { from: flow('tcp-1') });
  peer.reply(probed(peer), 200, { from: flow('tcp-1') });
  assert.deepEqual(peer.lines(), []);
  peer.reply(probed(peer), 200, { from: flow('tcp-2') });
  assert.deepEqual(peer.lines(), ['REGISTER']);
});

test('the second server takes over when the first one dies', () => {
  const peer = new Peer({ ...CONFIG, accounts: [{ ...ACCOUNT, servers: ['sip:127.66.0.10', 'sip:127.66.0.11'] }] });
  peer.do(peer.ua.start(0));
  serve(peer, 6_000, () => true);
  serve(peer, 30_000, (_at, host) => host === '127.66.0.11');
  assert.deepEqual(peer.events, ['pbx registering', 'pbx registered 200', 'pbx failed', 'pbx registered 200']);
  peer.do(peer.ua.invite({ session: 's', target: 'sip:100@127.66.0.10', body: () => offer }, peer.now));
  assert.equal(peer.sent.at(-1)?.hop.remote.host, '127.66.0.11');
});

test('a first server that says nothing: the second within 5 s', () => {
  const peer = new Peer({ ...CONFIG, accounts: [{ ...ACCOUNT, servers: ['sip:127.66.0.10', 'sip:127.66.0.11'] }] });
  peer.do(peer.ua.start(0));
  serve(peer, 5_000, (_at, host) => host === '127.66.0.11');
  assert.deepEqual(peer.events, ['pbx registering', 'pbx registered 200']);
});

test('a server whose name is not found is asked for again', () => {
  const peer = new Peer({ ...CONFIG, accounts: [{ ...ACCOUNT, servers: ['sip:pbx.test'] }] });
  peer.unknown.add('pbx.test');
  peer.do(peer.ua.start(0)).pass(60_000);
  assert.deepEqual(peer.events, ['pbx registering', 'pbx failed']);
  peer.unknown.clear();
  peer.pass(5_000);
  assert.equal(peer.lines().includes('REGISTER'), true);
});

test('the stop takes our own binding away and ends calls; then the user agent is idle', () => {
  const peer = new Peer().register();
  peer.do(peer.ua.invite({ session: 's', target: 'sip:100@127.66.0.10', body: () => offer }, 0));
  peer.reply(peer.request('INVITE'), 200, { body: answer });
  peer.take();
  peer.do(peer.ua.stop(peer.now));
  const [bye, register] = peer.take();
  assert.ok(bye.kind === 'request' && register.kind === 'request');
  assert.deepEqual([bye.method, register.header('Expires')], ['BYE', '0']);
  assert.equal(register.header('Contact'), '<sip:1001@127.66.0.1:5060>');
  assert.equal(peer.ua.idle, false);
  peer.reply(bye, 200).reply(register, 200);
  assert.equal(peer.ua.idle, true);
  assert.deepEqual(peer.events.slice(-2), ['ended local us', 'pbx unregistered']);
});

test('a stop before the first answer: what the server may have granted is taken back', () => {
  const peer = started();
  peer.take();
  peer.do(peer.ua.stop(100));
  const register = peer.request('REGISTER');
  assert.deepEqual([register.header('Expires'), register.header('Contact')], ['0', '<sip:1001@127.66.0.1:5060>']);
  peer.reply(register, 200);
  assert.equal(peer.ua.idle, true);
});

test('a stop that nobody answers is over after 3 s', () => {
  const peer = new Peer().register();
  peer.do(peer.ua.stop(0)).pass(3_000);
  assert.equal(peer.ua.idle, true);
});

test('a call is refused once the stop has begun', () => {
  const peer = new Peer().register();
  peer.do(peer.ua.stop(0)).take();
  peer.ask('INVITE', { body: offer });
  assert.deepEqual(peer.lines(), ['480 INVITE']);
});

// ---------------------------------------------------------------- credentials in calls

function calling(): { peer: Peer; invite: SipRequest } {
  const peer = started();
  peer.reply(peer.request('REGISTER'), 401, { headers: [CHALLENGE] });
  peer.reply(peer.request('REGISTER'), 200);
  peer.do(peer.ua.invite({ session: 's', target: 'sip:100@127.66.0.10', body: () => offer }, 0));
  return { peer, invite: peer.request('INVITE') };
}

test('an INVITE that is challenged goes again with credentials, and its ACK shows them too', () => {
  const { peer, invite } = calling();
  peer.reply(invite, 401, { headers: [again('n5', false)] });
  const second = peer.request('INVITE');
  assert.equal(second.cseq.sequence, invite.cseq.sequence + 1);
  assert.equal(second.callId, invite.callId);
  peer.reply(second, 200, { body: answer });
  const ack = peer.request('ACK');
  assert.equal(ack.header('Authorization'), second.header('Authorization'));
  assert.equal(ack.cseq.sequence, second.cseq.sequence);
});

test('the BYE brings credentials along', () => {
  const { peer, invite } = calling();
  peer.reply(invite, 401, { headers: [again('n5', false)] });
  peer.reply(peer.request('INVITE'), 200, { body: answer }).take();
  peer.do(peer.ua.end('s', 0));
  assert.equal(parseAuth(peer.request('BYE').header('Authorization')!).params.get('nc'), '00000002');
});

test('a realm that is not the registrar’s gets no answer', () => {
  const { peer, invite } = calling();
  peer.reply(invite, 401, { headers: [['WWW-Authenticate', 'Digest realm="else", nonce="n"']] });
  assert.deepEqual(peer.lines(), ['ACK']);
  assert.equal(peer.events.at(-1), 'ended rejected peer 401');
});

test('a stranger called directly gets no credentials', () => {
  const { peer } = calling();
  peer.do(peer.ua.invite({ session: 'u', target: 'sip:x@127.66.0.99', body: () => offer }, 0));
  const invite = peer.request('INVITE');
  peer.reply(invite, 401, { headers: [CHALLENGE], from: hopTo('127.66.0.99') });
  assert.deepEqual(peer.lines(), ['ACK']);
});
