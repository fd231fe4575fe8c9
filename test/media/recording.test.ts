/** What is recorded is what was said and heard, and who is recorded is told. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { RecordListener } from '../../src/media/index.ts';
import { temporaryDirectory } from '../kit/checkout.ts';
import { until } from '../kit/wait.ts';
import { cut, formatWav, levelDbfs, readWav, type Sound, toneDbfs } from '../kit/wav.ts';
import { sine, Terminal } from './pair.ts';

const { path, remove } = temporaryDirectory();
after(remove);
const LIMIT_MS = 6000;
const file = (name: string): string => join(path, `${name}.wav`);
const sound = (name: string, hz: number) => {
  const microphone = file(`${name}-said`);
  writeFileSync(microphone, formatWav(sine(hz, 20, 8000), 8000));
  return { driver: 'file', speaker: file(name), microphone, rateHz: 16000, periodMs: 10 } as const;
};

/** Gathers the pieces. */
function gather() {
  const samples: number[] = [];
  const tape = { sound: { rateHz: 0, samples: new Float64Array() } as Sound, pieces: 0, ended: false };
  const listener: RecordListener = (piece, rateHz, final) => {
    assert.equal(tape.ended, false, 'nothing comes after the last piece');
    samples.push(...piece);
    tape.sound = { rateHz, samples: Float64Array.from(samples, (sample) => sample / 32_768) };
    tape.pieces++;
    tape.ended = final;
  };
  return { tape, listener };
}
const seconds = ({ rateHz, samples }: Sound): number => samples.length / rateHz;

test('both sides of a talk, and a tone that both hear before', async () => {
  const a = new Terminal(sound('a', 600), '127.40.9.10');
  const b = new Terminal(sound('b', 1000), '127.40.9.11');
  const { tape, listener } = gather();
  a.talk(b.stream.local);
  b.talk(a.stream.local);
  await Promise.all([a.event('first-sound'), b.event('first-sound')]);
  a.stream.record(listener);
  await until('three seconds', LIMIT_MS, () => tape.pieces >= 6);
  a.stream.close();
  await until('the end of the recording', LIMIT_MS, () => tape.ended);
  await Promise.all([a.engine.stop(), b.end()]);

  const talk = cut(tape.sound, 1000, 2500);
  for (const hz of [600, 1000]) assert.ok(toneDbfs(talk, hz) > -16, `${hz} Hz: ${toneDbfs(talk, hz)}`);
  assert.ok(toneDbfs(cut(tape.sound, 0, 120), 1400) > -25);
  assert.ok(toneDbfs(talk, 1400) < -40);
  for (const name of ['a', 'b']) {
    const heard = readWav(file(name));
    let loudest = Number.NEGATIVE_INFINITY;
    for (let ms = 0; ms < 1000 * seconds(heard) - 100; ms += 50)
      loudest = Math.max(loudest, toneDbfs(cut(heard, ms, ms + 100), 1400));
    assert.ok(loudest > -20, `${name} hears the notice: ${loudest}`);
  }
});

test('the microphone alone, without any call, until it is enough', async () => {
  const a = new Terminal(sound('alone', 700), '127.40.9.12');
  const { tape, listener } = gather();
  const stop = a.engine.record(listener);
  await until('two seconds', LIMIT_MS, () => tape.pieces >= 4);
  assert.equal(a.engine.status().microphone, 'open');
  stop();
  await until('the end of the recording', LIMIT_MS, () => tape.ended);
  await until('the microphone to be closed', LIMIT_MS, () => a.engine.status().microphone === 'closed');
  await a.end();
  assert.ok(Math.abs(toneDbfs(cut(tape.sound, 500, 1900), 700) + 12) < 2);
  assert.ok(seconds(tape.sound) >= 2);
});

test('a page that is recorded opens no microphone', async () => {
  const a = new Terminal(sound('listener', 600), '127.40.9.13');
  const b = new Terminal(sound('pager', 1000), '127.40.9.14');
  const { tape, listener } = gather();
  a.talk(b.stream.local, 'recvonly');
  b.talk(a.stream.local, 'sendonly');
  await a.event('first-sound');
  a.stream.record(listener);
  await until('two seconds', LIMIT_MS, () => tape.pieces >= 4);
  await Promise.all([a.end(), b.end()]);
  await until('the end of the recording', LIMIT_MS, () => tape.ended);
  assert.equal(a.engine.status().microphoneOpened, 0);
  const talk = cut(tape.sound, 1000, 1900);
  assert.ok(toneDbfs(talk, 1000) > -16 && toneDbfs(talk, 600) < -50 && levelDbfs(talk) > -20);
});

test('a call that is over when its recording is to begin has an empty one', async () => {
  const a = new Terminal({ driver: 'none' }, '127.40.9.15');
  const { tape, listener } = gather();
  a.stream.close();
  a.stream.record(listener);
  await until('the end of the recording', LIMIT_MS, () => tape.ended);
  assert.equal(tape.sound.samples.length, 0);
  await a.engine.stop();
});
