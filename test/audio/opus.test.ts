import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { type Decoder, Resampler } from '../../src/audio/index.ts';
import { OpusDecoder, OpusEncoder } from '../../src/audio/opus.ts';
import { missingOpus } from '../../src/audio/opus-library.ts';
import { opusTicks, repeatsEarlier } from '../../src/audio/opus-packet.ts';
import { bytesOf, ffmpeg, samplesOf, without } from '../kit/independent.ts';
import { formatOggOpus, parseOggOpus } from '../kit/ogg.ts';
import { SeededRandom } from '../sdp/kit.ts';
import { amplitude, decibels, segmentalSnr, sine, voice } from './kit.ts';

const skip = missingOpus() ?? false;

/** The voice of the kit, at `rateHz`. */
function speech(rateHz: number, seconds: number): Int16Array {
  const narrow = voice(8000 * seconds);
  const samples = new Int16Array(rateHz * seconds + 100);
  const count = new Resampler(8000, rateHz).process(narrow, 0, narrow.length, samples, 0);
  return samples.subarray(0, count);
}

function encoded(encoder: OpusEncoder, samples: Int16Array, packetMs: number): Uint8Array[] {
  const count = (encoder.rateHz * packetMs) / 1000;
  const packets: Uint8Array[] = [];
  for (let at = 0; at + count <= samples.length; at += count) {
    const bytes = new Uint8Array(1500);
    packets.push(bytes.subarray(7, 7 + encoder.encode(samples, at, count, bytes, 7)));
  }
  return packets;
}

/** `lost` packets are concealed; with `recover`, from the packet behind them where that can. */
function decoded(
  decoder: Decoder,
  packets: readonly Uint8Array[],
  packetMs: number,
  lost: readonly number[] = [],
  recover = false,
): Int16Array {
  const count = (decoder.rateHz * packetMs) / 1000;
  const samples = new Int16Array(count * packets.length);
  packets.forEach((packet, i) => {
    if (!lost.includes(i)) assert.equal(decoder.decode(packet, 0, packet.length, samples, i * count), count);
    else if (!recover || !decoder.recover(packets[i + 1], 0, packets[i + 1].length, samples, i * count, count))
      decoder.conceal(samples, i * count, count);
  });
  return samples;
}

for (const [sentence, bytes, ticks] of [
  ['SILK narrowband, 10 ms', [0x00], 480],
  ['SILK wideband, 20 ms', [0x48], 960],
  ['SILK wideband, 60 ms', [0x58], 2880],
  ['SILK, two frames of 60 ms alike: 120 ms, the most there is', [0x59], 5760],
  ['hybrid, 10 ms', [0x60], 480],
  ['hybrid fullband, 20 ms, stereo', [0x7c], 960],
  ['CELT, 2.5 ms', [0x80], 120],
  ['CELT fullband, 20 ms', [0xf8], 960],
  ['CELT, two frames', [0xfa], 1920],
  ['a count of three frames', [0x4b, 3], 2880],
  ['a count of three frames, padded, of lengths of their own', [0x4b, 0xc3], 2880],
  ['a count that is missing', [0x4b], 0],
  ['a count of none', [0x4b, 0], 0],
  ['more than 120 ms', [0x4b, 7], 0],
  ['nothing', [], 0],
] as [string, number[], number][])
  test(`packet: ${sentence}`, () => assert.equal(opusTicks(Uint8Array.from([9, ...bytes]), 1, bytes.length), ticks));

for (const rateHz of [8000, 16_000, 48_000])
  test(`${rateHz} Hz: a tone keeps its level, in packets of 10 to 60 ms`, { skip }, () => {
    for (const packetMs of [10, 20, 40, 60]) {
      const packets = encoded(new OpusEncoder({}, rateHz, false), sine(1000, rateHz, rateHz), packetMs);
      const decoder = new OpusDecoder(rateHz);
      for (const packet of packets) {
        assert.equal(decoder.samplesIn(packet, 0, packet.length), (rateHz * packetMs) / 1000);
        assert.ok(packet.length < 400, `${packet.length} bytes`);
      }
      const level = amplitude(decoded(decoder, packets, packetMs), 1000, rateHz, rateHz / 5);
      assert.ok(Math.abs(decibels(level / 10_000)) < 1, `${packetMs} ms: ${level}`);
    }
  });

test('a card of 44.1 kHz is served at 48', { skip }, () => {
  assert.deepEqual([new OpusEncoder({}, 44_100, false).rateHz, new OpusDecoder(44_100).rateHz], [48_000, 48_000]);
});

test('what the other side wishes: its bandwidth, its bit rate, and no more', { skip }, () => {
  const hiss = (hz: number, wishes: ConstructorParameters<typeof OpusEncoder>[0]): number => {
    const random = new SeededRandom(1);
    const samples = sine(hz, 48_000, 48_000).map((value) => value + random.below(200));
    const heard = decoded(new OpusDecoder(48_000), encoded(new OpusEncoder(wishes, 48_000, false), samples, 20), 20);
    return decibels(amplitude(heard, hz, 48_000, 9600) / 10_000);
  };
  assert.ok(hiss(6000, {}) > -3);
  assert.ok(hiss(6000, { maxPlaybackRateHz: 8000 }) < -25);
  assert.ok(hiss(3000, { maxPlaybackRateHz: 8000 }) > -3);
  const bits = (wishes: ConstructorParameters<typeof OpusEncoder>[0]): number => {
    const packets = encoded(new OpusEncoder(wishes, 16_000, false), speech(16_000, 4), 20);
    return (packets.reduce((sum, { length }) => sum + length, 0) * 8) / 4;
  };
  const usual = bits({});
  assert.ok(usual > 18_000 && usual < 27_000, `${usual}`);
  assert.ok(bits({ maxAverageBitrate: 12_000 }) < 14_000);
  const lengths = encoded(new OpusEncoder({ cbr: true }, 16_000, false), speech(16_000, 1), 20).map(
    ({ length }) => length,
  );
  assert.equal(new Set(lengths).size, 1);
});

test('lost packets: better than silence by concealment, better still from the packet behind', { skip }, () => {
  const reference = speech(16_000, 8);
  const encoder = new OpusEncoder({ fec: true }, 16_000, false);
  for (let i = 0; i < 10; i++) encoder.expectLoss(0.15);
  const packets = encoded(encoder, reference, 20);
  const random = new SeededRandom(5);
  const lost = packets.map((_, i) => i).filter((i) => i > 20 && i < packets.length - 1 && random.below(100) < 15);
  const alone = lost.filter((i) => !lost.includes(i + 1));
  const whole = decoded(new OpusDecoder(16_000), packets, 20);
  assert.ok(alone.filter((i) => repeatsEarlier(packets[i + 1], 0, packets[i + 1].length)).length > alone.length / 2);
  const score = (heard: Int16Array): number =>
    segmentalSnr(
      whole,
      heard,
      alone.map((i) => i * 320),
      320,
    );
  const zero = Int16Array.from(whole);
  for (const i of alone) zero.fill(0, i * 320, (i + 1) * 320);
  const concealed = score(decoded(new OpusDecoder(16_000), packets, 20, alone));
  const recovered = score(decoded(new OpusDecoder(16_000), packets, 20, alone, true));
  assert.ok(concealed > score(zero) + 1, `${concealed} dB, silence ${score(zero)} dB`);
  assert.ok(recovered > concealed + 3, `${recovered} dB, concealed ${concealed} dB`);
});

test('who cannot use redundancy gets none, and nothing is recovered from it', { skip }, () => {
  const encoder = new OpusEncoder({}, 16_000, false);
  encoder.expectLoss(0.2);
  const packets = encoded(encoder, speech(16_000, 2), 20);
  assert.ok(packets.every((packet) => !repeatsEarlier(packet, 0, packet.length)));
  const decoder = new OpusDecoder(16_000);
  const before = new Int16Array(320).fill(7);
  assert.equal(decoder.recover(packets[50], 0, packets[50].length, before, 0, 320), false);
  assert.ok(before.every((value) => value === 7));
});

test('pauses are not sent when nobody minds; sound is, at once', { skip }, () => {
  const samples = new Int16Array(16_000 * 4);
  samples.set(sine(800, 16_000, 16_000), 0);
  samples.set(sine(800, 16_000, 16_000), 48_000);
  for (const pauses of [true, false]) {
    const encoder = new OpusEncoder({}, 16_000, pauses);
    const sent = Array.from({ length: 200 }, (_, i) => {
      encoder.encode(samples, i * 320, 320, new Uint8Array(1500), 0);
      return encoder.made === 'sound';
    });
    const inPause = sent.slice(75, 149).filter(Boolean).length;
    if (pauses) assert.ok(inPause < 10, `${inPause} of 74 sent`);
    else assert.equal(inPause, 74);
    assert.ok([...sent.slice(0, 49), ...sent.slice(151)].every(Boolean));
  }
});

test('what cannot be read makes nothing, and throws nothing', { skip }, () => {
  const random = new SeededRandom(9);
  const decoder = new OpusDecoder(16_000);
  const samples = new Int16Array(16_000);
  let unreadable = 0;
  for (let i = 0; i < 3000; i++) {
    const bytes = Uint8Array.from({ length: random.below(60) }, () => random.below(256));
    const promised = decoder.samplesIn(bytes, 0, bytes.length);
    const made = decoder.decode(bytes, 0, bytes.length, samples, 0);
    decoder.recover(bytes, 0, bytes.length, samples, 0, 320);
    assert.ok(made === 0 || made === promised, `${Buffer.from(bytes).toString('hex')}: ${made} of ${promised}`);
    if (made === 0) unreadable++;
  }
  assert.ok(unreadable > 100);
  for (const count of [1, 37, 160, 441, 3000]) decoder.conceal(samples, 0, count);
  assert.equal(decoder.decode(new Uint8Array(2000), 0, 2000, samples, 0), 0);
});

/** The segments of `heard`, up to 10 ms late, that fit best. */
function fit(reference: Int16Array, heard: Int16Array, rateHz: number): number {
  const starts = Array.from({ length: 100 }, (_, i) => rateHz / 4 + i * (rateHz / 50));
  let best = Number.NEGATIVE_INFINITY;
  for (let delay = 0; delay < rateHz / 100; delay++)
    best = Math.max(best, segmentalSnr(reference, heard.subarray(delay), starts, rateHz / 50));
  return best;
}

for (const rateHz of [16_000, 48_000]) {
  test(`${rateHz} Hz: the decoder of ffmpeg, which is no libopus, hears the same`, {
    skip: skip || without('ffmpeg'),
  }, () => {
    const packets = encoded(new OpusEncoder({ fec: true }, rateHz, false), speech(rateHz, 4), 20);
    const ogg = formatOggOpus(packets, 960, rateHz);
    const theirs = samplesOf(ffmpeg(ogg, ['-c:a', 'opus'], ['-f', 's16le', '-ar', '48000']));
    const snr = fit(decoded(new OpusDecoder(48_000), packets, 20), theirs, 48_000);
    assert.ok(snr > 30, `${snr.toFixed(1)} dB`);
  });

  test(`${rateHz} Hz: what opusenc says is heard`, { skip: skip || without('opusenc') }, () => {
    const reference = speech(rateHz, 4);
    const raw = ['--quiet', '--raw', '--raw-chan', '1', '--raw-rate', String(rateHz), '--bitrate', '32', '-', '-'];
    const packets = parseOggOpus(execFileSync('opusenc', raw, { input: bytesOf(reference) }));
    const snr = fit(reference, decoded(new OpusDecoder(rateHz), packets, 20), rateHz);
    assert.ok(snr > 5, `${snr.toFixed(1)} dB`);
  });
}
