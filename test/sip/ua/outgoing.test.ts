/** Calls of ours, RFC 3261 §13.2, §9.1, §14.1: who says what, row by row. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CodedError } from '../../../src/base/index.ts';
import { ACCOUNT, answer, CONFIG, hopTo, offer, Peer } from './peer.ts';

const invitation = { session: 's', target: 'sip:100@127.66.0.10', body: () => offer };

function calling(config = CONFIG): Peer {
  const peer = new Peer(config).register();
  return peer.do(peer.ua.invite(invitation, peer.now));
}

/** An answered call, and how the other side names the dialog. */
function talking(): Peer {
  const peer = calling();
  peer.reply(peer.request('INVITE'), 200, { body: answer });
  const ack = peer.request('ACK');
  dialogs.set(peer, { to: ack.header('From')!, from: ack.header('To')!, callId: ack.callId });
  peer.events = [];
  return peer;
}
const dialogs = new WeakMap<Peer, { from: string; to: string; callId: string }>();
const inDialog = (peer: Peer) => dialogs.get(peer)!;

const two = { ...CONFIG, accounts: [{ ...ACCOUNT, servers: ['sip:127.66.0.10', 'sip:127.66.0.11'] }] };
const gone = { sessions: 0, dialogs: 0, machines: 1, transactions: 0 }; // The one machine is the registration.

test('a call to an address leaves in the same call chain, with what a call needs', () => {
  const peer = new Peer();
  peer.do(peer.ua.invite({ ...invitation, target: 'sip:desk@127.66.0.20' }, 0));
  const invite = peer.request('INVITE');
  assert.equal(invite.uri, 'sip:desk@127.66.0.20');
  assert.equal(invite.header('Contact'), '<sip:help-07@127.66.0.1:5060>');
  assert.match(invite.header('From')!, /^<sip:help-07@127\.66\.0\.1:5060>;tag=/);
  assert.equal(new TextDecoder().decode(invite.body), 'v=0 offer');
  for (const name of ['Allow', 'Supported', 'Max-Forwards', 'User-Agent', 'Call-ID']) assert.ok(invite.has(name), name);
});

test('the account whose server the target names lends its identity', () => {
  const invite = calling().request('INVITE');
  assert.match(invite.header('From')!, /^<sip:1001@127\.66\.0\.10>;tag=/);
  assert.equal(invite.header('Contact'), '<sip:1001@127.66.0.1:5060>');
});

test('so does the one whose server has the address that the target names', () => {
  const account = { ...ACCOUNT, address: 'sip:1001@pbx.test', servers: [] };
  const peer = new Peer({ ...CONFIG, accounts: [account] });
  peer.addresses.set('pbx.test', '127.66.0.10');
  peer.register().do(peer.ua.invite(invitation, peer.now));
  assert.match(peer.request('INVITE').header('From')!, /^<sip:1001@pbx\.test>;tag=/);
});

test('ringing, answer, ACK with the number of the INVITE, to where the Contact says', () => {
  const peer = calling();
  const invite = peer.request('INVITE');
  peer.reply(invite, 180).reply(invite, 200, { body: answer });
  const ack = peer.request('ACK');
  assert.equal(ack.cseq.sequence, invite.cseq.sequence);
  assert.equal(ack.uri, 'sip:desk@127.66.0.10:5060');
  assert.equal(ack.toTag, 'peer');
  assert.notEqual(ack.via.params.get('branch'), invite.via.params.get('branch'));
  assert.deepEqual(peer.events, ['progress 180', 'accepted with body']);
});

test('a repeated 2xx is acknowledged again, and told once', () => {
  const peer = calling();
  const invite = peer.request('INVITE');
  peer.reply(invite, 200, { body: answer }).reply(invite, 200, { body: answer }).reply(invite, 200, { body: answer });
  assert.deepEqual(peer.lines(), ['ACK', 'ACK', 'ACK']);
  assert.deepEqual(peer.events, ['accepted with body']);
});

test('the second 2xx of a fork is acknowledged and ended, the first one talks on', () => {
  const peer = calling();
  const invite = peer.request('INVITE');
  peer.reply(invite, 200, { tag: 'one', body: answer });
  peer.take();
  peer.reply(invite, 200, { tag: 'two', body: answer });
  const [ack, bye] = peer.take();
  assert.deepEqual([ack.toTag, bye.toTag], ['two', 'two']);
  assert.equal(bye.kind === 'request' && bye.method, 'BYE');
  if (bye.kind === 'request') peer.reply(bye, 200);
  assert.deepEqual(peer.events, ['accepted with body']);
  assert.equal(peer.ua.counts.sessions, 1);
  assert.equal(peer.ua.counts.dialogs, 1);
});

for (const [name, status, ended] of [
  ['busy', 486, 'ended rejected peer 486'],
  ['unknown', 404, 'ended rejected peer 404'],
  ['moved elsewhere', 302, 'ended rejected peer 302'],
  ['declined', 603, 'ended rejected peer 603'],
] as const) {
  test(`${name}: ${ended}, and the transaction acknowledges`, () => {
    const peer = calling();
    peer.reply(peer.request('INVITE'), status);
    assert.deepEqual(peer.lines(), ['ACK']);
    assert.deepEqual(peer.events, [ended]);
    assert.deepEqual(peer.pass(40_000).ua.counts.dialogs, 0);
  });
}

test('an INVITE nobody answers is over after 4.5 s, and forgotten after 32', () => {
  const peer = new Peer({ ...CONFIG, accounts: [] });
  peer.do(peer.ua.invite(invitation, 0)).pass(4_499);
  assert.deepEqual(peer.events, []);
  assert.deepEqual(peer.pass(1).events, ['ended timeout network']);
  peer.pass(30_000);
  assert.deepEqual(peer.ua.counts, { sessions: 0, dialogs: 0, machines: 0, transactions: 0 });
});

test('one that was said to proceed rings on', () => {
  const peer = new Peer({ ...CONFIG, accounts: [] });
  peer.do(peer.ua.invite(invitation, 0)).reply(peer.request('INVITE'), 100).pass(60_000);
  assert.deepEqual(peer.events, []);
});

test('a target without address ends at once', () => {
  const peer = new Peer({ ...CONFIG, accounts: [] });
  peer.unknown.add('nowhere.test');
  peer.do(peer.ua.invite({ ...invitation, target: 'sip:100@nowhere.test' }, 0));
  assert.deepEqual(peer.events, ['ended transport network']);
  assert.equal(peer.ua.idle, true);
});

test('a name nobody can tell the address of is given up in the time of a server that says nothing', () => {
  const peer = new Peer({ ...CONFIG, accounts: [] });
  peer.mute.add('dead-dns.test');
  peer.do(peer.ua.invite({ ...invitation, target: 'sip:100@dead-dns.test' }, 0)).pass(4_499);
  assert.deepEqual(peer.events, []);
  assert.deepEqual(peer.pass(1).events, ['ended transport network']);
  peer.pass(10_000);
  assert.equal(peer.ua.idle, true);
});

test('an offer that cannot be made ends the call, at the second server too', () => {
  let ports = 1;
  const body = () => {
    if (ports-- > 0) return offer;
    throw new CodedError('media-ports', 'no RTP port is free');
  };
  const peer = new Peer(two).register();
  peer.do(peer.ua.invite({ ...invitation, body }, 0)).pass(2_000);
  assert.equal(peer.events.includes('ended transport us'), true);
  assert.equal(peer.ua.counts.sessions, 0);
});

test('a target that is no URI ends at once', () => {
  const peer = new Peer({ ...CONFIG, accounts: [] });
  peer.do(peer.ua.invite({ ...invitation, target: 'sip:100@' }, 0));
  assert.deepEqual(peer.events, ['ended local us']);
});

// ---------------------------------------------------------------- CANCEL, §9.1

test('CANCEL waits for a provisional response', () => {
  const peer = calling();
  const invite = peer.request('INVITE');
  peer.do(peer.ua.end('s', peer.now));
  assert.deepEqual(peer.lines(), []);
  assert.deepEqual(peer.events, ['ended cancelled us']);
  peer.reply(invite, 100);
  const cancel = peer.request('CANCEL');
  assert.equal(cancel.via.params.get('branch'), invite.via.params.get('branch'));
  assert.equal(cancel.cseq.sequence, invite.cseq.sequence);
  peer.reply(cancel, 200).reply(invite, 487);
  assert.deepEqual(peer.lines(), ['ACK']);
});

test('CANCEL carries the reason', () => {
  const peer = calling();
  peer.reply(peer.request('INVITE'), 180);
  peer.do(peer.ua.end('s', peer.now, 'SIP;cause=200;text="Call completed elsewhere"'));
  assert.equal(peer.request('CANCEL').header('Reason'), 'SIP;cause=200;text="Call completed elsewhere"');
});

test('a 2xx that crosses the CANCEL is acknowledged and ended with BYE', () => {
  const peer = calling();
  const invite = peer.request('INVITE');
  peer.reply(invite, 180).do(peer.ua.end('s', peer.now)).reply(invite, 200, { body: answer });
  const [cancel, ack, bye] = peer.take();
  assert.deepEqual(
    [cancel, ack, bye].map((m) => m.kind === 'request' && m.method),
    ['CANCEL', 'ACK', 'BYE'],
  );
  if (bye.kind === 'request') peer.reply(bye, 200);
  assert.deepEqual(peer.events, ['progress 180', 'ended cancelled us']);
  assert.deepEqual(peer.ua.counts.dialogs, 0);
});

test('a 2xx without any 1xx after the end is acknowledged and ended with BYE', () => {
  const peer = calling();
  const invite = peer.request('INVITE');
  peer.do(peer.ua.end('s', peer.now)).reply(invite, 200, { body: answer });
  assert.deepEqual(peer.lines(), ['ACK', 'BYE']);
});

test('an INVITE that is not answered after its CANCEL is forgotten after 32 s', () => {
  const peer = new Peer({ ...CONFIG, accounts: [] });
  peer.do(peer.ua.invite(invitation, 0)).reply(peer.request('INVITE'), 180);
  peer.do(peer.ua.end('s', 0)).pass(40_000);
  assert.deepEqual(peer.ua.counts, { sessions: 0, dialogs: 0, machines: 0, transactions: 0 });
});

// ---------------------------------------------------------------- more than one server

test('a server that says nothing for 2 s is passed over; its late answer is ended', () => {
  const peer = calling(two);
  const first = peer.sent[0];
  peer.take();
  peer.pass(2_000);
  const second = peer.sent.find((one) => one.hop.remote.host === '127.66.0.11');
  assert.ok(second?.message.kind === 'request' && first.message.kind === 'request');
  peer.take();
  peer.reply(second.message, 200, { tag: 'two', body: answer, from: hopTo('127.66.0.11') });
  assert.deepEqual(peer.lines(), ['ACK']);
  peer.reply(first.message, 200, { tag: 'one', body: answer });
  assert.deepEqual(peer.lines(), ['ACK', 'BYE']);
  assert.deepEqual(peer.events, ['accepted with body']);
});

test('two servers that say nothing: the call is over after 4.5 s too', () => {
  const peer = calling(two);
  peer.pass(4_499);
  assert.equal(peer.events.includes('ended timeout network'), false);
  assert.equal(peer.pass(1).events.includes('ended timeout network'), true);
});

test('five servers that say nothing: each is tried, and the call is over within 5 s all the same', () => {
  const servers = [10, 11, 12, 13, 14].map((n) => `sip:127.66.0.${n}`);
  const peer = calling({ ...CONFIG, accounts: [{ ...ACCOUNT, servers }] });
  const tried = new Set<string>();
  peer.pass(4_900);
  for (const { message, hop } of peer.sent) if (message.cseq.method === 'INVITE') tried.add(hop.remote.host);
  assert.equal(tried.size, 5);
  assert.ok(peer.events.includes('ended timeout network'));
});

test('a server out of order after a long ringing: the next one has its time', () => {
  const peer = calling(two);
  const [invite] = peer.take();
  assert.ok(invite.kind === 'request');
  peer.reply(invite, 180).pass(15_000).take();
  peer.reply(invite, 503).pass(4_400);
  assert.equal(peer.events.includes('ended timeout network'), false);
  assert.ok(peer.pass(100).events.includes('ended timeout network'));
});

test('503 leads to the next server, 486 does not', () => {
  const peer = calling(two);
  peer.reply(peer.request('INVITE'), 503);
  assert.deepEqual(
    peer.sent.map(({ hop }) => hop.remote.host),
    ['127.66.0.10', '127.66.0.11'],
  );
  const [, again] = peer.take();
  if (again.kind === 'request') peer.reply(again, 486);
  assert.deepEqual(peer.events, ['ended rejected peer 486']);
  const ended = peer.sessions.at(-1)?.event;
  assert.equal(ended?.type === 'ended' && ended.reason, 'Busy Here, after 503 Service Unavailable at 127.66.0.10');
});

const CHALLENGE: [string, string][] = [['WWW-Authenticate', 'Digest realm="r", nonce="n"']];

test('hung up before the challenge came: it is acknowledged, and nobody is made to ring', () => {
  const peer = calling();
  const invite = peer.request('INVITE');
  peer.do(peer.ua.end('s', peer.now));
  assert.deepEqual(peer.reply(invite, 401, { headers: CHALLENGE }).lines(), ['ACK']);
  assert.deepEqual(peer.pass(40_000).ua.counts.sessions, 0);
});

test('a server that was passed over asks for a password too late', () => {
  const peer = calling(two);
  const invite = peer.request('INVITE');
  peer.pass(3_000).take();
  assert.deepEqual(peer.reply(invite, 401, { headers: CHALLENGE }).lines(), ['ACK']);
});

test('who does not answer is named beside the last word of the next one', () => {
  const peer = calling(two);
  const again = peer.pass(3_000).sent.find(({ hop }) => hop.remote.host === '127.66.0.11')!.message;
  assert.ok(again.kind === 'request');
  peer.reply(again, 404);
  const ended = peer.sessions.at(-1)?.event;
  assert.equal(ended?.type === 'ended' && ended.reason, 'Not Found, after no answer at 127.66.0.10');
});

test('a server that cannot be reached leads to the next one at once', () => {
  const peer = calling(two);
  const [{ transaction }] = peer.sent;
  peer.take();
  peer.do(peer.ua.transportFailed(transaction!, 'connection refused', peer.now));
  assert.deepEqual(
    peer.sent.map(({ hop, message }) => [hop.remote.host, message.cseq.method]),
    [['127.66.0.11', 'INVITE']],
  );
});

test('a connection that breaks under the INVITE: once more over a fresh one, not for ever', () => {
  const peer = new Peer({ ...CONFIG, accounts: [] });
  peer.do(peer.ua.invite({ ...invitation, target: 'sip:100@127.66.0.20;transport=tcp' }, 0));
  const [first] = peer.sent.splice(0);
  peer.do(peer.ua.transportFailed(first.transaction!, 'reset', 0));
  const [second] = peer.sent.splice(0);
  assert.deepEqual(second.hop, { ...first.hop, flow: undefined });
  assert.notEqual(second.transaction, first.transaction);
  assert.deepEqual(peer.events, []);
  peer.do(peer.ua.transportFailed(second.transaction!, 'connection refused', 0));
  assert.deepEqual(peer.lines(), []);
  assert.deepEqual(peer.events, ['ended transport network']);
  assert.equal(peer.ua.idle, true);
});

// ---------------------------------------------------------------- inside the session

test('hanging up: BYE in the dialog, then nothing is left', () => {
  const peer = talking();
  peer.do(peer.ua.end('s', peer.now, 'talk limit'));
  const bye = peer.request('BYE');
  assert.equal(bye.toTag, 'peer');
  assert.equal(bye.header('Reason'), 'SIP;text="talk limit"');
  assert.deepEqual(peer.events, ['ended local us']);
  peer.reply(bye, 200);
  assert.equal(peer.ua.counts.dialogs, 0);
});

test('hung up by the other side', () => {
  const peer = talking();
  peer.ask('BYE', inDialog(peer));
  assert.deepEqual(peer.lines(), ['200 BYE']);
  assert.deepEqual(peer.events, ['ended bye peer']);
  assert.equal(peer.ua.counts.dialogs, 0);
});

test('our re-INVITE: answer, ACK, reaccepted; a repeated 2xx is acknowledged again', () => {
  const peer = talking();
  peer.do(peer.ua.reinvite('s', () => offer, peer.now));
  const reinvite = peer.request('INVITE');
  peer.reply(reinvite, 200, { body: answer }).reply(reinvite, 200, { body: answer });
  assert.deepEqual(peer.lines(), ['ACK', 'ACK']);
  assert.deepEqual(peer.events, ['reaccepted with body']);
});

test('our re-INVITE refused: the session goes on', () => {
  const peer = talking();
  peer.do(peer.ua.reinvite('s', () => offer, peer.now)).reply(peer.request('INVITE'), 488);
  assert.deepEqual(peer.events, ['rerejected 488']);
  assert.equal(peer.ua.counts.sessions, 1);
});

test('glare: 491 to ours, so it is sent again after 2.1 .. 4 s, for the Call-ID is ours', () => {
  const peer = talking();
  peer.do(peer.ua.reinvite('s', () => offer, peer.now)).reply(peer.request('INVITE'), 491);
  peer.take();
  peer.pass(2_099);
  assert.equal(peer.lines().includes('INVITE'), false);
  peer.pass(1_901);
  assert.equal(peer.lines().includes('INVITE'), true);
  assert.deepEqual(peer.events, []);
});

test('481 to our re-INVITE ends the session', () => {
  const peer = talking();
  peer.do(peer.ua.reinvite('s', () => offer, peer.now)).reply(peer.request('INVITE'), 481);
  peer.pass(999);
  assert.deepEqual(peer.events, []);
  peer.pass(1);
  assert.deepEqual(peer.events, ['ended rejected peer 481']);
  assert.equal(peer.lines().includes('BYE'), true);
});

test('481 to our re-INVITE, because it crossed their BYE: they hung up', () => {
  const peer = talking();
  peer.do(peer.ua.reinvite('s', () => offer, peer.now)).reply(peer.request('INVITE'), 481);
  peer.ask('BYE', inDialog(peer));
  peer.pass(2_000);
  assert.deepEqual(peer.events, ['ended bye peer']);
  assert.ok(!peer.lines().includes('BYE'));
  assert.equal(peer.ua.counts.dialogs, 0);
});

test('inside a dialog over TCP the open connection is used, without asking where the Contact is', () => {
  const peer = calling();
  const flow = { ...hopTo('127.66.0.10'), transport: 'tcp' as const, flow: 'tcp-9' };
  peer.unknown.add('127.66.0.10');
  peer.reply(peer.request('INVITE'), 200, {
    body: answer,
    headers: [['Contact', '<sip:desk@127.66.0.10:5060;transport=TCP>']],
    from: flow,
  });
  assert.equal(peer.sent.at(-1)?.hop.flow, 'tcp-9');
  peer.take();
  const { ua } = peer;
  const asked = ua.end('s', peer.now).filter(({ kind }) => kind === 'resolve');
  assert.deepEqual(asked, []);
});

test('their re-INVITE while ours is under way: 491', () => {
  const peer = talking();
  peer.do(peer.ua.reinvite('s', () => offer, peer.now));
  peer.take();
  peer.ask('INVITE', { ...inDialog(peer), body: offer });
  assert.deepEqual(peer.lines(), ['491 INVITE']);
});

test('their hold: 100, offered, our answer, repeated until the ACK', () => {
  const peer = talking();
  const reinvite = peer.ask('INVITE', { ...inDialog(peer), body: offer });
  assert.deepEqual(peer.events, ['offered']);
  assert.deepEqual(peer.lines(), ['100 INVITE']);
  peer.do(peer.ua.answerOffer('s', answer, peer.now));
  peer.pass(600);
  assert.deepEqual(
    peer.lines().filter((one) => one.includes('INVITE')),
    ['200 INVITE', '200 INVITE'],
  );
  peer.ask('ACK', { ...inDialog(peer), sequence: reinvite.cseq.sequence });
  peer.pass(4_000);
  assert.deepEqual(
    peer.lines().filter((one) => one.includes('INVITE')),
    [],
  );
});

test('their second re-INVITE before we answered the first: 500 with Retry-After', () => {
  const peer = talking();
  peer.ask('INVITE', { ...inDialog(peer), body: offer });
  peer.take();
  peer.ask('INVITE', { ...inDialog(peer), body: offer });
  assert.match(peer.response(500).header('Retry-After')!, /^\d+$/);
});

test('an offer we refuse: 488, and the session goes on', () => {
  const peer = talking();
  peer.ask('INVITE', { ...inDialog(peer), body: offer });
  peer.do(peer.ua.answerOffer('s', { status: 488, reason: 'Not Acceptable Here' }, peer.now));
  assert.deepEqual(peer.lines(), ['100 INVITE', '488 INVITE']);
  assert.equal(peer.ua.counts.sessions, 1);
});

test('BYE while their re-INVITE waits for us: 200, and 487 to the re-INVITE', () => {
  const peer = talking();
  peer.ask('INVITE', { ...inDialog(peer), body: offer });
  peer.take();
  peer.ask('BYE', inDialog(peer));
  assert.deepEqual(peer.lines().sort(), ['200 BYE', '487 INVITE']);
});

test('their re-INVITE cancelled: 487, and the session goes on', () => {
  const peer = talking();
  peer.ask('INVITE', { ...inDialog(peer), body: offer, branch: 'z9hG4bKx', sequence: 500 });
  peer.take();
  peer.ask('CANCEL', { ...inDialog(peer), branch: 'z9hG4bKx', sequence: 500 });
  assert.deepEqual(peer.lines(), ['200 CANCEL', '487 INVITE']);
  assert.equal(peer.ua.counts.sessions, 1);
});

test('UPDATE without offer is answered at once, with an offer by us', () => {
  const peer = talking();
  peer.ask('UPDATE', inDialog(peer));
  assert.deepEqual(peer.lines(), ['200 UPDATE']);
  peer.ask('UPDATE', { ...inDialog(peer), body: offer });
  assert.deepEqual(peer.events, ['offered']);
  peer.do(peer.ua.answerOffer('s', answer, peer.now));
  assert.equal(new TextDecoder().decode(peer.response(200).body), 'v=0 answer');
});

test('INFO is answered and told', () => {
  const peer = talking();
  peer.ask('INFO', inDialog(peer));
  assert.deepEqual(peer.lines(), ['200 INFO']);
  assert.deepEqual(peer.events, ['info']);
});

test('a request with an old CSeq: 500', () => {
  const peer = talking();
  peer.ask('INFO', { ...inDialog(peer), sequence: 300 });
  peer.ask('INFO', { ...inDialog(peer), sequence: 299 });
  assert.deepEqual(peer.lines(), ['200 INFO', '500 INFO']);
});

test('BYEs that cross are both answered', () => {
  const peer = talking();
  peer.do(peer.ua.end('s', peer.now));
  peer.take();
  peer.ask('BYE', inDialog(peer));
  assert.deepEqual(peer.lines(), ['200 BYE']);
  assert.equal(peer.ua.counts.dialogs, 0);
});

test('a Contact or Record-Route that cannot be read: the ACK still goes, or the call is over', () => {
  const peer = calling();
  const invite = peer.request('INVITE');
  peer.reply(invite, 180, { headers: [['Record-Route', '<sip:']] });
  assert.deepEqual(peer.events, ['progress 180']);
  peer.reply(invite, 200, { body: answer, headers: [['Contact', '<sip:@>']] });
  assert.equal(peer.request('ACK').uri, 'sip:100@127.66.0.10');
  const other = calling();
  other.reply(other.request('INVITE'), 200, { headers: [['Record-Route', '<sip:']] });
  assert.deepEqual(other.events, ['ended rejected network 200']);
});

test('a re-INVITE that was proceeding when the session ended is not waited for', () => {
  const peer = new Peer({ ...CONFIG, accounts: [] });
  peer.do(peer.ua.invite(invitation, 0));
  peer.reply(peer.request('INVITE'), 200, { body: answer }).take();
  peer.do(peer.ua.reinvite('s', () => offer, 0)).reply(peer.request('INVITE'), 100);
  peer.do(peer.ua.end('s', 0)).reply(peer.request('BYE'), 200);
  peer.pass(60_000);
  assert.deepEqual(peer.ua.counts, { sessions: 0, dialogs: 0, machines: 0, transactions: 0 });
});

test('all is forgotten in the end', () => {
  const peer = calling();
  peer.reply(peer.request('INVITE'), 200, { body: answer });
  peer.do(peer.ua.end('s', peer.now));
  peer.reply(peer.take().find((m) => m.kind === 'request' && m.method === 'BYE') as never, 200);
  // The probes of the registration are answered, or it would be lost.
  for (let i = 0; i < 14; i++) {
    peer.pass(5_000);
    for (const message of peer.take())
      if (message.kind === 'request' && message.method === 'OPTIONS') peer.reply(message, 200);
  }
  peer.pass(4_999);
  assert.deepEqual({ ...peer.ua.counts, transactions: 0 }, gone);
});
