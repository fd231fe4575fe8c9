import assert from 'node:assert/strict';
import { test } from 'node:test';
import { COUNTRY_TONES, type Country, rmsDbfs, SampleFifo, Tone, type ToneName } from '../../src/audio/index.ts';
import { amplitude, peakDbfs } from './kit.ts';

/** `ms` of a tone in frames of 10 ms. */
function sounding(name: ToneName, ms: number, rateHz = 16_000): { samples: Int16Array; tone: Tone } {
  const tone = new Tone(name, rateHz);
  const samples = new Int16Array((rateHz * ms) / 1000);
  for (let at = 0; at < samples.length; at += rateHz / 100) tone.fill(samples, at, rateHz / 100);
  return { samples, tone };
}

/** Lengths of sound and silence, ms, in steps of 10: `on 1000 off 4000`. */
function cadence(samples: Int16Array, rateHz = 16_000): string {
  const words: [string, number][] = [];
  for (let at = 0; at < samples.length; at += rateHz / 100) {
    const word = rmsDbfs(samples, at, rateHz / 100) > -60 ? 'on' : 'off';
    if (words.at(-1)?.[0] === word) words.at(-1)![1] += 10;
    else words.push([word, 10]);
  }
  return words.map((pair) => pair.join(' ')).join(' ');
}

for (const [name, ms, expected] of [
  ['ringback', 10_000, 'on 1000 off 4000 on 1000 off 4000'],
  ['busy', 2000, 'on 500 off 500 on 500 off 500'],
  ['warning', 1000, 'on 120 off 80 on 120 off 80 on 120 off 480'],
  ['chime', 2000, 'on 1400 off 600'],
  ['error', 1500, 'on 990 off 510'],
] as const)
  for (const rateHz of [8000, 16_000, 48_000])
    test(`${name} at ${rateHz} Hz: ${expected}`, () => {
      const { samples, tone } = sounding(name, ms, rateHz);
      assert.equal(cadence(samples, rateHz), expected);
      assert.equal(tone.ended, name !== 'ringback' && name !== 'busy');
    });

for (const [name, fromMs, toMs, hz] of [
  ['ringback', 100, 900, 425],
  ['ringback', 5100, 5900, 425],
  ['busy', 1100, 1400, 425],
  ['warning', 10, 110, 1400],
  ['chime', 50, 450, 660],
  ['chime', 550, 1300, 528],
  ['error', 20, 310, 950],
  ['error', 350, 640, 1400],
  ['error', 680, 970, 1800],
] as const)
  test(`${name} from ${fromMs} to ${toMs} ms is ${hz} Hz`, () => {
    const { samples } = sounding(name, 6000);
    const part = (at: number): number => amplitude(samples, at, 16_000, fromMs * 16, toMs * 16);
    const level = part(hz);
    assert.ok(level > 1000, `${level}`);
    for (const other of [425, 528, 660, 950, 1400, 1800].filter((candidate) => Math.abs(candidate - hz) > 50))
      assert.ok(part(other) < level / 10, `${other} Hz: ${part(other)} of ${level}`);
  });

for (const [country, name, ms, expected, ...frequencies] of [
  ['at', 'ringback', 6000, 'on 1000 off 5000', 420],
  ['us', 'ringback', 6000, 'on 2000 off 4000', 440, 480],
  ['us', 'busy', 1000, 'on 500 off 500', 480, 620],
  ['us', 'warning', 1000, 'on 500 off 500', 1400],
  ['gb', 'ringback', 3000, 'on 400 off 200 on 400 off 2000', 400, 450],
  ['fr', 'busy', 1000, 'on 500 off 500', 440],
  ['de', 'warning', 1000, 'on 120 off 80 on 120 off 80 on 120 off 480', 1400],
] as const)
  test(`${name} in ${country}: ${expected}, ${frequencies.join(' and ')} Hz`, () => {
    const tone = new Tone(name, 16_000, country);
    const samples = new Int16Array(16 * ms);
    tone.fill(samples, 0, samples.length);
    assert.equal(cadence(samples), expected);
    const till = 16 * (name === 'warning' ? 120 : 350);
    const level = 10 ** ((name === 'warning' ? -14 : -16) / 20) * 32_768;
    for (const hz of frequencies) {
      const part = amplitude(samples, hz, 16_000, 160, till);
      assert.ok(Math.abs(part / (level / frequencies.length) - 1) < 0.15, `${hz} Hz: ${part}`);
    }
  });

test('every country has tones that can be read, none louder than -6 dBFS', () => {
  for (const country of Object.keys(COUNTRY_TONES) as Country[])
    for (const name of ['ringback', 'busy', 'warning'] as const) {
      const samples = new Int16Array(8000 * 7);
      new Tone(name, 8000, country).fill(samples, 0, samples.length);
      assert.ok(rmsDbfs(samples, 160, 800) > -30, `${name} in ${country}`);
      assert.ok(peakDbfs(samples) < -6, `${name} in ${country}`);
    }
});

for (const name of ['ringback', 'busy', 'warning', 'chime', 'error'] as const)
  test(`${name} is loud enough, never above -6 dBFS, and does not click`, () => {
    const { samples } = sounding(name, 6000);
    assert.ok(peakDbfs(samples) < -6 && peakDbfs(samples) > -20, `${peakDbfs(samples)} dBFS`);
    // Above 4 kHz there is nothing but what a click would bring.
    const high = Int16Array.from(
      samples,
      (sample, i) => (sample - 2 * (samples[i - 1] ?? 0) + (samples[i - 2] ?? 0)) / 4,
    );
    assert.ok(peakDbfs(high) < peakDbfs(samples) - 8, `${peakDbfs(high)} dBFS of steps`);
    assert.ok(Math.abs(samples[0]) < 100);
  });

test('a tone sounds the same in frames of any size', () => {
  const whole = new Int16Array(16_000);
  new Tone('chime', 16_000).fill(whole, 0, 16_000);
  assert.deepEqual(sounding('chime', 1000).samples, whole);
});

test('a tone that has ended is silence for ever', () => {
  const { tone } = sounding('warning', 700);
  const frame = new Int16Array(160).fill(5);
  tone.fill(frame, 0, 160);
  assert.ok(frame.every((sample) => sample === 0));
});

test('fifo: what went in comes out, over the end of the ring', () => {
  const fifo = new SampleFifo(100);
  const out = new Int16Array(200);
  let next = 0;
  let read = 0;
  for (let round = 0; round < 50; round++) {
    const count = 1 + ((round * 7) % 40);
    fifo.put(
      Int16Array.from({ length: count + 3 }, (_, i) => next + i - 3),
      3,
      count,
    );
    next += count;
    const taken = fifo.take(out, 5, Math.min(count + 2, fifo.length));
    for (let i = 0; i < taken; i++) assert.equal(out[5 + i], read++);
  }
  assert.equal(fifo.length, next - read);
  assert.equal(fifo.free, 100 - fifo.length);
});

test('fifo: when it is full the oldest go, and it says how many', () => {
  const fifo = new SampleFifo(10);
  const out = new Int16Array(10);
  assert.equal(fifo.put(Int16Array.from([1, 2, 3, 4, 5, 6, 7, 8]), 0, 8), 0);
  assert.equal(fifo.put(Int16Array.from([9, 10, 11, 12]), 0, 4), 2);
  assert.equal(fifo.take(out, 0, 20), 10);
  assert.deepEqual([...out], [3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  assert.equal(fifo.put(new Int16Array(25).fill(3), 0, 25), 15);
  fifo.clear();
  assert.equal(fifo.take(out, 0, 5), 0);
});
