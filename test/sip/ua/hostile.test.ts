/** Peers that mean us no good, or stumble: whom we called, who calls us and may, who only knows what to write. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ACCOUNT, answer, CONFIG, hopTo, offer, Peer, SERVER } from './peer.ts';

const HELP = 'sip:100@127.66.0.10';

const calling = (): Peer => {
  const peer = new Peer().register();
  peer.do(peer.ua.invite({ session: 's', target: HELP, body: () => offer }, 0));
  return peer;
};

test('a callee that answers a thousand times does not keep us from calling again', () => {
  const peer = calling();
  const invite = peer.request('INVITE');
  for (let i = 0; i < 1_000; i++) peer.reply(invite, 200, { tag: `t${i}`, body: answer });
  assert.ok(peer.ua.counts.machines < 100, JSON.stringify(peer.ua.counts));
  peer.sent = [];
  peer.do(peer.ua.invite({ session: 'help', target: HELP, body: () => offer }, peer.now));
  assert.equal(peer.request('INVITE').method, 'INVITE');
});

test('a callee that rings reliably a thousand times does not keep us from calling again', () => {
  const peer = calling();
  const invite = peer.request('INVITE');
  for (let i = 0; i < 2_000; i++)
    peer.reply(invite, 183, {
      headers: [
        ['Require', '100rel'],
        ['RSeq', String(i + 1)],
      ],
    });
  assert.ok(peer.ua.counts.machines < 100, JSON.stringify(peer.ua.counts));
  peer.sent = [];
  peer.do(peer.ua.invite({ session: 'help', target: HELP, body: () => offer }, peer.now));
  assert.equal(peer.request('INVITE').method, 'INVITE');
});

test('callers who ring everywhere leave room for a call of ours', () => {
  const peer = new Peer().register();
  for (let i = 0; i < 400; i++) peer.ask('INVITE', { callId: `c${i}`, body: offer });
  assert.ok(peer.ua.counts.machines < 100, JSON.stringify(peer.ua.counts));
  peer.sent = [];
  peer.do(peer.ua.invite({ session: 'help', target: HELP, body: () => offer }, peer.now));
  assert.equal(peer.request('INVITE').method, 'INVITE');
});

test('callers whose addresses nobody finds leave a call of ours its question', () => {
  const peer = new Peer().register();
  peer.mute.add('mute.example');
  for (let i = 0; i < 20; i++)
    peer.ask('SUBSCRIBE', { callId: `s${i}`, contact: '<sip:x@mute.example>', headers: [['Event', 'dialog']] });
  for (let i = 0; i < 60; i++) {
    peer.ask('INVITE', { callId: `c${i}`, sequence: 7, body: offer, contact: '<sip:x@mute.example>' });
    peer.do(peer.ua.accept(peer.session, answer, peer.now));
    const to = peer.sent
      .findLast(({ message }) => message.kind === 'response' && message.status === 200)!
      .message.header('To')!;
    peer.ask('ACK', { callId: `c${i}`, sequence: 7, to });
    peer.do(peer.ua.end(peer.session, peer.now));
  }
  peer.sent = [];
  peer.addresses.set('desk.example', '127.66.0.77');
  peer.do(peer.ua.invite({ session: 'help', target: 'sip:100@desk.example', body: () => offer }, peer.now));
  assert.equal(peer.request('INVITE').method, 'INVITE');
});

test('who answers in the place of our server does not become it', () => {
  const peer = new Peer();
  peer.do(peer.ua.start(0));
  peer.reply(peer.request('REGISTER'), 200, { from: hopTo('127.66.0.66') });
  assert.equal(peer.ua.serverAt('127.66.0.66'), false);
  peer.ask('INVITE', { callId: 'c1', body: offer, hop: hopTo('127.66.0.66') });
  assert.equal(peer.events.at(-1), 'incoming');
  peer.ask('INVITE', { callId: 'c2', body: offer });
  assert.equal(peer.events.at(-1), 'incoming by pbx');
});

for (const [what, status, header] of [
  ['come back at once', 503, 'Retry-After'],
  ['ask for a second more', 423, 'Min-Expires'],
] as const) {
  test(`a server that says "${what}" each time is not asked in a storm`, () => {
    const account = { ...ACCOUNT, presence: true, watchRegistration: true };
    const peer = new Peer({ ...CONFIG, accounts: [account] });
    peer.do(peer.ua.start(0));
    let asked = 0;
    for (let i = 0; i < 2_000; i++) {
      for (const message of peer.take()) {
        if (message.kind !== 'request') continue;
        const beside = message.method === 'SUBSCRIBE' || message.method === 'PUBLISH';
        if (beside) asked++;
        const value = status === 503 ? '0' : String(Number(message.header('Expires')) + 1);
        peer.reply(message, beside ? status : 200, beside ? { headers: [[header, value]] } : {});
      }
      peer.pass(10);
    }
    assert.ok(asked >= 2 && asked <= 24, `${asked} in 20 s`);
  });
}

test('a console that does not answer is not told of a thousand calls at once', () => {
  const peer = new Peer().register();
  peer.ask('SUBSCRIBE', { callId: 'watch', headers: [['Event', 'dialog']] });
  const first = peer.request('NOTIFY');
  for (let i = 0; i < 1_000; i++) {
    peer.ask('INVITE', { callId: `c${i}`, body: offer });
    peer.do(peer.ua.ring(peer.session, peer.now));
    peer.do(peer.ua.reject(peer.session, 486, 'Busy Here', peer.now));
  }
  peer.take();
  peer.reply(first, 200);
  peer.pass(1_100);
  const notify = peer.sent.find(({ message }) => message.kind === 'request' && message.method === 'NOTIFY')!.message;
  assert.match(Buffer.from(notify.body).toString(), /state="full"/);
  assert.ok(notify.body.length < 40_000, `${notify.body.length} octets`);
});

test('who has read along and knows the tags moves no sound, calls nobody, and is not where our requests go', () => {
  const trust = {
    knows: () => false,
    challenges: () => false,
    strangers: 'refuse',
    realm: 'r',
    users: new Map(),
  } as const;
  const peer = new Peer({ ...CONFIG, trust }).register();
  peer.do(peer.ua.invite({ session: 's', target: HELP, body: () => offer }, 0));
  const invite = peer.request('INVITE');
  peer.reply(invite, 200, { body: answer });
  peer.take();
  const inside = { callId: invite.callId, from: '<sip:100@127.66.0.10>;tag=peer', to: invite.header('From')! };
  const stranger = { ...inside, hop: hopTo('127.66.0.66'), contact: '<sip:x@127.66.0.66>' };
  for (const method of ['INVITE', 'UPDATE', 'REFER']) {
    peer.ask(method, { ...stranger, body: offer, headers: [['Refer-To', '<sip:x@127.66.0.66>']] });
    assert.deepEqual(peer.lines(), [`403 ${method}`]);
  }
  peer.ask('INFO', stranger);
  peer.take();
  // The other side, and a telephone behind the server that speaks for itself, are heard.
  peer.ask('INVITE', { ...inside, body: offer });
  assert.equal(peer.events.at(-1), 'offered');
  peer.do(peer.ua.answerOffer('s', answer, peer.now));
  peer.take();
  peer.do(peer.ua.end('s', peer.now));
  assert.equal(
    peer.sent.find(({ message }) => message.kind === 'request' && message.method === 'BYE')?.hop.remote.host,
    SERVER.host,
  );
});
