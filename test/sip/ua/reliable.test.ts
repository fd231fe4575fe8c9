/** Provisional responses that must arrive, RFC 3262: in order, once, acknowledged, repeated. Row by row, both ways. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SipRequest } from '../../../src/sip/message/index.ts';
import { ACCOUNT, answer, CONFIG, hopTo, offer, Peer } from './peer.ts';

type Fields = [string, string][];
const reliable = (rseq: number, more: Fields = []): Fields => [
  ['Require', '100rel'],
  ['RSeq', String(rseq)],
  ['Allow', 'INVITE, ACK, BYE, CANCEL, UPDATE, PRACK'],
  ...more,
];

// ---------------------------------------------------------------- we call (§4)

function calling(): { peer: Peer; invite: SipRequest } {
  const peer = new Peer({ ...CONFIG, accounts: [] });
  peer.do(peer.ua.invite({ session: 's', target: 'sip:100@127.66.0.10', body: () => offer }, 0));
  return { peer, invite: peer.request('INVITE') };
}

const racks = (peer: Peer): string[] =>
  peer
    .take()
    .filter((m): m is SipRequest => m.kind === 'request' && m.method === 'PRACK')
    .map((prack) => `${prack.toTag} ${prack.header('RAck')}`);

test('the INVITE says that we can', () => {
  const { invite } = calling();
  assert.ok(invite.list('Supported').includes('100rel'));
  assert.ok(invite.list('Allow').includes('PRACK'));
});

test('a reliable 180 gets a PRACK of its dialog, numbered after the INVITE, to where the Contact says', () => {
  const { peer, invite } = calling();
  peer.reply(invite, 180, { headers: reliable(9021) });
  const prack = peer.request('PRACK');
  assert.equal(prack.header('RAck'), `9021 ${invite.cseq.sequence} INVITE`);
  assert.equal(prack.cseq.sequence, invite.cseq.sequence + 1);
  assert.equal(prack.uri, 'sip:desk@127.66.0.10:5060');
  assert.equal(prack.toTag, 'peer');
  assert.equal(prack.body.length, 0);
  peer.reply(prack, 200);
  assert.deepEqual(peer.events, ['progress 180']);
});

for (const [sentence, said, expected, events] of [
  ['in order, all are acknowledged', [1, 2, 3], ['peer 1', 'peer 2', 'peer 3'], 3],
  ['the same again is not acknowledged again: its PRACK repeats itself', [7, 7, 7], ['peer 7'], 1],
  ['one ahead of its time waits until the one before it has come', [7, 9, 8, 9], ['peer 7', 'peer 8', 'peer 9'], 3],
  ['an old one is nothing', [7, 8, 7], ['peer 7', 'peer 8'], 2],
] as const)
  test(`RSeq: ${sentence}`, () => {
    const { peer, invite } = calling();
    for (const rseq of said) peer.reply(invite, 180, { headers: reliable(rseq) });
    assert.deepEqual(
      racks(peer),
      expected.map((rack) => `${rack} ${invite.cseq.sequence} INVITE`),
    );
    assert.equal(peer.events.length, events);
  });

test('each branch of a fork counts by itself', () => {
  const { peer, invite } = calling();
  peer.reply(invite, 180, { tag: 'a', headers: reliable(10) }).reply(invite, 180, { tag: 'b', headers: reliable(70) });
  peer.reply(invite, 183, { tag: 'b', headers: reliable(71) }).reply(invite, 183, { tag: 'a', headers: reliable(11) });
  const { sequence } = invite.cseq;
  assert.deepEqual(
    racks(peer),
    ['a 10', 'b 70', 'b 71', 'a 11'].map((rack) => `${rack} ${sequence} INVITE`),
  );
});

for (const [sentence, headers] of [
  ['without RSeq', [['Require', '100rel']]],
  [
    'with an RSeq that is no number',
    [
      ['Require', '100rel'],
      ['RSeq', '1x'],
    ],
  ],
  ['with an RSeq and no Require', [['RSeq', '1']]],
] as [string, Fields][])
  test(`a 180 ${sentence} is an ordinary one`, () => {
    const { peer, invite } = calling();
    peer.reply(invite, 180, { headers });
    assert.deepEqual(peer.lines(), []);
    assert.deepEqual(peer.events, ['progress 180']);
  });

test('a PRACK that is lost is sent again, and one that is refused ends nothing', () => {
  const { peer, invite } = calling();
  peer.reply(invite, 180, { headers: reliable(1) });
  const prack = peer.request('PRACK');
  peer.pass(500);
  assert.deepEqual(peer.lines(), ['PRACK']);
  peer.reply(prack, 481).reply(invite, 200, { body: answer });
  assert.deepEqual(peer.lines(), ['ACK']);
  assert.deepEqual(peer.events, ['progress 180', 'accepted with body']);
});

test('the numbers of the early dialog go on: BYE comes after PRACK', () => {
  const { peer, invite } = calling();
  peer.reply(invite, 180, { headers: reliable(1) });
  peer.reply(peer.request('PRACK'), 200).reply(invite, 200, { body: answer });
  assert.equal(peer.request('ACK').cseq.sequence, invite.cseq.sequence);
  peer.do(peer.ua.end('s', peer.now));
  assert.equal(peer.request('BYE').cseq.sequence, invite.cseq.sequence + 2);
});

test('so they do in a branch that answers too late', () => {
  const { peer, invite } = calling();
  peer.reply(invite, 180, { tag: 'late', headers: reliable(1) });
  peer.reply(peer.request('PRACK'), 200);
  peer.reply(invite, 200, { tag: 'first', body: answer }).take();
  peer.reply(invite, 200, { tag: 'late', body: answer });
  assert.equal(peer.request('BYE').cseq.sequence, invite.cseq.sequence + 2);
  assert.deepEqual(peer.events, ['progress 180', 'accepted with body']);
});

test('after we gave up nothing is acknowledged provisionally, and nothing is left', () => {
  const { peer, invite } = calling();
  peer.reply(invite, 180, { headers: reliable(1) });
  peer.reply(peer.request('PRACK'), 200);
  peer.do(peer.ua.end('s', peer.now));
  peer.reply(invite, 180, { headers: reliable(2) });
  peer.reply(peer.request('CANCEL'), 200).reply(invite, 487);
  assert.equal(peer.lines().includes('PRACK'), false);
  peer.pass(40_000);
  assert.deepEqual(peer.ua.counts, { sessions: 0, dialogs: 0, machines: 0, transactions: 0 });
});

// ---------------------------------------------------------------- we are called (§3)

function called(way: 'Require' | 'Supported' | 'neither', body: typeof offer | undefined = offer) {
  const peer = new Peer({ ...CONFIG, accounts: [] });
  const headers: Fields = way === 'neither' ? [] : [[way, '100rel']];
  const invite = peer.ask('INVITE', { body, headers: [...headers, ['Allow', 'INVITE, PRACK, UPDATE']] });
  peer.take();
  return { peer, invite };
}

/** Acknowledges a response; `change` makes the RAck a wrong one. */
function prack(
  peer: Peer,
  response: { header(name: string): string | undefined; cseq: { sequence: number } },
  { change = (rack: string) => rack, body }: { change?: (rack: string) => string; body?: typeof offer } = {},
): SipRequest {
  const rack = change(`${response.header('RSeq')} ${response.cseq.sequence} INVITE`);
  return peer.ask('PRACK', { to: response.header('To')!, headers: [['RAck', rack]], body });
}

for (const [way, body, expected] of [
  ['Require', undefined, 'reliable'],
  ['Require', answer, 'reliable'],
  ['Supported', undefined, 'ordinary'],
  ['Supported', answer, 'reliable'],
  ['neither', answer, 'ordinary'],
] as const)
  test(`${way} 100rel: a 180 ${body === undefined ? 'of one line' : 'with our answer'} is ${expected}`, () => {
    const { peer } = called(way);
    peer.do(peer.ua.ring(peer.session, peer.now, { body }));
    const ringing = peer.response(180);
    assert.equal(ringing.has('RSeq'), expected === 'reliable');
    assert.equal(ringing.header('Require'), expected === 'reliable' ? '100rel' : undefined);
    assert.equal(ringing.body.length > 0, body !== undefined);
    const rseq = Number(ringing.header('RSeq') ?? 1);
    assert.ok(rseq >= 1 && rseq < 2 ** 31);
  });

test('it is repeated after 0.5, 1.5, 3.5, 7.5, 15.5 s, and after 32 s without PRACK the call is refused', () => {
  const { peer } = called('Require');
  peer.do(peer.ua.ring(peer.session, peer.now)).take();
  const times: number[] = [];
  for (let t = 0; t < 319; t++) {
    peer.pass(100);
    for (const line of peer.lines()) if (line === '180 INVITE') times.push(peer.now);
  }
  assert.deepEqual(times, [500, 1500, 3500, 7500, 15_500, 31_500]);
  peer.pass(100);
  assert.deepEqual(peer.lines(), ['500 INVITE']);
  assert.equal(peer.events.at(-1), 'ended timeout network 500');
});

test('the PRACK ends it, gets 200, and is news', () => {
  const { peer } = called('Require');
  peer.do(peer.ua.ring(peer.session, peer.now));
  prack(peer, peer.response(180));
  assert.deepEqual(peer.lines(), ['200 PRACK']);
  peer.pass(50_000);
  assert.deepEqual(peer.lines(), []);
  assert.deepEqual(peer.events, ['incoming', 'pracked']);
});

for (const [sentence, change] of [
  ['another number', (rack: string) => rack.replace(/^\d+/, '1')],
  ['another CSeq', (rack: string) => rack.replace(/ \d+ /, ' 9 ')],
  ['another method', (rack: string) => rack.replace('INVITE', 'invite')],
  ['no RAck worth its name', () => 'x'],
] as const)
  test(`a PRACK with ${sentence} gets 481, and the response goes on`, () => {
    const { peer } = called('Require');
    peer.do(peer.ua.ring(peer.session, peer.now));
    prack(peer, peer.response(180), { change });
    assert.deepEqual(peer.lines(), ['481 PRACK']);
    peer.pass(500);
    assert.deepEqual(peer.lines(), ['180 INVITE']);
  });

test('a second PRACK for the same, one for an ordinary 180 and one without a dialog get 481', () => {
  const { peer } = called('Require');
  peer.do(peer.ua.ring(peer.session, peer.now));
  const ringing = peer.response(180);
  prack(peer, ringing);
  prack(peer, ringing);
  assert.deepEqual(peer.lines(), ['200 PRACK', '481 PRACK']);
  const other = called('neither').peer;
  other.do(other.ua.ring(other.session, other.now));
  prack(other, other.response(180));
  other.ask('PRACK', { headers: [['RAck', '1 1 INVITE']] });
  assert.deepEqual(other.lines(), ['481 PRACK', '481 PRACK']);
});

test('the next one waits for the PRACK, and counts one more', () => {
  const { peer } = called('Require');
  peer.do(peer.ua.ring(peer.session, peer.now));
  const first = peer.response(180);
  peer.do(peer.ua.ring(peer.session, peer.now, { status: 183, body: answer }));
  assert.deepEqual(peer.lines(), []);
  prack(peer, first);
  const second = peer.response(183);
  assert.equal(Number(second.header('RSeq')), Number(first.header('RSeq')) + 1);
});

test('a 200 does not wait for the PRACK of a bare 180, which is still welcome', () => {
  const { peer } = called('Require');
  peer.do(peer.ua.ring(peer.session, peer.now));
  const ringing = peer.response(180);
  peer.do(peer.ua.accept(peer.session, answer, peer.now));
  assert.deepEqual(peer.lines(), ['200 INVITE']);
  prack(peer, ringing);
  assert.deepEqual(peer.lines(), ['200 PRACK']);
  peer.pass(500);
  assert.deepEqual(peer.lines(), ['200 INVITE']);
});

test('a 200 waits for the PRACK of a 183 with our answer, and says it no second time', () => {
  const { peer, invite } = called('Supported');
  peer.do(peer.ua.ring(peer.session, peer.now, { status: 183, body: answer }));
  const early = peer.response(183);
  peer.do(peer.ua.accept(peer.session, answer, peer.now));
  assert.deepEqual(peer.lines(), []);
  prack(peer, early);
  const [pracked, ok] = peer.take();
  assert.deepEqual([pracked.cseq.method, ok.cseq.method], ['PRACK', 'INVITE']);
  assert.equal(ok.body.length, 0);
  peer.ask('ACK', { to: ok.header('To')!, sequence: invite.cseq.sequence });
  assert.deepEqual(peer.events, ['incoming', 'pracked', 'confirmed']);
});

test('CANCEL, refusal and a lost caller leave nothing behind', () => {
  for (const end of ['CANCEL', 'reject', 'silence']) {
    const peer = new Peer({ ...CONFIG, accounts: [] });
    const fields = { branch: 'z9hG4bKi', sequence: 7 };
    peer.ask('INVITE', { ...fields, body: offer, headers: [['Require', '100rel']] });
    peer.do(peer.ua.ring(peer.session, peer.now)).take();
    if (end === 'CANCEL') peer.ask('CANCEL', fields);
    if (end === 'reject') peer.do(peer.ua.reject(peer.session, 486, 'Busy Here', peer.now));
    peer.pass(80_000);
    assert.deepEqual(peer.ua.counts, { sessions: 0, dialogs: 0, machines: 0, transactions: 0 }, end);
  }
});

test('a PRACK that is challenged is sent again with credentials', () => {
  const peer = new Peer().register();
  peer.do(peer.ua.invite({ session: 's', target: 'sip:100@127.66.0.10', body: () => offer }, peer.now));
  peer.reply(peer.request('INVITE'), 180, { headers: reliable(5) });
  const first = peer.request('PRACK');
  peer.reply(first, 407, { headers: [['Proxy-Authenticate', 'Digest realm="127.66.0.10", nonce="n"']] });
  const second = peer.request('PRACK');
  assert.ok(second.has('Proxy-Authorization'));
  assert.equal(second.header('RAck'), first.header('RAck'));
});

test('a server that fails takes its early dialogs with it; the next one counts anew', () => {
  const servers = ['sip:127.66.0.10', 'sip:127.66.0.11'];
  const peer = new Peer({ ...CONFIG, accounts: [{ ...ACCOUNT, servers }] }).register();
  peer.do(peer.ua.invite({ session: 's', target: 'sip:100@127.66.0.10', body: () => offer }, peer.now));
  const invite = peer.request('INVITE');
  peer.reply(invite, 183, { headers: reliable(5) });
  peer.reply(peer.request('PRACK'), 200).reply(invite, 503);
  assert.equal(peer.ua.counts.dialogs, 0);
  const again = peer.request('INVITE');
  peer.reply(again, 183, { headers: reliable(1), from: hopTo('127.66.0.11') });
  assert.equal(peer.request('PRACK').header('RAck'), `1 ${again.cseq.sequence} INVITE`);
});

for (const kind of ['alternative', 'mixed'])
  test(`the answer of a 200 may be one of several parts, multipart/${kind}`, () => {
    const { peer, invite } = calling();
    const bytes = Buffer.from(
      '--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b\r\nContent-Type: x/y\r\n\r\nz\r\n--b--',
    );
    peer.reply(invite, 200, { body: { contentType: `multipart/${kind}; boundary=b`, bytes } });
    const event = peer.event();
    assert.ok(event.type === 'accepted');
    assert.equal(Buffer.from(event.body!.bytes).toString(), 'v=0');
  });

test('a 200 that cannot be acknowledged ends the call, and its early dialog with it', () => {
  const { peer, invite } = calling();
  peer.reply(invite, 180, { headers: reliable(1) });
  peer.reply(peer.request('PRACK'), 200);
  peer.reply(invite, 200, { body: answer, headers: [['Record-Route', '<sip:a']] });
  assert.equal(peer.events.at(-1), 'ended rejected network 200');
  peer.pass(40_000);
  assert.deepEqual(peer.ua.counts, { sessions: 0, dialogs: 0, machines: 0, transactions: 0 });
});
