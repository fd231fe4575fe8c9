/** Digest we ask of callers: RFC 3261 §22.2, RFC 7616 §3.3 to §3.5, RFC 8760. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRequest, parseAuth, type SipRequest } from '../../../src/sip/message/index.ts';
import { Challenger, COUNT_WINDOW, NONCE_MS, NONCES_MAX } from '../../../src/sip/ua/challenge.ts';
import { formatAuthorization, readChallenge } from '../../../src/sip/ua/digest.ts';
import { CountingRandom } from '../../kit/random.ts';
import { hopTo } from './peer.ts';

const caller = hopTo('127.38.1.2');
const uri = 'sip:help-07@127.38.1.1';
const make = () => new Challenger('help-07', new Map([['desk', 'open sesame']]), new CountingRandom());

interface Answer {
  username?: string;
  password?: string;
  algorithm?: 'SHA-256' | 'MD5';
  uri?: string;
  method?: string;
  count?: number;
  /** Changes the finished value. */
  bend?: (value: string) => string;
}

const nonceOf = (values: string[]): string => parseAuth(values[0]).params.get('nonce')!;

function answered(values: string[], answer: Answer = {}): SipRequest {
  const { username = 'desk', password = 'open sesame', algorithm = 'SHA-256', count = 1, method = 'INVITE' } = answer;
  const text = values.find((value) => value.includes(`algorithm=${algorithm}`))!;
  const { scheme, params } = parseAuth(text);
  const proof = { username, password, method, uri: answer.uri ?? uri, body: new Uint8Array(), count, cnonce: 'c0ffee' };
  const value = formatAuthorization(readChallenge(scheme, params)!, proof);
  return createRequest({ method: 'INVITE', uri, headers: [['Authorization', (answer.bend ?? String)(value)]] });
}

test('SHA-256 is offered first, then MD5, with qop and one nonce', () => {
  const [first, second, ...rest] = make().challenges(caller, 1000, false);
  assert.match(first, /^Digest realm="help-07", nonce="[\w.-]+", algorithm=SHA-256, qop="auth"$/);
  assert.equal(second, first.replace('SHA-256', 'MD5'));
  assert.deepEqual(rest, []);
});

for (const [name, answer, expected] of [
  ['the right password by SHA-256', {}, 'proven'],
  ['the right password by MD5', { algorithm: 'MD5' }, 'proven'],
  [
    'MD5 without its name, as old phones send it',
    { algorithm: 'MD5', bend: (v) => v.replace('algorithm=MD5, ', '') },
    'proven',
  ],
  ['a wrong password', { password: 'friend' }, 'wrong'],
  ['a user nobody knows', { username: 'mallory' }, 'wrong'],
  ['a user nobody knows, with an empty password', { username: 'mallory', password: '' }, 'wrong'],
  ['another method than the one of the request', { method: 'BYE' }, 'wrong'],
  ['the proof of another address', { uri: 'sip:other@127.38.1.1' }, 'none'],
  ['the same address written in another way', { uri: 'sip:help-07@127.38.1.1;x=1' }, 'proven'],
  ['without qop, as in RFC 2069', { bend: (v) => v.replace(', qop=auth', '') }, 'none'],
  ['a nonce count that is no number', { bend: (v) => v.replace('nc=00000001', 'nc=1') }, 'none'],
  ['a nonce nobody issued', { bend: (v) => v.replace(/nonce="/, 'nonce="z') }, 'none'],
  ['another realm', { bend: (v) => v.replace('help-07', 'help-08') }, 'none'],
  ['another algorithm', { bend: (v) => v.replace('algorithm=SHA-256', 'algorithm=SHA-512-256') }, 'none'],
  ['something that is no digest', { bend: () => 'Basic ZGVzazpvcGVu' }, 'none'],
  ['something that cannot be read', { bend: () => 'Digest username="desk' }, 'none'],
] as [string, Answer, string][])
  test(`${name}: ${expected}`, () => {
    const challenger = make();
    const request = answered(challenger.challenges(caller, 1000, false), answer);
    assert.equal(challenger.verify(request, caller, 1500).kind, expected);
  });

test('the user is named', () => {
  const challenger = make();
  const request = answered(challenger.challenges(caller, 0, false));
  assert.deepEqual(challenger.verify(request, caller, 1), { kind: 'proven', user: 'desk' });
});

test('a nonce is of the address it was given to', () => {
  const challenger = make();
  const request = answered(challenger.challenges(caller, 0, false));
  assert.equal(challenger.verify(request, hopTo('127.38.1.3'), 1).kind, 'none');
});

test('an old nonce is stale, and says nothing of a wrong password', () => {
  const challenger = make();
  const values = challenger.challenges(caller, 0, false);
  assert.equal(challenger.verify(answered(values, { password: 'friend' }), caller, NONCE_MS + 1).kind, 'wrong');
  assert.equal(challenger.verify(answered(values), caller, NONCE_MS + 1).kind, 'stale');
  assert.match(challenger.challenges(caller, NONCE_MS + 1, true)[0], /, stale=true$/);
});

test('a nonce count is good for once; one that was overtaken is, too, within the window', () => {
  const challenger = make();
  const values = challenger.challenges(caller, 0, false);
  const use = (count: number) => challenger.verify(answered(values, { count }), caller, 1).kind;
  assert.deepEqual([1, 1, 2, 5, 3, 3, 5].map(use), ['proven', 'stale', 'proven', 'proven', 'proven', 'stale', 'stale']);
  assert.equal(use(5 + COUNT_WINDOW), 'proven');
  assert.equal(use(4), 'stale');
  assert.equal(use(5), 'stale');
  assert.equal(use(6), 'proven');
});

test('a nonce whose uses were forgotten cannot be used again', () => {
  const challenger = make();
  const first = challenger.challenges(caller, 1, false);
  assert.equal(challenger.verify(answered(first), caller, 1).kind, 'proven');
  for (let i = 0; i < NONCES_MAX; i++) {
    const values = challenger.challenges(caller, 10 + i, false);
    assert.equal(challenger.verify(answered(values), caller, 10 + i).kind, 'proven');
  }
  assert.equal(challenger.verify(answered(first), caller, 400).kind, 'stale');
  assert.notEqual(nonceOf(first), nonceOf(challenger.challenges(caller, 400, false)));
});

test('whoever does not know the password makes nothing be remembered', () => {
  const challenger = make();
  const kept = challenger.challenges(caller, 5, false);
  assert.equal(challenger.verify(answered(kept, { count: 1 }), caller, 5).kind, 'proven');
  for (let i = 0; i < 2 * NONCES_MAX; i++)
    challenger.verify(answered(challenger.challenges(caller, 6 + i, false), { password: 'x' }), caller, 6 + i);
  assert.equal(challenger.verify(answered(kept, { count: 2 }), caller, 600).kind, 'proven');
});
