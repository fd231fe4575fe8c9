/** What keeps a call and sends it on, with a PBX and a proxy as they are. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { asterisk, leavePeers, startPeers } from '../kit/peers.ts';
import { account, startTerminal } from '../kit/terminal.ts';

const address = '127.0.0.50';

test.after(() => leavePeers('asterisk', 'kamailio'));

test("Asterisk's sessions of 90 s: refreshed at half, and the talk goes on", { timeout: 90_000 }, async (t) => {
  const pbx = await asterisk();
  await pbx.cli('pjsip set logger on');
  t.after(() => pbx.cli('pjsip set logger off').then(() => undefined));
  const terminal = await startTerminal(t, {
    address,
    config: {
      sip: { accounts: { pbx: account('1010') } },
      incoming: [{ from: '*', source: ['127.0.0.10'], answer: 'auto', as: 'intercom' }],
    },
  });
  await terminal.registered();
  const mark = pbx.mark();
  // 603 is a tone without end.
  await pbx.cli('channel originate PJSIP/1010 extension 603@intercom');
  await terminal.event({ state: 'connected' }, 5_000);
  await pbx.logged(mark, /Transmitting SIP response [\s\S]*?200 OK[\s\S]*?CSeq: \d+ UPDATE/, 50_000);
  const [update] = pbx.sipSince(mark, 'received').filter((message) => message.startsWith('UPDATE '));
  assert.match(update, /Session-Expires: 90;refresher=uac/);
  const answer = pbx.sipSince(mark, 'sent').find((message) => /^CSeq: \d+ UPDATE/m.test(message));
  assert.match(String(answer), /Session-Expires: 90;refresher=uac/);
  assert.equal((await terminal.status()).calls.length, 1);
  await pbx.hangupAll();
});

test('a proxy sends the call on, with the account in between', { timeout: 60_000 }, async (t) => {
  await startPeers(['kamailio']);
  const at = '127.0.0.20';
  const desk = {
    address: `sip:desk@${at}`,
    servers: [`sip:${at}`],
    username: 'desk',
    password: 'pwdesk',
    expires: '60s',
  };
  const phone = await startTerminal(t, {
    address: '127.0.0.54',
    config: {
      sip: { accounts: { kam: desk } },
      incoming: [{ from: '*', source: [at], answer: 'auto', as: 'intercom' }],
    },
  });
  const help = { ...desk, address: `sip:help@${at}`, username: 'help', password: 'pwhelp' };
  const terminal = await startTerminal(t, {
    address,
    config: {
      sip: { accounts: { kam: help } },
      calls: { room: { steps: [{ ring: [`sip:302desk@${at}`] }] } },
      buttons: { help: { press: { call: 'room' } } },
    },
  });
  await phone.registered('kam');
  await terminal.registered('kam');
  await terminal.press();
  const sent = await terminal.event({ state: 'redirected' }, 5_000);
  assert.equal(sent.reason, `sip:302desk@${at} sends the call on to sip:desk@${at}`);
  await terminal.event({ state: 'connected' }, 5_000);
  await phone.event({ state: 'connected' }, 2_000);
  await terminal.command('hangup');
  await phone.event({ state: 'ended', cause: 'hangup' }, 2_000);
});
