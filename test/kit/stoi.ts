/**
 * Short-time objective intelligibility (Taal, Hendriks, Heusdens and Jensen 2011): how well the loudness of a voice in its bands
 * is kept, 0..1. Silent frames are left out; both at 16 kHz and in step.
 */
import { RealFft } from '../../src/audio/fft.ts';
import { Resampler } from '../../src/audio/index.ts';

const RATE_HZ = 10_000;
const FRAME = 256;
const BANDS = 15;
const SPAN = 30;

export function stoi(clean: Int16Array, heard: Int16Array): number {
  const [a, b] = [spectra(clean), spectra(heard)];
  const loudest = a.reduce((most, frame) => Math.max(most, frame.level), 0);
  const kept = a.map((_, i) => i).filter((i) => a[i].level > loudest / 100);
  let sum = 0;
  let count = 0;
  for (let m = SPAN; m <= kept.length; m++)
    for (let band = 0; band < BANDS; band++) {
      const x = kept.slice(m - SPAN, m).map((i) => a[i].bands[band]);
      let y = kept.slice(m - SPAN, m).map((i) => b[i].bands[band]);
      const scale = norm(x) / (norm(y) + 1e-9);
      y = y.map((value, i) => Math.min(value * scale, x[i] * (1 + 10 ** 0.75)));
      sum += correlation(x, y);
      count++;
    }
  return sum / count;
}

function spectra(samples: Int16Array): { level: number; bands: number[] }[] {
  const resampler = new Resampler(16_000, RATE_HZ);
  const x = new Int16Array(resampler.maxOutput(samples.length));
  const length = resampler.process(samples, 0, samples.length, x, 0);
  const fft = new RealFft(2 * FRAME);
  const [time, re, im] = [new Float64Array(2 * FRAME), new Float64Array(fft.bins), new Float64Array(fft.bins)];
  const frames = [];
  for (let at = 0; at + FRAME <= length; at += FRAME / 2) {
    for (let i = 0; i < FRAME; i++) time[i] = x[at + i] * (0.5 - 0.5 * Math.cos((2 * Math.PI * (i + 1)) / (FRAME + 1)));
    const level = norm([...time]);
    fft.forward(time, re, im);
    const bands = Array.from({ length: BANDS }, (_, band) => {
      const centre = 150 * 2 ** (band / 3);
      let power = 0;
      for (let k = 0; k < fft.bins; k++) {
        const hz = (k * RATE_HZ) / fft.size;
        if (hz >= centre * 2 ** (-1 / 6) && hz < centre * 2 ** (1 / 6)) power += re[k] * re[k] + im[k] * im[k];
      }
      return Math.sqrt(power);
    });
    frames.push({ level, bands });
  }
  return frames;
}

const norm = (x: readonly number[]): number => Math.sqrt(x.reduce((sum, value) => sum + value * value, 0));

function correlation(x: readonly number[], y: readonly number[]): number {
  const mean = (z: readonly number[]) => z.reduce((sum, value) => sum + value, 0) / z.length;
  const [mx, my] = [mean(x), mean(y)];
  let [xy, xx, yy] = [0, 0, 0];
  for (let i = 0; i < x.length; i++) {
    xy += (x[i] - mx) * (y[i] - my);
    xx += (x[i] - mx) ** 2;
    yy += (y[i] - my) ** 2;
  }
  return xy / (Math.sqrt(xx * yy) + 1e-9);
}
