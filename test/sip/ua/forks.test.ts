/**
 * Forks of our INVITE, RFC 3261 §13.2.2.4, RFC 6026 §7: branches that ring, answer, cross the CANCEL or come late. Of several
 * answers one talks; every other one is acknowledged, each time it comes, and ended, once.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SipMessage, SipRequest } from '../../../src/sip/message/index.ts';
import { answer, offer, Peer } from './peer.ts';

/** `a` .. are branches, and the tags of their To. */
function history(script: string): { sent: string; told: string; peer: Peer } {
  const peer = new Peer().register();
  peer.do(peer.ua.invite({ session: 's', target: 'sip:100@127.66.0.10', body: () => offer }, peer.now));
  const invite = peer.request('INVITE');
  const sent: string[] = [];
  for (const step of script.split(', ')) {
    const [what, tag] = step.split(' ');
    switch (what) {
      case 'end':
        peer.do(peer.ua.end('s', peer.now));
        break;
      case 'wait':
        peer.pass(Number(tag));
        break;
      case 'BYE':
      case 'UPDATE':
        peer.ask(what, { to: invite.header('From')!, from: `<sip:100@127.66.0.10>;tag=${tag}`, callId: invite.callId });
        break;
      default: {
        const headers: [string, string][] = [['Contact', `<sip:${tag}@127.66.0.10>`]];
        peer.reply(invite, Number(what), { tag, headers, ...(what === '200' && { body: answer }) });
      }
    }
    for (const message of peer.take()) {
      if (message.kind === 'request' && ['OPTIONS', 'REGISTER'].includes(message.method)) continue;
      sent.push(words(message));
      // Who is ended says so.
      if (message.kind === 'request' && message.method === 'BYE') peer.reply(message, 200, { tag: tagOf(message) });
    }
  }
  return { sent: sent.join(', '), told: peer.events.join(', '), peer };
}

const tagOf = (request: SipRequest): string => request.to.params.get('tag') ?? '';

function words(message: SipMessage): string {
  if (message.kind === 'response') return String(message.status);
  // To where its own Contact says, and nowhere else.
  const tag = tagOf(message);
  if (tag !== '') assert.equal(message.uri, `sip:${tag}@127.66.0.10`);
  return `${message.method} ${tag}`.trim();
}

for (const [name, script, sent, told] of [
  ['two ring, the second answers', '180 a, 180 b, 200 b', 'ACK b', 'progress 180, progress 180, accepted with body'],
  ['two ring, a third one answers', '180 a, 180 b, 200 c', 'ACK c', 'progress 180, progress 180, accepted with body'],
  [
    'what the others still say is nobody’s business',
    '180 a, 200 b, 180 a, UPDATE a',
    'ACK b, 481',
    'progress 180, accepted with body',
  ],
  ['two answer', '200 a, 200 b', 'ACK a, ACK b, BYE b', 'accepted with body'],
  [
    'three answer',
    '180 c, 200 a, 200 b, 200 c',
    'ACK a, ACK b, BYE b, ACK c, BYE c',
    'progress 180, accepted with body',
  ],
  [
    'both repeat their answer: each is acknowledged again, and ended no second time',
    '200 a, 200 b, 200 a, 200 b, 200 b',
    'ACK a, ACK b, BYE b, ACK a, ACK b, ACK b',
    'accepted with body',
  ],
  ['the one too many hangs up itself', '200 a, 200 b, BYE b', 'ACK a, ACK b, BYE b, 481', 'accepted with body'],
  [
    'the first one hangs up, then the second answers',
    '200 a, BYE a, 200 b',
    'ACK a, 200, ACK b, BYE b',
    'accepted with body, ended bye peer',
  ],
  [
    'we hang up, then the second answers',
    '200 a, end, 200 b',
    'ACK a, BYE a, ACK b, BYE b',
    'accepted with body, ended local us',
  ],
  ['the answer crosses our CANCEL', '180 a, end, 200 a', 'CANCEL, ACK a, BYE a', 'progress 180, ended cancelled us'],
  [
    'two answers cross it',
    '180 a, 180 b, end, 200 b, 200 a',
    'CANCEL, ACK b, BYE b, ACK a, BYE a',
    'progress 180, progress 180, ended cancelled us',
  ],
  [
    'one that never rang crosses it, twice',
    '180 a, end, 200 c, 200 c',
    'CANCEL, ACK c, BYE c, ACK c',
    'progress 180, ended cancelled us',
  ],
  ['an answer before the CANCEL could go', 'end, 200 a', 'ACK a, BYE a', 'ended cancelled us'],
  ['30 s late', '200 a, wait 30000, 200 b', 'ACK a, ACK b, BYE b', 'accepted with body'],
] as const)
  test(name, () => {
    const seen = history(script);
    const others = new Set(['pbx failed']); // the server that answers no probes
    assert.equal(seen.sent, sent);
    assert.equal(
      seen.told
        .split(', ')
        .filter((event) => !others.has(event))
        .join(', '),
      told,
    );
  });

test('more branches than are kept: the last one of all may answer', () => {
  const rings = Array.from({ length: 40 }, (_, i) => `180 b${i}`).join(', ');
  const { sent, peer } = history(`${rings}, 200 b39`);
  assert.equal(sent, 'ACK b39');
  assert.equal(peer.ua.counts.dialogs, 1);
});

test('of all that, nothing is left after a minute', () => {
  const { peer } = history('180 a, 180 b, end, 200 b, 200 a, wait 64000');
  assert.equal(peer.ua.counts.sessions, 0);
  assert.equal(peer.ua.counts.dialogs, 0);
});
