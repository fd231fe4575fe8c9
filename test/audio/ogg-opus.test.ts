import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { isOgg, parseOggOpus, rmsDbfs } from '../../src/audio/index.ts';
import { amplitude } from './kit.ts';

const fixture = (name: string): Buffer =>
  readFileSync(new URL(`../../../test/fixtures/audio/${name}`, import.meta.url));
const MINUTE = 48_000 * 60;

for (const [name, seconds, channels] of [
  ['tone-440.opus', 1.2345, 1],
  ['stereo-440.opus', 0.7, 2],
] as const)
  test(`${name}: ${seconds} s to the sample, with the tone that went in`, () => {
    const bytes = fixture(name);
    assert.ok(isOgg(bytes));
    const sound = parseOggOpus(bytes, MINUTE);
    assert.deepEqual(
      [sound.rateHz, sound.channels, sound.samples.length],
      [48_000, channels, Math.round(seconds * 48_000)],
    );
    const level = amplitude(sound.samples, 440, 48_000, 4800, sound.samples.length - 4800);
    assert.ok(Math.abs(level / 16_384 - 1) < 0.1, `${level}`);
    // The sound begins at once: what the codec needs to get going is not played.
    assert.ok(rmsDbfs(sound.samples, 480, 960) > -12);
  });

test('a picture among the tags: nothing of the sound is missing', () => {
  const whole = fixture('tone-440.opus');
  const tags = whole.indexOf('OggS', 4);
  const audio = whole.indexOf('OggS', tags + 4);
  const page = (flags: number, length: number): Buffer => {
    const header = Buffer.from(whole.subarray(tags, tags + 27));
    header[5] = flags;
    const laces = [...Array<number>(Math.floor(length / 255)).fill(255), ...(length % 255 ? [length % 255] : [])];
    header[26] = laces.length;
    return Buffer.concat([header, Buffer.from(laces), Buffer.alloc(length, 'OpusTags')]);
  };
  const pictured = Buffer.concat([whole.subarray(0, tags), page(0, 65_025), page(1, 20_000), whole.subarray(audio)]);
  assert.deepEqual(parseOggOpus(pictured, MINUTE).samples, parseOggOpus(whole, MINUTE).samples);
});

test('no more is read than is wanted', () => {
  assert.equal(parseOggOpus(fixture('tone-440.opus'), 4800).samples.length, 4800);
});

test('a file that is cut off gives what is there', () => {
  const whole = fixture('tone-440.opus');
  let before = 0;
  for (const share of [0.3, 0.6, 0.9]) {
    const { length } = parseOggOpus(whole.subarray(0, Math.round(share * whole.length)), MINUTE).samples;
    assert.ok(length >= before && length < 1.2345 * 48_000);
    before = length;
  }
});

test('whatever is changed in it, it is read or refused, and no more', () => {
  const whole = fixture('stereo-440.opus');
  let seed = 7;
  for (let i = 0; i < 2000; i++) {
    const bytes = Uint8Array.from(whole);
    for (let k = 0; k < 3; k++) {
      seed = (seed * 1103515245 + 12345) & 0x7fffffff;
      bytes[seed % (i % 2 === 0 ? 200 : bytes.length)] = seed >> 8;
    }
    try {
      assert.ok(parseOggOpus(bytes, 48_000).samples.length <= 48_000);
    } catch (error) {
      assert.match((error as { code: string }).code, /^ogg-syntax$/);
    }
  }
});

for (const [sentence, change, expected] of [
  ['something else in Ogg', (bytes: Buffer) => bytes.write('Vorbisxx', 28), /holds no Opus/],
  ['more channels than two', (bytes: Buffer) => bytes.writeUInt8(6, 37), /6 channels/],
  ['a page that is none', (bytes: Buffer) => bytes.write('XXXX', bytes.indexOf('OggS', 40)), /no page/],
] as const)
  test(`refused: ${sentence}`, () => {
    const bytes = Buffer.from(fixture('tone-440.opus'));
    change(bytes);
    assert.throws(() => parseOggOpus(bytes, MINUTE), expected);
  });
