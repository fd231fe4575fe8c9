import assert from 'node:assert/strict';
import test from 'node:test';
import { VectorFft } from '../../src/audio/vectors.ts';

for (const size of [32, 96, 160, 320, 480, 512, 640, 960])
  test(`${size} samples: the spectrum is the definition's, and the inverse gives them back`, () => {
    const fft = new VectorFft(size);
    const [time, re, im] = [fft.floats(size), fft.floats(2 * fft.stride), fft.floats(2 * fft.stride)];
    const back = fft.floats(size);
    for (let i = 0; i < size; i++) time[i] = Math.sin(i * i * 0.37) + 0.2;
    fft.forward(time, re, im, fft.stride);
    for (let k = 0; k < fft.stride; k++) {
      let [sumRe, sumIm] = [0, 0];
      for (let i = 0; i < size && k < fft.bins; i++) {
        const angle = (-2 * Math.PI * ((i * k) % size)) / size;
        sumRe += time[i] * Math.cos(angle);
        sumIm += time[i] * Math.sin(angle);
      }
      const off = Math.hypot(re[fft.stride + k] - sumRe, im[fft.stride + k] - sumIm);
      assert.ok(off < 1e-6 * size, `bin ${k}: off by ${off}`);
      assert.equal(re[k] + im[k], 0, 'what lies before is left alone');
    }
    fft.inverse(re, im, back, fft.stride);
    for (let i = 0; i < size; i++)
      assert.ok(Math.abs(back[i] - time[i]) < 1e-5, `sample ${i}: ${back[i]} for ${time[i]}`);
  });

test('a length with another factor is refused', () => {
  assert.throws(() => new VectorFft(80), /No transform of 80 samples/);
  assert.throws(() => new VectorFft(32 * 7), RangeError);
});
