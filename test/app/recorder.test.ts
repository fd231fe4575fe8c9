/** Recordings on disk: whole files, and a folder with an end. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Recorder, type RecordingNews, type RecordingsConfig } from '../../src/app/recorder.ts';
import { parseWav } from '../../src/audio/index.ts';
import { silentLogger } from '../../src/base/index.ts';
import type { MediaEngine, RecordListener } from '../../src/media/types.ts';
import { temporaryDirectory } from '../kit/checkout.ts';
import { until } from '../kit/wait.ts';
import { formatWav } from '../kit/wav.ts';

const second = (value = 1000): Int16Array => new Int16Array(8000).fill(value);

function room(t: TestContext, more: Partial<RecordingsConfig> = {}) {
  const { path: folder, remove } = temporaryDirectory();
  t.after(remove);
  const news: RecordingNews[] = [];
  const limits = { maxBytes: 1e9, freeBytes: 1000, keepMs: 3_600_000, ...more };
  const recorder = new Recorder(folder, limits, silentLogger, (one) => void news.push(one));
  const last = (): Promise<RecordingNews> =>
    until('the end of the recording', 3000, () => news.find(({ state }) => state !== 'started'));
  const old = (name: string, seconds: number, ageMs: number): void => {
    writeFileSync(join(folder, name), formatWav(new Int16Array(8000 * seconds), 8000));
    const at = (Date.now() - ageMs) / 1000;
    utimesSync(join(folder, name), at, at);
  };
  return { folder, recorder, news, last, old };
}

test('piece by piece a file, whole at any moment, named after its time, kind and call', async (t) => {
  const { folder, recorder, news, last } = room(t);
  const keep = recorder.begin('call/../7', 'call');
  keep(second(1), 8000, false);
  const [name] = await until('the file', 2000, () => readdirSync(folder).length > 0 && readdirSync(folder));
  assert.match(name, /^\d{4}-\d\d-\d\dT[\d-]+Z_call_call_\.\._7\.wav$/);
  const samples = (): Int16Array => parseWav(readFileSync(join(folder, name))).samples;
  await until('a second', 2000, () => readFileSync(join(folder, name)).length > 44 && samples().length === 8000);
  keep(second(2), 8000, false);
  keep(new Int16Array(80).fill(3), 8000, true);
  const ended = await last();
  assert.deepEqual([ended.state, ended.durationMs, ended.file], ['ended', 2010, join(folder, name)]);
  assert.deepEqual([samples().length, samples()[0], samples()[8000], samples()[16_000]], [16_080, 1, 2, 3]);
  assert.deepEqual(
    news.map(({ state }) => state),
    ['started', 'ended'],
  );
});

test('messages are counted, other recordings are not', async (t) => {
  const { folder, recorder, old } = room(t);
  assert.equal(await recorder.messages(), 0);
  old('2026-01-01T00-00-00-000Z_message_c.wav', 1, 0);
  old('2026-01-01T00-00-00-000Z_call_Z_message.wav', 1, 0);
  const keep = recorder.begin('c', 'message');
  keep(second(1), 8000, true);
  await until('both', 2000, async () => readdirSync(folder).length === 3 && (await recorder.messages()) === 2);
});

test('a file that a power cut left behind is made whole', async (t) => {
  const { folder, recorder, old } = room(t);
  old('cut.wav', 3, 0);
  truncateSync(join(folder, 'cut.wav'), 44 + 2 * 8000 + 1);
  old('short.wav', 1, 0);
  truncateSync(join(folder, 'short.wav'), 20);
  await recorder.mend();
  const bytes = readFileSync(join(folder, 'cut.wav'));
  assert.equal(bytes.readUInt32LE(40), 16_000);
});

for (const [sentence, limits, left] of [
  ['too old: it goes', { keepMs: 60_000 }, ['b.wav', 'c.wav']],
  ['too many: the oldest go', { maxBytes: 20_000 }, ['c.wav']],
  ['room enough: all stay', {}, ['a.wav', 'b.wav', 'c.wav']],
] as const)
  test(sentence, async (t) => {
    const { folder, recorder, last, old } = room(t, limits);
    for (const [name, ageMs] of [
      ['a.wav', 120_000],
      ['b.wav', 50_000],
      ['c.wav', 1000],
    ] as const)
      old(name, 1, ageMs);
    recorder.begin('call', 'call')(second(), 8000, true);
    await last();
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.length < 10),
      left,
    );
  });

test('one that outgrows what all of them may take: older ones go, then it ends, and is whole', async (t) => {
  const { folder, recorder, last, old } = room(t, { maxBytes: 3e6 });
  old('old.wav', 60, 50_000);
  const keep = recorder.begin('long', 'call');
  const minute = new Int16Array(8000 * 60).fill(5);
  for (let i = 0; i < 4; i++) {
    keep(minute, 8000, false);
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  const { state, reason, file } = await last();
  assert.equal(state, 'failed');
  assert.match(reason!, /recordings take 4 MB, 3 MB are allowed/);
  assert.deepEqual(readdirSync(folder), [file!.slice(folder.length + 1)]);
  assert.equal(parseWav(readFileSync(file!)).samples.length, 4 * minute.length);
});

test('none that is being made goes for the sake of another', async (t) => {
  const { folder, recorder, news } = room(t, { maxBytes: 1e6 });
  const keep = recorder.begin('first', 'call');
  keep(new Int16Array(400_000), 8000, false);
  await until('the first', 2000, () => readdirSync(folder).length === 1);
  await new Promise((resolve) => setTimeout(resolve, 100));
  const other = recorder.begin('second', 'call');
  other(new Int16Array(150_000), 8000, false);
  await new Promise((resolve) => setTimeout(resolve, 100));
  recorder.begin('third', 'call')(second(), 8000, true);
  const { reason } = await until('its end', 2000, () =>
    news.find(({ call, state }) => call === 'third' && state !== 'started'),
  );
  assert.match(reason!, /recordings take 2 MB/);
  assert.equal(readdirSync(folder).length, 2);
  keep(new Int16Array(0), 8000, true);
  other(new Int16Array(0), 8000, true);
  await until('the ends', 2000, () => news.filter(({ state }) => state === 'ended').length === 2);
});

test('a disk without room: nothing is recorded, and it is said why', async (t) => {
  const { recorder, last } = room(t, { freeBytes: 1e18 });
  const keep = recorder.begin('call', 'call');
  for (let i = 0; i < 10; i++) keep(second(), 8000, i === 9);
  const { state, reason } = await last();
  assert.equal(state, 'failed');
  assert.match(reason!, /the disk has \d+ MB left/);
});

test('a folder that cannot be made: nothing is recorded, and it is said why', async (t) => {
  const { folder, recorder: _, news } = room(t);
  writeFileSync(join(folder, 'file'), '');
  const recorder = new Recorder(
    join(folder, 'file/below'),
    { maxBytes: 1e9, freeBytes: 1, keepMs: 1e9 },
    silentLogger,
    (one) => void news.push(one),
  );
  recorder.begin('call', 'call')(second(), 8000, true);
  const failed = await until('the failure', 2000, () => news.find(({ state }) => state === 'failed'));
  assert.match(failed.reason!, /ENOTDIR/);
});

test('a recording that could not be made does not stand in the way of the next one', async (t) => {
  const { folder, news } = room(t);
  const place = join(folder, 'place');
  writeFileSync(place, '');
  const limits = { maxBytes: 1e9, freeBytes: 1, keepMs: 1e9 };
  const recorder = new Recorder(join(place, 'recordings'), limits, silentLogger, (one) => void news.push(one));
  recorder.begin('first', 'call')(second(), 8000, true);
  await until('the failure', 2000, () => news.find(({ state }) => state === 'failed'));
  rmSync(place);
  recorder.begin('second', 'call')(second(), 8000, true);
  const { call, reason } = await until('the outcome of the second', 2000, () =>
    news.find(({ call, state }) => call === 'second' && state !== 'started'),
  );
  assert.deepEqual([call, reason], ['second', undefined]);
});

/** Plays what the microphone hears; 0.5 s a piece. */
for (const [sentence, pieces, expectedMs, spoke] of [
  ['it ends at its limit', Array(40).fill(3000), 10_000, true],
  ['it ends when nobody speaks any more', [3000, 3000, ...Array(30).fill(1)], 7000, true],
  ['nobody spoke at all', Array(40).fill(1), 6000, false],
  ['a pause is no end', [3000, ...Array(8).fill(1), ...Array(40).fill(3000)], 10_000, true],
] as const)
  test(`a message: ${sentence}`, async (t) => {
    const { recorder, last } = room(t);
    let listener: RecordListener | undefined;
    const media = {
      record: (given: RecordListener) => {
        listener = given;
        return () => {
          const stopped = listener;
          listener = undefined;
          stopped?.(new Int16Array(), 8000, true);
        };
      },
    } as unknown as MediaEngine;
    let spoken: boolean | undefined;
    recorder.message(media, 'call', 10_000, (_news, voice) => {
      spoken = voice;
    });
    for (const value of pieces) listener?.(new Int16Array(4000).fill(value), 8000, false);
    const news = await last();
    await until('the end', 1000, () => spoken !== undefined);
    assert.deepEqual([news.durationMs, news.what, spoken], [expectedMs, 'message', spoke]);
  });
