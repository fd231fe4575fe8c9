/** Requests beside calls, with Asterisk and by hand: texts, NOTIFY, consoles that watch, the configuration read anew. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import test from 'node:test';
import { temporaryDirectory } from '../kit/checkout.ts';
import { asterisk, leavePeers } from '../kit/peers.ts';
import { header, offer, request, respond, type SipText, transact, udpSender } from '../kit/sip.ts';
import { account, startTerminal } from '../kit/terminal.ts';
import { until } from '../kit/wait.ts';
import { levelDbfs, readWav } from '../kit/wav.ts';

const address = '127.0.0.50';
const uri = `sip:1001@${address}`;
const console_ = '127.0.0.66';

test.after(() => leavePeers('asterisk'));

test('Asterisk has the configuration read anew', { timeout: 90_000 }, async (t) => {
  const pbx = await asterisk();
  const terminal = await startTerminal(t, {
    address,
    config: {
      sip: { accounts: { pbx: account('1001') } },
      incoming: [{ from: '*', answer: 'when-asked', as: 'page' }],
    },
  });
  await terminal.registered();

  await pbx.cli('pjsip send notify check-sync endpoint 1001');
  await terminal.event({ type: 'reload', state: 'now' }, 5_000);
  // It says goodbye to the registrar, and registers again; the control socket is a new one.
  await until('the terminal to be back, registered', 15_000, async () => {
    const answer = await terminal.command('events', { last: 50 }).catch(() => undefined);
    const events = (answer?.events ?? []) as { type: string; state?: string; registered?: boolean }[];
    const again = events.findLastIndex(({ type, state }) => type === 'config' && state === 'started');
    const stopped = events.some(({ type, state }) => type === 'config' && state === 'stopped');
    return (
      stopped && events.slice(again).some(({ type, registered }) => type === 'registration' && registered === true)
    );
  });
});

test('Asterisk says that messages wait', { timeout: 60_000 }, async (t) => {
  const pbx = await asterisk();
  const terminal = await startTerminal(t, { address, config: { sip: { accounts: { pbx: account('1001') } } } });
  await terminal.registered();
  await pbx.cli('pjsip send notify messages endpoint 1001');
  const { account: of, waiting, fresh, old } = await terminal.event({ type: 'mailbox' }, 5_000);
  assert.deepEqual([of, waiting, fresh, old], ['pbx', true, 2, 1]);
});

test('who may write, who may not', { timeout: 60_000 }, async (t) => {
  const terminal = await startTerminal(t, {
    address,
    config: { incoming: [{ from: 'sip:*@*', source: [console_], answer: 'ring' }] },
  });
  const [known, stranger] = [
    await udpSender(console_, { address, port: 5060 }),
    await udpSender('127.0.0.67', { address, port: 5060 }),
  ];
  t.after(() => known.close());
  t.after(() => stranger.close());
  const headers = ['Content-Type: text/plain;charset=utf-8'];
  const taken = await transact(known, request(known, 'MESSAGE', uri, { headers, body: 'lift 2 \u001b[31mstuck' }));
  assert.equal(taken.status, 200, taken.text);
  const event = await terminal.event({ type: 'message' }, 5_000);
  assert.equal(event.text, 'lift 2 [31mstuck');
  assert.equal(event.spoken, false);
  const html = await transact(
    known,
    request(known, 'MESSAGE', uri, { headers: ['Content-Type: text/html'], body: '<p>' }),
  );
  assert.equal(html.status, 415);
  const refused = await transact(stranger, request(stranger, 'MESSAGE', uri, { headers, body: 'cheap watches' }));
  assert.ok(refused.status === 403 || refused.status === 603, refused.text);
  assert.ok(!terminal.events.items.some(({ text }) => text === 'cheap watches'));
});

test('a console sees a call come, be answered by NOTIFY talk, and go', { timeout: 60_000 }, async (t) => {
  const terminal = await startTerminal(t, {
    address,
    config: {
      sip: { watchers: [console_] },
      incoming: [{ from: '*', source: ['127.0.0.67'], answer: 'when-asked', as: 'page' }],
    },
  });
  const [watcher, caller] = [
    await udpSender(console_, { address, port: 5060 }),
    await udpSender('127.0.0.67', { address, port: 5060 }),
  ];
  t.after(() => watcher.close());
  t.after(() => caller.close());
  const told: SipText[] = [];
  const notified = async (pattern: RegExp): Promise<void> => {
    const notify = await watcher.inbox.take(
      `a NOTIFY with ${pattern}`,
      5_000,
      (item) => item.method === 'NOTIFY' && item.status === 0 && pattern.test(item.text),
    );
    told.push(notify);
    watcher.send(respond(notify, 200, 'OK'));
  };
  const granted = await transact(
    watcher,
    request(watcher, 'SUBSCRIBE', uri, { headers: ['Event: dialog', 'Accept: application/dialog-info+xml'] }),
  );
  assert.equal(granted.status, 200, granted.text);
  await notified(/state="full"/);

  const call = { callId: 'talk-1', headers: ['Content-Type: application/sdp'] };
  caller.send(request(caller, 'INVITE', uri, { ...call, body: offer('127.0.0.67', 40_000) }));
  const ringing = await caller.inbox.take('180', 5_000, (item) => item.status === 180);
  const toTag = /tag=([^;\s]+)/.exec(header(ringing, 'To')!)![1];
  await notified(/<state>early</);
  const talk = await transact(
    caller,
    request(caller, 'NOTIFY', uri, { callId: 'talk-1', toTag, sequence: 2, headers: ['Event: talk'] }),
  );
  assert.equal(talk.status, 200, talk.text);
  const ok = await caller.inbox.take('200', 5_000, (item) => item.status === 200 && item.method === 'INVITE');
  caller.send(request(caller, 'ACK', uri, { callId: 'talk-1', toTag, sequence: 1 }));
  assert.match(ok.text, /a=recvonly/);
  const { reason } = await terminal.event({ type: 'page', state: 'answered' }, 5_000);
  assert.match(String(reason), /NOTIFY talk/);
  await notified(/<state>confirmed</);
  await transact(caller, request(caller, 'BYE', uri, { callId: 'talk-1', toTag, sequence: 3 }));
  await notified(/event="remote-bye">terminated</);
  assert.equal(new Set(told.map(({ text }) => /version="(\d+)"/.exec(text)![1])).size, told.length);
});

test('Asterisk sends a text, and it is spoken', { timeout: 90_000 }, async (t) => {
  const directory = temporaryDirectory();
  t.after(() => directory.remove());
  const heard = join(directory.path, 'heard.wav');
  const spoken = spawnSync('espeak-ng', ['--version']).status === 0;
  const pbx = await asterisk();
  const terminal = await startTerminal(t, {
    address,
    config: {
      device: { profile: 'simulated', sound: { driver: 'file', speaker: heard } },
      sip: { accounts: { pbx: account('1001') } },
      incoming: [{ from: '*', answer: 'when-asked', as: 'page', message: 'speak' }],
    },
  });
  await terminal.registered();
  await pbx.cli('dialplan add extension "790,1,Set(MESSAGE(body)=lift two is stuck)" into intercom replace');
  await pbx.cli('dialplan add extension "790,2,MessageSend(pjsip:1001,sip:desk@127.0.0.10)" into intercom replace');
  await pbx.cli('channel originate Local/790@intercom application Wait 1');
  const event = await terminal.event({ type: 'message' }, 5_000);
  assert.equal(event.text, 'lift two is stuck');
  assert.equal(event.spoken, true);
  if (!spoken) {
    t.diagnostic('espeak-ng is not installed: the fault is looked at in its place');
    const fault = await terminal.event({ type: 'fault', fault: 'speech' }, 5_000);
    assert.match(String(fault.reason), /apt install espeak-ng/);
    return;
  }
  await terminal.command('say', { text: 'the second one' });
  await terminal.event({ type: 'command', verb: 'say', ok: true }, 5_000);
  assert.ok(!terminal.events.items.some(({ fault }) => fault === 'speech'));
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  await terminal.stop();
  const level = levelDbfs(readWav(heard));
  assert.ok(level > -45, `the loudspeaker had ${level.toFixed(0)} dBFS`);
});
