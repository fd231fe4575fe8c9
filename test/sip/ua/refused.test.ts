/** "Nobody listens there", says the network (ICMP, RFC 3261 §18.4): who has another server goes there, nobody gives up. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UaConfig } from '../../../src/sip/ua/index.ts';
import { ACCOUNT, answer, CONFIG, hopTo, offer, Peer } from './peer.ts';

const two: UaConfig = { ...CONFIG, accounts: [{ ...ACCOUNT, servers: ['sip:127.66.0.10', 'sip:127.66.0.11'] }] };
const invitation = { session: 's', target: 'sip:100@127.66.0.10', body: () => offer };

function calling(config = two): Peer {
  const peer = new Peer(config).register();
  peer.take();
  return peer.do(peer.ua.invite(invitation, peer.now));
}

/** The network says so of the only request that was sent. */
function refused(peer: Peer): Peer {
  const [{ transaction }] = peer.sent.splice(0);
  return peer.do(peer.ua.refused(transaction!, peer.now)).pass(0);
}

const sent = (peer: Peer): string[] =>
  peer.sent.map(({ hop, message }) => `${message.cseq.method} ${hop.remote.host.slice(-2)}`);

test('an INVITE goes to the next server at once', () => {
  assert.deepEqual(sent(refused(calling())), ['INVITE 11']);
});

test('what the first one answers all the same is taken back', () => {
  const peer = calling();
  const [{ message }] = peer.sent;
  refused(peer);
  assert.ok(message.kind === 'request');
  peer.take();
  peer.reply(message, 180);
  assert.deepEqual(sent(peer), ['CANCEL 10']);
});

test('the last server is not given up: a later copy is sent, heard and answered', () => {
  const peer = refused(refused(calling()));
  assert.deepEqual(sent(peer), []);
  peer.pass(500);
  peer.sent = peer.sent.filter(({ hop }) => hop.remote.host === '127.66.0.11');
  peer.reply(peer.request('INVITE'), 200, { body: answer });
  assert.deepEqual(peer.events, ['accepted with body']);
});

test('nor is the only one, however often it is said; the call ends when silence would have ended it', () => {
  const silent = calling(CONFIG);
  const peer = calling(CONFIG);
  for (let at = 0; at < 4_400; at += 100) {
    for (const { transaction } of peer.sent.splice(0)) peer.do(peer.ua.refused(transaction!, peer.now));
    peer.pass(100);
  }
  assert.deepEqual(peer.events, []);
  silent.pass(4_400);
  for (const one of [silent, peer]) one.pass(200);
  assert.deepEqual(silent.events, ['ended timeout network']);
  assert.deepEqual(peer.events, silent.events);
});

test('who has said 100 is believed more than the network', () => {
  const peer = calling();
  const [{ message, transaction }] = peer.sent;
  assert.ok(message.kind === 'request');
  peer.reply(message, 100);
  peer.take();
  peer.do(peer.ua.refused(transaction!, peer.now)).pass(0);
  assert.deepEqual(sent(peer), []);
});

test('the first REGISTER goes to the next server at once', () => {
  const peer = new Peer(two);
  peer.do(peer.ua.start(0));
  assert.deepEqual(sent(refused(peer)), ['REGISTER 11']);
});

/** Until the first probe is under way. */
function probing(config = two): Peer {
  const peer = new Peer(config).register();
  peer.take();
  while (peer.sent.length === 0) peer.pass(100);
  assert.deepEqual(sent(peer), ['OPTIONS 10']);
  return peer;
}

test('a probe: REGISTER asks again, and moves to the next server without a word of loss', () => {
  const peer = refused(probing());
  assert.deepEqual(sent(peer), ['REGISTER 10']);
  refused(peer);
  assert.deepEqual(sent(peer), ['REGISTER 11']);
  peer.reply(peer.request('REGISTER'), 200, { from: hopTo('127.66.0.11') });
  assert.deepEqual(peer.reasons.at(-1), '200 OK at 127.66.0.11:5060 (UDP)');
  assert.equal(peer.events.includes('pbx failed'), false);
});

test('a forged one: the server is asked, and stays', () => {
  const peer = refused(probing());
  peer.reply(peer.request('REGISTER'), 200);
  assert.deepEqual(peer.events, []);
});

test('a probe of the only server: nothing happens, the next copy may be heard', () => {
  const peer = refused(probing(CONFIG));
  assert.deepEqual(sent(peer), []);
  peer.pass(600);
  peer.reply(peer.request('OPTIONS'), 200);
  assert.deepEqual(peer.events, []);
});
