/** Requests beside calls: MESSAGE, NOTIFY without a subscription, SUBSCRIBE to our state; in virtual time, row by row. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { SipRequest } from '../../../src/sip/message/index.ts';
import { SUBSCRIPTIONS_MAX } from '../../../src/sip/ua/notifier.ts';
import type { Body, UaConfig, UaOutput } from '../../../src/sip/ua/types.ts';
import { answer, CONFIG, hopTo, offer, Peer, SERVER } from './peer.ts';

const text = (words: string, contentType = 'text/plain'): Body => ({ contentType, bytes: Buffer.from(words) });
const stranger = hopTo('127.66.0.99');
const console_ = hopTo('127.66.0.20');

/** What belongs to no session, as lines. */
function overheard(peer: Peer): string[] {
  const lines: string[] = [];
  const { ua } = peer;
  const receive = ua.receive.bind(ua);
  ua.receive = (...input) => {
    const outputs = receive(...input);
    lines.push(...outputs.flatMap(words));
    return outputs;
  };
  return lines;
}

function words(output: UaOutput): string[] {
  if (output.kind === 'message') return [`${output.message} by ${output.account}: ${output.text}`];
  if (output.kind !== 'notice') return [];
  const { type, ...more } = output.notice;
  return [`${type} by ${output.account} ${JSON.stringify(more)}`];
}

function registered(config = CONFIG) {
  const peer = new Peer(config).register();
  const heard = overheard(peer);
  return { peer, heard };
}

const ACCEPTED = 'text/plain, multipart/mixed, multipart/alternative';

const parts = (kind: string, ...all: readonly [type: string, content: string][]) =>
  text(
    `${all.map(([type, content]) => `--b\r\nContent-Type: ${type}\r\n\r\n${content}\r\n`).join('')}--b--`,
    `multipart/${kind};boundary=b`,
  );

describe('MESSAGE, RFC 3428', () => {
  test('a text of the account server goes up, and is answered when its owner has decided', () => {
    const { peer, heard } = registered();
    peer.ask('MESSAGE', { body: text('hello') });
    assert.deepEqual(peer.lines(), []);
    assert.deepEqual(heard, ['m1 by pbx: hello']);
    peer.do(peer.ua.answerMessage('m1', 200, peer.now));
    assert.deepEqual(peer.lines(), ['200 MESSAGE']);
    peer.do(peer.ua.answerMessage('m1', 200, peer.now));
    assert.deepEqual(peer.lines(), []);
  });

  test('the text among alternatives', () => {
    const { peer, heard } = registered();
    peer.ask('MESSAGE', { body: parts('alternative', ['text/plain; charset="UTF-8"', 'Grüße'], ['text/html', '<p>']) });
    assert.deepEqual(heard, ['m1 by pbx: Grüße']);
  });

  test('a stranger is shown as one', () => {
    const { peer, heard } = registered();
    peer.ask('MESSAGE', { body: text('hello'), hop: stranger });
    assert.deepEqual(heard, ['m1 by undefined: hello']);
  });

  for (const [name, fields, status, header] of [
    ['a page of HTML', { body: text('<p>', 'text/html') }, 415, ['Accept', ACCEPTED]],
    ['another charset', { body: text('x', 'text/plain;charset=koi8-r') }, 415, ['Accept', ACCEPTED]],
    ['parts without a text', { body: parts('mixed', ['text/html', '<p>']) }, 415, ['Accept', ACCEPTED]],
    [
      'a text beside what must be understood',
      { body: parts('mixed', ['text/plain', 'a'], ['a/b', '?']) },
      415,
      undefined,
    ],
    ['parts that cannot be cut', { body: text('hello', 'multipart/mixed') }, 415, ['Accept', ACCEPTED]],
    [
      'a packed text',
      { body: text('x'), headers: [['Content-Encoding', 'gzip']] },
      415,
      ['Accept-Encoding', 'identity'],
    ],
    ['a book', { body: text('x'.repeat(9_000)) }, 413, undefined],
    ['a dialog that is not there', { to: '<sip:1001@127.66.0.1>;tag=no', body: text('x') }, 481, undefined],
  ] as const)
    test(`refused: ${name}`, () => {
      const { peer, heard } = registered();
      peer.ask('MESSAGE', {
        ...fields,
        headers: 'headers' in fields ? [...fields.headers.map((h) => [...h] as [string, string])] : [],
      });
      const response = peer.response(status);
      if (header !== undefined) assert.equal(response.header(header[0]), header[1]);
      assert.deepEqual(heard, []);
    });

  test('a copy on the wire is the same message', () => {
    const { peer, heard } = registered();
    const fields = { body: text('once'), branch: 'z9hG4bKsame', sequence: 7 };
    peer.ask('MESSAGE', fields);
    peer.ask('MESSAGE', fields);
    assert.equal(heard.length, 1);
  });
});

describe('NOTIFY without a subscription', () => {
  for (const [name, event, fields, status, expected] of [
    ['talk for any call', 'talk', {}, 200, ['talk by pbx {}']],
    ['hold', 'hold', {}, 200, ['hold by pbx {}']],
    ['check-sync reads the configuration', 'check-sync', {}, 200, ['check-sync by pbx {"reboot":false}']],
    ['check-sync with a restart', 'check-sync;reboot=true', {}, 200, ['check-sync by pbx {"reboot":true}']],
    [
      'messages wait',
      'message-summary',
      { body: text('Messages-Waiting: yes\r\nVoice-Message: 2/8 (0/2)\r\n', 'application/simple-message-summary') },
      200,
      ['messages by pbx {"waiting":true,"fresh":2,"old":8}'],
    ],
    [
      'no messages wait',
      'message-summary',
      { body: text('Messages-Waiting: no\r\n', 'application/simple-message-summary') },
      200,
      ['messages by pbx {"waiting":false}'],
    ],
    ['a package nobody knows', 'weather', {}, 489, []],
    ['no package at all', '', {}, 489, []],
    ['a stranger learns nothing', 'check-sync', { hop: stranger }, 481, []],
    ['a subscription that is over', 'dialog', { to: '<sip:1001@127.66.0.1>;tag=old' }, 481, []],
  ] as const)
    test(name, () => {
      const { peer, heard } = registered();
      peer.ask('NOTIFY', { ...fields, headers: event === '' ? [] : [['Event', event]] });
      peer.response(status);
      assert.deepEqual(heard, expected);
    });

  for (const [name, event, status] of [
    ['a package nobody knows', 'weather', 489],
    ['the state of calls', 'dialog', 403],
    ['a transfer', 'refer', 403],
  ] as const)
    test(`SUBSCRIBE in the dialog of a call is not answered by what would end that call: ${name}`, () => {
      const { peer } = registered();
      peer.ask('INVITE', { body: offer });
      peer.do(peer.ua.ring(peer.session, peer.now));
      const to = peer.response(180).header('To')!;
      peer.ask('SUBSCRIBE', { to, headers: [['Event', event]] });
      peer.response(status);
    });

  test('talk in the dialog of a ringing call names that call', () => {
    const { peer, heard } = registered();
    peer.ask('INVITE', { body: offer });
    peer.do(peer.ua.ring(peer.session, peer.now));
    const to = peer.response(180).header('To')!;
    peer.ask('NOTIFY', { to, headers: [['Event', 'talk']] });
    peer.response(200);
    assert.deepEqual(heard, [`talk by pbx {"session":"${peer.session}"}`]);
  });

  test('in the dialog of his call a stranger may steer that call, and nothing else', () => {
    const { peer, heard } = registered();
    peer.ask('INVITE', { body: offer, hop: stranger });
    peer.do(peer.ua.accept(peer.session, answer, peer.now));
    const to = peer.response(200).header('To')!;
    peer.ask('NOTIFY', { to, hop: stranger, headers: [['Event', 'hold']] });
    peer.response(200);
    peer.ask('NOTIFY', { to, hop: stranger, headers: [['Event', 'check-sync']] });
    peer.response(403);
    assert.deepEqual(heard, [`hold by undefined {"session":"${peer.session}"}`]);
  });
});

/** A console that subscribes; what it was told so far. */
function watched(event = 'dialog', more: [string, string][] = [], config = CONFIG, hop = hopTo(SERVER.host)) {
  const { peer } = registered(config);
  peer.ask('SUBSCRIBE', { callId: 'sub', headers: [['Event', event], ...more], hop });
  const sent = peer.take();
  const granted = sent.find((message) => message.kind === 'response');
  const notify = sent.find((message): message is SipRequest => message.kind === 'request');
  return { peer, granted: granted!, notify };
}

/** The last NOTIFY: over UDP it is repeated until it is answered. */
function newest(peer: Peer): SipRequest {
  const found = peer.take().filter((m): m is SipRequest => m.kind === 'request' && m.method === 'NOTIFY');
  assert.ok(found.length > 0, 'no NOTIFY was sent');
  return found.at(-1)!;
}

const bodyText = (notify: SipRequest): string => Buffer.from(notify.body).toString();
const state = (notify: SipRequest): string => notify.header('Subscription-State')!;
const states = (notify: SipRequest): string[] =>
  [...bodyText(notify).matchAll(/<state[^>]*>([a-z]+)</g)].map((m) => m[1]);

describe('SUBSCRIBE to our state, RFC 6665 §4.2', () => {
  test('dialog: 200 and at once the whole state', () => {
    const { granted, notify } = watched();
    assert.equal(granted.kind === 'response' && granted.status, 200);
    assert.equal(granted.header('Expires'), '3600');
    assert.equal(notify!.header('Event'), 'dialog');
    assert.equal(state(notify!), 'active;expires=3600');
    assert.equal(notify!.contentType, 'application/dialog-info+xml');
    assert.match(bodyText(notify!), /version="0" state="full" entity="sip:1001@127.66.0.10"/);
    assert.deepEqual(states(notify!), []);
  });

  test('a call that comes, is answered and ends is told in parts, once a second', () => {
    const { peer, notify } = watched();
    peer.reply(notify!, 200);
    peer.ask('INVITE', { body: offer, from: '<sip:a&b@x>;tag=c' });
    peer.do(peer.ua.ring(peer.session, peer.now));
    peer.pass(1_000);
    const early = newest(peer);
    assert.match(bodyText(early), /version="1" state="partial"/);
    assert.deepEqual(states(early), ['early']);
    assert.match(bodyText(early), /direction="recipient".*<remote><identity>sip:a&amp;b@x</);
    peer.reply(early, 200);
    peer.do(peer.ua.accept(peer.session, answer, peer.now));
    peer.pass(300);
    assert.equal(peer.lines().includes('NOTIFY'), false);
    peer.pass(700);
    const confirmed = newest(peer);
    assert.deepEqual(states(confirmed), ['confirmed']);
    // The end comes while this one is under way: told after its answer.
    peer.do(peer.ua.end(peer.session, peer.now));
    peer.pass(5_000);
    peer.reply(confirmed, 200);
    peer.pass(10);
    const ended = newest(peer);
    assert.match(bodyText(ended), /<state event="local-bye">terminated</);
  });

  test('with the Call-ID and tags of a call, so that it can be taken over', () => {
    const { peer, notify } = watched();
    peer.reply(notify!, 200);
    peer.do(peer.ua.invite({ session: 's', target: 'sip:desk@127.66.0.10', body: () => offer }, peer.now));
    const invite = peer.request('INVITE');
    peer.pass(1_000);
    const trying = newest(peer);
    assert.match(bodyText(trying), /<dialog id="s" direction="initiator"><state>trying</, 'there is no dialog yet');
    peer.reply(trying, 200);
    peer.reply(invite, 180, { tag: 'desk' });
    peer.pass(1_000);
    const early = newest(peer);
    const names = /call-id="(.*?)" local-tag="(.*?)" remote-tag="(.*?)"/.exec(bodyText(early))?.slice(1);
    assert.deepEqual(names, [invite.callId, invite.fromTag, 'desk']);
    peer.lines();
    const replaces = `${invite.callId};to-tag=${invite.fromTag};from-tag=desk;early-only`;
    peer.ask('INVITE', { callId: 'new', body: offer, headers: [['Replaces', replaces]] });
    assert.equal(peer.events.at(-1), 'incoming by pbx for s');
  });

  for (const [sentence, hop, contact, told] of [
    ['who watches directly is told them', console_, '<sip:c@127.66.0.20>', true],
    ['over UDP only where the SUBSCRIBE came from', console_, '<sip:c@127.66.0.66>', false],
    ['a name may be anywhere', console_, '<sip:c@console.example>', false],
    ['a connection is where it comes from', { ...console_, transport: 'tcp' }, '<sip:c@127.66.0.66>', true],
  ] as const)
    test(`Call-ID and tags: ${sentence}`, () => {
      const config: UaConfig = { ...CONFIG, mayWatch: (address) => address === '127.66.0.20' };
      const { peer } = registered(config);
      peer.ask('INVITE', { body: offer });
      peer.do(peer.ua.accept(peer.session, answer, peer.now));
      const replaces = `call-1;to-tag=${peer.response(200).toTag};from-tag=peer`;
      peer.ask('SUBSCRIBE', { callId: 'sub', headers: [['Event', 'dialog']], hop, contact });
      assert.equal(/call-id="call-1" local-tag=/.test(bodyText(newest(peer))), told);
      peer.ask('INVITE', { callId: 'new', hop, body: offer, headers: [['Replaces', replaces]] });
      assert.equal(peer.events.at(-1), `incoming for ${peer.sessions[0].session}`, 'who may watch may take over');
    });

  test('message-summary: how many wait, at once and when it changes', () => {
    const { peer, notify } = watched('message-summary');
    peer.reply(notify!, 200);
    peer.do(peer.ua.messagesWait({ fresh: 2, old: 1 }));
    peer.pass(1_000);
    assert.match(bodyText(newest(peer)), /^Messages-Waiting: yes\r\n[\s\S]*^Voice-Message: 2\/1\r$/m);
    peer.ask('SUBSCRIBE', { callId: 'second', headers: [['Event', 'message-summary']] });
    assert.match(bodyText(newest(peer)), /^Messages-Waiting: yes/);
  });

  test('who was turned away is nobody’s business', () => {
    const { peer, notify } = watched();
    peer.reply(notify!, 200);
    peer.ask('INVITE', { body: offer, hop: stranger });
    peer.do(peer.ua.reject(peer.session, 603, 'Decline', peer.now));
    peer.pass(5_000);
    assert.equal(peer.lines().includes('NOTIFY'), false);
  });

  test('message-summary: no messages wait', () => {
    const { notify } = watched('message-summary');
    assert.match(bodyText(notify!), /^Messages-Waiting: no\r\n/);
  });

  test('an id comes back in each NOTIFY', () => {
    assert.equal(watched('dialog;id=7').notify!.header('Event'), 'dialog;id=7');
  });

  for (const [name, event, headers, hop, status, header] of [
    ['a stranger', 'dialog', [], stranger, 403, undefined],
    ['a package we do not serve', 'presence', [], undefined, 489, ['Allow-Events', 'dialog, message-summary']],
    ['too short a time', 'dialog', [['Expires', '5']], undefined, 423, ['Min-Expires', '60']],
    ['a console that reads something else', 'dialog', [['Accept', 'text/x']], undefined, 406, undefined],
  ] as const)
    test(`refused: ${name}`, () => {
      const { granted, notify } = watched(
        event,
        headers.map((h) => [...h] as [string, string]),
        CONFIG,
        hop,
      );
      assert.equal(granted.kind === 'response' && granted.status, status);
      if (header !== undefined) assert.equal(granted.header(header[0]), header[1]);
      assert.equal(notify, undefined);
    });

  test('an address that the configuration lists may watch', () => {
    const config = { ...CONFIG, mayWatch: (address: string) => address === stranger.remote.host };
    assert.ok(watched('dialog', [], config, stranger).notify);
  });

  test('asked once with Expires 0: the state, and it is over', () => {
    const { peer, notify } = watched('dialog', [['Expires', '0']]);
    assert.equal(state(notify!), 'terminated;reason=timeout');
    assert.equal(states(notify!).length, 0);
    peer.reply(notify!, 200);
    assert.equal(peer.ua.counts.dialogs, 0);
  });

  test('a refresh is granted, and told whole; without one it ends', () => {
    const { peer, granted, notify } = watched('dialog', [['Expires', '100']]);
    peer.reply(notify!, 200);
    peer.pass(90_000);
    const headers: [string, string][] = [
      ['Event', 'dialog'],
      ['Expires', '100'],
    ];
    peer.ask('SUBSCRIBE', { callId: 'sub', to: granted.header('To')!, headers });
    const again = newest(peer);
    assert.match(bodyText(again), /version="1" state="full"/);
    peer.reply(again, 200);
    peer.pass(99_000);
    assert.deepEqual(
      peer.lines().filter((one) => one === 'NOTIFY'),
      [],
    );
    peer.pass(2_000);
    assert.equal(state(newest(peer)), 'terminated;reason=timeout');
    assert.equal(peer.ua.counts.dialogs, 0);
  });

  for (const [name, status, headers] of [
    ['481', 481, []],
    ['500 without a date', 500, []],
  ] as const)
    test(`a NOTIFY that gets ${name} ends the subscription`, () => {
      const { peer, notify } = watched();
      peer.reply(notify!, status, { headers: [...headers] });
      assert.equal(peer.ua.counts.dialogs, 0);
    });

  test('a NOTIFY that is to come later comes later', () => {
    const { peer, notify } = watched();
    peer.reply(notify!, 503, { headers: [['Retry-After', '10']] });
    peer.pass(9_000);
    assert.equal(peer.lines().includes('NOTIFY'), false);
    peer.pass(2_000);
    assert.ok(peer.lines().includes('NOTIFY'));
  });

  test('a console that does not answer is forgotten', () => {
    const { peer } = watched();
    peer.pass(33_000);
    assert.equal(peer.ua.counts.dialogs, 0);
  });

  test('whom we do not trust any more learns nothing but that it is over', () => {
    let trusted = true;
    const config = { ...CONFIG, mayWatch: () => trusted };
    const { peer, notify } = watched('dialog', [], config, stranger);
    peer.reply(notify!, 200, { from: stranger });
    trusted = false;
    peer.ask('INVITE', { body: offer });
    peer.do(peer.ua.ring(peer.session, peer.now));
    peer.pass(1_100);
    const last = newest(peer);
    assert.equal(state(last), 'terminated;reason=rejected');
    assert.equal(last.body.length, 0);
    assert.equal(peer.ua.counts.dialogs, 1); // the call's own
  });

  test('so many consoles, and one more is told to come later', () => {
    const { peer } = registered();
    for (let i = 0; i <= SUBSCRIPTIONS_MAX; i++)
      peer.ask('SUBSCRIBE', { callId: `s${i}`, headers: [['Event', 'dialog']] });
    const lines = peer.lines();
    assert.equal(lines.filter((one) => one === '200 SUBSCRIBE').length, SUBSCRIPTIONS_MAX);
    assert.equal(lines.filter((one) => one === '480 SUBSCRIBE').length, 1);
  });

  test('at the stop consoles are told', () => {
    const { peer, notify } = watched();
    peer.reply(notify!, 200);
    peer.do(peer.ua.stop(peer.now));
    assert.equal(state(newest(peer)), 'terminated;reason=probation;retry-after=30');
  });
});

test('INFO goes one after the other', () => {
  const { peer } = registered();
  peer.ask('INVITE', { body: offer });
  peer.do(peer.ua.accept(peer.session, answer, peer.now));
  const ok = peer.response(200);
  peer.ask('ACK', { to: ok.header('To')!, sequence: 101 });
  peer.do(peer.ua.inform(peer.session, [text('1', 'application/dtmf'), text('2', 'application/dtmf')], peer.now));
  const first = peer.request('INFO');
  assert.equal(bodyText(first), '1');
  peer.reply(first, 200);
  assert.equal(bodyText(peer.request('INFO')), '2');
});
