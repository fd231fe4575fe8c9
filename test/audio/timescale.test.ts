import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TimeScale } from '../../src/audio/index.ts';
import { SeededRandom } from '../sdp/kit.ts';
import { sine, voice } from './kit.ts';

/** `samples` packet by packet, each made `changeMs` longer. */
function scaled(samples: Int16Array, rateHz: number, packetMs: number, changeMs: number): Int16Array {
  const packet = (rateHz * packetMs) / 1000;
  const scale = new TimeScale(rateHz, packetMs);
  const made = new Int16Array(3 * samples.length);
  const at = new Int16Array(packet + (rateHz * 15) / 1000);
  let length = 0;
  for (let from = 0; from + packet <= samples.length; from += packet) {
    at.set(samples.subarray(from, from + packet));
    const count = scale.process(at, packet, changeMs);
    made.set(at.subarray(0, count), length);
    length += count;
  }
  return made.subarray(0, length);
}

/** The largest second difference: what a click is made of. */
const bend = (samples: Int16Array): number =>
  samples.reduce(
    (most, sample, i) => (i < 2 ? 0 : Math.max(most, Math.abs(sample - 2 * samples[i - 1] + samples[i - 2]))),
    0,
  );

const share = (a: Int16Array, b: Int16Array): number => a.length / b.length;
const speech = voice(8000 * 10);

for (const [sentence, samples, rateHz, packetMs, changeMs, least, most] of [
  ['a voice in 20 ms packets is made much shorter', speech, 8000, 20, -15, 0.4, 0.7],
  ['a voice in 20 ms packets is made much longer', speech, 8000, 20, 15, 1.3, 1.7],
  ['a voice in 10 ms packets is made shorter where a period fits', speech, 8000, 10, -15, 0.4, 0.9],
  ['a voice in 10 ms packets is made longer', speech, 8000, 10, 15, 1.5, 2.2],
  ['by no more than it may', speech, 8000, 20, -4, 0.8, 0.99],
  ['by nothing when it may change less than a period lasts', speech, 8000, 20, -2, 1, 1],
  ['a tone at 8 kHz is made shorter', sine(200, 8000, 8000), 8000, 20, -15, 0.25, 0.75],
  ['a tone at 16 kHz is made longer', sine(200, 16_000, 16_000), 16_000, 20, 15, 1.25, 1.75],
  ['a tone at 48 kHz is made shorter', sine(200, 48_000, 48_000), 48_000, 20, -10, 0.5, 0.75],
  ['60 ms packets', speech, 8000, 60, -15, 0.75, 0.92],
] as const)
  test(`${sentence}, without a click`, () => {
    const made = scaled(samples, rateHz, packetMs, changeMs);
    const ratio = share(made, samples);
    assert.ok(ratio >= least && ratio <= most, `${ratio.toFixed(2)} times as long`);
    assert.ok(bend(made) <= bend(samples) * 1.5 + 50, `${bend(made)} beside ${bend(samples)}`);
  });

test('loud noise is left alone, quiet noise is not', () => {
  const random = new SeededRandom(5);
  const noise = Int16Array.from({ length: 8000 }, () => random.below(8001) - 4000);
  assert.ok(share(scaled(noise, 8000, 20, -10), noise) > 0.95);
  const quiet = noise.map((sample) => sample >> 8);
  assert.equal(share(scaled(quiet, 8000, 20, -10), quiet), 0.5);
  assert.equal(share(scaled(quiet, 8000, 20, 10), quiet), 1.5);
});
