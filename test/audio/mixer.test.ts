import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mixer, rmsDbfs, volumeGain } from '../../src/audio/index.ts';
import { CEILING } from '../../src/audio/mixer.ts';
import { SeededRandom } from '../sdp/kit.ts';
import { amplitude, peakDbfs, sine, voice } from './kit.ts';

const RATE = 16_000;
const FRAME = 160;

/** All `sources` added at `gain`, frame by frame. */
function mixed(sources: readonly Int16Array[], gain = 1): Int16Array {
  const mixer = new Mixer(RATE, FRAME);
  const out = new Int16Array(sources[0].length);
  for (let at = 0; at + FRAME <= out.length; at += FRAME) {
    for (const source of sources) mixer.add(source, at, FRAME, gain);
    mixer.finish(out, at);
  }
  return out;
}

const delay = new Mixer(RATE, FRAME).delaySamples;
const speech = voice(RATE * 4);

test('the ceiling is -1 dBFS', () => assert.ok(Math.abs(20 * Math.log10(CEILING / 32768) + 1) < 0.01));

test('what stays below the ceiling comes out as it went in, 2 ms later', () => {
  assert.equal(delay, 32);
  assert.deepEqual(mixed([speech]).subarray(delay), speech.subarray(0, speech.length - delay));
});

test('two sounds are added', () => {
  const out = mixed([sine(500, RATE, RATE, 5000), sine(1500, RATE, RATE, 3000)]);
  assert.ok(Math.abs(amplitude(out, 500, RATE) - 5000) < 20);
  assert.ok(Math.abs(amplitude(out, 1500, RATE) - 3000) < 20);
});

test('nothing added is silence', () => {
  const mixer = new Mixer(RATE, FRAME);
  const out = new Int16Array(FRAME).fill(7);
  mixer.finish(out);
  assert.ok(out.every((sample) => sample === 0));
});

const random = new SeededRandom(9);
for (const [sentence, sources, gain] of [
  ['two voices, both loud', [speech, speech.map((_, i) => speech[(i + 4000) % speech.length])], 2],
  ['a full-scale square wave', [Int16Array.from({ length: RATE }, (_, i) => ((i / 20) & 1 ? 32767 : -32768))], 1],
  ['noise at four times full scale', [Int16Array.from({ length: RATE }, () => random.below(65536) - 32768)], 4],
  ['single clicks', [Int16Array.from({ length: RATE }, (_, i) => (i % 997 === 0 ? 32767 : 0))], 8],
  [
    'a sine that swells',
    [Int16Array.from({ length: RATE }, (_, i) => Math.round((32767 * i * Math.sin(i / 7)) / RATE))],
    4,
  ],
  ['ten times the same tone', Array.from({ length: 10 }, () => sine(440, RATE, RATE, 20_000)), 1],
] as const)
  test(`${sentence}: never above -1 dBFS, and not clipped flat`, () => {
    const out = mixed(sources, gain);
    assert.ok(peakDbfs(out) <= -0.999, `${peakDbfs(out)} dBFS`);
    assert.ok(peakDbfs(out) > -6);
    if (sentence.startsWith('a full-scale square')) return;
    let flat = 0;
    for (let i = 1; i < out.length; i++) if (Math.abs(out[i]) >= CEILING - 1 && out[i] === out[i - 1]) flat++;
    assert.ok(flat < out.length * 0.002, `${flat} samples in a row at the ceiling`);
  });

test('an overdriven tone is turned down, not distorted: harmonics stay below -40 dB', () => {
  const out = mixed([sine(300, RATE, RATE, 30_000)], 2);
  const first = amplitude(out, 300, RATE, RATE / 4);
  assert.ok(first > 25_000);
  for (const hz of [600, 900, 1500, 2100])
    assert.ok(amplitude(out, hz, RATE, RATE / 4) < first / 100, `${hz} Hz: ${amplitude(out, hz, RATE, RATE / 4)}`);
});

test('a voice a little too loud does not pump: its level stays within 0.7 dB between the peaks', () => {
  // 16000 of peak, driven to 1.5 dB above the ceiling.
  const gain = (CEILING * 1.19) / 16_000;
  const out = mixed([speech], gain);
  const worst: number[] = [];
  for (let at = 0; at + 800 < speech.length - delay; at += 800) {
    const before = rmsDbfs(speech, at, 800) + 20 * Math.log10(gain);
    if (before > -40) worst.push(before - rmsDbfs(out, at + delay, 800));
  }
  const mean = worst.reduce((a, b) => a + b) / worst.length;
  assert.ok(Math.max(...worst) < 2.2, `${Math.max(...worst)} dB at most`);
  assert.ok(mean < 0.7, `${mean} dB in the mean`);
});

test('after a shot the sound is back to its level within half a second', () => {
  const tone = sine(300, RATE, RATE * 2, 8000);
  const shot = new Int16Array(RATE * 2).fill(32767, RATE / 2, RATE / 2 + 100);
  const out = mixed([tone, shot], 1);
  assert.ok(Math.abs(amplitude(out, 300, RATE, RATE, 2 * RATE) - 8000) < 40);
});

test('a gain that moves does so evenly within the frame', () => {
  const mixer = new Mixer(RATE, FRAME);
  const constant = new Int16Array(FRAME).fill(8000);
  const out = new Int16Array(3 * FRAME);
  mixer.add(constant, 0, FRAME, 0, 1);
  mixer.finish(out, 0);
  mixer.add(constant, 0, FRAME, 1);
  mixer.finish(out, FRAME);
  for (let i = 1; i < 2 * FRAME; i++) assert.ok(out[i] - out[i - 1] >= 0 && out[i] - out[i - 1] <= 51, `at ${i}`);
  assert.equal(out[FRAME + delay], 8000);
});

for (const [percent, decibels] of [
  [100, 0],
  [80, -8],
  [50, -20],
  [1, -39.6],
  [140, 0],
] as const)
  test(`volume ${percent} is ${decibels} dB`, () =>
    assert.ok(Math.abs(20 * Math.log10(volumeGain(percent)) - decibels) < 1e-6));
for (const percent of [0, -5, Number.NaN])
  test(`volume ${percent} is mute`, () => assert.equal(volumeGain(percent), 0));

test('levels: a full-scale sine is -3 dBFS, its peak 0, and nothing is -100', () => {
  const tone = sine(1000, RATE, RATE, 32767);
  assert.ok(Math.abs(rmsDbfs(tone) + 3.01) < 0.01);
  assert.ok(Math.abs(peakDbfs(tone)) < 0.01);
  assert.deepEqual([rmsDbfs(new Int16Array(5)), peakDbfs(new Int16Array(5)), rmsDbfs(tone, 0, 0)], [-100, -100, -100]);
});
