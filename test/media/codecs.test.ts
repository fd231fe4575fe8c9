/** Talker, RTP session and listener together, in virtual time: every codec and packet length, pauses, digits among the sound. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeDecoder, makeEncoder, missingOpus, type Pauses, Resampler, rmsDbfs } from '../../src/audio/index.ts';
import type { Codec } from '../../src/media/index.ts';
import { Listener } from '../../src/media/listener.ts';
import { Talker } from '../../src/media/talker.ts';
import { parseRtp, RtpHeader, RtpSession, type SessionConfig } from '../../src/rtp/index.ts';
import { amplitude, decibels, sine, voice } from '../audio/kit.ts';
import { CountingRandom } from '../kit/random.ts';
import { SeededRandom } from '../sdp/kit.ts';
import { g722, l16, opus, pcma } from './pair.ts';

const rateHz = 16_000;

interface Passed {
  payloadType: number;
  marker: boolean;
  rtpTimestamp: number;
  bytes: number;
}

/** What is heard of `said`, and what passed on the wire; a packet takes 3 ms. */
function pass(
  said: Int16Array,
  codec: Codec,
  packetMs: number,
  pauses: Pauses = 'sent',
  digits = '',
  lossPercent = 0,
): { heard: Int16Array; wire: Passed[]; digits: string; concealedMs: number } {
  const config: SessionConfig = {
    payloadType: codec.payloadType,
    clockRateHz: codec.clockRateHz,
    packetMs,
    dtmfPayloadType: 101,
    dtmfClockRateHz: 8000,
    buffer: { kind: 'adaptive', minMs: 20, maxMs: 200 },
  };
  const talker = new Talker(makeEncoder(codec, rateHz, pauses), rateHz, packetMs);
  const listener = new Listener(makeDecoder(codec, rateHz), codec.clockRateHz, rateHz);
  const sender = new RtpSession(config, new CountingRandom());
  const receiver = new RtpSession({ ...config, ticksOf: listener.ticksOf }, new CountingRandom());
  const heard = new Int16Array(said.length);
  const frame = new Int16Array(rateHz / 100);
  const header = new RtpHeader();
  const wire: Passed[] = [];
  const random = new SeededRandom(7);
  let read = '';
  for (let at = 0; at + frame.length <= said.length; at += frame.length) {
    const now = (at * 1000) / rateHz;
    if (now === 1000) sender.sendDigits(digits);
    talker.add(said.subarray(at, at + frame.length));
    for (let length = talker.next(sender); length > 0; length = talker.next(sender)) {
      assert.ok(parseRtp(talker.datagram, length, header));
      const { payloadType, marker, rtpTimestamp, payloadLength } = header;
      wire.push({ payloadType, marker, rtpTimestamp, bytes: payloadLength });
      if (random.below(100) < lossPercent) continue;
      const received = receiver.receive(talker.datagram, length, now + 3);
      if (received === 'noise') listener.pause(talker.datagram, header);
      else if (received === 'audio') listener.resume();
      else if (received === 'digit') read += receiver.digit;
      else assert.equal(received, 'event');
    }
    if (now % 5000 === 4000) {
      // What the other side misses comes back in its report.
      const report = receiver.report(now)!;
      sender.receiveRtcp(report, report.length, now);
    }
    listener.fill(frame, receiver.jitter, now + 9);
    heard.set(frame, at);
  }
  return { heard, wire, digits: read, concealedMs: listener.concealedMs };
}

const skipFor = ({ encoding }: { encoding: string }): string | false =>
  encoding === 'OPUS' ? (missingOpus() ?? false) : false;

for (const codec of [pcma, g722, opus, l16])
  for (const packetMs of [10, 20, 30, 40, 60].filter(
    (ms) => !(codec === opus && ms === 30) && !(codec === l16 && ms === 60),
  ))
    test(`${codec.encoding}, ${packetMs} ms: a tone arrives whole, at its level, and time stamps count the clock`, {
      skip: skipFor(codec),
    }, () => {
      const { heard, wire } = pass(sine(700, rateHz, 3 * rateHz), codec, packetMs);
      const level = decibels(amplitude(heard, 700, rateHz, rateHz) / 10_000);
      assert.ok(Math.abs(level) < 0.7, `${level} dB`);
      let quietest = 0;
      for (let at = rateHz; at + 160 <= heard.length; at += 160) quietest = Math.min(quietest, rmsDbfs(heard, at, 160));
      assert.ok(quietest > -18, `${quietest} dBFS`);
      const steps = new Set(wire.slice(1).map(({ rtpTimestamp }, i) => (rtpTimestamp - wire[i].rtpTimestamp) >>> 0));
      assert.deepEqual([...steps], [(codec.clockRateHz * packetMs) / 1000]);
      assert.equal(wire.length, 3000 / packetMs);
    });

for (const codec of [pcma, g722, opus])
  test(`${codec.encoding}: digits among the sound cross once each`, { skip: skipFor(codec) }, () => {
    const { wire, digits } = pass(sine(700, rateHz, 4 * rateHz), codec, 20, 'sent', '1#5');
    assert.equal(digits, '1#5');
    const events = wire.filter(({ payloadType }) => payloadType === 101);
    // Each takes its time stamp from the clock of the sound, which goes on under it.
    assert.equal(new Set(events.map(({ rtpTimestamp }) => rtpTimestamp)).size, 3);
    assert.equal(events.length, 3 * (8 + 2));
  });

test('OPUS: what is lost is said again in the next packet, once the other side has told that it misses something', {
  skip: skipFor(opus),
}, () => {
  const narrow = voice(8000 * 30);
  const said = new Int16Array(rateHz * 30 + 10);
  new Resampler(8000, rateHz).process(narrow, 0, narrow.length, said, 0);
  const concealed = ({ fec }: { fec: boolean }): number =>
    pass(said, { ...opus, opus: { fec } }, 20, 'sent', '', 10).concealedMs;
  const [without, repeated] = [concealed({ fec: false }), concealed({ fec: true })];
  assert.ok(without > 2000, `${without} ms`);
  assert.ok(repeated < 0.7 * without, `${repeated} of ${without} ms are made up`);
});

/** Noise, and a tone in it from 12 to 13 s. */
function place(noiseDbfs: number): Int16Array {
  const scale = 3 ** 0.5 * 10 ** (noiseDbfs / 20);
  let state = 1;
  const tone = sine(700, rateHz, rateHz);
  return Int16Array.from({ length: 16 * rateHz }, (_, i) => {
    state = (Math.imul(state, 1103515245) + 12345) | 0;
    const noise = Math.round((state >> 16) * scale);
    return i >= 12 * rateHz && i < 13 * rateHz ? tone[i - 12 * rateHz] + noise : noise;
  });
}

for (const [codec, pauses, most, noiseDbfs] of [
  [pcma, 'noise', 12, -46],
  [g722, 'noise', 12, -46],
  // libopus takes louder noise for a voice that might be.
  [opus, 'left-out', 16, -66],
] as const)
  test(`${codec.encoding}: pauses are left out, sound like the place all the same, and the sound after them is marked`, {
    skip: skipFor(codec),
  }, () => {
    const said = place(noiseDbfs);
    const { heard, wire } = pass(said, codec, 20, pauses);
    const all = wire.map(({ rtpTimestamp }) => ((rtpTimestamp - wire[0].rtpTimestamp) >>> 0) / codec.clockRateHz);
    const inPause = all.filter((at) => at > 8 && at < 12).length;
    assert.ok(inPause <= most, `${inPause} packets in 4 s`);
    const pause = rmsDbfs(heard, 9 * rateHz, 3 * rateHz);
    assert.ok(Math.abs(pause - rmsDbfs(said, 9 * rateHz, 3 * rateHz)) < 6, `${pause} dBFS`);
    let quietest = 0;
    for (let at = 9 * rateHz; at < 12 * rateHz; at += 320) quietest = Math.min(quietest, rmsDbfs(heard, at, 320));
    assert.ok(quietest > noiseDbfs - 14, `${quietest} dBFS for 20 ms`);
    const first = all.findIndex((at) => at >= 12);
    assert.equal(wire[first].payloadType, codec.payloadType);
    if (codec !== opus) assert.ok(wire[first].marker);
    assert.ok(wire.every(({ payloadType, marker }) => payloadType !== 13 || !marker));
    const tone = decibels(amplitude(heard, 700, rateHz, 12.2 * rateHz, 12.9 * rateHz) / 10_000);
    assert.ok(Math.abs(tone) < 1, `${tone} dB`);
  });
