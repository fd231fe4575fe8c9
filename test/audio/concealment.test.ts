import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Concealer, rmsDbfs } from '../../src/audio/index.ts';
import { SeededRandom } from '../sdp/kit.ts';
import { segmentalSnr, sine, spectralDistance, voice } from './kit.ts';

/** `samples` in packets of `packet` samples, those in `lost` made up by `fill`. */
function heardWith(
  samples: Int16Array,
  packet: number,
  lost: ReadonlySet<number>,
  fill: 'conceal' | 'zero' | 'repeat',
  rateHz = 8000,
): Int16Array {
  const heard = Int16Array.from(samples);
  const concealer = new Concealer(rateHz);
  for (let i = 0; (i + 1) * packet <= samples.length; i++) {
    const at = i * packet;
    if (!lost.has(i)) {
      if (fill === 'conceal') concealer.good(heard, at, packet);
    } else if (fill === 'conceal') concealer.conceal(heard, at, packet);
    else if (fill === 'zero' || at === 0) heard.fill(0, at, at + packet);
    else for (let k = 0; k < packet; k++) heard[at + k] = Math.round(heard[at + k - packet] * 0.7);
  }
  return heard;
}

const speech = voice(8000 * 10);

function losses(percent: number, packets: number): Set<number> {
  const random = new SeededRandom(percent);
  const lost = new Set<number>();
  for (let i = 5; i < packets; i++) if (random.below(100) < percent) lost.add(i);
  return lost;
}

for (const [sentence, packet, percent, snrDb, spectralDb] of [
  // At least so much better than silence in the lost stretches: signal to error, and distance of the spectra.
  ['10 ms packets, 5 % lost', 80, 5, 7, 10],
  ['20 ms packets, 1 % lost', 160, 1, 3, 10],
  ['20 ms packets, 5 % lost', 160, 5, 3, 10],
  ['20 ms packets, 10 % lost', 160, 10, 3, 10],
  ['20 ms packets, 20 % lost, often several in a row', 160, 20, 2, 8],
  ['30 ms packets, 5 % lost', 240, 5, 1, 8],
] as const)
  test(`a voice, ${sentence}: clearly better than silence, and than the packet before at -3 dB`, () => {
    const lost = losses(percent, speech.length / packet);
    const starts = [...lost].map((i) => i * packet);
    const measure = (fill: 'conceal' | 'zero' | 'repeat'): [number, number] => {
      const heard = heardWith(speech, packet, lost, fill);
      return [segmentalSnr(speech, heard, starts, packet), spectralDistance(speech, heard, starts, packet)];
    };
    const [conceal, zero, repeat] = [measure('conceal'), measure('zero'), measure('repeat')];
    const figures = `conceal ${conceal.map((x) => x.toFixed(1))}, zero ${zero.map((x) => x.toFixed(1))}, repeat ${repeat.map((x) => x.toFixed(1))}`;
    assert.ok(conceal[0] >= zero[0] + snrDb, figures);
    assert.ok(conceal[1] <= zero[1] - spectralDb, figures);
    assert.ok(conceal[0] > repeat[0] + 2, figures);
  });

for (const rateHz of [8000, 16000])
  test(`a steady tone at ${rateHz} Hz goes on through a lost packet, without a click`, () => {
    const packet = rateHz / 50;
    const tone = sine(200, rateHz, 10 * packet);
    const heard = heardWith(tone, packet, new Set([6]), 'conceal', rateHz);
    let steepest = 0;
    for (let i = 1; i < tone.length; i++) steepest = Math.max(steepest, Math.abs(tone[i] - tone[i - 1]));
    for (let i = 1; i < heard.length; i++)
      assert.ok(
        Math.abs(heard[i] - heard[i - 1]) <= steepest * 1.35 + 2,
        `a step of ${heard[i] - heard[i - 1]} at ${i}`,
      );
    assert.ok(segmentalSnr(tone, heard, [6 * packet], packet / 4) > 20);
  });

test('a voice has no steps at the seams that it does not have itself', () => {
  const heard = heardWith(speech, 160, losses(10, 500), 'conceal');
  const steepest = (samples: Int16Array): number =>
    samples.reduce((most, sample, i) => (i === 0 ? 0 : Math.max(most, Math.abs(sample - samples[i - 1]))), 0);
  assert.ok(steepest(heard) <= steepest(speech) * 1.2, `${steepest(heard)} against ${steepest(speech)}`);
});

test('a long hole fades to silence within 80 ms, and stays silent', () => {
  const heard = heardWith(speech, 160, new Set(Array.from({ length: 50 }, (_, i) => 100 + i)), 'conceal');
  assert.ok(rmsDbfs(heard, 16_000, 80) > -40);
  assert.ok(rmsDbfs(heard, 16_000 + 400, 160) < rmsDbfs(heard, 16_000, 160) - 6);
  assert.equal(rmsDbfs(heard, 16_000 + 640, 160), -100);
  assert.equal(rmsDbfs(heard, 16_000 + 7000, 160), -100);
});

test('after the hole the sound is the sound again within 5 ms', () => {
  const heard = heardWith(speech, 160, new Set([100, 101, 102]), 'conceal');
  assert.deepEqual(heard.subarray(103 * 160 + 40, 104 * 160), speech.subarray(103 * 160 + 40, 104 * 160));
  assert.notDeepEqual(heard.subarray(103 * 160, 103 * 160 + 20), speech.subarray(103 * 160, 103 * 160 + 20));
});

test('without a loss nothing is changed', () => {
  assert.deepEqual(heardWith(speech, 160, new Set(), 'conceal'), speech);
});

test('before the first sound there is silence', () => {
  const frame = new Int16Array(160).fill(99);
  new Concealer(8000).conceal(frame, 0, 160);
  assert.ok(frame.every((sample) => sample === 0));
});

test('noise goes on as noise of the same level', () => {
  const random = new SeededRandom(5);
  const noise = Int16Array.from({ length: 8000 }, () => random.below(8001) - 4000);
  const heard = heardWith(noise, 80, new Set([50]), 'conceal');
  assert.ok(Math.abs(rmsDbfs(heard, 4000, 80) - rmsDbfs(noise, 4000, 80)) < 3);
});

test('full scale does not wrap', () => {
  const square = Int16Array.from({ length: 1600 }, (_, i) => ((i / 40) & 1 ? 32767 : -32768));
  const heard = heardWith(square, 160, new Set([4, 5, 8]), 'conceal');
  for (let i = 640; i < 800; i++)
    assert.ok(heard[i] === 0 || Math.sign(heard[i]) === Math.sign(square[i]) || i % 40 < 15 || i % 40 > 25, `${i}`);
});
