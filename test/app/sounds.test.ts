/** What is played, and what it is made of. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Sounds } from '../../src/app/sounds.ts';
import { Speech } from '../../src/app/speech.ts';
import { silentLogger } from '../../src/base/index.ts';
import type { MediaEngine } from '../../src/media/types.ts';
import type { Prompt } from '../../src/terminal/types.ts';
import { temporaryDirectory } from '../kit/checkout.ts';
import { until } from '../kit/wait.ts';
import { formatWav } from '../kit/wav.ts';

/** A program in place of espeak-ng that speaks 100 samples of 22 050 Hz and keeps count of what it was asked for. */
function room(t: TestContext) {
  const { path: folder, remove } = temporaryDirectory();
  const { PATH } = process.env;
  t.after(() => {
    process.env.PATH = PATH;
    remove();
  });
  const programs = join(folder, 'bin');
  mkdirSync(programs);
  writeFileSync(join(folder, 'spoken.wav'), formatWav(new Int16Array(100).fill(1000), 22_050));
  const install = (): void => {
    const program = join(programs, 'espeak-ng');
    writeFileSync(program, `#!/bin/sh\necho "$2 $(/bin/cat)" >> ${folder}/asked\nexec /bin/cat ${folder}/spoken.wav\n`);
    chmodSync(program, 0o755);
  };
  process.env.PATH = programs;
  const played: { samples: number; rateHz: number }[] = [];
  const media = {
    play: (samples: Int16Array, rateHz: number) => `${played.push({ samples: samples.length, rateHz })}`,
    stopPlaying: () => {},
  } as unknown as MediaEngine;
  const asked = (): string[] => readFileSync(join(folder, 'asked'), 'utf8').trim().split('\n');
  const make = () => new Sounds(media, new Speech('en', join(folder, 'speech')), silentLogger);
  const file = join(folder, 'chime.wav');
  writeFileSync(file, formatWav(new Int16Array(80), 8000));
  return { install, played, asked, make, file, folder };
}

/** The outcome of playing it. */
const play = (sounds: Sounds, prompt: Prompt): Promise<string | undefined> =>
  new Promise((resolve) => sounds.play(prompt, resolve));

test('a file and two texts are one sound, in the voices they name', async (t) => {
  const { install, played, asked, make, file } = room(t);
  install();
  assert.equal(await play(make(), [file, { say: 'Hilfe', voice: 'de' }, { say: 'help', voice: 'en' }]), undefined);
  assert.equal(played.length, 1);
  assert.equal(played[0].rateHz, 22_050);
  assert.ok(Math.abs(played[0].samples - (220 + 100 + 100)) < 80, `${played[0].samples}`);
  assert.deepEqual(asked().sort(), ['de Hilfe', 'en help']);
});

test('what was spoken once is spoken without espeak-ng', async (t) => {
  const { install, played, make, folder } = room(t);
  const text: Prompt = [{ say: 'help', voice: 'en' }];
  assert.match((await play(make(), text))!, /espeak-ng is not installed/);
  assert.equal(played.length, 0);
  install();
  assert.equal(await play(make(), text), undefined);
  process.env.PATH = '/nonexistent';
  assert.equal(await play(make(), text), undefined);
  assert.deepEqual(played, [
    { samples: 100, rateHz: 22_050 },
    { samples: 100, rateHz: 22_050 },
  ]);
  assert.equal(readdirSync(join(folder, 'speech')).length, 1);
});

test('what is kept on disk has an end', async (t) => {
  const { install, make, folder } = room(t);
  install();
  const sounds = make();
  for (let i = 0; i < 70; i++) await sounds.load([{ say: `text ${i}`, voice: 'en' }]);
  assert.equal(readdirSync(join(folder, 'speech')).length, 64);
});

test('a kept text that was damaged is spoken anew', async (t) => {
  const { install, asked, make, folder } = room(t);
  install();
  await play(make(), [{ say: 'help', voice: 'en' }]);
  const [name] = readdirSync(join(folder, 'speech'));
  writeFileSync(join(folder, 'speech', name), 'RIFF');
  assert.equal(await play(make(), [{ say: 'help', voice: 'en' }]), undefined);
  assert.equal(asked().length, 2);
});

test('a part that is missing is told, and the others are played', async (t) => {
  const { played, make, file } = room(t);
  assert.match((await play(make(), [file, '/nonexistent.wav']))!, /nonexistent/);
  assert.deepEqual(played, [{ samples: 80, rateHz: 8000 }]);
});

test('a file without a sound is said to be one', async (t) => {
  const { played, make, folder } = room(t);
  writeFileSync(join(folder, 'empty.wav'), formatWav(new Int16Array(), 8000));
  assert.match((await play(make(), join(folder, 'empty.wav')))!, /it holds no sound/);
  assert.deepEqual(played, []);
});

test('Opus is a sound like any other', async (t) => {
  const { played, make } = room(t);
  const opus = new URL('../../../test/fixtures/audio/tone-440.opus', import.meta.url).pathname;
  assert.equal(await play(make(), opus), undefined);
  assert.deepEqual(played, [{ samples: 59_256, rateHz: 48_000 }]);
});

test('more texts at once than are spoken: each has its turn', async (t) => {
  const { install, played, make } = room(t);
  install();
  const sounds = make();
  const texts = Array.from({ length: 10 }, (_, i) => ({ say: `${i}`, voice: 'en' }));
  assert.equal(await sounds.keep(texts), undefined);
  sounds.play(texts, () => {});
  await until('the sound', 2000, () => played.length === 1);
  assert.deepEqual(played, [{ samples: 1000, rateHz: 22_050 }]);
});
