/** SIP over TLS with a real Asterisk: registered, called both ways, not deceived, and back after the PBX's restart. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { authorities, fingerprintOf, withoutOpenssl } from '../kit/certificates.ts';
import { temporaryDirectory } from '../kit/checkout.ts';
import { type Asterisk, asterisk, leavePeers, peerEnvironment, peersCa, startPeers, stopPeers } from '../kit/peers.ts';
import {
  account,
  residentLimitMb,
  residentMb,
  startTerminal,
  type TerminalProcess,
  type Tree,
} from '../kit/terminal.ts';
import { until } from '../kit/wait.ts';

const address = '127.0.0.50';

test.after(() => leavePeers('asterisk'));

function terminalOverTls(t: TestContext, tls: Tree, listen?: Tree): Promise<TerminalProcess> {
  const pbx = account('1001', { servers: ['sip:127.0.0.10;transport=tls'] });
  return startTerminal(t, {
    address,
    config: {
      sip: { ...(listen && { listen }), tls, accounts: { pbx } },
      calls: { room: { steps: [{ ring: ['sip:603@127.0.0.10'], for: '10s' }] } },
      buttons: { help: { press: { call: 'room' } } },
      incoming: [{ from: 'sip:2000@*', answer: 'when-asked', as: 'page' }],
    },
  });
}

/** A page, then a press: both connected, both by TLS as Asterisk sees it. */
async function talksBothWays(t: TestContext, pbx: Asterisk, terminal: TerminalProcess): Promise<void> {
  await pbx.cli('pjsip set logger on');
  t.after(() => pbx.cli('pjsip set logger off').then(() => undefined));
  const mark = pbx.mark();
  await pbx.originate('Local/71001@intercom', 'short');
  await terminal.event({ type: 'page', state: 'connected' }, 8_000);
  await terminal.event({ type: 'page', state: 'ended' }, 15_000);
  await terminal.press();
  await terminal.event({ type: 'call', state: 'connected' }, 8_000);
  await terminal.command('hangup');
  await terminal.event({ type: 'call', state: 'ended' }, 5_000);
  await pbx.hangupAll();
  const log = pbx.logSince(mark);
  const passages = log.match(/(?:Received|Transmitting) SIP [^\n]*/g) ?? [];
  const ours = passages.filter((line) => line.includes(`${address}:`));
  assert.ok(ours.length >= 8, `${ours.length} messages`);
  for (const line of ours) assert.match(line, / (?:from|to) TLS:/);
  const invites = pbx.sipSince(mark, 'received').filter((text) => text.startsWith('INVITE '));
  assert.ok(invites.length > 0);
  for (const invite of invites) {
    assert.match(invite, /^Via: SIP\/2\.0\/TLS /m);
    assert.match(invite, /^Contact: <sip:1001@127\.0\.0\.50:\d+;transport=tls>/m);
  }
}

test('registers over TLS, is paged and calls', { timeout: 90_000 }, async (t) => {
  const pbx = await asterisk();
  const terminal = await terminalOverTls(t, { ca: (await peersCa()).path });
  await terminal.registered();
  const contacts = await pbx.contacts('1001');
  assert.equal(contacts.length, 1);
  assert.match(contacts[0], /transport=tls/i);
  await talksBothWays(t, pbx, terminal);
  // Some seconds after the start what only the start needed has been given back.
  await until('the start to be over', 20_000, () => residentMb(terminal.pid) < residentLimitMb, 500).catch(() => {});
  const mb = residentMb(terminal.pid);
  t.diagnostic(`${mb.toFixed(1)} MB resident`);
  assert.ok(mb < residentLimitMb, `${mb} MB resident`);
});

test('a server that is not trusted: no registration, and the event says why', { timeout: 60_000 }, async (t) => {
  await asterisk();
  const terminal = await terminalOverTls(t, {});
  const { reason } = await terminal.event({ type: 'registration', account: 'pbx', registered: false }, 10_000);
  assert.match(String(reason), /^TLS connection: the certificate is signed by an authority that is not trusted here$/);
});

test('known by its fingerprint, and called at a TLS port of ours', {
  timeout: 90_000,
  skip: withoutOpenssl,
}, async (t) => {
  const pbx = await asterisk();
  const { path, remove } = temporaryDirectory();
  const made = authorities('ours');
  t.after(() => {
    remove();
    made.remove();
  });
  const { certificate, key } = made.ours.sign({ names: `IP:${address}` });
  writeFileSync(join(path, 'own.pem'), certificate);
  writeFileSync(join(path, 'own.key'), key);
  const theirs = readFileSync(join((await peerEnvironment()).PEERS_TLS, 'cert.pem'), 'utf8');
  const tls = {
    fingerprint: `sha256:${fingerprintOf(theirs)}`,
    certificate: join(path, 'own.pem'),
    key: { file: join(path, 'own.key') },
  };
  const terminal = await terminalOverTls(t, tls, { udp: `${address}:5060`, tls: `${address}:5061` });
  await terminal.registered();
  await talksBothWays(t, pbx, terminal);
  const from = terminal.events.items.length;
  const mark = pbx.mark();
  await pbx.cli(`channel originate PJSIP/1001/sip:1001@${address}:5061\\;transport=tls application Wait 1`);
  await terminal.event({ type: 'call', direction: 'incoming' }, 5_000, from);
  await pbx.logged(mark, /to TLS:127\.0\.0\.50:5061 --->\nINVITE /, 2_000);
});

test('Asterisk is stopped and started: registered again over TLS within 15 s of its return', {
  timeout: 120_000,
}, async (t) => {
  const pbx = await asterisk();
  const terminal = await terminalOverTls(t, { ca: (await peersCa()).path });
  await terminal.registered();
  const before = terminal.events.items.length;
  await stopPeers('asterisk');
  await terminal.event({ type: 'registration', registered: false }, 12_000, before);
  const away = terminal.events.items.length;
  await startPeers(['asterisk']);
  const back = performance.now();
  await terminal.event({ type: 'registration', registered: true }, 15_000, away);
  t.diagnostic(`registered ${Math.round(performance.now() - back)} ms after the return`);
  await pbx.cli('channel originate PJSIP/1001 application Wait 1');
  await terminal.event({ type: 'call', direction: 'incoming' }, 5_000, away);
});
