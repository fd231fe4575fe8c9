/** Who is let in, who is asked for a password, and what everybody else learns: RFC 3261 §8.2.7, §22.1, §22.2, §11.2. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  formatMessage,
  parseAuth,
  parseMessage,
  type SipRequest,
  type SipResponse,
} from '../../../src/sip/message/index.ts';
import { formatAuthorization, readChallenge } from '../../../src/sip/ua/digest.ts';
import { WRONG_MAX, WRONG_MS } from '../../../src/sip/ua/gate.ts';
import type { Trust, UaConfig } from '../../../src/sip/ua/index.ts';
import { CONFIG, hopTo, offer, Peer } from './peer.ts';

const LISTED = hopTo('127.38.2.2');
const STRANGER = hopTo('127.38.2.66');

const TRUST: Trust = {
  knows: (address, identities) => address === LISTED.remote.host || identities.includes('desk.example.net'),
  challenges: (from, address) => from.startsWith('sip:proven@') && address !== '127.38.2.99',
  strangers: 'refuse',
  realm: 'help-07',
  users: new Map([['desk', 'open sesame']]),
};

const peer = (trust: Partial<Trust> = {}): Peer => {
  const config: UaConfig = { ...CONFIG, trust: { ...TRUST, ...trust } };
  return new Peer(config).register();
};

const PLAIN = /^(?:Via|From|To|Call-ID|CSeq|Content-Length|WWW-Authenticate)$/;
const names = (message: SipResponse): string[] => message.lines().map(([name]) => name);

for (const [method, status] of [
  ['INVITE', 603],
  ['OPTIONS', 200],
  ['REGISTER', 403],
  ['MESSAGE', 403],
  ['SUBSCRIBE', 403],
  ['REFER', 403],
  ['BYE', 403],
  ['PUBLISH', 403],
  ['FROBNICATE', 501],
] as const)
  test(`${method} of a stranger: ${status}, nothing about us, and nothing remembered`, () => {
    const one = peer();
    const before = one.ua.counts;
    one.ask(method, { hop: STRANGER });
    const answer = one.response(status);
    assert.deepEqual(
      names(answer).filter((name) => !PLAIN.test(name)),
      [],
    );
    assert.deepEqual(one.ua.counts, before);
    assert.deepEqual(one.events, method === 'INVITE' ? ['stranger'] : []);
    assert.equal(one.ua.turnedAway.refused, 1);
  });

for (const [sentence, method, headers, status, more] of [
  ['an extension nobody has is named', 'OPTIONS', [['Require', 'no-such-extension']], 420, ['Unsupported']],
  ['so it is in an INVITE, which is told of', 'INVITE', [['Require', 'no-such-extension']], 420, ['Unsupported']],
  ['a caller who takes no SDP', 'INVITE', [['Accept', 'text/plain']], 406, []],
] as const)
  test(`what any element would say, a stranger is told: ${sentence}`, () => {
    const one = peer();
    one.ask(method, { hop: STRANGER, headers: headers.map(([name, value]) => [name, value] as const) });
    const answer = one.response(status);
    assert.deepEqual(
      names(answer).filter((name) => !PLAIN.test(name)),
      more,
    );
    assert.deepEqual(one.events, method === 'INVITE' ? ['stranger'] : []);
  });

for (const [sentence, host, fromTag, expected] of [
  ['whom we called takes the call over from a second telephone', STRANGER, 'desk', ['100 INVITE']],
  ['with a dialog that is none he is a stranger', STRANGER, 'other', ['603 INVITE']],
  ['so is who has only read along', hopTo('127.38.2.67'), 'desk', ['603 INVITE']],
  ['and who cannot write it', STRANGER, '', ['603 INVITE']],
] as const)
  test(`INVITE with Replaces of somebody no rule names: ${sentence}`, () => {
    const one = peer();
    const target = `sip:desk@${STRANGER.remote.host}`;
    one.do(one.ua.invite({ session: 's', target, body: () => offer }, one.now));
    const invite = one.request('INVITE');
    one.reply(invite, 180, { tag: 'desk', from: STRANGER });
    one.lines();
    const replaces = `${invite.callId};to-tag=${invite.fromTag};from-tag=${fromTag}`;
    one.ask('INVITE', { callId: 'second', hop: host, body: offer, headers: [['Replaces', replaces]] });
    assert.deepEqual(one.lines(), expected);
  });

test('the same request gets the same answer (§8.2.7), and is told of once', () => {
  const one = peer();
  const ask = () => {
    one.ask('INVITE', { hop: STRANGER, branch: 'z9hG4bKsame', sequence: 1 });
    return Buffer.from(formatMessage(one.response(603))).toString();
  };
  assert.equal(ask(), ask());
  assert.deepEqual(one.events, ['stranger']);
});

for (const [sentence, more, expected] of [
  ['answered without Content-Length, not longer than what came', 'Max-Forwards: 70\r\n', ['200 OPTIONS']],
  ['not answered at all where even that is longer', '', []],
] as const)
  test(`a stranger's shortest OPTIONS is ${sentence}`, () => {
    const one = peer();
    const lines = 'v:SIP/2.0/UDP h;branch=z9hG4bK1\r\nf:<sip:a@b>;tag=1\r\nt:<sip:a@b>\r\ni:1\r\nCSeq:1 OPTIONS';
    const octets = Buffer.from(`OPTIONS sip:help-07@127.38.2.1:5060 SIP/2.0\r\n${more}${lines}\r\n\r\n`);
    const request = parseMessage(octets) as SipRequest;
    request.octets = octets.length;
    one.do(one.ua.receive(request, STRANGER, one.now));
    const answers = one.take() as SipResponse[];
    assert.deepEqual(
      answers.map(({ status, cseq }) => `${status} ${cseq.method}`),
      expected,
    );
    for (const answer of answers) {
      answer.measured = answer.has('Content-Length');
      assert.ok(formatMessage(answer).length <= octets.length);
    }
  });

test('the ACK to a refusal is no news, a CANCEL of nothing gets 481', () => {
  const one = peer();
  one.ask('ACK', { hop: STRANGER });
  assert.deepEqual(one.lines(), []);
  one.ask('CANCEL', { hop: STRANGER });
  assert.deepEqual(
    names(one.response(481)).filter((name) => !PLAIN.test(name)),
    [],
  );
});

for (const method of ['INVITE', 'OPTIONS', 'REGISTER', 'CANCEL', 'ACK'])
  test(`strangers: silent: ${method} is met with silence`, () => {
    const one = peer({ strangers: 'silent' });
    one.ask(method, { hop: STRANGER });
    assert.deepEqual(one.lines(), []);
  });

for (const [name, hop] of [
  ['an account server', undefined],
  ['a source that a rule lists', LISTED],
  ['a TLS identity that a rule lists', { ...STRANGER, transport: 'tls', identities: ['desk.example.net'] } as const],
] as const)
  test(`${name} is answered in full`, () => {
    const one = peer();
    one.ask('OPTIONS', { hop });
    assert.ok(one.response(200).has('Allow'));
    one.ask('OPTIONS', { hop, headers: [['Require', 'no-such-extension']] });
    assert.equal(one.response(420).header('Unsupported'), 'no-such-extension');
    one.ask('INVITE', { hop, body: offer });
    assert.deepEqual(one.lines(), ['100 INVITE']);
  });

test('requests inside a dialog are served wherever they come from', () => {
  const one = peer();
  one.ask('INVITE', { hop: LISTED, body: offer, callId: 'talk' });
  one.do(one.ua.accept(one.session, offer, one.now));
  const to = one.take().at(-1)!.header('To')!;
  one.ask('BYE', { hop: STRANGER, callId: 'talk', to });
  assert.deepEqual(one.lines(), ['200 BYE']);
});

test('CANCEL and ACK of a call that was let in are never asked for a password', () => {
  const one = peer();
  const from = '<sip:proven@x>;tag=1';
  const invite = one.ask('INVITE', { from, hop: STRANGER, branch: 'z9hG4bKa', callId: 'c', sequence: 1 });
  one.ask('ACK', { from, hop: STRANGER, branch: 'z9hG4bKa', callId: 'c', sequence: 1 });
  const challenge = one.response(401);
  assert.equal(challenge.cseq.sequence, invite.cseq.sequence);
  one.ask('INVITE', { from, hop: STRANGER, branch: 'z9hG4bKb', callId: 'c', sequence: 2, headers: proof(challenge) });
  assert.deepEqual(one.lines(), ['100 INVITE']);
  one.ask('CANCEL', { from, hop: STRANGER, branch: 'z9hG4bKb', callId: 'c', sequence: 2 });
  assert.deepEqual(one.lines(), ['200 CANCEL', '487 INVITE']);
});

function proof(challenge: SipResponse, password = 'open sesame', method = 'INVITE'): [string, string][] {
  const { scheme, params } = parseAuth(challenge.headers('WWW-Authenticate')[0]);
  const uri = 'sip:1001@127.66.0.1:5060';
  const fields = { username: 'desk', password, method, uri, body: new Uint8Array(), count: 1, cnonce: 'c0ffee' };
  return [['Authorization', formatAuthorization(readChallenge(scheme, params)!, fields)]];
}

test('who proves to be a user is let in under that name; a repeated INVITE is no replay', () => {
  const one = peer();
  const fields = { from: '<sip:proven@x>;tag=1', hop: STRANGER, body: offer };
  one.ask('INVITE', fields);
  const challenge = one.response(401);
  assert.equal(challenge.headers('WWW-Authenticate').length, 2);
  assert.deepEqual(
    names(challenge).filter((name) => !PLAIN.test(name)),
    [],
  );
  const authorized = { ...fields, headers: proof(challenge), branch: 'z9hG4bKonce', sequence: 7 };
  one.ask('INVITE', authorized);
  one.ask('INVITE', authorized);
  assert.deepEqual(one.lines(), ['100 INVITE', '100 INVITE']);
  const event = one.event();
  assert.equal(event.type === 'incoming' && event.user, 'desk');
  // Another request with the same proof is one.
  one.ask('INVITE', { ...authorized, branch: 'z9hG4bKtwice', callId: 'other', sequence: 8 });
  assert.match(one.response(401).header('WWW-Authenticate')!, /stale=true/);
});

test('a wrong password is counted and asked again, without stale', () => {
  const one = peer();
  const before = one.ua.counts.transactions;
  const fields = { from: '<sip:proven@x>;tag=1', hop: STRANGER, body: offer };
  one.ask('INVITE', fields);
  one.ask('INVITE', { ...fields, headers: proof(one.response(401), 'friend') });
  assert.doesNotMatch(one.response(401).header('WWW-Authenticate')!, /stale/);
  assert.deepEqual(one.ua.turnedAway, { refused: 0, challenged: 2, wrong: 1 });
  assert.equal(one.ua.counts.transactions, before);
});

test('OPTIONS and REGISTER are not asked for a password, whatever From says', () => {
  const one = peer();
  for (const method of ['OPTIONS', 'REGISTER']) one.ask(method, { from: '<sip:proven@x>;tag=1', hop: STRANGER });
  assert.deepEqual(one.lines(), ['200 OPTIONS', '403 REGISTER']);
});

test('never more is said than was asked: a challenge shrinks, a refusal is shorter than the request', () => {
  const one = peer();
  one.ask('INVITE', { from: '<sip:proven@x>;tag=1', hop: STRANGER });
  const challenge = one.take()[0];
  assert.ok(challenge.headers('WWW-Authenticate').length >= 1);
  for (const method of ['INVITE', 'OPTIONS', 'REGISTER']) {
    const request = one.ask(method, { hop: STRANGER });
    const [answer] = one.take();
    assert.ok(formatMessage(answer).length <= formatMessage(request).length);
  }
});

test('without trust in the configuration everybody is let in', () => {
  const one = new Peer().register();
  one.ask('INVITE', { hop: STRANGER, body: offer });
  assert.deepEqual(one.lines(), ['100 INVITE']);
});

test('OPTIONS of somebody known are answered without a transaction, the same each time', () => {
  const one = peer();
  const before = one.ua.counts.transactions;
  const fields = { hop: LISTED, branch: 'z9hG4bKsame', sequence: 1 };
  const answers = [1, 2].map(() => {
    one.ask('OPTIONS', fields);
    return Buffer.from(formatMessage(one.response(200))).toString();
  });
  assert.equal(answers[0], answers[1]);
  assert.equal(one.ua.counts.transactions, before);
});

test('guessing ends: after some wrong passwords even the right one is refused, for a while; others are asked as before', () => {
  const one = peer();
  const fields = { from: '<sip:proven@x>;tag=1', hop: STRANGER, body: offer };
  const attempt = (password: string, hop = STRANGER): string => {
    one.ask('INVITE', { ...fields, hop });
    const [challenge] = one.take() as SipResponse[];
    if (challenge.status !== 401) return String(challenge.status);
    one.ask('INVITE', { ...fields, hop, headers: proof(challenge, password) });
    return one.lines().join();
  };
  for (let i = 0; i < WRONG_MAX; i++) assert.equal(attempt('friend'), '401 INVITE');
  assert.equal(attempt('open sesame'), '603');
  one.ask('INVITE', { ...fields, hop: hopTo('127.38.2.67') });
  assert.deepEqual(one.lines(), ['401 INVITE']);
  one.pass(WRONG_MS);
  one.take();
  assert.equal(attempt('open sesame'), '100 INVITE');
  // Whoever has one address of an IPv6 network has them all.
  for (let i = 0; i < WRONG_MAX; i++) assert.equal(attempt('friend', hopTo(`2001:db8::${i + 1}`)), '401 INVITE');
  assert.equal(attempt('friend', hopTo('2001:db8::ff')), '603');
  assert.equal(attempt('friend', hopTo('2001:db8:0:1::ff')), '401 INVITE');
});
