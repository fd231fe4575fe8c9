/** Transfers with real peers: the PBX and a telephone send us on, the one we called passes us on, we pass others on. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { Baresip } from '../kit/baresip.ts';
import { heard } from '../kit/heard.ts';
import { asterisk, leavePeers, mediaFile } from '../kit/peers.ts';
import { header, offer, request, respond, type SipText, transact, udpSender } from '../kit/sip.ts';
import { SoundCards } from '../kit/soundcard.ts';
import { account, startTerminal, type TerminalProcess } from '../kit/terminal.ts';
import { until } from '../kit/wait.ts';
import { cut, judge, readWav, toneDbfs } from '../kit/wav.ts';

const extension = (name: number | string): string => `sip:${name}@127.0.0.10`;

let cards: SoundCards;
test.before(async () => {
  cards = await SoundCards.start('a');
});
test.after(async () => {
  await cards.stop();
  await leavePeers('asterisk', 'control');
});

async function terminalInCall(t: TestContext, target: string): Promise<TerminalProcess> {
  const terminal = await startTerminal(t, {
    env: cards.env,
    config: {
      device: { profile: 'simulated', sound: { driver: 'alsa', speaker: 'a', microphone: 'a' } },
      sip: { accounts: { pbx: account('1001') } },
    },
  });
  await terminal.registered();
  await terminal.command('dial', { target });
  await terminal.event({ type: 'call', state: 'connected' }, 10_000);
  return terminal;
}

async function controlRoom(t: TestContext): Promise<Baresip> {
  const control = await Baresip.open('control');
  t.after(async () => {
    await control.hangup();
    control.close();
  });
  return control;
}

/** Extension 603. */
async function hearsTone(terminal: TerminalProcess): Promise<void> {
  let level = Number.NEGATIVE_INFINITY;
  await until('the tone of 1004 Hz', 20_000, async () => {
    const recording = join(terminal.directory, 'heard.wav');
    await cards.record('a', 1, recording);
    level = toneDbfs(cut(readWav(recording), 300, 1_000), 1004);
    return level > -30;
  });
}

async function dials(phone: Baresip, digits: string): Promise<void> {
  for (const digit of digits) {
    await phone.command('sndcode', digit);
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
}

test('the PBX sends us on by REFER: the call goes on with whom it names', { timeout: 90_000 }, async (t) => {
  const pbx = await asterisk();
  await pbx.cli('pjsip set logger on');
  const mark = pbx.mark();
  const terminal = await terminalInCall(t, extension(615));
  const moved = await terminal.event({ type: 'call', state: 'transferred' }, 10_000);
  assert.match(String(moved.from), /615/);
  assert.match(String(moved.to), /600/);
  const { calls } = await terminal.status();
  assert.deepEqual(
    calls.map(({ peer, state }) => `${peer} ${state}`),
    [`${moved.to} connected`],
  );
  const told = await until('the last NOTIFY', 5_000, () =>
    pbx.sipSince(mark, 'received').find((text) => /^NOTIFY [\s\S]*^Subscription-State: terminated/m.test(text)),
  );
  assert.match(told, /SIP\/2\.0 200 OK\s*$/);
  await pbx.cli('pjsip set logger off');
  const speech = await mediaFile('announce.wav');
  await heard(t, 'the one we were sent to', async () => {
    const recording = join(terminal.directory, 'heard.wav');
    await cards.record('a', 10, recording);
    return judge(readWav(recording), readWav(speech));
  });
  await terminal.command('hangup').catch(() => {}); // it may have said all it had to say
  await until('every channel to be gone', 8_000, async () =>
    /^0 active channels/m.test(await pbx.cli('core show channels count')),
  );
});

test('a telephone sends us on by REFER, and hangs up when it hears that it went well', {
  timeout: 90_000,
}, async (t) => {
  await asterisk();
  const control = await controlRoom(t);
  const terminal = await terminalInCall(t, `sip:2000@${control.address}`);
  const closed = control.events.items.length;
  await control.command('transfer', extension(603));
  await terminal.event({ type: 'call', state: 'transferred' }, 10_000);
  await control.event('CALL_CLOSED', 5_000, closed);
  await hearsTone(terminal);
  await terminal.command('hangup');
});

test('a telephone sends us to somebody who is busy, and is told so', { timeout: 90_000 }, async (t) => {
  await asterisk();
  const control = await controlRoom(t);
  const terminal = await terminalInCall(t, `sip:2000@${control.address}`);
  await control.command('transfer', extension(605));
  const stays = await terminal.event({ type: 'call', state: 'transfer-failed' }, 10_000);
  assert.match(String(stays.reason), /486/);
  // baresip hangs up then; we did not.
  const ended = await terminal.event({ type: 'call', state: 'ended' }, 5_000);
  assert.match(String(ended.reason), /by peer/);
});

test('somebody trusted asks from outside to join a conference', { timeout: 60_000 }, async (t) => {
  const pbx = await asterisk();
  const console = '127.0.0.66';
  const terminal = await startTerminal(t, {
    config: {
      sip: { accounts: { pbx: account('1001') } },
      incoming: [{ from: 'sip:tester@*', source: [console], answer: 'auto', as: 'intercom', priority: 6 }],
    },
  });
  await terminal.registered();
  const sender = await udpSender(console, { address: terminal.address, port: 5060 });
  t.after(() => sender.close());
  const refer = (target: string): string =>
    request(sender, 'REFER', `sip:help-07@${terminal.address}`, { headers: [`Refer-To: <${target}>`] });
  assert.equal((await transact(sender, refer('tel:+49301234'))).status, 416);
  assert.equal((await transact(sender, refer(extension(609)))).status, 202);
  const told: string[] = [];
  const { inbox } = sender;
  for (let from = 0; Number(told.at(-1) ?? 0) < 200; ) {
    const notify = await inbox.take('a NOTIFY', 5_000, (item) => item.method === 'NOTIFY' && item.status === 0, from);
    from = inbox.items.indexOf(notify) + 1;
    sender.send(respond(notify, 200, 'OK'));
    told.push(/SIP\/2\.0 (\d+) [^\r\n]*\s*$/.exec(notify.text)?.[1] ?? '');
  }
  assert.deepEqual([told[0], told.at(-1)], ['100', '200']);
  await terminal.event({ type: 'call', state: 'connected' }, 5_000);
  assert.match(await pbx.cli('confbridge list room'), /PJSIP\/1001-/);
  await terminal.command('hangup');
});

for (const [name, code, finish] of [
  ['#1: blind', '#1603', undefined],
  ['*2: attended, ended by hanging up', '*2603', 'hangup'],
] as const)
  test(`the control room passes us on by ${name}`, { timeout: 90_000 }, async (t) => {
    const pbx = await asterisk();
    const control = await controlRoom(t);
    const terminal = await terminalInCall(t, extension(2000));
    await until('the bridge', 5_000, async () =>
      /[1-9]\d* active call/.test(await pbx.cli('core show channels count')),
    );
    await dials(control, code);
    if (finish !== undefined) {
      await until('the control room to talk with 603', 15_000, async () =>
        (await pbx.cli('core show channels concise')).includes('!603!'),
      );
      await control.hangup();
    }
    await hearsTone(terminal);
    assert.equal((await terminal.status()).calls[0].state, 'connected');
    await terminal.command('hangup');
    await terminal.event({ type: 'call', state: 'ended', cause: 'hangup' }, 5_000);
  });

test('we pass the control room on: it talks with another one, and we are out', { timeout: 90_000 }, async (t) => {
  const pbx = await asterisk();
  const control = await controlRoom(t);
  const terminal = await terminalInCall(t, extension(2000));
  const closed = control.events.items.length;
  await terminal.command('transfer', { target: extension(603) });
  const moved = await terminal.event({ type: 'call', state: 'transferred' }, 10_000);
  assert.match(String(moved.to), /603/);
  await terminal.event({ type: 'call', state: 'ended', cause: 'hangup' }, 5_000);
  assert.deepEqual((await terminal.status()).calls, []);
  const channels = await pbx.cli('core show channels concise');
  assert.match(channels, /PJSIP\/2000-/);
  assert.doesNotMatch(channels, /PJSIP\/1001-/);
  assert.ok(!control.events.items.slice(closed).some(({ type }) => type === 'CALL_CLOSED'));
});

test('a telephone that cannot go where we pass it stays with us', { timeout: 90_000 }, async (t) => {
  await asterisk();
  const control = await controlRoom(t);
  const terminal = await terminalInCall(t, `sip:2000@${control.address}`);
  await terminal.command('transfer', { target: extension(605) });
  const stays = await terminal.event({ type: 'call', state: 'transfer-failed' }, 20_000);
  assert.match(String(stays.reason), /486/);
  assert.equal((await terminal.status()).calls[0].state, 'connected');
});

test('a console takes its call over with Replaces: the sound moves, the old call is ended', {
  timeout: 60_000,
}, async (t) => {
  const console = '127.0.0.66';
  const terminal = await startTerminal(t, {
    config: { incoming: [{ from: 'sip:tester@*', source: [console], answer: 'auto', as: 'page', priority: 5 }] },
  });
  const sender = await udpSender(console, { address: terminal.address, port: 5060 });
  t.after(() => sender.close());
  const target = `sip:help-07@${terminal.address}`;
  const call = async (port: number, ...headers: string[]): Promise<SipText> => {
    const body = offer(console, port);
    const invite = request(sender, 'INVITE', target, { headers: ['Content-Type: application/sdp', ...headers], body });
    const answer = await transact(sender, invite);
    const callId = header(answer, 'Call-ID');
    if (answer.status < 300) sender.send(request(sender, 'ACK', target, { callId, toTag: toTagOf(answer) }));
    return answer;
  };
  const first = await call(40_000);
  assert.equal(first.status, 200, first.text);
  await terminal.event({ type: 'page', state: 'connected' }, 5_000);
  const named = `${header(first, 'Call-ID')};to-tag=${toTagOf(first)};from-tag=kit`;
  assert.equal((await call(40_002, `Replaces: ${named};early-only`)).status, 486);
  assert.equal((await call(40_002, `Replaces: ${named}0`)).status, 481);
  const second = await call(40_002, `Replaces: ${named}`);
  assert.equal(second.status, 200, second.text);
  assert.match(second.text, /^a=recvonly/m, 'it is still a page');
  const bye = await sender.inbox.take('the BYE of the old call', 5_000, (item) => item.method === 'BYE');
  assert.equal(header(bye, 'Call-ID'), header(first, 'Call-ID'));
  sender.send(respond(bye, 200, 'OK'));
  await terminal.event({ type: 'page', state: 'transferred' }, 5_000);
  assert.equal((await terminal.status()).calls.length, 1);
});

const toTagOf = (answer: SipText): string | undefined => /;tag=([^;\s]+)/.exec(header(answer, 'To') ?? '')?.[1];
