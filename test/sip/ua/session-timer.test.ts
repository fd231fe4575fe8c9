/** Session timers, RFC 4028, and the sign of life in between: who asks for how much, who refreshes, what ends a talk. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SipRequest, SipResponse } from '../../../src/sip/message/index.ts';
import { answer, CONFIG, offer, Peer } from './peer.ts';

type Fields = [string, string][];
const invitation = { session: 's', target: 'sip:100@127.66.0.10', body: () => offer };
const UPDATES: Fields[number] = ['Allow', 'INVITE, ACK, BYE, UPDATE'];

interface Dialog {
  to: string;
  from: string;
  callId: string;
}

/** A call of ours, answered with these header fields. */
function calls(granted: Fields, config = CONFIG): { peer: Peer; dialog: Dialog; invite: SipRequest } {
  const peer = new Peer(config).register();
  const invite = peer.do(peer.ua.invite(invitation, peer.now)).request('INVITE');
  peer.reply(invite, 200, { body: answer, headers: granted });
  const ack = peer.request('ACK');
  peer.events = [];
  return { peer, invite, dialog: { to: ack.header('From')!, from: ack.header('To')!, callId: ack.callId } };
}

/** A call to us, with these header fields; its 200. */
function called(headers: Fields, config = CONFIG): { peer: Peer; dialog: Dialog; ok: SipResponse } {
  const peer = new Peer(config).register();
  const invite = peer.ask('INVITE', { body: offer, headers });
  peer.do(peer.ua.accept(peer.session, answer, peer.now));
  const ok = peer.response(200);
  const dialog = { to: ok.header('To')!, from: invite.header('From')!, callId: invite.callId };
  peer.ask('ACK', { ...dialog, sequence: invite.cseq.sequence });
  peer.events = [];
  return { peer, dialog, ok };
}

/** Lets time pass while the server answers its probes, and says what else was sent. */
function pass(peer: Peer, ms: number): string[] {
  const lines: string[] = [];
  for (const until = peer.now + ms; peer.now < until; ) {
    peer.pass(Math.min(500, until - peer.now));
    for (const message of peer.take()) {
      if (message.kind === 'request' && (message.method === 'OPTIONS' || message.method === 'REGISTER'))
        peer.reply(message, 200);
      else lines.push(message.kind === 'request' ? message.method : `${message.status}`);
    }
  }
  return lines;
}

test('a call of ours asks for half an hour, and leaves open who refreshes', () => {
  const { invite } = calls([]);
  assert.equal(invite.header('Session-Expires'), '1800');
  assert.equal(invite.has('Min-SE'), false);
  assert.ok(invite.list('Supported').includes('timer'));
});

test('switched off, it asks for nothing', () => {
  assert.equal(calls([], { ...CONFIG, sessionExpiresS: 0 }).invite.has('Session-Expires'), false);
});

test('422: asked again with the interval it names, in the same call', () => {
  const peer = new Peer().register();
  const first = peer.do(peer.ua.invite(invitation, peer.now)).request('INVITE');
  const second = peer.reply(first, 422, { headers: [['Min-SE', '3600']] }).request('INVITE');
  assert.equal(second.header('Session-Expires'), '3600');
  assert.equal(second.header('Min-SE'), '3600');
  assert.equal(second.callId, first.callId);
  assert.equal(second.cseq.sequence, first.cseq.sequence + 1);
});

for (const [name, minSe] of [
  ['422 without a number: the call is made without a timer', []],
  ['422 that asks for less than was offered, too', [['Min-SE', '0']]],
  ['422 that asks for a century, too', [['Min-SE', '4294967295']]],
] as [string, Fields][])
  test(name, () => {
    const peer = new Peer().register();
    const first = peer.do(peer.ua.invite(invitation, peer.now)).request('INVITE');
    const second = peer.reply(first, 422, { headers: minSe }).request('INVITE');
    assert.equal(second.has('Session-Expires'), false);
    peer.reply(second, 422, { headers: minSe });
    assert.equal(peer.events.at(-1), 'ended rejected peer 422');
  });

test('a 422 that goes up and up is followed three times, then no timer is asked for', () => {
  const peer = new Peer().register();
  let invite = peer.do(peer.ua.invite(invitation, peer.now)).request('INVITE');
  const asked: (string | undefined)[] = [];
  for (const minSe of ['2000', '3000', '4000', '5000']) {
    invite = peer.reply(invite, 422, { headers: [['Min-SE', minSe]] }).request('INVITE');
    asked.push(invite.header('Session-Expires'));
  }
  assert.deepEqual(asked, ['2000', '3000', '4000', undefined]);
});

// What we answer to each way of asking: Session-Expires and Require of the 200.
for (const [name, headers, expires, requires] of [
  ['nothing asked, nothing known of timers: none', [], undefined, undefined],
  ['a caller who knows timers gets one, and we refresh', [['Supported', 'timer']], '1800;refresher=uas', 'timer'],
  [
    'who asks for 90 s gets 90 s',
    [
      ['Supported', 'timer'],
      ['Session-Expires', '90'],
    ],
    '90;refresher=uas',
    'timer',
  ],
  [
    'who wants to refresh does',
    [
      ['Supported', '100rel, timer'],
      ['Session-Expires', '300;refresher=uac'],
    ],
    '300;refresher=uac',
    'timer',
  ],
  [
    'the compact name, and blanks',
    [
      ['k', 'timer'],
      ['x', '300 ; refresher = uac'],
    ],
    '300;refresher=uac',
    'timer',
  ],
  [
    'who asks for a day gets half an hour',
    [
      ['Supported', 'timer'],
      ['Session-Expires', '86400'],
    ],
    '1800;refresher=uas',
    'timer',
  ],
  [
    'but no less than he or a proxy takes',
    [
      ['Supported', 'timer'],
      ['Session-Expires', '86400'],
      ['Min-SE', '7200'],
    ],
    '7200;refresher=uas',
    'timer',
  ],
  ['a proxy asks for who does not know: we refresh', [['Session-Expires', '600']], '600;refresher=uas', undefined],
  ['and for too little: none', [['Session-Expires', '20']], undefined, undefined],
  [
    'what cannot be read is not there',
    [
      ['Supported', 'timer'],
      ['Session-Expires', 'soon'],
    ],
    '1800;refresher=uas',
    'timer',
  ],
] as [string, Fields, string?, string?][])
  test(name, () => {
    const { ok } = called(headers);
    assert.equal(ok.header('Session-Expires'), expires);
    assert.equal(ok.header('Require'), requires);
  });

test('switched off, who asks gets a timer, who does not gets none', () => {
  const off = { ...CONFIG, sessionExpiresS: 0 };
  const asks: Fields = [
    ['Supported', 'timer'],
    ['Session-Expires', '90'],
  ];
  assert.equal(called(asks, off).ok.header('Session-Expires'), '90;refresher=uas');
  assert.equal(called([['Supported', 'timer']], off).ok.header('Session-Expires'), undefined);
});

test('less than 90 s: 422 that says so; to a re-INVITE and an UPDATE, too', () => {
  const tiny: Fields = [
    ['Supported', 'timer'],
    ['Session-Expires', '30'],
  ];
  const peer = new Peer().register();
  peer.ask('INVITE', { body: offer, headers: tiny });
  assert.equal(peer.response(422).header('Min-SE'), '90');
  assert.deepEqual(peer.events, []);
  const talk = called([]);
  talk.peer.ask('INVITE', { ...talk.dialog, body: offer, headers: tiny });
  assert.equal(talk.peer.response(422).header('Min-SE'), '90');
  talk.peer.ask('UPDATE', { ...talk.dialog, headers: tiny });
  assert.equal(talk.peer.response(422).header('Min-SE'), '90');
});

test('a timer that is required is known', () => {
  assert.equal(called([['Require', 'timer']]).ok.header('Session-Expires'), '1800;refresher=uas');
});

const ours90: Fields = [['Session-Expires', '90;refresher=uac'], ['Require', 'timer'], UPDATES];

test('we refresh at half the time, by an UPDATE without a body; its 200 sets the clock anew', () => {
  const { peer } = calls(ours90);
  assert.deepEqual(pass(peer, 44_500), []);
  peer.pass(500);
  const update = peer.request('UPDATE');
  assert.equal(update.body.length, 0);
  assert.equal(update.header('Session-Expires'), '90;refresher=uac');
  assert.ok(update.has('Contact'));
  peer.reply(update, 200, { headers: ours90 });
  assert.deepEqual(pass(peer, 44_500), []);
  peer.pass(500);
  peer.reply(peer.request('UPDATE'), 200, { headers: ours90 });
  assert.deepEqual(peer.events, []);
});

test('who does not allow UPDATE gets a re-INVITE, and the owner says with what', () => {
  const { peer } = calls([['Session-Expires', '90;refresher=uac']]);
  assert.deepEqual(pass(peer, 45_000), []);
  assert.deepEqual(peer.events, ['refresh']);
  const invite = peer.do(peer.ua.reinvite('s', () => offer, peer.now)).request('INVITE');
  assert.equal(invite.header('Session-Expires'), '90;refresher=uac');
  peer.reply(invite, 200, { body: answer, headers: [['Session-Expires', '90;refresher=uac']] });
  assert.deepEqual(pass(peer, 44_500), ['ACK']);
  assert.deepEqual(peer.events, ['refresh', 'reaccepted with body']);
  pass(peer, 500);
  assert.equal(peer.events.at(-1), 'refresh');
});

test('UPDATE turned down with 405: a re-INVITE then, and from now on', () => {
  const { peer } = calls(ours90);
  pass(peer, 44_500);
  peer.pass(500);
  peer.reply(peer.request('UPDATE'), 405);
  assert.deepEqual(peer.events, ['refresh']);
});

test('422 to our refresh: again at once, with more', () => {
  const { peer } = calls(ours90);
  pass(peer, 44_500);
  peer.pass(500);
  peer.reply(peer.request('UPDATE'), 422, { headers: [['Min-SE', '120']] });
  assert.equal(peer.request('UPDATE').header('Session-Expires'), '120;refresher=uac');
});

test('a refresh that fails is tried again and again, each time in half of what is left, until the time is over', () => {
  const { peer } = calls(ours90);
  pass(peer, 44_500);
  const tried: number[] = [];
  while (peer.now < 90_000) {
    peer.pass(250);
    for (const message of peer.take()) {
      if (message.kind !== 'request') continue;
      if (message.method === 'UPDATE') tried.push(peer.now / 1000);
      peer.reply(message, message.method === 'UPDATE' ? 500 : 200);
    }
  }
  assert.deepEqual(tried, [45, 67.5, 78.75, 84.5, 89.5]);
  assert.deepEqual(peer.events, ['ended timeout network']);
});

test('481 to our refresh: they know nothing of the call any more', () => {
  const { peer } = calls(ours90);
  pass(peer, 44_500);
  peer.pass(500);
  peer.reply(peer.request('UPDATE'), 481);
  peer.pass(1_000); // their BYE may be on its way
  assert.deepEqual(peer.events, ['ended rejected network 481']);
});

const theirs: Fields = [
  ['Supported', 'timer'],
  ['Session-Expires', '300;refresher=uac'],
];

test('they refresh: without one the talk ends 32 s before its time', () => {
  const { peer } = called(theirs);
  assert.deepEqual(pass(peer, 267_500), []);
  assert.deepEqual(pass(peer, 500), ['BYE']);
  assert.deepEqual(peer.events, ['ended timeout network']);
});

for (const [name, method, body] of [
  ['their UPDATE refreshes', 'UPDATE', undefined],
  ['their re-INVITE refreshes', 'INVITE', offer],
] as const)
  test(name, () => {
    const { peer, dialog } = called(theirs);
    pass(peer, 150_000);
    const sequence = 500;
    peer.ask(method, { ...dialog, headers: theirs, body, sequence });
    if (body !== undefined) peer.do(peer.ua.answerOffer(peer.session, answer, peer.now));
    assert.equal(peer.response(200).header('Session-Expires'), '300;refresher=uac');
    if (body !== undefined) peer.ask('ACK', { ...dialog, sequence });
    assert.deepEqual(pass(peer, 267_500), []);
    assert.deepEqual(pass(peer, 500), ['BYE']);
  });

test('a refresh of theirs may hand the task over to us, and back', () => {
  const { peer, dialog } = called(theirs);
  peer.ask('UPDATE', { ...dialog, headers: [theirs[0], ['Session-Expires', '300;refresher=uas'], UPDATES] });
  assert.equal(peer.response(200).header('Session-Expires'), '300;refresher=uas');
  pass(peer, 149_500);
  peer.pass(500);
  const update = peer.request('UPDATE');
  assert.equal(update.header('Session-Expires'), '300;refresher=uac');
  peer.reply(update, 200, { headers: [['Session-Expires', '300;refresher=uas']] });
  assert.deepEqual(pass(peer, 267_500), []);
  assert.deepEqual(pass(peer, 500), ['BYE']);
});

test('our own re-INVITE does not take the task away from them', () => {
  const { peer } = called(theirs);
  peer.do(peer.ua.reinvite(peer.session, () => offer, peer.now));
  assert.equal(peer.request('INVITE').header('Session-Expires'), '300;refresher=uas');
});

for (const [name, granted] of [
  ['a 2xx without Session-Expires: the session has no end', []],
  ['an interval of a century is not waited for', [['Session-Expires', '4294967295;refresher=uac']]],
  ['nor is one that is no number', [['Session-Expires', '-1;refresher=uac']]],
] as [string, Fields][])
  test(name, () => {
    const { peer } = calls(granted);
    assert.deepEqual(pass(peer, 3_600_000), []);
    assert.deepEqual(peer.events, []);
  });

test('an interval of one second, against the standard, makes no storm', () => {
  const { peer } = calls([['Session-Expires', '1;refresher=uac'], UPDATES]);
  assert.deepEqual(pass(peer, 14_500), []);
});

test('a sign of life: any answer will do', () => {
  const { peer } = calls([UPDATES]);
  peer.do(peer.ua.check('s', peer.now));
  peer.reply(peer.request('UPDATE'), 500);
  assert.deepEqual(pass(peer, 30_000), []);
  assert.deepEqual(peer.events, []);
});

for (const [granted, asked] of [
  ['90;refresher=uas', []],
  ['120;refresher=uac', []],
  ['121;refresher=uac', ['UPDATE']],
] as const)
  test(`who wished for a session of ${granted} is asked for ${asked.length === 0 ? 'no' : 'a'} sign of life`, () => {
    const { peer } = calls([['Session-Expires', granted], UPDATES]);
    peer.do(peer.ua.check('s', peer.now));
    assert.deepEqual(pass(peer, 400), asked);
  });

test('no sign of life: over in 4 s, and the BYE goes all the same', () => {
  const { peer } = calls([UPDATES]);
  peer.do(peer.ua.check('s', peer.now));
  assert.deepEqual(pass(peer, 3_500), ['UPDATE', 'UPDATE', 'UPDATE', 'UPDATE']);
  assert.ok(pass(peer, 500).includes('BYE'));
  assert.deepEqual(peer.events, ['ended timeout network']);
});

test('a sign of life by re-INVITE: 100 is one', () => {
  const { peer } = calls([]);
  peer.do(peer.ua.check('s', peer.now));
  assert.deepEqual(peer.events, ['refresh']);
  const invite = peer.do(peer.ua.reinvite('s', () => offer, peer.now)).request('INVITE');
  peer.reply(invite, 100);
  pass(peer, 5_000);
  peer.reply(invite, 200, { body: answer });
  assert.deepEqual(peer.events, ['refresh', 'reaccepted with body']);
});

test('no sign of life is asked for while an offer waits for its turn after 491', () => {
  const { peer } = calls([]);
  peer.do(peer.ua.reinvite('s', () => offer, peer.now)).reply(peer.request('INVITE'), 491);
  peer.take();
  peer.do(peer.ua.check('s', peer.now));
  const again = pass(peer, 4_000);
  assert.equal(again.includes('BYE'), false);
  assert.equal(again[0], 'INVITE');
});
