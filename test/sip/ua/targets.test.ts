/** Which server a call goes to when some have failed: RFC 3263 §4.3. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SipRequest } from '../../../src/sip/message/index.ts';
import { REST_MAX_MS, REST_MS, TARGETS_MAX, Targets } from '../../../src/sip/ua/targets.ts';
import { ACCOUNT, answer, CONFIG, hopTo, offer, Peer } from './peer.ts';

const [A, B, C] = ['127.66.0.10', '127.66.0.11', '127.66.0.12'];
const order = (targets: Targets, now: number): string =>
  targets
    .order(
      [A, B, C].map((host) => hopTo(host)),
      (hop) => hop,
      now,
    )
    .map(({ remote }) => remote.host.slice(-1))
    .join('');

const fail = (...hosts: string[]): Targets => {
  const targets = new Targets();
  for (const host of hosts) targets.rest(hopTo(host), 0);
  return targets;
};
const answered = (targets: Targets): Targets => {
  targets.alive(hopTo(A), 1);
  return targets;
};
const asked = (): Targets => {
  const targets = new Targets();
  targets.rest(hopTo(A), 0, 60_000);
  return targets;
};

for (const [sentence, targets, now, expected] of [
  ['nobody has failed', fail(), 0, '012'],
  ['who failed comes last', fail(A), REST_MS - 1, '120'],
  ['until his rest is over', fail(A), REST_MS, '012'],
  ['or he answers', answered(fail(A)), 2, '012'],
  ['of two the order stays', fail(B, A), 2, '201'],
  ['when all rest, each is tried all the same', fail(A, B, C), 1, '012'],
  ['who asked to be left alone is, whatever else he answers', answered(asked()), 59_999, '120'],
] as const) {
  test(sentence, () => assert.equal(order(targets, now), expected));
}

test('another port is another server', () => {
  const targets = new Targets();
  targets.rest(hopTo(A, 5070), 0);
  assert.equal(order(targets, 1), '012');
});

test('each rest is twice as long as the one before, to a cap; a second failure in one outage is none', () => {
  const targets = new Targets();
  const lengths: number[] = [];
  for (let now = 0; lengths.length < 6; ) {
    targets.rest(hopTo(A), now);
    targets.rest(hopTo(A), now + 1);
    const from = now;
    while (targets.resting(hopTo(A), now)) now += 1_000;
    lengths.push(now - from);
  }
  assert.deepEqual(
    lengths,
    [30, 60, 120, 240, 300, 300].map((seconds) => seconds * 1_000),
  );
  assert.equal(lengths.at(-1), REST_MAX_MS);
});

test('of more than the table holds the oldest is forgotten', () => {
  const targets = new Targets();
  for (let i = 0; i <= TARGETS_MAX; i++) targets.rest(hopTo(A, 1_000 + i), 0);
  assert.deepEqual(
    [1_000, 1_001].map((port) => targets.resting(hopTo(A, port), 1)),
    [false, true],
  );
});

// ---------------------------------------------------------------- in calls

const two = { ...ACCOUNT, servers: [`sip:${A}`, `sip:${B}`] };

/** Registered at the first of two servers; whatever is asked of a host in `dead` gets no answer. */
function peerOf(config = { ...CONFIG, accounts: [two] }): Peer {
  const peer = new Peer(config);
  peer.do(peer.ua.start(0));
  for (const { message, hop } of peer.sent.splice(0)) peer.reply(message as SipRequest, 200, { from: hop });
  peer.events = [];
  return peer;
}

function call(peer: Peer, session: string, target = `sip:100@${A}`): void {
  peer.do(peer.ua.invite({ session, target, body: () => offer }, peer.now));
}

/** Hosts to which an INVITE went, once each. */
function invited(peer: Peer): string[] {
  const invites = peer.sent.filter(({ message }) => message.kind === 'request' && message.method === 'INVITE');
  peer.sent = [];
  return [...new Set(invites.map(({ hop }) => hop.remote.host))];
}

test('a server that let a call wait is not the first one for the next call', () => {
  const peer = peerOf();
  call(peer, 's');
  peer.pass(1_999);
  assert.deepEqual(invited(peer), [A]);
  peer.pass(1);
  assert.deepEqual(invited(peer), [B]);
  call(peer, 't');
  assert.deepEqual(invited(peer), [B]);
});

test('its answer to a probe makes it the first again', () => {
  const peer = peerOf();
  call(peer, 's');
  peer.pass(2_100);
  const probe = peer.sent.find(({ message }) => message.kind === 'request' && message.method === 'OPTIONS');
  peer.reply(probe!.message as SipRequest, 200, { from: probe!.hop });
  peer.sent = [];
  call(peer, 't');
  assert.deepEqual(invited(peer), [A]);
});

for (const [sentence, headers, after] of [
  ['503 with Retry-After: not the first one for so long', [['Retry-After', '60']], B],
  ['503 without: may have been for that call only', [], A],
] as const) {
  test(sentence, () => {
    const peer = peerOf();
    call(peer, 's');
    const invite = peer.sent[0].message as SipRequest;
    peer.sent = [];
    peer.reply(invite, 503, { headers: headers.map(([name, value]) => [name, value]) });
    assert.deepEqual(invited(peer), [B]);
    call(peer, 't');
    assert.deepEqual(invited(peer), [after]);
  });
}

test('the first time-out is configurable', () => {
  const peer = peerOf({ ...CONFIG, accounts: [two], firstAnswerMs: 700 });
  call(peer, 's');
  peer.pass(699);
  assert.deepEqual(invited(peer), [A]);
  peer.pass(1);
  assert.deepEqual(invited(peer), [B]);
});

test('an only server that was silent is tried all the same, but nobody waits for it as long', () => {
  const peer = peerOf({ ...CONFIG, accounts: [ACCOUNT] });
  for (const [session, waitedMs, pauseMs] of [
    ['the first step of a plan', 4_500, 0],
    ['the next ones find out nothing new', 150, 0],
    ['so do all within 1.5 s', 150, 1_500],
    ['it may be back', 2_000, 0],
    ['and once more', 150, 1_500],
  ] as const) {
    call(peer, session);
    peer.pass(waitedMs - 50);
    assert.deepEqual(invited(peer), [A], session);
    assert.notEqual(peer.events.at(-1), 'ended timeout network', session);
    peer.pass(50);
    assert.equal(peer.events.at(-1), 'ended timeout network', session);
    peer.pass(pauseMs);
    peer.sent = [];
    peer.events = [];
  }
});

test('two silent servers: a moment for each in the next step', () => {
  const peer = peerOf({ ...CONFIG, accounts: [two] });
  call(peer, 's');
  peer.pass(4_500);
  peer.sent = [];
  call(peer, 't');
  peer.pass(150);
  assert.deepEqual(invited(peer), [A, B]);
  peer.pass(150);
  assert.equal(peer.events.at(-1), 'ended timeout network');
});

test('the next server may ask in a realm of its own: it gets its answer, and nothing that was meant for the first', () => {
  const challenge = (realm: string): [string, string] => ['Proxy-Authenticate', `Digest realm="${realm}", nonce="n"`];
  const peer = new Peer({ ...CONFIG, accounts: [two] });
  peer.do(peer.ua.start(0));
  peer.reply(peer.request('REGISTER'), 407, { headers: [challenge('first')] }).reply(peer.request('REGISTER'), 200);
  call(peer, 's');
  peer.sent = [];
  peer.pass(2_000);
  const invite = peer.sent.findLast(({ message }) => message.kind === 'request' && message.method === 'INVITE')!;
  assert.equal((invite.message as SipRequest).has('Proxy-Authorization'), false);
  peer.sent = [];
  peer.reply(invite.message as SipRequest, 407, { headers: [challenge('second')], from: invite.hop });
  assert.match(peer.request('INVITE').header('Proxy-Authorization')!, /realm="second"/);
});

// ---------------------------------------------------------------- two accounts at one domain

const first = { ...ACCOUNT, name: 'first', address: 'sip:1001@pbx.test', servers: [`sip:${A}`] };
const second = { ...ACCOUNT, name: 'second', address: 'sip:2002@pbx.test', servers: [`sip:${B}`], username: '2002' };
const both = { ...CONFIG, accounts: [first, second] };

test('two accounts at one domain: by the first one, and as the second one when it is silent', () => {
  const peer = peerOf(both);
  call(peer, 's', 'sip:100@pbx.test');
  assert.match(String((peer.sent[0].message as SipRequest).header('From')), /1001@pbx\.test/);
  peer.sent = [];
  peer.pass(2_000);
  const invite = peer.sent.findLast(({ message }) => message.kind === 'request' && message.method === 'INVITE')!;
  assert.equal(invite.hop.remote.host, B);
  assert.match(String((invite.message as SipRequest).header('From')), /2002@pbx\.test/);
  peer.reply(invite.message as SipRequest, 200, { body: answer, from: invite.hop });
  const { event } = peer.sessions.at(-1)!;
  assert.equal(event.type === 'accepted' && event.account, 'second');
});

test('two accounts at one domain: at once by the one that is registered', () => {
  const peer = new Peer(both);
  peer.do(peer.ua.start(0));
  for (const { message, hop } of peer.sent.splice(0))
    if (hop.remote.host === B) peer.reply(message as SipRequest, 200, { from: hop });
  call(peer, 's', 'sip:100@pbx.test');
  assert.deepEqual(invited(peer), [B]);
});
