/** The terminal registers at a real Asterisk and gets through the PBX's restart. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { asterisk, leavePeers, startPeers, stopPeers } from '../kit/peers.ts';
import { account, startTerminal } from '../kit/terminal.ts';
import { until } from '../kit/wait.ts';

const address = '127.0.0.50';

test.after(() => leavePeers('asterisk'));

for (const [user, what] of [
  ['1001', 'MD5'],
  ['1003', 'SHA-256 only'],
  ['1007', 'two challenges, SHA-256 and MD5'],
] as const) {
  test(`registers with ${what}`, { timeout: 60_000 }, async (t) => {
    const pbx = await asterisk();
    const terminal = await startTerminal(t, { address, config: { sip: { accounts: { pbx: account(user) } } } });
    await terminal.event({ type: 'registration', account: 'pbx', registered: true }, 10_000);
    assert.equal((await terminal.status()).registrations.pbx.registered, true);
    const contacts = await pbx.contacts(user);
    assert.equal(contacts.length, 1);
    assert.match(contacts[0], new RegExp(`@${address}:5060`));
    await terminal.stop();
    await until('the contact to be taken away', 2_000, async () => (await pbx.contacts(user)).length === 0);
  });
}

test('over TCP too', { timeout: 60_000 }, async (t) => {
  const pbx = await asterisk();
  const overTcp = account('1001', { servers: ['sip:127.0.0.10;transport=tcp'] });
  const terminal = await startTerminal(t, { address, config: { sip: { accounts: { pbx: overTcp } } } });
  await terminal.registered();
  assert.match((await pbx.contacts('1001')).join(), /transport=tcp/i);
});

test('a wrong password is said, and not tried again and again', { timeout: 60_000 }, async (t) => {
  const pbx = await asterisk();
  await pbx.cli('pjsip set logger on');
  t.after(() => pbx.cli('pjsip set logger off').then(() => undefined));
  const mark = pbx.mark();
  const wrong = account('1001', { password: 'not-this' });
  const terminal = await startTerminal(t, { address, config: { sip: { accounts: { pbx: wrong } } } });
  const refused = await terminal.event({ type: 'registration', account: 'pbx', registered: false }, 10_000);
  assert.match(String(refused.reason), /40[13]|password|credential/i);
  await terminal.shows('a fault of the account', 5_000, ({ faults }) =>
    faults.some(({ fault }) => fault === 'sip:pbx'),
  );
  const tries = pbx.logSince(mark).match(/^REGISTER /gm)?.length ?? 0;
  assert.ok(tries >= 2 && tries <= 4, `${tries} REGISTER requests`);
});

test('Asterisk is stopped and started: registered again within 15 s of its return', { timeout: 120_000 }, async (t) => {
  const pbx = await asterisk();
  const terminal = await startTerminal(t, { address, config: { sip: { accounts: { pbx: account('1001') } } } });
  await terminal.registered();
  const before = terminal.events.items.length;
  await stopPeers('asterisk');
  // Noticed within 10 s, and the process's own end took up to that long to be seen here.
  await terminal.event({ type: 'registration', registered: false }, 12_000, before);
  const away = terminal.events.items.length;
  await startPeers(['asterisk']);
  const back = performance.now();
  const mark = pbx.mark();
  await terminal.event({ type: 'registration', registered: true }, 15_000, away);
  t.diagnostic(`registered ${Math.round(performance.now() - back)} ms after the return`);
  assert.equal((await pbx.contacts('1001')).length, 1);
  // A call reaches it, so the PBX means what it says.
  await pbx.cli('channel originate PJSIP/1001 application Wait 1');
  await terminal.event({ type: 'call', direction: 'incoming' }, 5_000, away);
  assert.doesNotMatch(pbx.logSince(mark), /ERROR.*1001/);
});
