/** Calls whose keys DTLS agrees on, with real peers: Asterisk and baresip; rtpengine is in `kamailio.test.ts`. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { Baresip } from '../kit/baresip.ts';
import { bothHear, echoed, heard } from '../kit/heard.ts';
import { asterisk, leavePeers, mediaFile, stopPeers } from '../kit/peers.ts';
import { SoundCards } from '../kit/soundcard.ts';
import { account, startTerminal, type TerminalProcess, type Tree } from '../kit/terminal.ts';
import { judge, readWav } from '../kit/wav.ts';

let cards: SoundCards;
test.before(async () => {
  cards = await SoundCards.start('a');
});
test.after(async () => {
  await cards.stop();
  await leavePeers('asterisk', 'baresip');
});

const dtls = { encryption: 'required', keys: 'dtls' };
const device = { profile: 'simulated', sound: { driver: 'alsa', speaker: 'a', microphone: 'a' } };

async function registered(t: TestContext, more: Tree): Promise<TerminalProcess> {
  const terminal = await startTerminal(t, {
    env: cards.env,
    config: {
      device,
      // Both sides say the same here, which no room does: half duplex would be right until that is learned.
      audio: { echo: 'off' },
      sip: { accounts: { pbx: account('1005', more) } },
      incoming: [{ from: 'sip:2000@*', answer: 'when-asked', as: 'page', priority: 5 }],
    },
  });
  await terminal.registered();
  return terminal;
}

/** How it was secured, and how long it took from the answer, by the journal. */
async function secured(t: TestContext, terminal: TerminalProcess, from: number): Promise<void> {
  const { reason, monotonicMs } = await terminal.event({ state: 'encrypted' }, 8_000, from);
  assert.match(String(reason), /^dtls-srtp A/);
  const connected = await terminal.event({ state: 'connected' }, 8_000, from);
  t.diagnostic(`${reason}, ${Math.round(monotonicMs - connected.monotonicMs)} ms after the answer`);
}

// An account that asks for nothing takes what it is offered: the page is heard either way.
for (const more of [dtls, {}])
  test(`Asterisk pages by DTLS, and ${'keys' in more ? 'so do we' : 'we ask for nothing'}`, {
    timeout: 90_000,
  }, async (t) => {
    const pbx = await asterisk();
    const terminal = await registered(t, more);
    await heard(t, 'page', async () => {
      const from = terminal.events.items.length;
      const recording = join(terminal.directory, `${from}.wav`);
      const over = terminal.event({ type: 'page', state: 'ended' }, 28_000, from);
      const recorded = cards.recordUntil(over, 'a', 12, recording);
      await pbx.originate('Local/71005@intercom');
      await terminal.event({ type: 'page', state: 'connected' }, 8_000, from);
      await secured(t, terminal, from);
      await Promise.all([over, recorded]);
      return judge(readWav(recording), readWav(await mediaFile('announce.wav')));
    });
  });

test('we call Asterisk by DTLS: an echo brings back what was said', { timeout: 90_000 }, async (t) => {
  await asterisk();
  const terminal = await registered(t, dtls);
  const speech = await mediaFile('announce.wav');
  await terminal.command('dial', { target: 'sip:601@127.0.0.10' });
  await terminal.event({ type: 'call', state: 'connected' }, 10_000);
  await secured(t, terminal, 0);
  assert.equal((await terminal.status()).calls[0].encryption, 'dtls-srtp');
  await echoed(t, cards, terminal, speech);
  await terminal.command('hangup');
  await terminal.event({ type: 'call', state: 'ended', cause: 'hangup' }, 5_000);
});

for (const [sentence, terminalCalls] of [
  ['a telephone that speaks DTLS is called', true],
  ['a telephone that speaks DTLS calls', false],
] as const)
  test(`${sentence}: both hear the other`, { timeout: 90_000 }, async (t) => {
    await stopPeers('baresip');
    const phone = await Baresip.open('baresip', {
      PEERS_TERM_ACCOUNT: '<sip:1002@127.0.0.30>;regint=0;mediaenc=dtls_srtp;answermode=auto',
    });
    t.after(async () => {
      phone.close();
      await stopPeers('baresip');
    });
    const terminal = await startTerminal(t, {
      address: '127.0.0.50',
      env: cards.env,
      config: {
        device,
        sip: {
          accounts: terminalCalls
            ? { desk: { address: 'sip:help-07@127.0.0.30', servers: ['sip:127.0.0.30'], ...dtls } }
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
      await secured(t, terminal, from);
      return () => terminal.command('hangup');
    });
  });
