/** Accounts and calls over TLS: whom they want at the other end, what Via and Contact say, and what SIPS asks for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UaOutput } from '../../../src/sip/ua/index.ts';
import { ACCOUNT, answer, CONFIG, offer, Peer, SERVER, US } from './peer.ts';

const SECURE = { ...ACCOUNT, address: 'sip:1001@example.test', servers: ['sip:pbx.test;transport=tls'] };
const invitation = { session: 's', target: 'sip:100@example.test', body: () => offer };

function over(account = SECURE): Peer {
  const peer = new Peer({ ...CONFIG, accounts: [account] });
  peer.addresses.set('pbx.test', SERVER.host);
  peer.addresses.set('example.test', SERVER.host);
  return peer;
}
const flow = { transport: 'tls', remote: { host: SERVER.host, port: 5061 }, local: US, flow: 'tls-1' } as const;

test('REGISTER over TLS: the server may show its own name or the domain of the address', () => {
  const peer = over();
  peer.do(peer.ua.start(0));
  const [{ hop }] = peer.sent;
  const register = peer.request('REGISTER');
  assert.equal(hop.transport, 'tls');
  assert.deepEqual(hop.domains, ['pbx.test', 'example.test']);
  assert.match(register.header('Via')!, /^SIP\/2\.0\/TLS 127\.66\.0\.1:5060;/);
  assert.equal(register.header('Contact'), '<sip:1001@127.66.0.1:5060;transport=tls>');
});

test('why a server is not trusted is the reason of the registration', () => {
  const peer = over();
  peer.do(peer.ua.start(0));
  const told: UaOutput[] = peer.ua.transportFailed(peer.sent[0].transaction!, 'TLS connection: it has expired', 0);
  const states = told.flatMap((output) => (output.kind === 'registration' ? [[output.state, output.reason]] : []));
  assert.deepEqual(states, [['failed', 'TLS connection: it has expired']]);
});

test('a server that comes back with another certificate is news', () => {
  const peer = over();
  peer.do(peer.ua.start(0));
  const reasons: string[] = [];
  for (const reason of ['ECONNREFUSED', 'ECONNRESET', 'the certificate has expired', 'the certificate has expired']) {
    const register = peer.sent.findLast(({ message }) => message.cseq.method === 'REGISTER')!;
    const told = peer.ua.transportFailed(register.transaction!, `TLS connection: ${reason}`, peer.now);
    for (const output of told) if (output.kind === 'registration') reasons.push(output.reason);
    peer.take();
    while (!peer.sent.some(({ message }) => message.cseq.method === 'REGISTER')) peer.pass(1_000);
  }
  assert.deepEqual(reasons, ['TLS connection: ECONNREFUSED', 'TLS connection: the certificate has expired']);
});

test('the account lends its server to targets with and without the port of TLS', () => {
  for (const [target, method] of [
    ['sip:100@pbx.test', 'INVITE'],
    ['sip:100@pbx.test:5061;transport=tls', 'INVITE'],
    ['sip:100@pbx.test;transport=tls', 'INVITE'],
    ['sips:100@pbx.test', 'INVITE'],
  ] as const) {
    const peer = over().register();
    peer.do(peer.ua.invite({ ...invitation, target }, peer.now));
    assert.match(peer.request(method).header('From')!, /^<sip:1001@example\.test>/, target);
  }
});

test('ACK and BYE take the connection of the INVITE when the Contact names its other end', () => {
  const peer = over().register();
  peer.do(peer.ua.invite(invitation, peer.now));
  const contact: [string, string] = ['Contact', `<sip:desk@${SERVER.host}:5061;transport=TLS>`];
  peer.reply(peer.request('INVITE'), 200, { body: answer, headers: [contact], from: flow });
  assert.deepEqual(
    peer.sent.map(({ hop, message }) => [message.cseq.method, hop.flow]),
    [['ACK', 'tls-1']],
  );
  peer.take();
  peer.do(peer.ua.end('s', peer.now));
  assert.deepEqual(
    peer.sent.map(({ hop, message }) => [message.cseq.method, hop.flow]),
    [['BYE', 'tls-1']],
  );
});

test('a SIPS target goes over TLS, with a SIPS Contact', () => {
  const peer = over().register();
  peer.do(peer.ua.invite({ ...invitation, target: 'sips:100@example.test' }, peer.now));
  assert.equal(peer.sent[0].hop.transport, 'tls');
  assert.equal(peer.request('INVITE').header('Contact'), '<sips:1001@127.66.0.1:5060>');
});

test('a SIPS target by a server without TLS is not called at all', () => {
  const peer = over({ ...SECURE, servers: ['sip:pbx.test'] }).register();
  peer.do(peer.ua.invite({ ...invitation, target: 'sips:100@example.test' }, peer.now));
  assert.deepEqual(peer.lines(), []);
  assert.deepEqual(peer.events, ['ended transport network']);
});

test('a SIPS address registers over TLS alone, with a SIPS Contact', () => {
  const address = 'sips:1001@example.test';
  const peer = over({ ...SECURE, address, servers: [] });
  peer.do(peer.ua.start(0));
  assert.equal(peer.sent[0].hop.transport, 'tls');
  const register = peer.request('REGISTER');
  assert.equal(register.uri, 'sips:example.test');
  assert.equal(register.header('Contact'), '<sips:1001@127.66.0.1:5060>');
  const plain = over({ ...SECURE, address, servers: ['sip:pbx.test'] });
  plain.do(plain.ua.start(0));
  assert.deepEqual(plain.events, ['pbx registering', 'pbx failed']);
  assert.deepEqual(plain.lines(), []);
});

test('a call to our SIPS address is answered with a SIPS Contact', () => {
  const peer = over().register();
  peer.ask('INVITE', { body: offer, uri: 'sips:1001@127.66.0.1:5061', hop: flow });
  assert.deepEqual(peer.events, ['incoming by pbx']);
  peer.do(peer.ua.accept(peer.session, answer, peer.now));
  assert.equal(peer.response(200).header('Contact'), '<sips:1001@127.66.0.1:5060>');
});
