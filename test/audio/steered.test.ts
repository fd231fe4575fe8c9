import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SteeredResampler } from '../../src/audio/index.ts';
import { sine } from './kit.ts';

/** Signal to everything else, dB, of a sine of `hz` among `samples`. */
function purity(samples: Int16Array, hz: number, rateHz: number): number {
  let [cc, ss, cs, xc, xs] = [0, 0, 0, 0, 0];
  for (let i = 0; i < samples.length; i++) {
    const c = Math.cos((2 * Math.PI * hz * i) / rateHz);
    const s = Math.sin((2 * Math.PI * hz * i) / rateHz);
    cc += c * c;
    ss += s * s;
    cs += c * s;
    xc += samples[i] * c;
    xs += samples[i] * s;
  }
  const determinant = cc * ss - cs * cs;
  const a = (xc * ss - xs * cs) / determinant;
  const b = (xs * cc - xc * cs) / determinant;
  let [signal, rest] = [0, 0];
  for (let i = 0; i < samples.length; i++) {
    const value = a * Math.cos((2 * Math.PI * hz * i) / rateHz) + b * Math.sin((2 * Math.PI * hz * i) / rateHz);
    signal += value * value;
    rest += (samples[i] - value) ** 2;
  }
  return 10 * Math.log10(signal / rest);
}

for (const [fromHz, toHz, ppm, hz, leastDb] of [
  [8000, 8000, 0, 1000, 80],
  [8000, 8000, 200, 1000, 75],
  [8000, 16_000, -200, 3000, 70],
  [8000, 48_000, 137, 3000, 70],
  [16_000, 16_000, -300, 6000, 70],
  [16_000, 48_000, 300, 6000, 70],
  [48_000, 16_000, 50, 6000, 70],
  [48_000, 48_000, -50, 15_000, 70],
] as const)
  test(`${fromHz} -> ${toHz} Hz, ${ppm} ppm faster: a tone of ${hz} Hz stays a tone, so much higher`, () => {
    const resampler = new SteeredResampler(fromHz, toHz);
    resampler.steer(ppm);
    const input = sine(hz, fromHz, fromHz);
    const output = new Int16Array(resampler.maxOutput(fromHz) + 100);
    let count = 0;
    for (let at = 0; at < fromHz; at += fromHz / 100)
      count += resampler.process(input, at, fromHz / 100, output, count);
    assert.ok(Math.abs(count - toHz * (1 - ppm * 1e-6)) <= 2, `${count} samples`);
    const heard = output.subarray(toHz / 10, count - toHz / 100);
    const pure = purity(heard, hz * (1 + ppm * 1e-6), toHz);
    assert.ok(pure >= leastDb, `${pure.toFixed(1)} dB`);
  });

test('the ratio may change at any time: nothing jumps', () => {
  const resampler = new SteeredResampler(16_000, 16_000);
  const input = sine(400, 16_000, 160);
  const output = new Int16Array(200);
  const twice = 2 * Math.cos((2 * Math.PI * 400) / 16_000);
  let [before, beforeThat, worst] = [0, 0, 0];
  for (let frame = 0; frame < 1000; frame++) {
    resampler.steer(frame % 2 === 0 ? 300 : -300);
    const count = resampler.process(input, 0, 160, output, 0);
    for (let i = 0; i < count; i++) {
      if (frame > 1) worst = Math.max(worst, Math.abs(output[i] - twice * before + beforeThat));
      beforeThat = before;
      before = output[i];
    }
  }
  assert.ok(worst < 4, `${worst}`);
});

test('it is not steered further than clocks differ', () => {
  const resampler = new SteeredResampler(8000, 8000);
  resampler.steer(1e6);
  const output = new Int16Array(9000);
  assert.ok(resampler.process(new Int16Array(8000), 0, 8000, output, 0) > 7990);
});
