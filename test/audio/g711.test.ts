import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { alaw, ulaw } from '../../src/audio/g711.ts';
import { type Decoder, type Encoder, makeDecoder, makeEncoder } from '../../src/audio/index.ts';

const codes = Uint8Array.from({ length: 256 }, (_, code) => code);

function decoded(codec: Decoder): Int16Array {
  const samples = new Int16Array(256);
  codec.decode(codes, 0, 256, samples, 0);
  return samples;
}

function encoded(codec: Encoder, samples: Int16Array): Uint8Array {
  const bytes = new Uint8Array(samples.length);
  codec.encode(samples, 0, samples.length, bytes, 0);
  return bytes;
}

for (const [name, codec] of [
  ['alaw', alaw],
  ['ulaw', ulaw],
] as const) {
  test(`${name}: all 256 codes decode as sox decodes them`, () => {
    const bytes = readFileSync(new URL(`../../../test/fixtures/audio/${name}-decoded.s16`, import.meta.url));
    assert.deepEqual(
      decoded(codec),
      Int16Array.from({ length: 256 }, (_, i) => bytes.readInt16LE(2 * i)),
    );
  });

  test(`${name}: what was decoded encodes to the same code, but for the second zero of µ-law`, () => {
    const again = encoded(codec, decoded(codec));
    const changed = [...again.keys()].filter((code) => again[code] !== code);
    assert.deepEqual(changed, codec === ulaw ? [0x7f] : []);
  });

  test(`${name}: every one of the 65536 samples takes the nearest code, or the one beside it at a boundary`, () => {
    const levels = decoded(codec);
    const sorted = [...levels].sort((a, b) => a - b);
    const samples = Int16Array.from({ length: 65536 }, (_, i) => i - 32768);
    const bytes = encoded(codec, samples);
    let beside = 0;
    for (let i = 0, near = 0; i < 65536; i++) {
      while (near < 255 && Math.abs(sorted[near + 1] - samples[i]) <= Math.abs(sorted[near] - samples[i])) near++;
      const error = Math.abs(levels[bytes[i]] - samples[i]);
      const best = Math.abs(sorted[near] - samples[i]);
      if (error === best) continue;
      beside++;
      const step = Math.max(
        sorted[Math.min(255, near + 1)] - sorted[near],
        sorted[near] - sorted[Math.max(0, near - 1)],
      );
      assert.ok(error <= step, `${samples[i]} becomes ${levels[bytes[i]]}`);
    }
    assert.ok(beside < 1500, `${beside} samples took the code beside`);
  });

  test(`${name}: louder never becomes softer`, () => {
    const levels = decoded(codec);
    const bytes = encoded(
      codec,
      Int16Array.from({ length: 65536 }, (_, i) => i - 32768),
    );
    for (let i = 1; i < 65536; i++) assert.ok(levels[bytes[i]] >= levels[bytes[i - 1]], `at ${i - 32768}`);
  });

  test(`${name}: only the part that is named is touched`, () => {
    const samples = new Int16Array(6).fill(1000);
    const bytes = new Uint8Array(6).fill(0xee);
    codec.encode(samples, 2, 2, bytes, 3);
    assert.deepEqual([...bytes.subarray(0, 3), bytes[5]], [0xee, 0xee, 0xee, 0xee]);
    assert.equal(bytes[3], bytes[4]);
    codec.decode(bytes, 3, 2, samples, 0);
    assert.deepEqual([...samples.subarray(2)], [1000, 1000, 1000, 1000]);
    assert.ok(Math.abs(samples[0] - 1000) < 32);
  });
}

for (const [sentence, codec, code, sample] of [
  ['A-law, the smallest step above zero', alaw, 0xd5, 8],
  ['A-law, the smallest step below zero', alaw, 0x55, -8],
  ['A-law, the loudest', alaw, 0xaa, 32256],
  ['A-law, the loudest below zero', alaw, 0x2a, -32256],
  ['µ-law, zero', ulaw, 0xff, 0],
  ['µ-law, the other zero', ulaw, 0x7f, 0],
  ['µ-law, the loudest', ulaw, 0x80, 32124],
  ['µ-law, the loudest below zero', ulaw, 0x00, -32124],
] as const)
  test(`${sentence} is ${sample}`, () => assert.equal(decoded(codec)[code], sample));

test('laws by their names in SDP', () => {
  for (const [encoding, law] of [
    ['PCMA', alaw],
    ['PCMU', ulaw],
  ] as const) {
    const format = { encoding, clockRateHz: 8000, channels: 1 };
    assert.deepEqual([makeDecoder(format, 16000), makeEncoder(format, 16000, 'sent')], [law, law]);
  }
  assert.throws(() => makeDecoder({ encoding: 'GSM', clockRateHz: 8000, channels: 1 }, 16000), /codec GSM/);
  assert.deepEqual([alaw.silence, ulaw.silence], [0xd5, 0xff]);
});
