/** The whole way of the sound, as the media thread goes it every 10 ms: with loss, and both ways. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { alaw } from '../../src/audio/g711.ts';
import { Mixer, makeDecoder, makeEncoder, missingOpus, Resampler, Tone } from '../../src/audio/index.ts';
import { Listener } from '../../src/media/listener.ts';
import { RTP_HEADER_BYTES, RtpSession, type SessionConfig } from '../../src/rtp/index.ts';
import { amplitude, sine } from '../audio/kit.ts';
import { allocations, testSettled } from '../kit/allocations.ts';
import { CountingRandom } from '../kit/random.ts';
import { SeededRandom } from '../sdp/kit.ts';

const config: SessionConfig = {
  payloadType: 8,
  clockRateHz: 8000,
  packetMs: 20,
  dtmfPayloadType: 101,
  buffer: { kind: 'adaptive', minMs: 20, maxMs: 200 },
};

/** A talker of a 440 Hz tone and a listener; one object, made once. */
class Line {
  readonly #talker = new RtpSession(config, new CountingRandom());
  readonly #listener = new RtpSession(config, new CountingRandom());
  readonly #random = new SeededRandom(4);
  readonly #lossPercent: number;
  readonly #tone = sine(440, 16_000, 16_000 / 20);
  readonly #down = new Resampler(16_000, 8000);
  readonly #hearing = new Listener(alaw, 8000, 16_000);
  readonly #said = new Int16Array(160);
  readonly #datagram = new Uint8Array(1500);
  readonly #frame = new Int16Array(160);
  readonly #mixer = new Mixer(16_000, 160);
  readonly #ringback = new Tone('ringback', 16_000);
  #now = 0;
  #position = 0;

  constructor(lossPercent: number) {
    this.#lossPercent = lossPercent;
  }

  get delayMs(): number {
    return this.#listener.jitter.delayMs;
  }

  tick(loudspeaker: Int16Array, at: number): void {
    const odd = (this.#now / 10) & 1;
    this.#down.process(this.#tone, this.#position, 160, this.#said, odd * 80);
    this.#position = (this.#position + 160) % this.#tone.length;
    if (odd === 1) {
      alaw.encode(this.#said, 0, 160, this.#datagram, RTP_HEADER_BYTES);
      const length = this.#talker.send(this.#datagram, 160);
      if (this.#random.below(100) >= this.#lossPercent) this.#listener.receive(this.#datagram, length, this.#now);
    }
    this.#hearing.fill(this.#frame, this.#listener.jitter, this.#now);
    this.#mixer.add(this.#frame, 0, 160, 1);
    this.#ringback.fill(this.#frame, 0, 160);
    this.#mixer.add(this.#frame, 0, 160, 0);
    this.#mixer.finish(loudspeaker, at);
    this.#now += 10;
  }
}

test('a tone arrives as it was sent: level, purity, delay', () => {
  const line = new Line(0);
  const heard = new Int16Array(160 * 300);
  for (let i = 0; i < 300; i++) line.tick(heard, i * 160);
  const level = amplitude(heard, 440, 16_000, 16_000, 48_000);
  assert.ok(Math.abs(level - 10_000) < 100, `${level}`);
  for (const hz of [220, 880, 1320, 7560]) assert.ok(amplitude(heard, hz, 16_000, 16_000, 48_000) < 100, `${hz} Hz`);
  assert.ok(line.delayMs <= 30, `${line.delayMs} ms`);
});

test('a tenth of the packets lost: hardly a tenth of a decibel is missing', () => {
  const line = new Line(10);
  const heard = new Int16Array(160 * 1000);
  for (let i = 0; i < 1000; i++) line.tick(heard, i * 160);
  // A second each: the delay moves meanwhile, and with it the phase.
  for (let at = 16_000; at < 160_000; at += 16_000) {
    const level = amplitude(heard, 440, 16_000, at, at + 16_000);
    assert.ok(level > 9500, `${level} at ${at / 16_000} s`);
  }
});

testSettled(fileURLToPath(import.meta.url), 'the tick allocates nothing', () => {
  const line = new Line(10);
  const heard = new Int16Array(160);
  for (let i = 0; i < 40_000; i++) line.tick(heard, 0);
  const allocated = allocations(() => {
    for (let i = 0; i < 10_000; i++) line.tick(heard, 0);
  });
  // Numbers are boxed where V8 leaves its optimised code (16 kB here on Node 20, 120 kB on Node 24, which takes longer to come to
  // rest: hence the long warm-up); an array or a closure per frame would be 160000 bytes and more.
  const most = Number(process.versions.node.split('.')[0]) > 20 ? 158_000 : 60_000;
  const total = allocated.reduce((sum, { bytes }) => sum + bytes, 0);
  const told = allocated.map(({ name, bytes }) => `${name} ${bytes}`).join(', ');
  assert.ok(total < most, `${total} bytes in 10000 ticks: ${told}`);
});

for (const [encoding, clockRateHz] of [
  ['G722', 8000],
  ['OPUS', 48_000],
] as const)
  test(`${encoding}: neither way allocates, loss included`, {
    skip: encoding === 'OPUS' && (missingOpus() ?? false),
  }, () => {
    const format = { encoding, clockRateHz, channels: 1, opus: { fec: true } };
    const encoder = makeEncoder(format, 16_000, 'left-out');
    const decoder = makeDecoder(format, 16_000);
    const sound = sine(440, 16_000, 16_000);
    const heard = new Int16Array(320);
    const payload = new Uint8Array(1500);
    const pass = (): void => {
      for (let i = 0; i < 2000; i++) {
        encoder.expectLoss(i & 1 ? 0.1 : 0.2);
        const length = encoder.encode(sound, (i * 320) % 16_000, 320, payload, 12);
        const lost = i % 10 === 9;
        if (lost && decoder.concealsMs > 0 && !decoder.recover(payload, 12, length, heard, 0, 320))
          decoder.conceal(heard, 0, 320);
        decoder.decode(payload, 12, length, heard, 0);
      }
    };
    pass();
    const allocated = allocations(pass, /./);
    const total = allocated.reduce((sum, { bytes }) => sum + bytes, 0);
    const told = allocated.map(({ name, bytes }) => `${name} ${bytes}`).join(', ');
    // An array or a closure per packet would be 100 kB and more.
    assert.ok(total < 60_000, `${total} bytes in 2000 packets: ${told}`);
  });
