/** Calls that are sent on, RFC 3261 §8.1.3.4: whither, in which order, how often, and with whose credentials. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Hop, SipRequest } from '../../../src/sip/message/index.ts';
import { answer, CONFIG, hopTo, offer, Peer } from './peer.ts';

const invitation = { session: 's', target: 'sip:100@127.66.0.10', body: () => offer };

/** Whom the call is for, one after the other, when each is busy. */
function busy(peer: Peer): string[] {
  const called: string[] = [];
  for (;;) {
    const invite = peer
      .take()
      .find((message): message is SipRequest => message.kind === 'request' && message.method === 'INVITE');
    if (invite === undefined) return called;
    called.push(invite.uri);
    peer.reply(invite, 486);
  }
}

for (const [name, contacts, options, expected] of [
  ['to one other', ['<sip:b@127.66.0.20>'], {}, ['sip:b@127.66.0.20']],
  [
    'to several: the best first, without a q as good as any, an unreadable q last',
    ['<sip:c@127.66.0.20>;q=0.1, <sip:b@127.66.0.20>;q=0.7', '<sip:e@127.66.0.20>;q=high', '<sip:d@127.66.0.20>'],
    {},
    ['sip:d@127.66.0.20', 'sip:b@127.66.0.20', 'sip:c@127.66.0.20', 'sip:e@127.66.0.20'],
  ],
  ['300 and 301 are followed', ['<sip:b@127.66.0.20>'], { status: 301 }, ['sip:b@127.66.0.20']],
  ['305 wants a proxy, and gets none', ['<sip:127.66.0.20;lr>'], { status: 305 }, []],
  ['380 is an alternative only people can read', ['<sip:b@127.66.0.20>'], { status: 380 }, []],
  ['to whom it was for already: a loop', ['<sip:100@127.66.0.10>'], {}, []],
  ['the same one twice', ['<sip:b@127.66.0.20>, <sip:b@127.66.0.20>;q=0.2'], {}, ['sip:b@127.66.0.20']],
  ['to a telephone number, a mail address, to all', ['<tel:+431>', '<mailto:a@b.c>'], {}, []],
  ['to nothing that can be read', ['<sip:@@@>'], {}, []],
  ['without a Contact', [], {}, []],
  [
    'neither the method nor the header fields of the Contact are ours',
    ['<sip:b@127.66.0.20;method=BYE?Replaces=x&Subject=y>'],
    {},
    ['sip:b@127.66.0.20'],
  ],
  [
    'five at most',
    ['1', '2', '3', '4', '5', '6', '7'].map((user) => `<sip:${user}@127.66.0.20>`),
    {},
    ['1', '2', '3', '4', '5'].map((user) => `sip:${user}@127.66.0.20`),
  ],
  ['forbidden', ['<sip:b@127.66.0.20>'], { redirects: 0 }, []],
  ['who cannot be found is passed over', ['<sip:b@nowhere.test>', '<sip:c@127.66.0.20>'], {}, ['sip:c@127.66.0.20']],
  ['to ourselves: nobody answers there', ['<sip:x@127.66.0.1:5060>'], {}, []],
] as [string, string[], { status?: number; redirects?: number }, string[]][])
  test(`redirected ${name}`, () => {
    const { status: _, ...rest } = options;
    const peer = new Peer({ ...CONFIG, ...rest }).register();
    peer.unknown.add('nowhere.test');
    peer.do(peer.ua.invite(invitation, peer.now));
    const headers = contacts.map((value): [string, string] => ['Contact', value]);
    peer.reply(peer.request('INVITE'), options.status ?? 302, { headers });
    assert.deepEqual(busy(peer), expected);
    assert.match(peer.events.at(-1)!, /^ended/);
    assert.equal(peer.ua.counts.sessions, 0);
  });

test('the redirected call is the same call: Call-ID, From, To, offer; CSeq one higher; and it can be talked to', () => {
  const peer = new Peer().register();
  const first = peer.do(peer.ua.invite(invitation, peer.now)).request('INVITE');
  const headers: [string, string][] = [['Contact', '<sip:b@127.66.0.10:5060>']];
  const second = peer.reply(first, 302, { headers }).request('INVITE');
  for (const name of ['Call-ID', 'From', 'To', 'Contact']) assert.equal(second.header(name), first.header(name));
  assert.equal(second.cseq.sequence, first.cseq.sequence + 1);
  assert.equal(new TextDecoder().decode(second.body), 'v=0 offer');
  peer.reply(second, 200, { body: answer });
  assert.deepEqual(peer.lines(), ['ACK']);
  assert.deepEqual(peer.events, [
    'redirected 302 by sip:100@127.66.0.10 to sip:b@127.66.0.10:5060',
    'accepted with body',
  ]);
});

test('the credentials of the account stay with its server', () => {
  const peer = new Peer().register();
  const challenge: [string, string][] = [['WWW-Authenticate', 'Digest realm="pbx", nonce="n", qop="auth"']];
  const first = peer.do(peer.ua.invite(invitation, peer.now)).request('INVITE');
  const second = peer.reply(first, 401, { headers: challenge }).request('INVITE');
  assert.ok(second.has('Authorization'));
  const third = peer.reply(second, 302, { headers: [['Contact', '<sip:b@127.66.0.20>']] }).request('INVITE');
  assert.equal(third.has('Authorization'), false);
  peer.reply(third, 401, { headers: challenge });
  assert.deepEqual(peer.lines(), ['ACK']);
  assert.equal(peer.events.at(-1), 'ended rejected peer 401');
});

test('redirected by who was redirected to, three deep; the third one is the last', () => {
  const peer = new Peer().register();
  let invite = peer.do(peer.ua.invite(invitation, peer.now)).request('INVITE');
  for (const user of ['b', 'c', 'd'])
    invite = peer.reply(invite, 302, { headers: [['Contact', `<sip:${user}@127.66.0.20>`]] }).request('INVITE');
  peer.reply(invite, 302, { headers: [['Contact', '<sip:e@127.66.0.20>']] });
  assert.deepEqual(peer.lines(), ['ACK']);
  assert.equal(peer.events.at(-1), 'ended rejected peer 302');
});

test('603 of one speaks for all of them', () => {
  const peer = new Peer().register();
  const invite = peer.do(peer.ua.invite(invitation, peer.now)).request('INVITE');
  const headers: [string, string][] = [['Contact', '<sip:b@127.66.0.20>, <sip:c@127.66.0.20>']];
  peer.reply(peer.reply(invite, 302, { headers }).request('INVITE'), 603);
  assert.deepEqual(peer.lines(), ['ACK']);
  assert.equal(peer.events.at(-1), 'ended rejected peer 603');
});

test('a target that says nothing is left for the next one within its share of 4.5 s', () => {
  const peer = new Peer().register();
  const invite = peer.do(peer.ua.invite(invitation, peer.now)).request('INVITE');
  const headers: [string, string][] = [['Contact', '<sip:b@127.66.0.20>, <sip:c@127.66.0.30>']];
  peer.reply(invite, 302, { headers }).take();
  peer.pass(2_000);
  const uris = peer.take().flatMap((m) => (m.kind === 'request' && m.method === 'INVITE' ? [m.uri] : []));
  assert.equal(uris.at(-1), 'sip:c@127.66.0.30');
  peer.pass(2_600);
  assert.equal(peer.events.at(-1), 'ended timeout network');
});

test('hung up while the next one is looked for: nobody is called', () => {
  const peer = new Peer().register();
  peer.mute.add('slow.test');
  const invite = peer.do(peer.ua.invite(invitation, peer.now)).request('INVITE');
  peer.reply(invite, 302, { headers: [['Contact', '<sip:b@slow.test>']] }).take();
  peer.do(peer.ua.end('s', peer.now));
  assert.equal(peer.events.at(-1), 'ended cancelled us');
  peer.pass(10_000);
  assert.equal(peer.lines().includes('INVITE'), false);
});

test('a SIPS call is not sent on to where TLS ends', () => {
  const peer = new Peer();
  peer.do(peer.ua.invite({ ...invitation, target: 'sips:100@127.66.0.20' }, peer.now));
  const first = peer.request('INVITE');
  const headers: [string, string][] = [['Contact', '<sip:b@127.66.0.20>']];
  peer.reply(first, 302, { headers });
  assert.deepEqual(peer.lines(), ['ACK']);
});

for (const [name, contact, followed] of [
  ['sent on over TLS, it does not go on in the clear', '<sip:b@127.66.0.20>', false],
  ['sent on over TLS to where TLS is, it does', '<sip:b@127.66.0.20;transport=tls>', true],
] as const)
  test(name, () => {
    const peer = new Peer();
    const target = 'sip:100@127.66.0.30;transport=tls';
    const first = peer.do(peer.ua.invite({ ...invitation, target }, peer.now)).request('INVITE');
    const from: Hop = { ...hopTo('127.66.0.30', 5061), transport: 'tls', flow: 't1' };
    peer.reply(first, 302, { headers: [['Contact', contact]], from });
    assert.equal(peer.lines().includes('INVITE'), followed);
    if (!followed) assert.match(peer.events.at(-1)!, /^ended transport network/);
  });
