/** The button: from desk to desk until somebody answers, and then they talk. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { echoed, heard } from '../kit/heard.ts';
import { asterisk, leavePeers, mediaFile } from '../kit/peers.ts';
import { SoundCards } from '../kit/soundcard.ts';
import {
  account,
  type Event,
  residentLimitMb,
  residentMb,
  startTerminal,
  type TerminalProcess,
  type Tree,
} from '../kit/terminal.ts';
import { until } from '../kit/wait.ts';
import { judge, readWav } from '../kit/wav.ts';

let cards: SoundCards;
test.before(async () => {
  cards = await SoundCards.start('a');
});
test.after(async () => {
  await cards.stop();
  await leavePeers('asterisk');
});

async function terminalThatRings(t: TestContext, steps: Tree[]): Promise<TerminalProcess> {
  const terminal = await startTerminal(t, {
    env: cards.env,
    config: {
      device: { profile: 'simulated', sound: { driver: 'alsa', speaker: 'a', microphone: 'a' } },
      sip: { accounts: { pbx: account('1001') } },
      calls: { 'control-room': { steps, cycles: 2 } },
      buttons: { help: { press: { call: 'control-room' } } },
      outputs: { called: { on: ['calling', 'connected'] }, connected: { on: ['connected'] } },
    },
  });
  await terminal.registered();
  return terminal;
}

const extension = (number: number): string => `sip:${number}@127.0.0.10`;

test('nobody at the first desk, the second busy, the third records what the microphone was given', {
  timeout: 120_000,
}, async (t) => {
  const pbx = await asterisk();
  const records = join(pbx.state, 'asterisk/rec');
  const speech = await mediaFile('announce.wav');
  const terminal = await terminalThatRings(t, [
    { ring: [extension(604)], for: '3s' },
    { ring: [extension(605)], for: '5s' },
    { ring: [extension(602)], for: '20s' },
  ]);
  await heard(t, 'record of the third desk', async () => {
    const before = new Set(readdirSync(records));
    const from = terminal.events.items.length;
    await terminal.press('help', 200);
    await terminal.event({ type: 'press', button: 'help', result: 'calling' }, 2_000, from);
    const connected = await terminal.event({ type: 'call', state: 'connected' }, 15_000, from);
    assert.match(String(connected.peer), /602/);
    eachHadItsTurn(terminal.events.items.slice(from));

    await terminal.shows('both lamps on', 2_000, ({ outputs }) => outputs.called.on && outputs.connected.on);
    await cards.feed('a', speech);
    await terminal.command('hangup');
    await terminal.event({ type: 'call', state: 'ended' }, 5_000, from);
    await terminal.shows('both lamps off', 2_000, ({ outputs }) => !outputs.called.on && !outputs.connected.on);
    const record = await until('the record of the call', 5_000, () =>
      readdirSync(records).find((name) => name.endsWith('.wav') && !before.has(name)),
    );
    // Asterisk closes the file when the call has gone.
    await pbx.hangupAll();
    return judge(readWav(join(records, record)), readWav(speech));
  });
});

/** 604 rang for its 3 s, 605 was busy and left at once, 602 answered. */
function eachHadItsTurn(events: Event[]): void {
  const steps = events.filter(({ type, state }) => type === 'call' && state === 'calling');
  assert.deepEqual(
    steps.map(({ peer }) => /60\d/.exec(String(peer))?.[0]),
    ['604', '605', '602'],
  );
  const rungMs = steps[1].monotonicMs - steps[0].monotonicMs;
  assert.ok(rungMs > 2_900 && rungMs < 3_600, `the first desk rang for ${rungMs} ms`);
  assert.ok(steps[2].monotonicMs - steps[1].monotonicMs < 1_000, 'a busy desk is left at once');
}

test('they talk both ways: an echo brings back what was said', { timeout: 90_000 }, async (t) => {
  await asterisk();
  const terminal = await terminalThatRings(t, [{ ring: [extension(601)] }]);
  await terminal.press();
  await terminal.event({ type: 'call', state: 'connected' }, 10_000);
  const speech = await mediaFile('announce.wav');
  await echoed(t, cards, terminal, speech);
  // Some seconds after the start what only the start needed has been given back.
  await until('the start to be over', 20_000, () => residentMb(terminal.pid) < residentLimitMb, 500).catch(() => {});
  const mb = residentMb(terminal.pid);
  t.diagnostic(`${mb.toFixed(1)} MB resident in the call`);
  assert.ok(mb < residentLimitMb, `${mb} MB resident in the call`);
  const again = terminal.events.items.length;
  await terminal.press();
  await terminal.event({ type: 'press', result: 'ignored' }, 2_000, again);
  await terminal.command('hangup');
  await terminal.event({ type: 'call', state: 'ended', cause: 'hangup' }, 5_000);
});

test('digits reach the other side', { timeout: 60_000 }, async (t) => {
  const pbx = await asterisk();
  const terminal = await terminalThatRings(t, [{ ring: [extension(611)] }]);
  const mark = pbx.mark();
  await terminal.press();
  await terminal.event({ type: 'call', state: 'connected' }, 10_000);
  await terminal.command('digits', { digits: '5091' });
  await pbx.logged(mark, /PEERS-DTMF 1001 5091/, 15_000);
});

test('a desk that confirms by a digit is a person, one that does not is passed over', {
  timeout: 90_000,
}, async (t) => {
  await asterisk();
  const terminal = await startTerminal(t, {
    config: {
      sip: { accounts: { pbx: account('1001') } },
      // 603 answers and says nothing; 613 sends 1234# after a second.
      calls: {
        help: {
          steps: [{ ring: [extension(603)] }, { ring: [extension(613)] }],
          confirm: { digit: '1', within: '2s' },
        },
      },
      buttons: { help: { press: { call: 'help' } } },
    },
  });
  await terminal.registered();
  await terminal.press();
  const connected = await terminal.event({ type: 'call', state: 'connected' }, 15_000);
  assert.match(String(connected.peer), /613/);
});

test('nobody anywhere: the person and the journal are told', { timeout: 60_000 }, async (t) => {
  await asterisk();
  const terminal = await terminalThatRings(t, [{ ring: [extension(606)], for: '5s' }]);
  await terminal.press();
  const failed = await terminal.event({ type: 'call', state: 'failed' }, 20_000);
  assert.ok(String(failed.reason).length > 0, 'a reason is given');
  await terminal.shows('the lamps off', 5_000, ({ outputs }) => !outputs.called.on);
});
