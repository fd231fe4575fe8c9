import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Resampler } from '../../src/audio/index.ts';
import { amplitude, decibels, sine } from './kit.ts';

/** `input` through a resampler in frames of `frame` samples. */
function resampled(input: Int16Array, fromHz: number, toHz: number, frame = Math.round(fromHz / 100)): Int16Array {
  const resampler = new Resampler(fromHz, toHz);
  const output = new Int16Array(Math.ceil((input.length * toHz) / fromHz) + 10);
  let written = 0;
  for (let at = 0; at < input.length; at += frame)
    written += resampler.process(input, at, Math.min(frame, input.length - at), output, written);
  return output.subarray(0, written);
}

/** Gain for a sine of `hz` at the frequency `heardHz`, dB. */
function gain(fromHz: number, toHz: number, hz: number, heardHz = hz): number {
  const output = resampled(sine(hz, fromHz, fromHz / 2), fromHz, toHz);
  return decibels(amplitude(output, heardHz, toHz, toHz / 20, output.length) / 10_000);
}

for (const [fromHz, toHz] of [
  [8000, 16000],
  [16000, 8000],
  [8000, 48000],
  [48000, 8000],
  [16000, 48000],
  [48000, 16000],
  [44100, 16000],
  [16000, 44100],
  [22050, 48000],
] as const) {
  const low = Math.min(fromHz, toHz);
  test(`${fromHz} to ${toHz} Hz: flat to 0.85 of the band, and nothing folds back above it`, () => {
    for (const share of [0.02, 0.1, 0.25, 0.5, 0.7, 0.8, 0.85]) {
      const hz = Math.round((share * low) / 2);
      const measured = gain(fromHz, toHz, hz);
      assert.ok(Math.abs(measured) < 0.15, `${hz} Hz: ${measured.toFixed(2)} dB`);
    }
    for (const share of [0.1, 0.25, 0.5, 0.85]) {
      // Going up, an image lies at low - hz. Going down, what lies above the band folds to low - hz.
      const hz = Math.round((share * low) / 2);
      const folded = fromHz < toHz ? gain(fromHz, toHz, hz, low - hz) : gain(fromHz, toHz, low - hz, hz);
      assert.ok(folded < -65, `${hz} Hz: ${folded.toFixed(1)} dB`);
    }
  });

  test(`${fromHz} to ${toHz} Hz: a second in is a second out, whatever the frames`, () => {
    const input = sine(440, fromHz, fromHz);
    const whole = resampled(input, fromHz, toHz, fromHz);
    assert.equal(whole.length, toHz);
    for (const frame of [1, 7, Math.round(fromHz / 100), 777])
      assert.deepEqual(resampled(input, fromHz, toHz, frame), whole);
  });
}

test('frames of 10 ms come out as frames of 10 ms, each time, between the rates of the house', () => {
  for (const [fromHz, toHz] of [
    [8000, 16000],
    [16000, 8000],
    [16000, 48000],
    [48000, 16000],
    [8000, 48000],
    [48000, 8000],
  ]) {
    const resampler = new Resampler(fromHz, toHz);
    const [input, output] = [new Int16Array(fromHz / 100), new Int16Array(resampler.maxOutput(fromHz / 100))];
    for (let i = 0; i < 50; i++) assert.equal(resampler.process(input, 0, fromHz / 100, output, 0), toHz / 100);
  }
});

test('the delay is what it says', () => {
  for (const [fromHz, toHz] of [
    [8000, 16000],
    [48000, 16000],
  ] as const) {
    const input = new Int16Array(fromHz / 10);
    input[fromHz / 20] = 20_000;
    const output = resampled(input, fromHz, toHz);
    const peak = output.indexOf(Math.max(...output));
    const { delaySamples } = new Resampler(fromHz, toHz);
    assert.ok(Math.abs(peak - toHz / 20 - delaySamples) <= toHz / fromHz + 1, `peak ${peak}, delay ${delaySamples}`);
    assert.ok((delaySamples * 1000) / toHz <= 2.5, `${delaySamples} samples`);
  }
});

test('a full-scale step saturates instead of wrapping', () => {
  const input = Int16Array.from({ length: 800 }, (_, i) => ((i / 40) & 1 ? 32767 : -32768));
  const output = resampled(input, 8000, 16000);
  for (let i = 100; i < output.length; i++) {
    const [a, b] = [output[i - 1], output[i]];
    assert.ok(Math.abs(b - a) < 60_000, `${a}, ${b} at ${i}`);
  }
});

test('the same rate is passed on untouched', () => {
  const input = sine(1000, 16000, 160);
  assert.deepEqual(resampled(input, 16000, 16000), input);
  assert.equal(new Resampler(16000, 16000).delaySamples, 0);
});

test('after a reset the past is forgotten', () => {
  const resampler = new Resampler(8000, 16000);
  const output = new Int16Array(200);
  resampler.process(sine(1000, 8000, 80), 0, 80, output, 0);
  resampler.reset();
  resampler.process(new Int16Array(80), 0, 80, output, 0);
  assert.ok(output.subarray(0, 160).every((sample) => sample === 0));
});

for (const [fromHz, toHz] of [
  [0, 8000],
  [8000, -1],
  [8000.5, 16000],
  [1, 16000],
])
  test(`${fromHz} to ${toHz} Hz is refused`, () => assert.throws(() => new Resampler(fromHz, toHz), RangeError));

for (const fromHz of [8001, 11111, 15991, 44056, 47999])
  test(`${fromHz} Hz, of no ratio of small numbers to 16 kHz, comes out as long and as high as it is`, () => {
    const output = resampled(sine(1000, fromHz, fromHz), fromHz, 16000);
    assert.ok(Math.abs(output.length - 16000) <= 5, `${output.length} samples`);
    // A tenth of a second of a tone that is 0.25 per mille off is hardly weaker where it should be.
    const heard = decibels(amplitude(output, 1000, 16000, 8000, 9600) / 10_000);
    assert.ok(Math.abs(heard) < 0.15, `${heard.toFixed(2)} dB`);
  });
