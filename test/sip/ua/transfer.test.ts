/** Transfers: REFER both ways (RFC 3515, 4488, 3892), its NOTIFYs (RFC 3420), Replaces (RFC 3891), a focus (RFC 4579). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SipMessage, SipRequest } from '../../../src/sip/message/index.ts';
import { formatReplaces, parseReplaces } from '../../../src/sip/ua/replaces.ts';
import { formatSipfrag, parseSipfrag } from '../../../src/sip/ua/sipfrag.ts';
import { answer, hopTo, line, offer, Peer } from './peer.ts';

type Names = { to: string; from: string; callId: string };
const invitation = { session: 's', target: 'sip:100@127.66.0.10', body: () => offer };

/** An answered call `session` of ours; how the other side names its dialog. */
function call(peer: Peer, session = 's', contact = '<sip:desk@127.66.0.10:5060>'): Names {
  peer.do(peer.ua.invite({ ...invitation, session }, peer.now));
  peer.reply(peer.request('INVITE'), 200, { body: answer, tag: `peer-${session}`, headers: [['Contact', contact]] });
  const ack = peer.request('ACK');
  return { to: ack.header('From')!, from: ack.header('To')!, callId: ack.callId };
}

function talking(): { peer: Peer; names: Names } {
  const peer = new Peer();
  const names = call(peer);
  peer.events = [];
  return { peer, names };
}

const refer = (peer: Peer, names: Partial<Names>, referTo: string, ...headers: [string, string][]): SipRequest =>
  peer.ask('REFER', { ...names, headers: [['Refer-To', referTo], ...headers] });
const referral = (peer: Peer): string => {
  const event = peer.sessions.map((one) => one.event).findLast((one) => one.type === 'referred');
  return event?.type === 'referred' ? event.referral : '';
};
const follow = (peer: Peer): Peer =>
  peer.do(
    peer.ua.invite({ ...invitation, session: 'n', target: 'sip:200@127.66.0.10', referral: referral(peer) }, peer.now),
  );
/** `100 Trying (active)`: what a NOTIFY tells. */
const told = (message: SipMessage): string => {
  const [state] = message.header('Subscription-State')!.split(';');
  return `${Buffer.from(message.body).toString().trim().replace('SIP/2.0 ', '')} (${state})`;
};

for (const [name, body, expected] of [
  ['a status line alone', 'SIP/2.0 200 OK\r\n', '200 OK'],
  ['without a line end', 'SIP/2.0 100 Trying', '100 Trying'],
  ['with header fields behind it', 'SIP/2.0 486 Busy Here\r\nTo: <sip:a@b>\r\n\r\n', '486 Busy Here'],
  ['without a reason', 'SIP/2.0 603\r\n', '603 '],
  ['a fragment of another kind', 'To: <sip:a@b>\r\n', undefined],
  ['a request line', 'INVITE sip:a@b SIP/2.0\r\n', undefined],
  ['a status that is none', 'SIP/2.0 999 What\r\n', undefined],
  ['nothing', '', undefined],
] as const) {
  test(`sipfrag: ${name}`, () => {
    const found = parseSipfrag(Buffer.from(body));
    assert.equal(found && `${found.status} ${found.reason}`, expected);
  });
}

test('sipfrag: what is written is one line, whatever the reason holds', () => {
  const bytes = formatSipfrag({ status: 480, reason: 'a\r\nVia: b' });
  assert.equal(Buffer.from(bytes).toString(), 'SIP/2.0 480 a Via: b\r\n');
});

for (const [name, text, expected] of [
  ['as written', 'a@b;to-tag=1;from-tag=2', 'a@b;to-tag=1;from-tag=2'],
  ['in any order, early only', 'a@b ; early-only ; from-tag=2;to-tag=1', 'a@b;to-tag=1;from-tag=2;early-only'],
  ['without a tag', 'a@b;to-tag=1', undefined],
  ['without a Call-ID', ';to-tag=1;from-tag=2', undefined],
  ['far too long', `${'a'.repeat(600)};to-tag=1;from-tag=2`, undefined],
] as const) {
  test(`Replaces: ${name}`, () => {
    if (expected === undefined) assert.throws(() => parseReplaces(text), { code: 'sip-syntax' });
    else assert.equal(formatReplaces(parseReplaces(text)), expected);
  });
}

// ---------------------------------------------------------------- we are transferred

for (const [name, referTo, headers, expected] of [
  ['a blind transfer', '<sip:200@127.66.0.10>', [], 'referred to sip:200@127.66.0.10'],
  ['the method INVITE may be named', '<sip:200@h;method=INVITE>', [], 'referred to sip:200@h'],
  ['an attended one', '<sip:200@h?Replaces=c%40h%3Bto-tag%3D1%3Bfrom-tag%3D2>', [], 'referred to sip:200@h attended'],
  ['another method', '<sip:200@h;method=BYE>', [], '603 REFER'],
  ['no telephone number', '<tel:+4930123456>', [], '416 REFER'],
  ['no web page', '<http://127.0.0.1/>', [], '416 REFER'],
  ['a target as long as a story', `<sip:${'2'.repeat(300)}@h>`, [], '414 REFER'],
  ['two of them', '<sip:200@h>', [['Refer-To', '<sip:201@h>']], '400 REFER'],
  ['a Replaces that cannot be read', '<sip:200@h?Replaces=nothing>', [], '400 REFER'],
  ['no address', 'nobody', [], '400 REFER'],
] as [string, string, [string, string][], string][]) {
  test(`REFER in a call: ${name}`, () => {
    const { peer, names } = talking();
    refer(peer, names, referTo, ...headers);
    assert.equal([...peer.events, ...peer.lines()].join(), expected);
  });
}

test('without Refer-To, or to a dialog that is none, it is refused', () => {
  const { peer, names } = talking();
  peer.ask('REFER', { ...names });
  refer(peer, { ...names, callId: 'other' }, '<sip:200@h>');
  assert.deepEqual(peer.lines(), ['400 REFER', '481 REFER']);
});

test('a Referred-By that no one else should get is not passed on', () => {
  for (const referredBy of ['"a\x01b" <sip:desk@127.66.0.10>', '"\x7f" <sip:a@b>']) {
    const { peer, names } = talking();
    refer(peer, names, '<sip:200@127.66.0.10>', ['Referred-By', referredBy]);
    follow(peer);
    assert.equal(peer.take().at(-1)!.header('Referred-By'), undefined);
  }
});

test('202, NOTIFY 100 at once, the call carries Replaces and Referred-By, then what becomes of it', () => {
  const { peer, names } = talking();
  const replaces = '<sip:200@127.66.0.10?Replaces=c%40h%3Bto-tag%3D1%3Bfrom-tag%3D2&X-Evil=1>';
  refer(peer, names, replaces, ['Referred-By', '<sip:desk@127.66.0.10>']);
  assert.deepEqual(peer.lines(), [], 'nothing is said before the owner has decided');
  follow(peer);
  const [accepted, first, invite] = peer.take();
  assert.deepEqual([accepted, first, invite].map(line), ['202 REFER', 'NOTIFY', 'INVITE']);
  assert.equal(told(first), '100 Trying (active)');
  assert.equal(first.header('Event'), 'refer');
  assert.equal(first.header('Content-Type'), 'message/sipfrag;version=2.0');
  assert.equal((invite as SipRequest).uri, 'sip:200@127.66.0.10');
  assert.equal(invite.header('Replaces'), 'c@h;to-tag=1;from-tag=2');
  assert.equal(invite.header('Referred-By'), '<sip:desk@127.66.0.10>');
  assert.equal(invite.header('X-Evil'), undefined);

  peer.reply(invite as SipRequest, 180).pass(0);
  assert.deepEqual(peer.lines(), [], 'one NOTIFY after the other');
  peer.reply(first as SipRequest, 200).pass(0);
  const second = peer.request('NOTIFY');
  assert.equal(told(second), '180 Ringing (active)');
  peer.reply(second, 200);
  peer.reply(invite as SipRequest, 200, { body: answer }).pass(0);
  const last = peer.request('NOTIFY');
  assert.equal(told(last), '200 OK (terminated)');
  peer.reply(last, 200);
  assert.deepEqual(peer.lines(), [], 'who transferred us hangs up');
  peer.pass(2_000);
  assert.deepEqual(peer.lines(), ['BYE'], 'or we do');
  assert.deepEqual(peer.events.at(-1), 'ended local us');
});

test('a call that fails: the old one stays, and the other side hears why', () => {
  const { peer, names } = talking();
  refer(peer, names, '<sip:200@h>');
  follow(peer);
  const [, first, invite] = peer.take();
  peer
    .reply(first as SipRequest, 200)
    .reply(invite as SipRequest, 486)
    .pass(0);
  const last = peer.request('NOTIFY');
  assert.equal(told(last), '486 Busy Here (terminated)');
  peer.reply(last, 200).pass(60_000);
  assert.deepEqual(peer.lines(), []);
  refer(peer, names, '<sip:201@h>');
  peer.do(peer.ua.invite({ ...invitation, session: 'm', referral: referral(peer) }, peer.now));
  assert.match(peer.request('NOTIFY').header('Event')!, /^refer;id=\d+$/, 'a second one in the dialog is named');
});

test('who asked is gone by a BYE: he is told all the same', () => {
  const { peer, names } = talking();
  refer(peer, names, '<sip:200@h>');
  follow(peer);
  const [, first, invite] = peer.take();
  peer.reply(first as SipRequest, 200);
  peer.ask('BYE', names);
  peer.reply(invite as SipRequest, 200, { body: answer }).pass(0);
  const last = peer.request('NOTIFY');
  assert.equal(told(last), '200 OK (terminated)');
  peer.reply(last, 481).pass(60_000);
  assert.deepEqual(peer.ua.counts.dialogs, 1);
});

test('a NOTIFY that is refused is the last one', () => {
  const { peer, names } = talking();
  refer(peer, names, '<sip:200@h>');
  follow(peer);
  const [, first, invite] = peer.take();
  peer
    .reply(first as SipRequest, 481)
    .reply(invite as SipRequest, 180)
    .pass(0);
  peer.reply(invite as SipRequest, 200, { body: answer }).pass(0);
  assert.deepEqual(peer.lines(), ['ACK']);
});

test('RFC 4488: who wants no NOTIFY gets none, and the call is ended all the same', () => {
  const { peer, names } = talking();
  refer(peer, names, '<sip:200@h>', ['Refer-Sub', 'false'], ['Require', 'norefersub']);
  follow(peer);
  const [accepted, invite] = peer.take();
  assert.equal(accepted.header('Refer-Sub'), 'false');
  peer
    .reply(invite as SipRequest, 180)
    .pass(0)
    .reply(invite as SipRequest, 200, { body: answer })
    .pass(2_000);
  assert.deepEqual(peer.lines(), ['ACK', 'BYE']);
});

test('nobody decides: declined; a call that rings for ever: given up, and told', () => {
  const { peer, names } = talking();
  refer(peer, names, '<sip:200@h>');
  peer.pass(10_000);
  assert.deepEqual(peer.lines(), ['603 REFER']);
  peer.do(peer.ua.invite({ ...invitation, session: 'late', referral: referral(peer) }, peer.now));
  assert.equal(peer.events.at(-1), 'ended local us');
  refer(peer, names, '<sip:200@h>');
  follow(peer);
  const [, first, invite] = peer.take();
  peer
    .reply(first as SipRequest, 200)
    .reply(invite as SipRequest, 180)
    .pass(0);
  peer.reply(peer.request('NOTIFY'), 200).pass(90_000);
  const sent = peer.take();
  assert.deepEqual(sent.map(line), ['CANCEL', 'NOTIFY']);
  assert.equal(told(sent[1]), '408 Request Timeout (terminated)');
});

test('the owner may decline; and of many at once the ninth is turned away', () => {
  const { peer, names } = talking();
  refer(peer, names, '<sip:200@h>');
  peer.do(peer.ua.declineReferral(referral(peer), 403, 'Forbidden', peer.now));
  for (let i = 0; i < 9; i++) refer(peer, names, '<sip:200@h>');
  assert.deepEqual(peer.lines(), ['403 REFER', '480 REFER']);
});

test('outside a dialog: a dialog of its own carries the NOTIFYs', () => {
  const peer = new Peer();
  refer(peer, {}, '<sip:conf@127.66.0.10>');
  assert.deepEqual(peer.events, ['referred to sip:conf@127.66.0.10 from outside']);
  follow(peer);
  const [accepted, first, invite] = peer.take();
  assert.deepEqual([accepted, first, invite].map(line), ['202 REFER', 'NOTIFY', 'INVITE']);
  assert.equal(first.fromTag, accepted.toTag);
  assert.equal(first.toTag, 'peer');
  peer
    .reply(first as SipRequest, 200)
    .reply(invite as SipRequest, 200, { body: answer })
    .pass(0);
  const last = peer.request('NOTIFY');
  assert.equal(told(last), '200 OK (terminated)');
  peer.reply(last, 200).pass(60_000);
  assert.deepEqual(peer.lines(), []);
  assert.equal(peer.ua.counts.sessions, 1);
});

// ---------------------------------------------------------------- we transfer

const notify = (peer: Peer, names: Names, status: string, state = 'active', ...headers: [string, string][]): void => {
  const body = { contentType: 'message/sipfrag;version=2.0', bytes: Buffer.from(`SIP/2.0 ${status}\r\n`) };
  const own: [string, string][] = headers.length > 0 ? headers : [['Event', 'refer']];
  peer.ask('NOTIFY', { ...names, body, headers: [...own, ['Subscription-State', state]] });
};

test('our REFER is followed by its NOTIFYs, and by nothing else', () => {
  const { peer, names } = talking();
  peer.do(peer.ua.refer('s', 'sip:300@127.66.0.10', peer.now));
  const sent = peer.request('REFER');
  assert.equal(sent.header('Refer-To'), '<sip:300@127.66.0.10>');
  assert.equal(sent.header('Referred-By'), '<sip:1001@127.66.0.10>');
  notify(peer, names, '100 Trying');
  peer.reply(sent, 202);
  notify(peer, names, '180 Ringing', 'active', ['Event', `refer;id=${sent.cseq.sequence}`]);
  notify(peer, names, '200 OK', 'active', ['Event', 'refer;id=77']);
  notify(peer, names, '200 OK', 'active', ['Event', 'presence']);
  notify(peer, names, '200 OK', 'terminated;reason=noresource');
  notify(peer, names, '200 OK', 'terminated;reason=noresource');
  assert.deepEqual(peer.events, ['referring trying 100', 'referring trying 180', 'referring done 200']);
  const answers = peer.lines();
  assert.deepEqual(answers.filter((text) => text === '200 NOTIFY').length, 3);
  assert.ok(!answers.includes('BYE'), 'the owner hangs up');
});

for (const [name, act, expected] of [
  ['is refused', (peer: Peer, sent: SipRequest) => peer.reply(sent, 603), 'referring failed 603'],
  [
    'leads nowhere',
    (peer: Peer, sent: SipRequest, names: Names) => {
      peer.reply(sent, 202);
      notify(peer, names, '486 Busy Here', 'terminated');
    },
    'referring failed 486',
  ],
  [
    'ends without a word',
    (peer: Peer, sent: SipRequest, names: Names) => {
      peer.reply(sent, 202);
      notify(peer, names, '180 Ringing', 'terminated;reason=timeout');
    },
    'referring failed 503',
  ],
  [
    'is never heard of again',
    (peer: Peer, sent: SipRequest) => peer.reply(sent, 202).pass(60_000),
    'referring failed 408',
  ],
  ['gets no answer at all', (peer: Peer) => peer.pass(60_000), 'referring failed 408'],
] as [string, (peer: Peer, sent: SipRequest, names: Names) => void, string][]) {
  test(`our REFER ${name}: the call goes on`, () => {
    const { peer, names } = talking();
    peer.do(peer.ua.refer('s', 'sip:300@127.66.0.10', peer.now));
    act(peer, peer.request('REFER'), names);
    assert.deepEqual(peer.events, [expected]);
    assert.equal(peer.ua.counts.sessions, 1);
  });
}

test('an attended transfer names the other dialog as its other side sees it', () => {
  const { peer } = talking();
  const other = call(peer, 'other', '<sip:second@127.66.0.11>');
  peer.do(peer.ua.refer('s', 'sip:ignored@h', peer.now, 'other'));
  const sent = peer.request('REFER');
  const tag = (value: string): string => /tag=(.*)/.exec(value)![1];
  const replaces = encodeURIComponent(`${other.callId};to-tag=${tag(other.from)};from-tag=${tag(other.to)}`);
  assert.equal(sent.header('Refer-To'), `<sip:second@127.66.0.11?Replaces=${replaces}>`);
});

test('there must be a talk, and one transfer at a time', () => {
  const { peer } = talking();
  peer.do(peer.ua.refer('nobody', 'sip:300@h', peer.now));
  peer.do(peer.ua.refer('s', 'sip:300@h', peer.now)).do(peer.ua.refer('s', 'sip:301@h', peer.now));
  assert.deepEqual(peer.events, ['referring failed 0', 'referring failed 0']);
});

// ---------------------------------------------------------------- a call takes the place of another

const tagOf = (value: string): string => /tag=(.*)/.exec(value)![1];
const naming = ({ callId, to, from }: Names, more = ''): [string, string] => [
  'Replaces',
  `${callId};to-tag=${tagOf(to)};from-tag=${tagOf(from)}${more}`,
];
const newcomer = (peer: Peer, headers: [string, string][], host?: string): SipRequest =>
  peer.ask('INVITE', {
    callId: 'new',
    from: '<sip:300@127.66.0.10>;tag=new',
    body: offer,
    headers,
    ...(host !== undefined && { hop: hopTo(host) }),
  });

for (const [name, headers, expected, host] of [
  ['a confirmed dialog', (names: Names) => [naming(names)], 'incoming by pbx for s'],
  ['early only, but it is confirmed', (names: Names) => [naming(names, ';early-only')], '486 INVITE'],
  ['nobody knows it', (names: Names) => [naming({ ...names, callId: 'x' })], '481 INVITE'],
  ['the tags are swapped', ({ to, from, callId }: Names) => [naming({ to: from, from: to, callId })], '481 INVITE'],
  ['twice', (names: Names) => [naming(names), naming(names)], '400 INVITE'],
  ['with Join', (names: Names) => [naming(names), ['Join', 'a;to-tag=1;from-tag=2']], '400 INVITE'],
  ['unreadable', () => [['Replaces', 'nothing']], '400 INVITE'],
  ['from a stranger: a call like any other', (names: Names) => [naming(names)], 'incoming', '127.66.0.99'],
] as [string, (names: Names) => [string, string][], string, string?][]) {
  test(`INVITE with Replaces: ${name}`, () => {
    const { peer, names } = talking();
    newcomer(peer, headers(names), host);
    const said = peer.lines().filter((text) => text !== '100 INVITE');
    assert.equal([...peer.events, ...said].join(), expected);
  });
}

test('a dialog that has ended meanwhile is declined; an OPTIONS with Replaces is refused', () => {
  const { peer, names } = talking();
  peer.do(peer.ua.end('s', peer.now)).lines();
  newcomer(peer, [naming(names)]);
  assert.deepEqual(peer.lines(), ['603 INVITE']);
  peer.ask('OPTIONS', { headers: [naming(names)] });
  assert.deepEqual(peer.lines(), ['400 OPTIONS']);
});

test('our ringing call can be taken; one that rings here cannot', () => {
  const peer = new Peer();
  peer.do(peer.ua.invite(invitation, peer.now));
  const invite = peer.request('INVITE');
  peer.reply(invite, 180);
  newcomer(peer, [naming({ to: invite.header('From')!, from: 'a;tag=peer', callId: invite.callId })]);
  assert.equal(peer.events.at(-1), 'incoming by pbx for s');
  peer.lines();
  peer.ask('INVITE', { body: offer });
  peer.do(peer.ua.ring(peer.session, peer.now));
  const ringing = peer.response(180);
  peer.ask('INVITE', {
    callId: 'third',
    body: offer,
    headers: [naming({ to: ringing.header('To')!, from: ringing.header('From')!, callId: ringing.callId })],
  });
  assert.deepEqual(peer.lines(), ['481 INVITE']);
});

test('a tag of 0 also stands for none', () => {
  const peer = new Peer();
  peer.ask('INVITE', { from: '<sip:old@127.66.0.10>', body: offer });
  const session = peer.session;
  peer.do(peer.ua.accept(session, answer, peer.now));
  const to = peer.response(200).header('To')!;
  newcomer(peer, [['Replaces', `call-1;to-tag=${tagOf(to)};from-tag=0`]]);
  assert.equal(peer.events.at(-1), `incoming for ${session}`);
});

// ---------------------------------------------------------------- conferences

test('a focus is known by its Contact', () => {
  const peer = new Peer();
  call(peer, 's', '<sip:conf@127.66.0.10>;isfocus');
  assert.equal(peer.events.at(-1), 'accepted with body by a focus');
});

test('so is one that the other side becomes by UPDATE or re-INVITE, once', () => {
  const { peer, names } = talking();
  const focus = '<sip:conf@127.66.0.10>;isfocus';
  peer.events.length = 0;
  for (const contact of [focus, focus, undefined]) peer.ask('UPDATE', { ...names, contact });
  peer.ask('INVITE', { ...names, contact: focus, body: offer });
  peer.do(peer.ua.answerOffer('s', answer, peer.now));
  assert.deepEqual(peer.events, ['a focus now', 'no focus any more', 'offered', 'a focus now']);
});

test('what we can do is said: REFER, NOTIFY, replaces, norefersub', () => {
  const { peer } = talking();
  peer.ask('OPTIONS');
  const options = peer.response(200);
  for (const method of ['REFER', 'NOTIFY']) assert.ok(options.header('Allow')!.includes(method));
  for (const tag of ['replaces', 'norefersub']) assert.ok(options.header('Supported')!.includes(tag));
});
