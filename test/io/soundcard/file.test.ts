import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { parseWav } from '../../../src/audio/index.ts';
import { silentLogger } from '../../../src/base/index.ts';
import { convert } from '../../../src/io/soundcard/file.ts';
import { FileCard } from '../../../src/io/soundcard/index.ts';
import { createMediaEngine } from '../../../src/media/index.ts';
import { temporaryDirectory } from '../../kit/checkout.ts';
import { until } from '../../kit/wait.ts';
import { formatWav } from '../../kit/wav.ts';

const { path, remove } = temporaryDirectory();
after(remove);

test('the WAV is valid at every moment, and never promises more than it holds', () => {
  const speaker = join(path, 'growing.wav');
  const card = new FileCard({ speaker, rateHz: 8000 });
  const lengths = new Set<number>();
  for (let frame = 0; frame < 100; frame++) {
    const bytes = readFileSync(speaker);
    const wav = parseWav(bytes);
    assert.equal(bytes.readUInt32LE(40), bytes.length - 44);
    assert.ok(wav.samples.every((sample, i) => sample === Math.floor(i / 80)));
    lengths.add(wav.samples.length);
    card.write(new Int16Array(80).fill(frame));
  }
  card.close();
  assert.equal(parseWav(readFileSync(speaker)).samples.length, 8000);
  assert.ok(lengths.size >= 5, 'written at least each 200 ms');
});

test('the microphone begins with the file at each opening, then is silent', () => {
  const microphone = join(path, 'said.wav');
  writeFileSync(microphone, formatWav(new Int16Array(200).fill(7), 8000));
  const card = new FileCard({ microphone, rateHz: 8000 });
  const frame = new Int16Array(80).fill(1);
  assert.equal(card.read(frame), false);
  assert.equal(frame[0], 0);
  for (let opening = 1; opening <= 2; opening++) {
    card.want(false, true);
    const heard = [0, 0, 0, 0].map(() => [card.read(frame), frame[0], frame[79]].join(' '));
    assert.deepEqual(heard, ['true 7 7', 'true 7 7', 'true 7 0', 'false 0 0']);
    assert.equal(card.microphoneOpened, opening);
    card.want(false, false);
  }
});

test('a microphone file that is not there, or a speaker that cannot be written, is a fault with its path', () => {
  const card = new FileCard({
    speaker: join(path, 'no/such/out.wav'),
    microphone: join(path, 'absent.wav'),
    rateHz: 8000,
  });
  card.want(true, true);
  assert.equal(`${card.speaker} ${card.microphone}`, 'fault fault');
  assert.match(card.reason, /Cannot write ".*no\/such\/out.wav": ENOENT.*; Cannot read ".*absent.wav": ENOENT/);
  assert.equal(card.write(new Int16Array(80)), true);
  assert.equal(card.read(new Int16Array(80)), false);
  card.close();
});

test('converting the rate keeps the beginning in place and the length right', () => {
  const step = new Int16Array(2205);
  step.fill(8000, 1102);
  const converted = convert(step, 22050, 16000);
  assert.equal(converted.length, 1600);
  const rise = converted.findIndex((sample) => sample > 4000);
  assert.ok(Math.abs(rise - 800) <= 1, `the edge is at ${rise}`);
});

test('recorded in real time from start to stop, silence included', async () => {
  const speaker = join(path, 'paced.wav');
  const sound = { driver: 'file', speaker, rateHz: 16000, periodMs: 10 } as const;
  const engine = createMediaEngine({ sound, volume: 100 }, silentLogger);
  await until('the file', 5000, () => existsSync(speaker), 5);
  const seconds = (): number => parseWav(readFileSync(speaker)).samples.length / 16000;
  await until('the first second', 5000, () => seconds() >= 1, 5);
  const [at, had] = [performance.now(), seconds()];
  await until('two seconds more', 5000, () => seconds() >= had + 2, 5);
  const tookMs = performance.now() - at;
  // Written each 200 ms, looked at each 5.
  assert.ok(Math.abs(tookMs - 2000) < 120, `2 s of sound took ${tookMs} ms`);
  await engine.stop();
  assert.ok(parseWav(readFileSync(speaker)).samples.every((sample) => sample === 0));
});
