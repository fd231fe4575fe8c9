/** The rooms of `test/kit/echo-room.ts`: 24 s, something happens at 10 s, somebody speaks near from 14 to 20 s. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { EchoCanceller, Resampler, rmsDbfs } from '../../../src/audio/index.ts';
import { quieterDb, RATE_HZ, type Room, type Sound, samplesOf, seeded, soundOf } from '../../kit/echo-room.ts';
import { stoi } from '../../kit/stoi.ts';

const TIME = { seconds: 24, eventSeconds: 10, nearFrom: 14, nearTo: 20 };
const FRAME = RATE_HZ / 100;

type Heard = { canceller: EchoCanceller; out: Int16Array; latency: number[] };

function cancel(sound: Sound, at: (frame: number, canceller: EchoCanceller) => void = () => {}): Heard {
  const canceller = new EchoCanceller(RATE_HZ);
  const [microphone, far] = [samplesOf(sound.microphone), samplesOf(sound.far)];
  const out = new Int16Array(microphone.length);
  const latency: number[] = [];
  for (let i = 0; i < microphone.length; i += FRAME) {
    at(i / FRAME, canceller);
    canceller.process(microphone.subarray(i, i + FRAME), far.subarray(i, i + FRAME), out.subarray(i, i + FRAME));
    latency.push((canceller.latencyMs * RATE_HZ) / 1000);
  }
  return { canceller, out, latency };
}

function judge(sound: Sound, { out, latency }: Heard) {
  const lag = latency[TIME.nearFrom * 100 + 100];
  const left = Float64Array.from(out, (_, i) => (out[i + lag] ?? 0) / 32768);
  const erle = (from: number, to: number) => quieterDb(sound.echo, left, from, to);
  const [from, to] = [TIME.nearFrom * RATE_HZ, TIME.nearTo * RATE_HZ];
  return {
    erle,
    stoi: stoi(samplesOf(sound.near).subarray(from, to), samplesOf(left).subarray(from, to)),
    levelDb: -quieterDb(sound.near, left, TIME.nearFrom, TIME.nearTo),
  };
}

const cases: [string, Room, { early?: number; late?: number; stoi?: number; driftPpm?: number }][] = [
  ['a plain room', {}, {}],
  ['a room that sounds on for 0.6 s, 20 ms away', { seed: 2, rt60Seconds: 0.6, delaySamples: 320 }, {}],
  ['an echo that comes after a quarter of a second', { seed: 3, rt60Seconds: 0.3, delaySamples: 4000 }, {}],
  ['an echo that comes at once', { seed: 14, rt60Seconds: 0.3, delaySamples: 0 }, {}],
  ['a loudspeaker that bends what is loud', { seed: 5, bent: true }, { early: 28 }],
  ['a clock that is 100 ppm off', { seed: 6, driftPpm: 100 }, { early: 25, driftPpm: 100 }],
  ['a clock that is 300 ppm off the other way', { seed: 6, driftPpm: -300 }, { driftPpm: -300 }],
  ['10 ms of microphone lost: the echo leads', { seed: 7, insertSamples: -160 }, {}],
  ['20 ms of microphone put in', { seed: 18, insertSamples: 320 }, {}],
  ['another room, as when somebody steps close', { seed: 19, rt60Seconds: 0.3, moves: true }, { late: 25, stoi: 0.9 }],
  [
    'music, then speech; the echo leads by a hair',
    { seed: 23, music: true, delaySamples: 10 },
    { early: 25, late: 25 },
  ],
  ['a near voice 10 dB below the echo', { seed: 10, nearDb: -10 }, { stoi: 0.9 }],
];
for (const [name, room, limits] of cases)
  test(name, (t) => {
    const sound = soundOf(room, TIME);
    const heard = cancel(sound);
    const { erle, stoi, levelDb } = judge(sound, heard);
    const [early, late, after] = [erle(3, 10), erle(12, 14), erle(21, 24)];
    t.diagnostic(
      `3-10 s ${early.toFixed(1)}, 12-14 s ${late.toFixed(1)}, 21-24 s ${after.toFixed(1)} dB; ` +
        `STOI ${stoi.toFixed(3)}, ${levelDb.toFixed(1)} dB; ${heard.canceller.driftPpm.toFixed(1)} ppm`,
    );
    assert.ok(early >= (limits.early ?? 30), `3 to 10 s: ${early.toFixed(1)} dB`);
    assert.ok(late >= (limits.late ?? 30), `2 s after the event: ${late.toFixed(1)} dB`);
    assert.ok(after >= 30, `after both spoke: ${after.toFixed(1)} dB`);
    assert.ok(stoi >= (limits.stoi ?? 0.95), `STOI of the near voice ${stoi.toFixed(3)}`);
    assert.ok(Math.abs(levelDb) < 1.5, `level of the near voice ${levelDb.toFixed(1)} dB`);
    assert.ok(Math.abs(heard.canceller.driftPpm - (limits.driftPpm ?? 0)) < 5);
    assert.equal(heard.canceller.converged, true);
  });

for (const [name, insertSamples, fromSeconds] of [
  ['60 ms lost', -960, 14],
  ['100 ms put in', 1600, 17],
  ['150 ms put in', 2400, 17],
] as const)
  test(`${name}, and nobody said so: learned again, and for good`, (t) => {
    const time = { seconds: 40, eventSeconds: 10, nearFrom: 38, nearTo: 39 };
    const sound = soundOf({ seed: 12, insertSamples, delaySamples: 160 }, time);
    const { erle } = judge(sound, cancel(sound));
    const seconds = Array.from({ length: 37 - fromSeconds }, (_, i) =>
      Math.round(erle(fromSeconds + i, fromSeconds + i + 1)),
    );
    t.diagnostic(`dB, second by second: ${seconds}`);
    assert.ok(Math.min(...seconds) >= 25, `${seconds}`);
  });

test('periods known to be lost are made good at once', () => {
  const sound = soundOf({ seed: 7, insertSamples: -480, delaySamples: 700 }, TIME);
  const heard = cancel(sound, (frame, canceller) => {
    if (frame === TIME.eventSeconds * 100) canceller.realign(480);
  });
  assert.ok(judge(sound, heard).erle(10.3, 12) >= 30);
});

test('who had to wait for a late reference waits no longer when it is on time again', () => {
  const sound = soundOf({ seed: 7, delaySamples: 240 }, TIME);
  const [from, to] = [10 * RATE_HZ, 12 * RATE_HZ];
  sound.far.copyWithin(from + 480, from, to - 480);
  sound.far.fill(0, from, from + 480);
  const heard = cancel(sound, (frame, canceller) => {
    if (frame === 1000) canceller.realign(480);
    if (frame === 1200) canceller.realign(-480);
  });
  const before = heard.latency[999];
  assert.ok(heard.latency[1100] >= before + 320, `${heard.latency[1100]} samples while it is late`);
  assert.equal(heard.latency[1350], before);
  assert.ok(judge(sound, heard).erle(12.5, 14) >= 30);
});

test('nobody waits for a reference in which no echo has been found', () => {
  const canceller = new EchoCanceller(RATE_HZ);
  const silence = new Int16Array(FRAME);
  const before = canceller.latencyMs;
  for (const samples of [960, -400, 960, 100]) {
    canceller.realign(samples);
    canceller.process(silence, silence, silence);
  }
  assert.equal(canceller.latencyMs, before);
});

test('with nothing from the loudspeaker a voice is left as it is, noise is lowered', () => {
  const sound = soundOf({ seed: 11 }, TIME);
  sound.far.fill(0);
  sound.microphone.set(sound.near.map((x, i) => x + 1e-3 * Math.sin(i * i)));
  const { out } = cancel(sound);
  const left = Float64Array.from(out, (_, i) => (out[i + 64] ?? 0) / 32768);
  assert.ok(Math.abs(quieterDb(sound.near, left, TIME.nearFrom, TIME.nearTo)) < 1);
  assert.ok(quieterDb(sound.microphone, left, 5, 10) > 9);
});

for (const rateHz of [8000, 48_000])
  test(`${rateHz} Hz`, () => {
    const sound = soundOf({ seed: 12 }, { ...TIME, seconds: 6, nearFrom: 5, nearTo: 6 });
    const rated = (x: Float64Array): Int16Array => {
      const resampler = new Resampler(RATE_HZ, rateHz);
      const out = new Int16Array(resampler.maxOutput(x.length));
      return out.subarray(0, resampler.process(samplesOf(x), 0, x.length, out, 0));
    };
    const [microphone, far] = [rated(sound.microphone), rated(sound.far)];
    const canceller = new EchoCanceller(rateHz);
    const out = new Int16Array(microphone.length);
    const frame = rateHz / 100;
    for (let i = 0; i + frame <= microphone.length; i += frame)
      canceller.process(microphone.subarray(i, i + frame), far.subarray(i, i + frame), out.subarray(i, i + frame));
    const level = (x: Int16Array) => rmsDbfs(x, 3 * rateHz, 2 * rateHz);
    assert.ok(level(microphone) - level(out) >= 25, `${(level(microphone) - level(out)).toFixed(1)} dB`);
    assert.ok(Math.abs(canceller.delayMs - 6) < 0.5, `${canceller.delayMs} ms`);
  });

test('any samples at all are survived', () => {
  const { uniform } = seeded(1);
  const canceller = new EchoCanceller(RATE_HZ);
  const [microphone, far, out] = [new Int16Array(FRAME), new Int16Array(FRAME), new Int16Array(FRAME)];
  for (let n = 0; n < 1500; n++) {
    const kind = Math.floor(uniform() * 4);
    for (let i = 0; i < FRAME; i++) {
      microphone[i] = kind === 0 ? 0 : kind === 1 ? 32767 : uniform() * 65536 - 32768;
      far[i] = kind === 1 ? -32768 : kind === 2 ? 0 : uniform() * 65536 - 32768;
    }
    if (uniform() < 0.02) canceller.realign(Math.round(uniform() * 20_000 - 10_000));
    canceller.process(microphone, far, out);
  }
  for (const figure of [canceller.erleDb, canceller.delayMs, canceller.driftPpm]) assert.ok(Number.isFinite(figure));
  microphone.fill(1000);
  canceller.process(microphone, far, out);
  assert.ok(canceller.latencyMs <= 64);
});
