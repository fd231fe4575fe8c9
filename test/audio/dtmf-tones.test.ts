/** Digits in the sound: made after Q.23, heard within the limits of Q.24, and not in speech. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { DtmfDetector, DtmfTones, MAX_QUEUED_TONES } from '../../src/audio/dtmf-tones.ts';
import { makeDecoder, makeEncoder, parseWav, Resampler } from '../../src/audio/index.ts';
import { SeededRandom } from '../sdp/kit.ts';
import { voice } from './kit.ts';

const rateHz = 16_000;
const ROWS = [697, 770, 852, 941];
const COLUMNS = [1209, 1336, 1477, 1633];
const ALL = '123A456B789C*0#D';

function heard(samples: Int16Array, hz = rateHz): string {
  const detector = new DtmfDetector(hz);
  const hop = hz / 100;
  let digits = '';
  for (let at = 0; at + hop <= samples.length; at += hop)
    digits += detector.process(samples.subarray(at, at + hop)) ?? '';
  return digits;
}

interface Key {
  ms?: number;
  gapMs?: number;
  /** Of each tone, dBm0. */
  row?: number;
  column?: number;
  /** Percent off. */
  off?: number;
  /** A hole of so many ms in its middle. */
  hole?: number;
  /** Where the first begins, samples. */
  shift?: number;
  noise?: number;
}

/** Keys as a telephone far away makes them. 0 dBm0 is 3.14 dB below a sine of full scale. */
function keys(
  digits: string,
  { ms = 100, gapMs = 100, row = -10, column = -10, off = 0, hole = 0, shift = 0, noise = 0 }: Key,
): Int16Array {
  const random = new SeededRandom(24);
  const step = Math.round(((ms + gapMs) * rateHz) / 1000);
  const length = Math.round((ms * rateHz) / 1000);
  const samples = new Int16Array(shift + digits.length * step + 3200);
  const amplitude = (dbm0: number): number => 32767 * 10 ** ((dbm0 - 3.14) / 20);
  for (let i = 0; i < samples.length; i++) samples[i] = noise === 0 ? 0 : random.below(2 * noise) - noise;
  [...digits].forEach((digit, n) => {
    const place = ALL.indexOf(digit);
    for (let i = 0; i < length; i++) {
      if (Math.abs(i - length / 2) < (hole * rateHz) / 2000) continue;
      const angle = (2 * Math.PI * i * (1 + off / 100)) / rateHz;
      samples[shift + n * step + i] +=
        amplitude(row) * Math.sin(angle * ROWS[place >> 2]) + amplitude(column) * Math.sin(angle * COLUMNS[place & 3]);
    }
  });
  return samples;
}

for (const [sentence, key, expected] of [
  ['all sixteen', {}, ALL],
  ['40 ms long, 40 ms apart: the shortest', { ms: 40, gapMs: 40 }, ALL],
  ['23 ms long: none', { ms: 23 }, ''],
  ['1.5 % above', { off: 1.5 }, ALL],
  ['1.5 % below', { off: -1.5 }, ALL],
  ['1.5 % above and as short as may be', { off: 1.5, ms: 40, gapMs: 40 }, ALL],
  ['3.5 % above: none', { off: 3.5 }, ''],
  ['3.5 % below: none', { off: -3.5 }, ''],
  ['as soft as they may be', { row: -25, column: -25 }, ALL],
  ['as loud as they may be', { row: -3, column: -3 }, ALL],
  ['the column 4 dB louder', { row: -12, column: -8 }, ALL],
  ['the column 8 dB softer', { row: -8, column: -16 }, ALL],
  ['the column 10 dB louder: none', { row: -20, column: -10 }, ''],
  ['the column 14 dB softer: none', { row: -8, column: -22 }, ''],
  ['far too soft: none', { row: -40, column: -40 }, ''],
  ['interrupted for 10 ms: one key', { hole: 10 }, ALL],
  ['in noise 15 dB below', { noise: 2500 }, ALL],
  ['the same key again and again', { ms: 50, gapMs: 45 }, '1111111111'],
  ['held for two seconds', { ms: 2000 }, '5'],
] as [string, Key, string][])
  test(`heard: ${sentence}`, () => {
    const digits = /^([0-9])\1*$/.test(expected) ? expected : ALL;
    for (const shift of [0, 37, 80, 121, 159])
      assert.equal(heard(keys(digits, { ...key, shift })), expected, `from ${shift}`);
  });

for (const hz of [8000, 16_000, 48_000])
  test(`ours are heard at ${hz} Hz, one by one, and the sound ends`, () => {
    const tones = new DtmfTones(hz);
    assert.equal(tones.queue('1x9#a', 100, 60), 4);
    const samples = new Int16Array(hz);
    for (let at = 0; at < samples.length; at += hz / 100) tones.fill(samples.subarray(at, at + hz / 100));
    assert.equal(tones.active, false);
    assert.equal(heard(samples, hz), '19#A');
    assert.ok(samples.subarray(Math.ceil(hz * 0.64)).every((value) => value === 0));
    assert.equal(tones.queue('1'.repeat(100), 100, 60), MAX_QUEUED_TONES);
  });

for (const [encoding, clockRateHz] of [
  ['PCMU', 8000],
  ['G722', 8000],
] as const)
  test(`through ${encoding} they are the same digits`, () => {
    const format = { encoding, clockRateHz, channels: 1 };
    const encoder = makeEncoder(format, rateHz, 'sent');
    const decoder = makeDecoder(format, rateHz);
    const tones = new DtmfTones(rateHz);
    tones.queue(ALL, 60, 50);
    const [down, up] = [new Resampler(rateHz, encoder.rateHz), new Resampler(decoder.rateHz, rateHz)];
    const frame = new Int16Array(320);
    const [said, out] = [new Int16Array(400), new Int16Array(400)];
    const bytes = new Uint8Array(400);
    const whole: number[] = [];
    while (tones.active) {
      tones.fill(frame);
      const count = down.process(frame, 0, 320, said, 0);
      const length = encoder.encode(said, 0, count, bytes, 0);
      const made = decoder.decode(bytes, 0, length, said, 0);
      whole.push(...out.subarray(0, up.process(said, 0, made, out, 0)));
    }
    assert.equal(heard(Int16Array.from([...whole, ...Array<number>(3200).fill(0)])), ALL);
  });

test('a voice, noise, a ringing and a single tone are no digits', () => {
  const random = new SeededRandom(2);
  const narrow = voice(8000 * 60);
  const wide = new Int16Array(rateHz * 60 + 10);
  new Resampler(8000, rateHz).process(narrow, 0, narrow.length, wide, 0);
  assert.equal(heard(wide), '');
  assert.equal(heard(Int16Array.from({ length: rateHz * 20 }, () => random.below(20_000) - 10_000)), '');
  for (const hz of [425, 440, 697, 941, 1336, 1633, 2100])
    assert.equal(
      heard(Int16Array.from({ length: rateHz * 2 }, (_, i) => 9000 * Math.sin((2 * Math.PI * hz * i) / rateHz))),
      '',
      `${hz} Hz`,
    );
  for (const [a, b] of [
    [350, 440],
    [440, 480],
    [480, 620],
    [697, 770],
    [1209, 1336],
  ])
    assert.equal(
      heard(
        Int16Array.from(
          { length: rateHz * 2 },
          (_, i) => 6000 * (Math.sin((2 * Math.PI * a * i) / rateHz) + Math.sin((2 * Math.PI * b * i) / rateHz)),
        ),
      ),
      '',
      `${a} and ${b} Hz`,
    );
});

const speaks = spawnSync('espeak-ng', ['--version']).error === undefined;
test('ten minutes of speech in several voices are no digits', {
  skip: !speaks && 'no espeak-ng here',
  timeout: 120_000,
}, (t) => {
  const text =
    'Please stay where you are, help is on its way. The lift at platform two is out of order; use the stairs on the left. ' +
    'Six hundred and sixty six whistling thrushes sing in the evening. Who are you, and what do you see? I see smoke. ' +
    'One, two, three, four, five, six, seven, eight, nine, zero. Bitte bleiben Sie ruhig, der Zug fällt heute leider aus. ';
  let seconds = 0;
  let digits = '';
  for (const speaker of ['en', 'en-us+f2', 'en+f5', 'de', 'fr+f4', 'it+m3', 'es+f3', 'en+croak', 'ru+f2', 'sv+m7'])
    for (const [pitch, speed] of [
      [30, 120],
      [50, 160],
      [99, 100],
    ]) {
      const { stdout } = spawnSync('espeak-ng', ['-v', speaker, '-p', `${pitch}`, '-s', `${speed}`, '--stdout', text], {
        maxBuffer: 1 << 26,
      });
      const { samples, rateHz: from } = parseWav(stdout);
      const wide = new Int16Array(Math.ceil((samples.length * rateHz) / from) + 10);
      const count = new Resampler(from, rateHz).process(samples, 0, samples.length, wide, 0);
      seconds += count / rateHz;
      digits += heard(wide.subarray(0, count));
    }
  t.diagnostic(`${Math.round(seconds)} s of speech: ${digits.length} digits ${digits}`);
  assert.ok(seconds > 600, `${seconds} s`);
  assert.equal(digits, '');
});
