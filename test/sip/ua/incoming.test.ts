/** Calls from outside and single requests, RFC 3261 §8.2, §9.2, §11.2, §13.3: row by row. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ACCEPT, ALLOW, SUPPORTED } from '../../../src/sip/ua/headers.ts';
import { answer, CONFIG, hopTo, offer, Peer, SERVER } from './peer.ts';

function called(fields: Parameters<Peer['ask']>[1] = { body: offer }) {
  const peer = new Peer().register();
  const invite = peer.ask('INVITE', fields);
  return { peer, invite };
}

/** Answered and acknowledged. */
function talking() {
  const { peer, invite } = called();
  peer.do(peer.ua.accept(peer.session, answer, peer.now));
  const ok = peer.response(200);
  const named = { to: ok.header('To')!, callId: invite.callId };
  peer.ask('ACK', { ...named, sequence: invite.cseq.sequence });
  peer.events = [];
  return { peer, invite, named };
}

test('a call of the account server: 100 at once, and an event that names the account', () => {
  const { peer } = called();
  assert.deepEqual(peer.lines(), ['100 INVITE']);
  assert.deepEqual(peer.events, ['incoming by pbx']);
});

test('a call of a stranger names no account', () => {
  const { peer } = called({ body: offer, hop: hopTo('127.66.0.99') });
  assert.deepEqual(peer.events, ['incoming']);
});

test('ring, accept, ACK: tags agree, Contact is ours', () => {
  const { peer, invite } = called();
  peer.do(peer.ua.ring(peer.session, peer.now));
  const ringing = peer.response(180);
  peer.do(peer.ua.accept(peer.session, answer, peer.now));
  const ok = peer.response(200);
  assert.equal(ok.toTag, ringing.toTag);
  assert.equal(ok.header('Contact'), '<sip:1001@127.66.0.1:5060>');
  assert.equal(new TextDecoder().decode(ok.body), 'v=0 answer');
  peer.ask('ACK', { to: ok.header('To')!, sequence: invite.cseq.sequence });
  assert.deepEqual(peer.events, ['incoming by pbx', 'confirmed']);
});

test('the 2xx is repeated at 0.5, 1.5, 3.5, 7.5 s until the ACK comes', () => {
  const { peer, invite } = called();
  peer.take();
  peer.do(peer.ua.accept(peer.session, answer, peer.now));
  const ok = peer.response(200);
  const times: number[] = [];
  const start = peer.now;
  for (let t = 0; t < 80; t++) {
    peer.pass(100);
    if (peer.lines().includes('200 INVITE')) times.push(peer.now - start);
  }
  assert.deepEqual(times, [500, 1500, 3500, 7500]);
  peer.ask('ACK', { to: ok.header('To')!, sequence: invite.cseq.sequence });
  peer.pass(10_000);
  assert.equal(peer.lines().includes('200 INVITE'), false);
});

test('no ACK within 32 s: BYE, and the session is over', () => {
  const { peer } = called();
  peer.do(peer.ua.accept(peer.session, answer, peer.now));
  peer.pass(33_000);
  assert.ok(peer.events.includes('ended no-ack network'));
  assert.equal(peer.lines().includes('BYE'), true);
});

test('hanging up before the ACK: the BYE waits for it (§15)', () => {
  const { peer, invite } = called();
  peer.do(peer.ua.accept(peer.session, answer, peer.now));
  const ok = peer.response(200);
  peer.do(peer.ua.end(peer.session, peer.now));
  assert.deepEqual(peer.lines(), []);
  assert.equal(peer.events.at(-1), 'ended local us');
  peer.ask('ACK', { to: ok.header('To')!, sequence: invite.cseq.sequence });
  assert.deepEqual(peer.lines(), ['BYE']);
});

test('an INVITE without offer: our 200 offers, the ACK answers', () => {
  const { peer, invite } = called({});
  peer.do(peer.ua.accept(peer.session, offer, peer.now));
  const ok = peer.response(200);
  peer.ask('ACK', { to: ok.header('To')!, sequence: invite.cseq.sequence, body: answer });
  assert.deepEqual(peer.events, ['incoming by pbx without offer', 'confirmed with body']);
});

test('a re-INVITE while that answer is missing: 491', () => {
  const { peer } = called({});
  peer.do(peer.ua.accept(peer.session, offer, peer.now));
  const ok = peer.response(200);
  peer.ask('INVITE', { to: ok.header('To')!, body: offer });
  assert.deepEqual(peer.lines(), ['491 INVITE']);
});

for (const [name, act, said, ended] of [
  ['refused', (p: Peer) => p.ua.reject(p.session, 603, 'Decline', p.now), ['603 INVITE'], 'ended rejected us 603'],
  ['let go before it is answered', (p: Peer) => p.ua.end(p.session, p.now), ['480 INVITE'], 'ended local us'],
] as const) {
  test(`${name}: ${said.join(' ')}`, () => {
    const { peer } = called();
    peer.take();
    peer.do(act(peer));
    assert.deepEqual(peer.lines(), said);
    assert.equal(peer.events.at(-1), ended);
    assert.equal(peer.ua.counts.dialogs, 0);
  });
}

for (const [reason, told] of [
  ['Q.850;cause=16', 'Q.850;cause=16 (normal call clearing)'],
  ['q.850 ; cause=41', 'q.850 ; cause=41 (temporary failure)'],
  ['Q.850;cause=99', 'Q.850;cause=99'],
  ['Q.850;cause=16;text="Terminated"', 'Q.850;cause=16;text="Terminated"'],
] as const) {
  test(`a CANCEL because of ${reason} is told as ${told}`, () => {
    const { peer } = called({ body: offer, branch: 'z9hG4bKi', sequence: 7 });
    peer.ask('CANCEL', { branch: 'z9hG4bKi', sequence: 7, headers: [['Reason', reason]] });
    const event = peer.event();
    assert.equal(event.type === 'ended' && event.reason, told);
  });
}

test('CANCEL: 200 with the tag of the 487, and the event says why', () => {
  const { peer } = called({ body: offer, branch: 'z9hG4bKi', sequence: 7 });
  peer.do(peer.ua.ring(peer.session, peer.now)).take();
  peer.ask('CANCEL', { branch: 'z9hG4bKi', sequence: 7, headers: [['Reason', 'SIP;cause=200;text="elsewhere"']] });
  const [ok, terminated] = peer.take();
  assert.deepEqual(
    [ok, terminated].map((m) => m.kind === 'response' && m.status),
    [200, 487],
  );
  assert.equal(ok.toTag, terminated.toTag);
  const event = peer.event();
  assert.ok(event.type === 'ended');
  assert.deepEqual([event.cause, event.by, event.reason], ['cancelled', 'peer', 'SIP;cause=200;text="elsewhere"']);
});

test('CANCEL after our 200 changes nothing', () => {
  const { peer } = called({ body: offer, branch: 'z9hG4bKi', sequence: 7 });
  peer.do(peer.ua.accept(peer.session, answer, peer.now)).take();
  peer.ask('CANCEL', { branch: 'z9hG4bKi', sequence: 7 });
  assert.deepEqual(peer.lines(), ['200 CANCEL']);
  assert.equal(peer.ua.counts.sessions, 1);
});

test('an accept after the CANCEL does nothing', () => {
  const { peer } = called({ body: offer, branch: 'z9hG4bKi', sequence: 7 });
  const { session } = peer;
  peer.ask('CANCEL', { branch: 'z9hG4bKi', sequence: 7 });
  peer.take();
  peer.do(peer.ua.accept(session, answer, peer.now));
  assert.deepEqual(peer.lines(), []);
});

test('CANCEL of nothing: 481', () => {
  const peer = new Peer();
  peer.ask('CANCEL', { branch: 'z9hG4bKnone' });
  assert.deepEqual(peer.lines(), ['481 CANCEL']);
});

test('BYE before the answer: 200, and 487 to the INVITE', () => {
  const { peer, invite } = called();
  peer.do(peer.ua.ring(peer.session, peer.now));
  const ringing = peer.response(180);
  peer.ask('BYE', { to: ringing.header('To')!, callId: invite.callId });
  assert.deepEqual(peer.lines(), ['200 BYE', '487 INVITE']);
  assert.equal(peer.events.at(-1), 'ended bye peer');
});

test('Expires in the INVITE: 487 when the time is over', () => {
  const { peer } = called({ body: offer, headers: [['Expires', '20']] });
  peer.take();
  peer.pass(20_000);
  assert.equal(peer.lines().includes('487 INVITE'), true);
  assert.ok(peer.events.includes('ended cancelled peer 487'));
});

test('a long ringing says 180 again each minute', () => {
  const { peer } = called();
  peer.do(peer.ua.ring(peer.session, peer.now)).take();
  peer.pass(61_000);
  assert.equal(peer.lines().filter((one) => one === '180 INVITE').length, 1);
});

test('hanging up our side of an incoming call: BYE with From and To the right way round', () => {
  const { peer, invite } = talking();
  peer.do(peer.ua.end(peer.session, peer.now));
  const bye = peer.request('BYE');
  assert.equal(bye.toTag, invite.fromTag);
  assert.equal(bye.uri, 'sip:desk@127.66.0.10:5060');
});

test('glare, the Call-ID is theirs: our re-INVITE is sent again within 2 s', () => {
  const { peer } = talking();
  peer.do(peer.ua.reinvite(peer.session, () => offer, peer.now)).reply(peer.request('INVITE'), 491);
  peer.take();
  peer.pass(2_001);
  assert.equal(peer.lines().includes('INVITE'), true);
});

test('our re-INVITE waits for the ACK to our 2xx (§14.1)', () => {
  const { peer, invite } = called();
  peer.do(peer.ua.accept(peer.session, answer, peer.now));
  const ok = peer.response(200);
  peer.do(peer.ua.reinvite(peer.session, () => offer, peer.now));
  assert.deepEqual(peer.lines(), []);
  peer.ask('ACK', { to: ok.header('To')!, sequence: invite.cseq.sequence });
  assert.deepEqual(peer.lines(), ['INVITE']);
});

test('a Record-Route is kept: our BYE goes by it', () => {
  const { peer, invite } = called({ body: offer, headers: [['Record-Route', '<sip:127.66.0.77;lr>']] });
  peer.do(peer.ua.accept(peer.session, answer, peer.now));
  const ok = peer.response(200);
  assert.equal(ok.header('Record-Route'), '<sip:127.66.0.77;lr>');
  peer.ask('ACK', { to: ok.header('To')!, sequence: invite.cseq.sequence });
  peer.do(peer.ua.end(peer.session, peer.now));
  assert.equal(peer.sent[0].hop.remote.host, '127.66.0.77');
  assert.equal(peer.request('BYE').header('Route'), '<sip:127.66.0.77;lr>');
});

test('the way back where the Contact leads nowhere: how the last message came', () => {
  const { peer, invite } = called({ body: offer, headers: [['Record-Route', '<sip:gone.test;lr>']] });
  peer.unknown.add('gone.test');
  peer.do(peer.ua.accept(peer.session, answer, peer.now));
  const ok = peer.response(200);
  peer.ask('ACK', { to: ok.header('To')!, sequence: invite.cseq.sequence });
  peer.do(peer.ua.end(peer.session, peer.now));
  assert.equal(peer.sent[0].hop.remote.host, SERVER.host);
});

test('more sessions than the cap: 480', () => {
  const peer = new Peer({ ...CONFIG, accounts: [] });
  for (let i = 0; i < 49; i++) peer.ask('INVITE', { callId: `c${i}`, body: offer });
  assert.equal(peer.lines().filter((one) => one === '480 INVITE').length, 1);
});

// ---------------------------------------------------------------- §8.2: what is asked of every request

/** An offer beside something else. */
const parts = (type: string, more: string): Uint8Array =>
  Buffer.from(
    `--b\r\nContent-Type: ${type}\r\n${more}\r\nx\r\n--b\r\nContent-Type: application/sdp\r\n\r\nv=0 part\r\n--b--`,
  );

test('the offer is found among several parts', () => {
  const bytes = parts('text/x', 'Content-Disposition: x;handling=optional\r\n');
  const { peer } = called({ body: { contentType: 'multipart/mixed;boundary=b', bytes } });
  const event = peer.event();
  assert.ok(event.type === 'incoming');
  assert.equal(Buffer.from(event.offer!.bytes).toString(), 'v=0 part');
});

for (const [name, method, fields, expected, header] of [
  ['OPTIONS is answered', 'OPTIONS', {}, 200, ALLOW],
  ['OPTIONS says what it accepts', 'OPTIONS', {}, 200, ACCEPT],
  ['OPTIONS says how it may be encoded', 'OPTIONS', {}, 200, ['Accept-Encoding', 'identity']],
  ['OPTIONS says what it supports', 'OPTIONS', {}, 200, SUPPORTED],
  ['an unknown method', 'DANCE', {}, 501, ALLOW],
  ['a method in the wrong case', 'invite', {}, 501, undefined],
  ['REGISTER', 'REGISTER', {}, 405, ALLOW],
  ['BYE outside a dialog', 'BYE', {}, 481, undefined],
  ['BYE of an unknown dialog', 'BYE', { to: '<sip:1001@127.66.0.1>;tag=no' }, 481, undefined],
  ['INVITE of an unknown dialog', 'INVITE', { to: '<sip:1001@127.66.0.1>;tag=no', body: offer }, 481, undefined],
  ['OPTIONS of an unknown dialog', 'OPTIONS', { to: '<sip:1001@127.66.0.1>;tag=no' }, 481, undefined],
  ['a scheme that is not ours', 'OPTIONS', { uri: 'tel:+4930' }, 416, undefined],
  ['an extension we lack', 'INVITE', { headers: [['Require', 'y, x']], body: offer }, 420, ['Unsupported', 'y, x']],
  ['an extension a proxy lacks', 'OPTIONS', { headers: [['Proxy-Require', 'x']] }, 200, undefined],
  ['a body we cannot read', 'INVITE', { body: { contentType: 'text/x', bytes: offer.bytes } }, 415, ACCEPT],
  [
    'an encoded body',
    'INVITE',
    { body: offer, headers: [['Content-Encoding', 'gzip']] },
    415,
    ['Accept-Encoding', 'identity'],
  ],
  ['a caller that takes no SDP', 'INVITE', { body: offer, headers: [['Accept', 'text/x']] }, 406, undefined],
  [
    'a caller that takes much',
    'INVITE',
    { body: offer, headers: [['Accept', 'text/x, application/sdp;q=1']] },
    100,
    undefined,
  ],
  [
    'several parts, one of which we must read and cannot',
    'INVITE',
    { body: { contentType: 'multipart/mixed;boundary=b', bytes: parts('text/x', '') } },
    415,
    ACCEPT,
  ],
  [
    'several parts, one of which we may pass over',
    'INVITE',
    {
      body: {
        contentType: 'multipart/mixed;boundary=b',
        bytes: parts('text/x', 'Content-Disposition: x;handling=optional\r\n'),
      },
    },
    100,
    undefined,
  ],
  [
    'several parts with the wrong boundary',
    'INVITE',
    { body: { contentType: 'multipart/mixed;boundary=c', bytes: parts('text/x', '') } },
    400,
    undefined,
  ],
  [
    'INFO with a body that is no digit',
    'INFO',
    { body: { contentType: 'application/media_control+xml', bytes: new Uint8Array([60]) } },
    415,
    ['Accept', 'application/dtmf-relay, application/dtmf, application/vnd.nortelnetworks.digits'],
  ],
  [
    'INFO with a digit, outside any call',
    'INFO',
    { body: { contentType: 'application/dtmf', bytes: new Uint8Array([49]) } },
    481,
    undefined,
  ],
  ['an info package', 'INFO', { headers: [['Info-Package', 'x']] }, 469, undefined],
] as const) {
  test(`${name}: ${expected}`, () => {
    const peer = new Peer({ ...CONFIG, accounts: [] });
    peer.ask(method, fields as never);
    const [response] = peer.take();
    assert.ok(response.kind === 'response');
    assert.equal(response.status, expected);
    assert.equal(response.toTag !== undefined, expected !== 100);
    if (header !== undefined) assert.equal(response.header(header[0]), header[1]);
  });
}

test('the same INVITE by another path: 482 (§8.2.2.2)', () => {
  const { peer } = called({ body: offer, sequence: 7 });
  peer.take();
  peer.ask('INVITE', { body: offer, sequence: 7, branch: 'z9hG4bKother' });
  assert.deepEqual(peer.lines(), ['482 INVITE']);
  assert.equal(peer.ua.counts.sessions, 1);
});

test('the same INVITE by the same path is a repetition: 100 again, no second call', () => {
  const { peer, invite } = called();
  peer.take();
  peer.receive(invite);
  assert.deepEqual(peer.lines(), ['100 INVITE']);
  assert.equal(peer.ua.counts.sessions, 1);
});

test('an INVITE without Contact: 400', () => {
  const made = new Peer().ask('INVITE', { body: offer }).clone().remove('Contact');
  const peer = new Peer().receive(made);
  assert.deepEqual(peer.lines(), ['400 INVITE']);
});

test('an INVITE whose Contact is no SIP URI: 400, for no BYE of ours could go there (§8.1.1.8)', () => {
  const peer = new Peer().register();
  peer.ask('INVITE', { body: offer, contact: '<tel:+4930123>' });
  assert.deepEqual(peer.lines(), ['400 INVITE']);
  assert.equal(peer.ua.counts.sessions, 0);
});

test('a body of another kind that may be passed over is no offer', () => {
  const { peer } = called({
    body: { contentType: 'application/isup', bytes: offer.bytes },
    headers: [['Content-Disposition', 'signal;handling=optional']],
  });
  assert.deepEqual(peer.events, ['incoming by pbx without offer']);
});

test('an ACK of nothing is passed over', () => {
  const peer = new Peer();
  peer.ask('ACK', { to: '<sip:1001@127.66.0.1>;tag=no' });
  assert.deepEqual(peer.lines(), []);
});
