import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { G722Decoder, G722Encoder } from '../../src/audio/g722.ts';
import { HigherBand, type LostBits, LowerBand } from '../../src/audio/g722-bands.ts';
import { testData } from '../kit/checkout.ts';
import { bytesOf, ffmpeg, samplesOf, without } from '../kit/independent.ts';
import { SeededRandom } from '../sdp/kit.ts';
import { amplitude, decibels, sine } from './kit.ts';

// ---------------------------------------------------------------- the test sequences of G.722 Appendix II

/** Words of 16 bits, the lowest says "begin anew"; the filter bank is left out (configurations 1 and 2, figures II.2 and II.4). */
function encodedWords(words: Uint16Array): Uint16Array {
  let [lower, higher] = [new LowerBand(), new HigherBand()];
  return words.map((word) => {
    if (word & 1) {
      [lower, higher] = [new LowerBand(), new HigherBand()];
      return 1;
    }
    const sample = (word << 16) >> 17;
    return (higher.encode(sample) << 14) | (lower.encode(sample) << 8);
  });
}

function decodedWords(words: Uint16Array, lost: LostBits): [lower: Uint16Array, higher: Uint16Array] {
  let [lower, higher] = [new LowerBand(), new HigherBand()];
  const highs = new Uint16Array(words.length).fill(1);
  const lows = words.map((word, i) => {
    if (word & 1) {
      [lower, higher] = [new LowerBand(), new HigherBand()];
      return 1;
    }
    highs[i] = higher.decode(word >> 14) << 1;
    return lower.decode((word >> 8) & 63, lost) << 1;
  });
  return [lows, highs];
}

/** CRC-32 of the words as a file of little-endian 16 bits, as the Recommendation's own list of its files has them. */
function crc(words: Uint16Array): string {
  let sum = -1;
  for (const byte of new Uint8Array(words.buffer)) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
  }
  return (~sum >>> 0).toString(16).toUpperCase().padStart(8, '0');
}

/** T1C2.XMT, which drives everything into its limits: it is regular enough to be written down as a rule. */
const overflows = Uint16Array.of(
  ...Array<number>(16).fill(1),
  ...Array.from({ length: 639 }, (_, i) => (i & 1 ? 0x7ffe : 0x8000)),
  ...[0, 0xb1e0, 0xc000],
  ...Array.from({ length: 42 }, () => [0x8000, 0x7ffe, 0x8000]).flat(),
  ...Array<number>(16).fill(1),
);

test('the overflow sequence of Appendix II: encoder, and decoder in all three modes, to the bit', () => {
  assert.equal(crc(overflows), '2D604685', 'bt1c2.xmt');
  const codes = encodedWords(overflows);
  assert.equal(crc(codes), '344EA5D0', 'bt2r2.cod');
  for (const [lost, expected] of [
    [0, 'AF00F31F'],
    [1, '9143E92C'],
    [2, 'AE855C07'],
  ] as const) {
    const [lower, higher] = decodedWords(codes, lost);
    assert.deepEqual([crc(lower), crc(higher)], [expected, '5330AE2E'], `bt3l2.rc${lost + 1} and bt3h2.rc0`);
  }
});

const folder = testData('g722');
const skip = folder === undefined && 'there are no ITU test sequences: put them in $HAILPOINT_TEST_DATA/g722';

/** In the text of the ITU's files, or little-endian with a `b` before the name; undefined: it is not there. */
function sequence(name: string): Uint16Array {
  const found = readdirSync(folder!).find((file) => [name, `b${name}`].includes(file.toLowerCase()));
  assert.ok(found !== undefined && existsSync(join(folder!, found)), `${name} is missing`);
  const bytes = readFileSync(join(folder!, found));
  if (found.toLowerCase() !== name)
    return Uint16Array.from({ length: bytes.length >> 1 }, (_, i) => bytes.readUInt16LE(2 * i));
  const lines = bytes
    .toString('latin1')
    .split(/\r?\n/)
    .filter((line) => /^[0-9A-F]{6,}$/i.test(line.trim()));
  // Each line ends with a checksum of two digits.
  return Uint16Array.from(
    lines.flatMap((line) =>
      line
        .trim()
        .slice(0, -2)
        .match(/.{4}/g)!
        .map((hex) => Number.parseInt(hex, 16)),
    ),
  );
}

test('the ITU sequences: encoder', { skip }, () => {
  for (const n of [1, 2]) assert.deepEqual(encodedWords(sequence(`t1c${n}.xmt`)), sequence(`t2r${n}.cod`));
});

test('the ITU sequences: decoder, modes 1 to 3', { skip }, () => {
  for (const [codes, n] of [
    ['t2r1.cod', 1],
    ['t2r2.cod', 2],
    ['t1d3.cod', 3],
  ] as const)
    for (const lost of [0, 1, 2] as const) {
      const [lower, higher] = decodedWords(sequence(codes), lost);
      assert.deepEqual(lower, sequence(`t3l${n}.rc${lost + 1}`));
      assert.deepEqual(higher, sequence(`t3h${n}.rc0`));
    }
});

// ---------------------------------------------------------------- the whole codec

/** Four seconds of chirp, noise of changing loudness, silence and overload; whole numbers only, so the same everywhere. */
function trial(): Int16Array {
  const random = new SeededRandom(722);
  const samples = new Int16Array(64_000);
  let [phase, smooth] = [0, 0];
  for (let i = 0; i < samples.length; i++) {
    phase = (phase + 200 + (i % 16_000)) & 0xffff;
    const triangle = Math.abs(((phase << 16) >> 16) | 0) - 16_384;
    smooth += ((random.below(65_536) - 32_768 - smooth) * ((i >> 11) & 7)) >> 3;
    const part = (i >> 13) & 3;
    const value =
      part === 0 ? triangle : part === 1 ? smooth : part === 2 ? (i & 4096 ? 0 : triangle >> 9) : triangle * 2 + smooth;
    samples[i] = Math.max(-32_768, Math.min(32_767, value));
  }
  return samples;
}

function encoded(samples: Int16Array, chunk: number): Uint8Array {
  const encoder = new G722Encoder();
  const bytes = new Uint8Array(samples.length / 2);
  for (let at = 0; at < samples.length; at += chunk)
    encoder.encode(samples, at, Math.min(chunk, samples.length - at), bytes, at / 2);
  return bytes;
}

function decoded(bytes: Uint8Array, chunk: number, lost: LostBits = 0): Int16Array {
  const decoder = new G722Decoder(lost);
  const samples = new Int16Array(2 * bytes.length);
  for (let at = 0; at < bytes.length; at += chunk)
    decoder.decode(bytes, at, Math.min(chunk, bytes.length - at), samples, 2 * at);
  return samples;
}

test('what ffmpeg 5.1 made of the trial signal, by its checksums', () => {
  const codes = encoded(trial(), 320);
  assert.equal(crc(Uint16Array.from(codes)), 'CFEE387A');
  assert.equal(crc(new Uint16Array(decoded(codes, 160).buffer)), 'B9E1F62F');
});

test('encoder and decoder of ffmpeg say the same to the bit', { skip: without('ffmpeg') }, () => {
  const samples = trial();
  const raw = ['-f', 's16le', '-ar', '16000', '-ac', '1'];
  const theirs = ffmpeg(bytesOf(samples), raw, ['-c:a', 'g722', '-f', 'g722']);
  assert.deepEqual(Buffer.from(encoded(samples, 320)), theirs);
  const heard = ffmpeg(theirs, ['-f', 'g722'], ['-f', 's16le', '-ar', '16000']);
  assert.deepEqual(decoded(theirs, 160), samplesOf(heard));
});

test('packets of any length join without a seam', () => {
  const samples = trial();
  const codes = encoded(samples, 320);
  for (const chunk of [160, 480, 960]) assert.deepEqual(encoded(samples, chunk), codes);
  for (const chunk of [80, 240, 480, 1]) assert.deepEqual(decoded(codes, chunk), decoded(codes, 160));
});

for (const [lost, least] of [
  [0, 40],
  [1, 34],
  [2, 28],
] as const)
  test(`a tone through both, ${64 - 8 * lost} kbit/s of sound: level kept, noise ${least} dB below`, () => {
    for (const hz of [300, 1000, 3000]) {
      const samples = sine(hz, 16_000, 16_000);
      const heard = decoded(encoded(samples, 320), 160, lost);
      const level = amplitude(heard, hz, 16_000, 1600);
      assert.ok(Math.abs(decibels(level / 10_000)) < 0.3, `${hz} Hz: ${level}`);
      let noise = 0;
      for (let i = 1600; i < heard.length; i++) noise += (heard[i] - samples[i - 22]) ** 2;
      const snr = 10 * Math.log10((10_000 ** 2 / 2) * ((heard.length - 1600) / noise));
      assert.ok(snr > least, `${hz} Hz: ${snr.toFixed(1)} dB`);
    }
  });
