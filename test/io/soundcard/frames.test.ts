/** Samples as cards of hardware want them. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { Interleaved, type SampleFormat } from '../../../src/io/soundcard/alsa-frames.ts';

const mono = Int16Array.of(0, 1, -1, 257, -257, 32_767, -32_768);

for (const [format, bytesOfOne] of [
  ['s16', [1, 1]],
  ['s32', [0, 0, 1, 1]],
  ['s24', [0, 1, 1, 0]],
  ['s24-3', [0, 1, 1]],
] as const satisfies [SampleFormat, number[]][]) {
  for (const channels of [1, 2, 6]) {
    test(`${format} of ${channels} channels: what is spread is gathered`, () => {
      const frames = new Interleaved(format, channels, mono.length);
      frames.spread(mono, mono.length);
      const bytes = new Uint8Array(frames.buffer.buffer);
      const at = 3 * channels * bytesOfOne.length;
      assert.deepEqual([...bytes.subarray(at, at + bytesOfOne.length)], bytesOfOne, '257, little-endian');
      assert.equal(bytes.length, mono.length * channels * bytesOfOne.length);
      const gathered = new Int16Array(mono.length);
      frames.gather(gathered);
      assert.deepEqual(gathered, mono);
    });
  }
}

test('two microphones are mixed', () => {
  const frames = new Interleaved('s16', 2, 2);
  frames.buffer.set([100, 300, -50, 50]);
  const gathered = new Int16Array(2);
  frames.gather(gathered);
  assert.deepEqual([...gathered], [200, 0]);
});

test('a channel that has never said anything does not halve the other', () => {
  const frames = new Interleaved('s32', 2, 2);
  frames.buffer.set([100 << 16, 0, -(50 << 16), 0]);
  const gathered = new Int16Array(2);
  frames.gather(gathered);
  assert.deepEqual([...gathered], [100, -50]);
});

test('what is left of 24 bits is rounded, and never beyond the range', () => {
  const frames = new Interleaved('s32', 1, 3);
  frames.buffer.set([0x7fffffff, 0x00018000, -0x80000000]);
  const gathered = new Int16Array(3);
  frames.gather(gathered);
  assert.deepEqual([...gathered], [32_767, 2, -32_768]);
});

test('the sign of 24 bits in four bytes is the bit that counts, whatever stands above it', () => {
  const frames = new Interleaved('s24', 1, 2);
  frames.buffer.set([0x00ff_ff00, -256]);
  const gathered = new Int16Array(2);
  frames.gather(gathered);
  assert.deepEqual([...gathered], [-1, -1]);
});
