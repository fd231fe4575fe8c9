/** A terminal whose microphone hears its loudspeaker, on a real ALSA device: what comes back to the far side. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { temporaryDirectory } from '../kit/checkout.ts';
import { median } from '../kit/skew.ts';
import { SoundCards, soundcardsLack } from '../kit/soundcard.ts';
import { until } from '../kit/wait.ts';
import { cut, formatWav, judge, levelDbfs, readWav } from '../kit/wav.ts';
import { Terminal } from './pair.ts';
import { talk } from './room.ts';

const { path, remove } = temporaryDirectory();
const lack = soundcardsLack();
const skip =
  lack === undefined ? false : `${lack} is missing: apt-get install pulseaudio-utils libasound2-plugins alsa-utils`;
const far = join(path, 'far.wav');
const near = join(path, 'near.wav');
let cards: SoundCards;

before(async () => {
  if (lack !== undefined) return;
  writeFileSync(far, formatWav(talk(30, 2), 16_000));
  writeFileSync(near, formatWav(talk(4, 77, 9000), 16_000));
  cards = (await SoundCards.start('e')).enter();
  await cards.couple('e');
});
after(async () => {
  await cards?.stop();
  remove();
});

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** What comes back to the far side while `script` runs. */
async function back(octet: number, script: (terminal: Terminal) => Promise<void>): Promise<ReturnType<typeof readWav>> {
  const heard = join(path, `back-${octet}.wav`);
  const terminal = new Terminal(
    { driver: 'alsa', speaker: 'e', microphone: 'e', rateHz: 16_000, periodMs: 10 },
    `127.45.6.${octet}`,
  );
  const desk = new Terminal(
    { driver: 'file', speaker: heard, microphone: far, rateHz: 16_000, periodMs: 10 },
    `127.45.7.${octet}`,
  );
  terminal.talk(desk.stream.local);
  desk.talk(terminal.stream.local);
  await until('the card', 5000, () => {
    const { speaker, microphone } = terminal.engine.status();
    return speaker === 'open' && microphone === 'open';
  });
  await terminal.event('first-sound');
  await script(terminal);
  await Promise.all([terminal.end(), desk.end()]);
  return readWav(heard);
}

const farDbfs = levelDbfs(
  lack === undefined
    ? { rateHz: 16_000, samples: Float64Array.from(talk(30, 2), (s) => s / 32768) }
    : { rateHz: 1, samples: new Float64Array(1) },
);

test('the far side does not hear itself; who speaks near is heard while it speaks', { skip }, async (t) => {
  let status = {};
  const sound = await back(1, async ({ engine }) => {
    await pause(7000);
    await cards.feed('e', near);
    await pause(500);
    status = engine.status().handsfree ?? {};
  });
  t.diagnostic(JSON.stringify(status));
  const end = (sound.samples.length * 1000) / sound.rateHz;
  // Near speech is the last 4.5 s.
  const alone = cut(sound, end - 8500, end - 5000);
  t.diagnostic(`far ${farDbfs.toFixed(1)} dBFS, back ${levelDbfs(alone).toFixed(1)}`);
  assert.ok(levelDbfs(alone) < farDbfs - 20, `${levelDbfs(alone)} of ${farDbfs} dBFS came back`);
  const verdict = judge(cut(sound, end - 5200, end), readWav(near));
  t.diagnostic(JSON.stringify(verdict));
  assert.ok(verdict.match > 0.85, JSON.stringify(verdict));
});

test('an underrun: the echo is away again within two seconds', { skip }, async (t) => {
  const sound = await back(2, async () => {
    await pause(6000);
    cards.freeze();
    await pause(120);
    cards.thaw();
    await pause(4500);
  });
  const end = (sound.samples.length * 1000) / sound.rateHz;
  const before = levelDbfs(cut(sound, end - 6500, end - 4700));
  // In pieces: on a busy machine the kit's wire itself loses a period now and then, which is another half second to learn.
  const pieces = Array.from({ length: 10 }, (_, i) => levelDbfs(cut(sound, end - 250 * (i + 1), end - 250 * i)));
  const behind = median(pieces);
  t.diagnostic(
    `far ${farDbfs.toFixed(1)} dBFS, back ${before.toFixed(1)}, after the underrun ${pieces.map(Math.round).reverse().join(' ')}`,
  );
  assert.ok(behind < farDbfs - 20, `${behind} of ${farDbfs} dBFS came back`);
});
