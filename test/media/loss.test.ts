import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { temporaryDirectory } from '../kit/checkout.ts';
import { until } from '../kit/wait.ts';
import { formatWav, judge, readWav } from '../kit/wav.ts';
import { type Mishaps, Wire } from '../kit/wire.ts';
import { babble, streamConfig, Terminal } from './pair.ts';

const { path, remove } = temporaryDirectory();
after(remove);
const speech = join(path, 'speech.wav');
// Half a second of silence first: what the start of a call costs is another matter.
const said = new Int16Array(5.5 * 16000);
said.set(babble(5, 16000), 8000);
writeFileSync(speech, formatWav(said, 16000));

for (const [index, [sentence, mishaps, least, gapMs]] of (
  [
    ['a clean network', {}, 0.97, 20],
    ['one packet in twenty is lost', { loss: 0.05 }, 0.95, 25],
    ['up to 50 ms of jitter, with overtaking', { jitterMs: 50 }, 0.9, 45],
    ['loss, jitter and doubles together', { loss: 0.03, jitterMs: 30, doubled: 0.05 }, 0.9, 45],
  ] as [string, Mishaps, number, number][]
).entries()) {
  test(`${sentence}: the speech arrives without holes`, async () => {
    const heard = join(path, `heard-${index}.wav`);
    const sound = { driver: 'file', rateHz: 16000, periodMs: 10 } as const;
    const a = new Terminal({ ...sound, microphone: speech }, `127.24.5.${2 * index + 1}`);
    const b = new Terminal({ ...sound, speaker: heard }, `127.24.5.${2 * index + 2}`);
    await Promise.all([a.ready(), b.ready()]);
    const { wire, forA, forB } = await Wire.lay('127.24.5.200', a.stream.local, b.stream.local, mishaps, index + 5);
    a.talk(forA);
    b.talk(forB);
    await b.event('first-sound');
    await new Promise((resolve) => setTimeout(resolve, 5700));
    a.stream.sendDigits('7');
    await b.event('digit');
    await new Promise((resolve) => setTimeout(resolve, 400));
    await Promise.all([a.end(), b.end()]);
    wire.close();
    const verdict = judge(readWav(heard), readWav(speech));
    const { statistics } = await b.event('statistics');
    const story = JSON.stringify({ ...verdict, ...statistics, lostOnTheWay: wire.lost });
    assert.ok(verdict.match > least, story);
    assert.ok(verdict.gapMs <= gapMs, story);
    assert.equal(verdict.clipped, 0);
    assert.deepEqual(
      b.events.items.flatMap((event) => (event.type === 'digit' ? [event.digit] : [])),
      ['7'],
    );
    if (mishaps.loss === undefined) return;
    assert.ok(statistics.concealedMs > 0, story);
    // RFC 3550 §A.3: a double makes up for a loss in the count.
    if (mishaps.doubled === undefined) assert.ok(statistics.packetsLost > 0, story);
  });
}

test('RTCP: the round trip is known, and BYE is heard; then silence, and who speaks after it', async () => {
  const a = new Terminal({ driver: 'none' }, '127.24.5.101');
  const b = new Terminal({ driver: 'none' }, '127.24.5.102');
  a.talk(b.stream.local);
  b.talk(a.stream.local);
  const told = (): number | undefined => {
    const items = a.events.items.flatMap((event) => (event.type === 'statistics' ? [event.statistics] : []));
    return items.at(-1)?.roundTripMs;
  };
  const roundTripMs = await until('a round trip', 16_000, told);
  // Loopback; each side looks once in 10 ms.
  assert.ok(roundTripMs < 60, `${roundTripMs}`);
  a.stream.close();
  await b.event('rtcp-bye', 1000);
  await b.event('silent', 7000);
  const heard = b.events.items.length;
  const again = a.engine.open('127.24.5.101');
  again.configure(streamConfig(b.stream.local));
  await b.events.take('packets again', 3000, ({ type }) => type === 'first-packet', heard);
  again.close();
  await Promise.all([a.end(), b.end()]);
});
