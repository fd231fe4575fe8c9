/** Encrypted calls with a real Asterisk: keys in SDP, required and by best effort. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { Baresip } from '../kit/baresip.ts';
import { bothHear, echoed, heard } from '../kit/heard.ts';
import { type Asterisk, asterisk, leavePeers, mediaFile, stopPeers } from '../kit/peers.ts';
import { SoundCards } from '../kit/soundcard.ts';
import { account, startTerminal, type TerminalProcess } from '../kit/terminal.ts';
import { judge, readWav } from '../kit/wav.ts';

let cards: SoundCards;
test.before(async () => {
  cards = await SoundCards.start('a');
});
test.after(async () => {
  await cards.stop();
  await leavePeers('asterisk', 'baresip');
});

async function terminalAt(
  t: TestContext,
  user: string,
  encryption: string,
): Promise<{ pbx: Asterisk; terminal: TerminalProcess }> {
  const pbx = await asterisk();
  await pbx.cli('pjsip set logger on');
  t.after(() => pbx.cli('pjsip set logger off').then(() => undefined));
  const terminal = await startTerminal(t, {
    env: cards.env,
    config: {
      device: { profile: 'simulated', sound: { driver: 'alsa', speaker: 'a', microphone: 'a' } },
      // Both sides say the same here, which no room does: half duplex would be right until that is learned.
      audio: { echo: 'off' },
      sip: { accounts: { pbx: account(user, { encryption }) } },
      incoming: [{ from: 'sip:2000@*', answer: 'when-asked', as: 'page', priority: 5 }],
    },
  });
  await terminal.registered();
  return { pbx, terminal };
}

/** The `m=` line and what each `a=crypto` names of the body of the first message that fits. */
function media(messages: string[], first: RegExp): string {
  const message = messages.find((text) => first.test(text) && /^m=audio/m.test(text));
  assert.ok(message, `no ${first} with a body`);
  const protocol = /^m=audio \d+ (\S+)/m.exec(message)?.[1];
  const suites = Array.from(message.matchAll(/^a=crypto:\d+ (\S+) inline:/gm), ([, suite]) => suite);
  return [protocol, ...suites].join(' ');
}

for (const [user, encryption, protocol] of [
  ['1004', 'required', 'RTP/SAVP'],
  ['1008', 'offered', 'RTP/AVP'],
] as const) {
  test(`${user}, ${encryption}: a page is heard, encrypted`, { timeout: 90_000 }, async (t) => {
    const { pbx, terminal } = await terminalAt(t, user, encryption);
    await heard(t, 'page', async () => {
      const from = terminal.events.items.length;
      const mark = pbx.mark();
      const recording = join(terminal.directory, `${from}.wav`);
      const over = terminal.event({ type: 'page', state: 'ended' }, 28_000, from);
      const recorded = cards.recordUntil(over, 'a', 12, recording);
      await pbx.originate(`Local/7${user}@intercom`);
      await terminal.event({ type: 'page', state: 'connected' }, 8_000, from);
      await Promise.all([over, recorded]);
      const answer = media(pbx.sipSince(mark, 'received'), /^SIP\/2\.0 200/);
      assert.match(answer, new RegExp(`^${protocol} [A-Z0-9_]+$`));
      t.diagnostic(`${media(pbx.sipSince(mark, 'sent'), /^INVITE/)} answered with ${answer}`);
      return judge(readWav(recording), readWav(await mediaFile('announce.wav')));
    });
  });

  test(`${user}, ${encryption}: an echo brings back what was said, encrypted`, { timeout: 90_000 }, async (t) => {
    const { pbx, terminal } = await terminalAt(t, user, encryption);
    const speech = await mediaFile('announce.wav');
    const mark = pbx.mark();
    await terminal.command('dial', { target: 'sip:601@127.0.0.10' });
    await terminal.event({ type: 'call', state: 'connected' }, 10_000);
    const offer = media(pbx.sipSince(mark, 'received'), /^INVITE/);
    assert.match(offer, new RegExp(`^${protocol}( [A-Z0-9_]+){5}$`));
    const answer = media(pbx.sipSince(mark, 'sent'), /^SIP\/2\.0 200/);
    assert.match(answer, new RegExp(`^${protocol} [A-Z0-9_]+$`));
    t.diagnostic(`answered with ${answer}`);
    await echoed(t, cards, terminal, speech);
    await terminal.command('hangup');
    await terminal.event({ type: 'call', state: 'ended', cause: 'hangup' }, 5_000);
    assert.doesNotMatch(JSON.stringify(terminal.events.items), /inline:|crypto/);
    assert.doesNotMatch(terminal.log, /inline:/);
  });
}

test('required, and Asterisk wants to page in the clear: 488, and an event says why', {
  timeout: 60_000,
}, async (t) => {
  const { pbx, terminal } = await terminalAt(t, '1001', 'required');
  const mark = pbx.mark();
  await pbx.originate('Local/71001@intercom', 'short');
  const ended = await terminal.event({ state: 'ended' }, 8_000);
  assert.match(String(ended.reason), /not encrypted, and encryption is required/);
  await pbx.logged(mark, /SIP\/2\.0 488/, 5_000);
});

test('required, and Asterisk does not encrypt: the call ends and was never in the clear', {
  timeout: 60_000,
}, async (t) => {
  const { pbx, terminal } = await terminalAt(t, '1001', 'required');
  const mark = pbx.mark();
  await terminal.command('dial', { target: 'sip:600@127.0.0.10' });
  const ended = await terminal.event({ type: 'call', state: 'unreached' }, 8_000);
  assert.match(String(ended.reason), /^488/);
  for (const text of pbx.sipSince(mark, 'received')) assert.doesNotMatch(text, /^m=audio \d+ RTP\/AVP/m);
});

test('offered, and Asterisk does not encrypt: they talk in the clear', { timeout: 90_000 }, async (t) => {
  const { pbx, terminal } = await terminalAt(t, '1001', 'offered');
  const mark = pbx.mark();
  await terminal.command('dial', { target: 'sip:601@127.0.0.10' });
  await terminal.event({ type: 'call', state: 'connected' }, 8_000);
  assert.equal(media(pbx.sipSince(mark, 'sent'), /^SIP\/2\.0 200/), 'RTP/AVP');
});

/** A telephone that encrypts or does not speak; it has the kit's extension 1002 and no PBX. */
async function secretive(t: TestContext): Promise<Baresip> {
  await stopPeers('baresip');
  const phone = await Baresip.open('baresip', {
    PEERS_TERM_ACCOUNT: '<sip:1002@127.0.0.30>;regint=0;mediaenc=srtp-mand;answermode=auto',
  });
  t.after(async () => {
    phone.close();
    await stopPeers('baresip');
  });
  return phone;
}

for (const [sentence, terminalCalls] of [
  ['a telephone that encrypts is called', true],
  ['a telephone that encrypts calls', false],
] as const)
  test(`${sentence}: both hear the other`, { timeout: 90_000 }, async (t) => {
    const phone = await secretive(t);
    const terminal = await startTerminal(t, {
      address: '127.0.0.50',
      env: cards.env,
      config: {
        device: { profile: 'simulated', sound: { driver: 'alsa', speaker: 'a', microphone: 'a' } },
        // Its registration comes to nothing; what counts is that calls to the telephone go by this account.
        sip: {
          accounts: terminalCalls
            ? { desk: { address: 'sip:help-07@127.0.0.30', servers: ['sip:127.0.0.30'], encryption: 'required' } }
            : {},
        },
        incoming: [{ from: 'sip:1002@*', source: [phone.address], answer: 'auto', as: 'intercom' }],
      },
    });
    const speech = await mediaFile('announce.wav');
    await bothHear(t, { cards, terminal, phone, speech }, async () => {
      const from = terminal.events.items.length;
      if (terminalCalls) await terminal.command('dial', { target: `sip:1002@${phone.address}` });
      else await phone.command('dial', 'sip:help-07@127.0.0.50');
      await terminal.event({ type: 'call', state: 'connected' }, 8_000, from);
      return () => terminal.command('hangup');
    });
  });
