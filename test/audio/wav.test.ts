import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatWavHeader, parseWav, WAV_HEADER_BYTES } from '../../src/audio/index.ts';
import { WavSyntaxError } from '../../src/audio/wav.ts';
import { formatWav } from '../kit/wav.ts';
import { SeededRandom } from '../sdp/kit.ts';

const ascii = (text: string): number[] => [...new TextEncoder().encode(text)];
const le = (value: number, bytes: number): number[] =>
  Array.from({ length: bytes }, (_, i) => Math.floor(value / 256 ** i) & 255);
const chunk = (name: string, body: readonly number[], size = body.length): number[] => [
  ...ascii(name),
  ...le(size, 4),
  ...body,
  ...(body.length & 1 ? [0] : []),
];
const fmt = (tag: number, channels: number, rateHz: number, bits: number, more: readonly number[] = []): number[] =>
  chunk('fmt ', [
    ...le(tag, 2),
    ...le(channels, 2),
    ...le(rateHz, 4),
    ...le((rateHz * channels * bits) / 8, 4),
    ...le((channels * bits) / 8, 2),
    ...le(bits, 2),
    ...more,
  ]);
const riff = (...chunks: readonly number[][]): Uint8Array => {
  const body = chunks.flat();
  return Uint8Array.from([...ascii('RIFF'), ...le(body.length + 4, 4), ...ascii('WAVE'), ...body]);
};
const float = (value: number): number[] => [...new Uint8Array(Float32Array.of(value).buffer)];

for (const [sentence, bytes, expected] of [
  ['8 bits', riff(fmt(1, 1, 8000, 8), chunk('data', [0, 128, 255])), '8000/1: -32768 0 32512'],
  ['16 bits', riff(fmt(1, 1, 16000, 16), chunk('data', [...le(1, 2), ...le(-2 & 0xffff, 2)])), '16000/1: 1 -2'],
  [
    '24 bits',
    riff(fmt(1, 1, 48000, 24), chunk('data', [0, 1, 0, 0xff, 0xff, 0x7f, 0, 0, 0x80])),
    '48000/1: 1 32767 -32768',
  ],
  ['32 bits', riff(fmt(1, 1, 44100, 32), chunk('data', [0, 0, 5, 0])), '44100/1: 5'],
  [
    'floating point, too loud',
    riff(fmt(3, 1, 22050, 32), chunk('data', [...float(0.5), ...float(-1.5)])),
    '22050/1: 16384 -32768',
  ],
  [
    'floating point of 64 bits',
    riff(fmt(3, 1, 22050, 64), chunk('data', [...new Uint8Array(Float64Array.of(0.25).buffer)])),
    '22050/1: 8192',
  ],
  [
    'RF64, whose data say their length elsewhere',
    Uint8Array.from([
      ...ascii('RF64'),
      ...le(0xffffffff, 4),
      ...ascii('WAVE'),
      ...chunk('ds64', Array(28).fill(0)),
      ...fmt(1, 1, 8000, 16),
      ...chunk('data', le(7, 2), 0xffffffff),
    ]),
    '8000/1: 7',
  ],
  ['A-law', riff(fmt(6, 1, 8000, 8), chunk('data', [0xd5, 0x2a])), '8000/1: 8 -32256'],
  ['µ-law', riff(fmt(7, 1, 8000, 8), chunk('data', [0xff, 0x80])), '8000/1: 0 32124'],
  [
    'two channels become one',
    riff(fmt(1, 2, 8000, 16), chunk('data', [...le(1000, 2), ...le(3000, 2)])),
    '8000/2: 2000',
  ],
  [
    'the extensible format of newer programs',
    riff(
      fmt(0xfffe, 1, 8000, 16, [...le(22, 2), ...le(16, 2), ...le(4, 4), ...le(1, 2), ...Array(14).fill(0)]),
      chunk('data', le(7, 2)),
    ),
    '8000/1: 7',
  ],
  [
    'other chunks, of odd length too, are passed over',
    riff(chunk('LIST', [1, 2, 3]), fmt(1, 1, 8000, 16), chunk('junk', [9]), chunk('data', le(7, 2))),
    '8000/1: 7',
  ],
  [
    'a writer that was killed: the size is 0',
    riff(fmt(1, 1, 8000, 16), [...chunk('data', [], 0), ...le(7, 2)]),
    '8000/1: 7',
  ],
  [
    'a writer into a pipe: the size is the largest',
    riff(fmt(1, 1, 8000, 16), chunk('data', le(7, 2), 0xffffffff)),
    '8000/1: 7',
  ],
  ['half a sample at the end is left out', riff(fmt(1, 1, 8000, 16), chunk('data', [7, 0, 1])), '8000/1: 7'],
] as const)
  test(`${sentence} is read`, () => {
    const { rateHz, channels, samples } = parseWav(bytes);
    assert.equal(`${rateHz}/${channels}: ${samples.join(' ')}`, expected);
  });

for (const [sentence, bytes, message] of [
  ['nothing', new Uint8Array(0), /RIFF/],
  ['an MP3', Uint8Array.from([...ascii('ID3'), ...Array(40).fill(0)]), /RIFF/],
  ['no data', riff(fmt(1, 1, 8000, 16)), /no "data"/],
  ['data before its format', riff(chunk('data', [1, 2])), /before "fmt "/],
  ['a compressed format', riff(fmt(85, 1, 8000, 16), chunk('data', [1, 2])), /format 85 with 16 bits/],
  ['12 bits', riff(fmt(1, 1, 8000, 12), chunk('data', [1, 2])), /format 1 with 12 bits/],
  ['no channels', riff(fmt(1, 0, 8000, 16), chunk('data', [1, 2])), /0 channels/],
  ['a rate of nothing', riff(fmt(1, 1, 0, 16), chunk('data', [1, 2])), /at 0 Hz/],
  ['a format cut short', riff(chunk('fmt ', [1, 0]), chunk('data', [1, 2])), /2 bytes/],
] as const)
  test(`${sentence} is refused`, () => {
    assert.throws(
      () => parseWav(bytes),
      (error: unknown) => error instanceof WavSyntaxError && error.code === 'wav-syntax' && message.test(error.message),
    );
  });

test('what is written is read again', () => {
  const samples = Int16Array.from([0, 1, -1, 32767, -32768]);
  const bytes = formatWav(samples, 48_000);
  assert.equal(bytes.length, WAV_HEADER_BYTES + 10);
  assert.deepEqual(parseWav(bytes), { rateHz: 48_000, channels: 1, samples });
  assert.deepEqual(Buffer.from(formatWavHeader(48_000, 10)), bytes.subarray(0, WAV_HEADER_BYTES));
});

test('a file that lies within a larger buffer is read from its own beginning', () => {
  const bytes = formatWav(Int16Array.from([5, 6]), 8000);
  const larger = new Uint8Array(100);
  larger.set(bytes, 11);
  assert.deepEqual([...parseWav(larger.subarray(11, 11 + bytes.length)).samples], [5, 6]);
});

test('whatever is in a file, only WavSyntaxError comes out (2000 seeded cases)', () => {
  const random = new SeededRandom(2);
  const good = riff(chunk('LIST', [1, 2, 3]), fmt(1, 2, 8000, 24), chunk('data', Array(60).fill(9)));
  for (let round = 0; round < 2000; round++) {
    const bytes = Uint8Array.from(good).subarray(0, random.below(good.length + 1));
    for (let i = random.below(5); i > 0 && bytes.length > 0; i--) bytes[random.below(bytes.length)] = random.below(256);
    try {
      parseWav(bytes);
    } catch (error) {
      assert.ok(error instanceof WavSyntaxError, String(error));
    }
  }
});
