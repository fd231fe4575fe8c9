import assert from 'node:assert/strict';
import test from 'node:test';
import { RealFft } from '../../src/audio/fft.ts';

for (const size of [4, 8, 16, 512, 1024])
  test(`${size} samples: the spectrum is the definition's, and the inverse gives them back`, () => {
    const fft = new RealFft(size);
    const time = Float64Array.from({ length: size }, (_, i) => Math.sin(i * i * 0.37) + 0.2);
    const [re, im, back] = [new Float64Array(fft.bins), new Float64Array(fft.bins), new Float64Array(size)];
    fft.forward(time, re, im);
    for (let k = 0; k < fft.bins; k++) {
      let [sumRe, sumIm] = [0, 0];
      for (let i = 0; i < size; i++) {
        const angle = (-2 * Math.PI * ((i * k) % size)) / size;
        sumRe += time[i] * Math.cos(angle);
        sumIm += time[i] * Math.sin(angle);
      }
      assert.ok(Math.hypot(re[k] - sumRe, im[k] - sumIm) < 1e-9 * size, `bin ${k}`);
    }
    fft.inverse(re, im, back);
    for (let i = 0; i < size; i++) assert.ok(Math.abs(back[i] - time[i]) < 1e-12 * size, `sample ${i}`);
  });

test('a length with another factor is refused', () => {
  assert.throws(() => new RealFft(320), /No transform of 320 samples/);
  assert.throws(() => new RealFft(15), RangeError);
});
