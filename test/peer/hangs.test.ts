/** A sound driver hangs in the middle of an encrypted call: another thread goes on, and the real peer and we hear each other again. */
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { Baresip } from '../kit/baresip.ts';
import { temporaryDirectory } from '../kit/checkout.ts';
import { bothHear, echoed } from '../kit/heard.ts';
import { asterisk, leavePeers, mediaFile, stopPeers } from '../kit/peers.ts';
import { SoundCards } from '../kit/soundcard.ts';
import { StuckCard } from '../kit/stuck.ts';
import { account, startTerminal, type TerminalProcess, type Tree } from '../kit/terminal.ts';

let cards: SoundCards;
test.before(async () => {
  cards = await SoundCards.start('a');
});
test.after(async () => {
  await cards.stop();
  await leavePeers('asterisk', 'baresip');
});

const card = { speaker: 'a', microphone: 'a' };

/** Its loudspeaker can hang, and then card `a` takes its place. */
async function begin(t: TestContext, accounts: Tree, address?: string) {
  const { path, remove } = temporaryDirectory();
  const stuck = new StuckCard(path, cards);
  t.after(() => stuck.letGo());
  const sound = { ...card, driver: 'alsa', speaker: 'stuck', fallback: card };
  const config = { device: { profile: 'simulated', sound }, sip: { accounts } };
  const terminal = await startTerminal(t, { address, env: stuck.env, config });
  t.after(() => {
    stuck.close();
    remove();
  });
  return { terminal, stuck };
}

const reason = ({ sound }: { sound: Tree }): string => String(sound.reason);

async function hang(stuck: StuckCard, terminal: TerminalProcess): Promise<void> {
  stuck.hang();
  await terminal.shows('the second card', 10_000, (status) => {
    return /^A sound driver hangs; "a"/.test(reason(status)) && status.sound.speaker === 'open';
  });
}

test('keys of SDP: Asterisk still brings back what is said', { timeout: 90_000 }, async (t) => {
  await asterisk();
  const { terminal, stuck } = await begin(t, { pbx: account('1004', { encryption: 'required' }) });
  await terminal.registered();
  const speech = await mediaFile('announce.wav');
  await terminal.command('dial', { target: 'sip:601@127.0.0.10' });
  await terminal.event({ type: 'call', state: 'connected' }, 10_000);
  await hang(stuck, terminal);
  await echoed(t, cards, terminal, speech);
  assert.equal((await terminal.status()).calls[0].encryption, 'srtp');
});

test('keys by DTLS: a telephone and we hear each other', { timeout: 120_000 }, async (t) => {
  await stopPeers('baresip');
  const phone = await Baresip.open('baresip', {
    PEERS_TERM_ACCOUNT: '<sip:1002@127.0.0.30>;regint=0;mediaenc=dtls_srtp;answermode=auto',
  });
  t.after(async () => {
    phone.close();
    await stopPeers('baresip');
  });
  const desk = { address: 'sip:help-07@127.0.0.30', servers: ['sip:127.0.0.30'], encryption: 'required', keys: 'dtls' };
  const { terminal, stuck } = await begin(t, { desk }, '127.0.0.50');
  const speech = await mediaFile('announce.wav');
  await bothHear(t, { cards, terminal, phone, speech }, async () => {
    stuck.letGo();
    await terminal.shows('the sound that is meant', 10_000, (status) => reason(status) === '');
    const from = terminal.events.items.length;
    await terminal.command('dial', { target: `sip:1002@${phone.address}` });
    await terminal.event({ state: 'encrypted' }, 8_000, from);
    await hang(stuck, terminal);
    return () => terminal.command('hangup');
  });
});
