/** A page of higher priority takes the loudspeaker from a call, one of lower does not. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';
import { heard } from '../kit/heard.ts';
import { asterisk, leavePeers, mediaFile } from '../kit/peers.ts';
import { SoundCards } from '../kit/soundcard.ts';
import { account, startTerminal } from '../kit/terminal.ts';
import { cut, judge, readWav, toneDbfs } from '../kit/wav.ts';

test('a page at 8 cuts into a call at 6, one at 5 does not', { timeout: 120_000 }, async (t) => {
  const cards = await SoundCards.start('a');
  t.after(() => cards.stop());
  t.after(() => leavePeers('asterisk'));
  const pbx = await asterisk();
  const page = { answer: 'when-asked', as: 'page' };
  const terminal = await startTerminal(t, {
    env: cards.env,
    config: {
      device: { profile: 'simulated', sound: { driver: 'alsa', speaker: 'a', microphone: 'a' } },
      sip: { accounts: { pbx: account('1001') } },
      // 603 is a tone of 1004 Hz without end.
      calls: { desk: { steps: [{ ring: ['sip:603@127.0.0.10'] }], priority: 6 } },
      buttons: { help: { press: { call: 'desk' } } },
      incoming: [
        { from: 'sip:2001@*', ...page, priority: 8 },
        { from: 'sip:2000@*', ...page, priority: 5 },
      ],
    },
  });
  await terminal.registered();
  await terminal.press();
  const call = await terminal.event({ type: 'call', state: 'connected' }, 10_000);

  // 5 below 6: the call goes on sounding, and what became of the page is said.
  let from = terminal.events.items.length;
  const lowRecording = join(terminal.directory, 'low.wav');
  const low = cards.record('a', 6, lowRecording);
  await pbx.originate('Local/71001@intercom', 'short');
  const waiting = await terminal.event({ direction: 'incoming', type: 'page' }, 5_000, from);
  assert.ok(waiting.state === 'waiting' || waiting.state === 'refused', JSON.stringify(waiting));
  await low;
  assert.equal(
    terminal.events.items.slice(from).find(({ type, state }) => type === 'page' && state === 'connected'),
    undefined,
  );
  const tone = readWav(lowRecording);
  for (let ms = 500; ms < 5_500; ms += 500) {
    const level = toneDbfs(cut(tone, ms, ms + 500), 1004);
    assert.ok(level > -30, `the call is silent (${level} dBFS) at ${ms} ms while the page waits`);
  }
  assert.ok(judge(tone, readWav(await mediaFile('short.wav'))).match < 0.6, 'nothing of the page is heard');
  await pbx.hangup('Local/71001');
  await terminal.shows('the page to be over', 5_000, ({ calls }) => calls.length === 1);

  // 8 above 6: the page is heard instead of the call, which then comes back.
  await pbx.cli('dialplan set global PAGER 2001');
  const reference = readWav(await mediaFile('short.wav'));
  await heard(t, 'the page that cuts in', async () => {
    from = terminal.events.items.length;
    const highRecording = join(terminal.directory, 'high.wav');
    const high = cards.record('a', 9, highRecording);
    await pbx.originate('Local/71001@intercom', 'short');
    await terminal.event({ type: 'page', state: 'connected' }, 5_000, from);
    await terminal.event({ type: 'call', state: 'held', call: call.call }, 2_000, from);
    await terminal.event({ type: 'page', state: 'ended' }, 10_000, from);
    await terminal.event({ type: 'call', state: 'resumed', call: call.call }, 2_000, from);
    await high;
    const sound = readWav(highRecording);
    assert.ok(toneDbfs(cut(sound, 8_500, 9_000), 1004) > -30, 'the call sounds again afterwards');
    // The tone before and after would drown the page in the comparison: look where the tone is away.
    const quiet: number[] = [];
    for (let ms = 0; ms + 100 <= 9_000; ms += 100) if (toneDbfs(cut(sound, ms, ms + 100), 1004) < -45) quiet.push(ms);
    assert.ok(quiet.length > 20, 'the tone of the call was never away');
    return judge(cut(sound, quiet[0], quiet[quiet.length - 1] + 100), reference);
  });
});
