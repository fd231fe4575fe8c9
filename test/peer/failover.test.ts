/** Two real servers for one account: the preferred one dies in the middle of things, and comes back. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { Baresip } from '../kit/baresip.ts';
import { asterisk, leavePeers, peerProcess, startPeers, stopPeers } from '../kit/peers.ts';
import { account, startTerminal } from '../kit/terminal.ts';

const address = '127.0.0.50';
const registration = { type: 'registration', account: 'pbx', registered: true };

test.after(async () => {
  await stopPeers('control');
  await leavePeers('asterisk', 'kamailio');
});

test('the preferred PBX is killed: a press reaches a person by the other one within 5 s; back when nobody talks', {
  timeout: 120_000,
}, async (t) => {
  const pbx = await asterisk();
  await startPeers(['kamailio']);
  await stopPeers('control');
  const desk = await Baresip.open('control', {
    PEERS_CTRL_ACCOUNT: '<sip:2000@127.0.0.20>;auth_pass=pw2000;regint=60;answermode=auto',
  });
  t.after(() => desk.close());
  const twoServers = account('1001', {
    address: 'sip:1001@peers.test',
    servers: ['sip:127.0.0.10', 'sip:127.0.0.20'],
  });
  const terminal = await startTerminal(t, {
    address,
    config: {
      sip: { accounts: { pbx: twoServers } },
      calls: { desk: { steps: [{ ring: ['sip:2000@peers.test'], for: '20s' }] } },
      buttons: { help: { press: { call: 'desk' } } },
    },
  });
  await terminal.event({ ...registration, reason: '200 OK at 127.0.0.10:5060 (UDP)' }, 10_000);

  process.kill(await peerProcess('asterisk'), 'SIGKILL');
  const killed = terminal.events.items.length;
  const pressed = performance.now();
  await terminal.press();
  await terminal.event({ type: 'call', state: 'connected' }, 5_000, killed);
  t.diagnostic(`press to answer ${Math.round(performance.now() - pressed)} ms, the preferred PBX just dead`);
  await terminal.event({ ...registration, reason: '200 OK at 127.0.0.20:5060 (UDP)' }, 15_000, killed);

  const talking = terminal.events.items.length;
  await startPeers(['asterisk']);
  // Longer than a probe and its answer take; but somebody talks.
  await new Promise((resolve) => setTimeout(resolve, 7_000));
  assert.equal((await terminal.status()).registrations.pbx.reason, '200 OK at 127.0.0.20:5060 (UDP)');
  const hungUp = performance.now();
  await terminal.command('hangup');
  await terminal.event({ ...registration, reason: '200 OK at 127.0.0.10:5060 (UDP)' }, 10_000, talking);
  t.diagnostic(`back at the preferred PBX ${Math.round(performance.now() - hungUp)} ms after the call`);
  assert.equal((await pbx.contacts('1001')).length, 1);
  await pbx.cli('channel originate PJSIP/1001 application Wait 1');
  await terminal.event({ type: 'call', direction: 'incoming' }, 5_000, talking);
});
