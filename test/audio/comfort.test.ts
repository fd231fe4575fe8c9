/** Comfort noise, RFC 3389: said and made, and what is left out for it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeEncoder } from '../../src/audio/codecs.ts';
import { ComfortNoise, NoiseMeter } from '../../src/audio/comfort.ts';
import { rmsDbfs } from '../../src/audio/index.ts';
import { SeededRandom } from '../sdp/kit.ts';
import { amplitude, decibels, sine, voice } from './kit.ts';

function noise(payload: readonly number[], rateHz = 8000, spectrum = true): Int16Array {
  const comfort = new ComfortNoise(rateHz, spectrum);
  comfort.describe(Uint8Array.from([99, ...payload]), 1, payload.length);
  const samples = new Int16Array(2 * rateHz);
  for (let at = 0; at < samples.length; at += 80) comfort.fill(samples, at, 80);
  return samples.subarray(rateHz);
}

/** Level of what lies below, and above, half the band: of the mean of many frequencies. */
function tilt(samples: Int16Array, rateHz: number): number {
  const level = (from: number): number => {
    let sum = 0;
    for (let hz = from; hz < from + rateHz / 8; hz += 23) sum += amplitude(samples, hz, rateHz) ** 2;
    return sum;
  };
  return 10 * Math.log10(level(rateHz / 40) / level(rateHz * 0.35));
}

for (const level of [20, 35, 50, 66])
  test(`level ${level}: noise of -${level} dBov, whatever its spectrum`, () => {
    for (const spectrum of [[], [127, 127], [60, 150], [20, 160, 120, 140]])
      assert.ok(
        Math.abs(rmsDbfs(noise([level, ...spectrum])) + level) < 1,
        `${spectrum}: ${rmsDbfs(noise([level, ...spectrum]))}`,
      );
  });

for (const [sentence, payload, least, most] of [
  ['level alone is white', [40], -3, 3],
  ['a first coefficient below 0 is dull', [40, 40], 8, 30],
  ['above 0 it is bright', [40, 210], -30, -6],
  ['the topmost bit of the level says nothing', [0x80 | 40], -3, 3],
  ['more coefficients than are looked at', [40, ...Array<number>(40).fill(127)], -3, 3],
] as [string, number[], number, number][])
  test(`spectrum: ${sentence}`, () => {
    const decibels = tilt(noise(payload), 8000);
    assert.ok(decibels > least && decibels < most, `${decibels.toFixed(1)} dB`);
  });

test('what no filter can be is noise all the same, and an empty payload changes nothing', () => {
  for (const wild of [
    [30, 0, 0, 0, 0],
    [30, 255, 255, 255],
    [30, 254, 0, 254, 0, 254],
  ]) {
    const samples = noise(wild);
    assert.ok(samples.every((value) => Math.abs(value) < 32768) && rmsDbfs(samples) > -60);
  }
  assert.equal(new ComfortNoise(8000, true).describe(new Uint8Array(4), 2, 0), false);
  assert.ok(Math.abs(rmsDbfs(noise([127])) + 100) < 30);
});

test('coefficients of another rate are passed over', () => {
  assert.deepEqual(noise([40, 10, 200], 16_000, false), noise([40], 16_000, false));
});

test('what is measured and said is made again: level and spectrum', () => {
  const random = new SeededRandom(3);
  let smooth = 0;
  const hum = Int16Array.from({ length: 8000 }, () => (smooth += 0.25 * (random.below(2000) - 1000 - smooth)));
  const meter = new NoiseMeter();
  for (let at = 0; at + 160 <= hum.length; at += 160) meter.measure(hum, at, 160);
  const payload = new Uint8Array(20);
  const length = meter.format(payload, 0, true);
  const made = noise([...payload.subarray(0, length)]);
  assert.ok(Math.abs(rmsDbfs(made) - rmsDbfs(hum)) < 1.5, `${rmsDbfs(made)} of ${rmsDbfs(hum)}`);
  assert.ok(Math.abs(tilt(made, 8000) - tilt(hum, 8000)) < 2.5, `${tilt(made, 8000)} of ${tilt(hum, 8000)}`);
});

/** `s` sound, `n` noise, `.` nothing: a letter per 20 ms packet. */
function sent(samples: Int16Array, encoding = 'PCMA'): string {
  const clockRateHz = 8000;
  const encoder = makeEncoder({ encoding, clockRateHz, channels: 1 }, 16_000, 'noise');
  const bytes = new Uint8Array(400);
  const count = encoder.rateHz / 50;
  let letters = '';
  for (let at = 0; at + count <= samples.length; at += count) {
    const length = encoder.encode(samples, at, count, bytes, 0);
    letters += encoder.made === 'sound' ? 's' : encoder.made === 'noise' ? 'n' : '.';
    assert.equal(length, encoder.made === 'sound' ? 160 : encoder.made === 'noise' ? (encoding === 'PCMA' ? 9 : 1) : 0);
  }
  return letters;
}

/** A place with noise of -50 dBFS in which somebody speaks from `from` to `to` s. */
function place(seconds: number, spoken: readonly [from: number, to: number][]): Int16Array {
  const random = new SeededRandom(8);
  const samples = Int16Array.from({ length: 8000 * seconds }, () => random.below(360) - 180);
  const speech = voice(8000 * seconds);
  for (const [from, to] of spoken) for (let i = from * 8000; i < to * 8000; i++) samples[i] += speech[i] >> 1;
  return samples;
}

test('a pause is noise at its beginning, and once a second; a voice is sent from its first packet on', () => {
  const letters = sent(place(24, [[14, 18]]));
  const pause = letters.slice(10 * 50, 14 * 50);
  assert.ok((pause.match(/s/g) ?? []).length === 0, pause);
  const said = (pause.match(/n/g) ?? []).length;
  assert.ok(said >= 4 && said <= 6, pause);
  assert.match(letters.slice(14 * 50 + 1, 18 * 50), /^s+$/, 'the voice, whole');
  assert.match(letters.slice(18 * 50, 18 * 50 + 60), /^s+n\.+$/, 'then noise again');
});

test('somebody who speaks on and on is sent whole', () => {
  assert.match(sent(place(20, [[0, 20]])).slice(1), /^s+$/);
});

test('silence is left out soon, and a tone never', () => {
  assert.match(sent(new Int16Array(8000 * 3)), /^s{20}n\.{49}n/);
  const tone = sine(440, 8000, 8000 * 3, 3000);
  for (let i = 0; i < 8000; i++) tone[i] = 0;
  assert.match(sent(tone).slice(50), /^s+$/);
});

test('G.722 says the level alone: its samples and its clock have two rates', () => {
  assert.match(sent(new Int16Array(16_000 * 2), 'G722'), /^s{20}n\./);
});

test('the noise follows a louder place within half a second', () => {
  const random = new SeededRandom(4);
  const samples = Int16Array.from(
    { length: 8000 * 30 },
    (_, i) => (random.below(200) - 100) * (i < 8000 * 20 ? 1 : 1.9),
  );
  const letters = sent(samples);
  assert.match(letters.slice(19 * 50, 20 * 50), /^\.*n?\.*$/);
  assert.ok(decibels(1.9) > 3);
});
