/** Loudspeakers in step, in virtual time: each with its own clock, card and network, all with the same packets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeDecoder, makeEncoder } from '../../src/audio/index.ts';
import { formatOf, Playout, wallOfNtp } from '../../src/page/index.ts';
import { ntpOfWall } from '../../src/page/timeline.ts';

const PACKET_MS = 20;
const FRAME_MS = 10;

interface Box {
  /** Of its own clock at time 0, ms; and how fast it runs, ppm. */
  zeroMs?: number;
  ppm?: number;
  rateHz?: number;
  /** Card: from the write to the loudspeaker. */
  cardMs?: number;
  /** Of packet n. */
  networkMs?(n: number): number;
  lost?(n: number): boolean;
  /** The card loses so much at that time. */
  xrun?: { atMs: number; ms: number; told?: boolean };
  /** It hears nothing before. */
  fromMs?: number;
}

interface Page {
  sync?: 'clock';
  delayMs?: number;
  /** The sender's clock, ppm. */
  ppm?: number;
  seconds?: number;
  /** Of its time of day. */
  wallErrorMs?: number;
}

/**
 * The sender says 1 at 1/8 of each second for 1 ms (a click); when does the box make it heard? In true time, per click, ms after it
 * was said.
 */
function clicks(page: Page, box: Box): number[] {
  const { seconds = 6, delayMs = 60, ppm = 0 } = page;
  const { rateHz = 16_000, cardMs = 20, networkMs = () => 1, lost = () => false } = box;
  const format = { ...formatOf('l16'), clockRateHz: 16_000 };
  const encoder = makeEncoder(format, 16_000, 'sent');
  const playout = new Playout({
    decoder: makeDecoder(format, rateHz),
    clockRateHz: 16_000,
    rateHz,
    delayMs,
    sync: page.sync ?? 'arrival',
  });
  playout.realign(cardMs);
  const own = (trueMs: number): number => (box.zeroMs ?? 0) + trueMs * (1 + (box.ppm ?? 0) / 1e6);
  const ofOwn = (ms: number): number => (ms - (box.zeroMs ?? 0)) / (1 + (box.ppm ?? 0) / 1e6);
  const wallAheadMs = 1.7e12 - (box.zeroMs ?? 0);

  const arrivals: { atMs: number; n: number }[] = [];
  for (let n = 0; n * PACKET_MS < seconds * 1000; n++) {
    if (lost(n)) continue;
    const sentMs = ((n + 1) * PACKET_MS) / (1 + ppm / 1e6);
    const atMs = sentMs + networkMs(n);
    if (atMs >= (box.fromMs ?? 0)) arrivals.push({ atMs, n });
  }
  arrivals.sort((a, b) => a.atMs - b.atMs);

  const packet = new Int16Array((16_000 * PACKET_MS) / 1000);
  const payload = new Uint8Array(2 * packet.length);
  const frame = new Int16Array((rateHz * FRAME_MS) / 1000);
  const heard: number[] = [];
  let peak = 0;
  let peakAtMs = 0;
  let quiet = 0;
  const notice = (sample: number, atMs: number): void => {
    if (Math.abs(sample) > 3000) {
      quiet = 0;
      if (Math.abs(sample) > peak) [peak, peakAtMs] = [Math.abs(sample), atMs];
    } else if (++quiet > 100 && peak > 0) {
      heard.push(peakAtMs);
      peak = 0;
    }
  };
  /** Own clock: when the first sample of the next frame sounds. The card counts by the box's clock. */
  let soundsMs = own(box.fromMs ?? 0) + cardMs;
  for (let next = 0; ofOwn(soundsMs) < seconds * 1000 + delayMs + 200; ) {
    const nowMs = soundsMs - cardMs;
    for (; next < arrivals.length && own(arrivals[next].atMs) <= nowMs; next++) {
      const { atMs, n } = arrivals[next];
      for (let i = 0; i < packet.length; i++) {
        const t = (n * packet.length + i) / 16;
        packet[i] = Math.round(12_000 * Math.exp(-(((t % 1000) - 125) ** 2) / 0.1));
      }
      const length = encoder.encode(packet, 0, packet.length, payload, 0);
      playout.put((4_294_960_000 + n * packet.length) >>> 0, payload, 0, length, own(atMs));
      if (page.sync === 'clock' && n % 50 === 0) {
        const wallMs = 1.7e12 + (n * PACKET_MS) / (1 + ppm / 1e6) + (page.wallErrorMs ?? 0);
        playout.report((4_294_960_000 + n * packet.length) >>> 0, wallMs);
      }
    }
    if (next > 0) playout.fill(frame, soundsMs, wallAheadMs);
    for (let i = 0; i < frame.length; i++) notice(frame[i], ofOwn(soundsMs + (i * 1000) / rateHz));
    soundsMs += FRAME_MS;
    if (box.xrun && ofOwn(soundsMs) >= box.xrun.atMs && ofOwn(soundsMs) - FRAME_MS < box.xrun.atMs) {
      soundsMs += box.xrun.ms;
      if (box.xrun.told) playout.realign(cardMs);
    }
  }
  return heard.map((ms) => (ms - 125) % 1000);
}

const seeded = (seed: number) => () => (seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff) / 0x7fffffff;
const jitter = (most: number, seed: number) => {
  const random = seeded(seed);
  const values = Array.from({ length: 2000 }, () => 1 + random() * most);
  return (n: number): number => values[n];
};

const stories: [name: string, page: Page, a: Box, b: Box, mostMs: number, atLeast?: number][] = [
  ['two of a kind', {}, {}, {}, 0.07],
  ['another card', {}, { cardMs: 2 }, { cardMs: 29.3 }, 0.07],
  ['another rate', {}, { rateHz: 48_000 }, { rateHz: 8000 }, 0.15],
  ['clocks that began at another time', {}, { zeroMs: 1e6 }, { zeroMs: 3.3 }, 0.07],
  [
    'jitter of 30 ms, each its own: no worse than half of it',
    {},
    { networkMs: jitter(30, 1) },
    { networkMs: jitter(30, 2) },
    15,
  ],
  [
    'the same jitter of 25 ms, and one of the cards has had underruns',
    {},
    { networkMs: jitter(25, 5) },
    { networkMs: jitter(25, 5), cardMs: 42 },
    0.3,
  ],
  ['cards 150 ppm apart', { seconds: 20 }, { ppm: 75 }, { ppm: -75 }, 0.5],
  ['a sender 200 ppm fast', { ppm: 200, seconds: 20 }, {}, { zeroMs: 77 }, 0.07],
  ['a packet in ten lost at one of them', {}, {}, { lost: (n) => n % 10 === 3 }, 0.07, 4],
  ['one began to listen later', { seconds: 12 }, {}, { fromMs: 3700 }, 0.07, 7],
  [
    'by the clock: a network that is 40 ms slower there',
    { sync: 'clock', delayMs: 200 },
    {},
    { networkMs: () => 41 },
    0.07,
  ],
  [
    'by the clock: jitter of 60 ms',
    { sync: 'clock', delayMs: 200 },
    { networkMs: jitter(60, 3) },
    { networkMs: jitter(60, 4) },
    0.07,
  ],
  ['by the clock, two seconds late', { sync: 'clock', delayMs: 2000, seconds: 5 }, {}, { cardMs: 90 }, 0.07],
  ['a sender whose clock is an hour off: by arrival', { sync: 'clock', wallErrorMs: 3_600_000 }, {}, {}, 0.07],
  [
    'a sender whose clock is behind by more than the delay: by arrival',
    { sync: 'clock', delayMs: 500, wallErrorMs: -800 },
    {},
    {},
    0.07,
  ],
  ['by the clock, but the delay is shorter than the way: by arrival', { sync: 'clock', delayMs: 20 }, {}, {}, 0.07],
];
for (const [name, page, a, b, mostMs, atLeast] of stories)
  test(`in step: ${name}`, () => {
    const [one, other] = [clicks(page, a), clicks(page, b)];
    const count = Math.min(one.length, other.length);
    assert.ok(count >= (atLeast ?? (page.seconds ?? 6) - 1), `${one.length} and ${other.length} clicks`);
    for (let i = 1; i <= count; i++) {
      const skew = one[one.length - i] - other[other.length - i];
      assert.ok(Math.abs(skew) <= mostMs, `click ${i} from the end: ${skew.toFixed(3)} ms`);
    }
  });

test('the delay counts from the fastest packet', () => {
  // 20 ms for the packet to be full, 1 ms of network.
  for (const ms of clicks({ delayMs: 60 }, {})) assert.ok(Math.abs(ms - 81) < 0.1, `${ms}`);
});
test('a card that alone takes as long gets more time', () => {
  const heard = clicks({ delayMs: 60 }, { cardMs: 70 });
  assert.equal(heard.length, 6);
  for (const ms of heard) assert.ok(Math.abs(ms - 106) < 0.1, `${ms}`);
});
test('without any delay it has what frames and card need, from the first packet on', () => {
  const decoder = makeDecoder(formatOf('pcmu'), 16_000);
  const playout = new Playout({ decoder, clockRateHz: 8000, rateHz: 16_000, delayMs: 0, sync: 'arrival' });
  for (let n = 0; n < 10; n++) {
    playout.put(n * 160, new Uint8Array(160), 0, 160, n * 20);
    assert.equal(playout.delayMs, 35);
  }
});
test('packets in bursts of a quarter of a second are waited for', () => {
  const burst = (n: number): number => (12 - (n % 13)) * 20;
  const heard = clicks({ seconds: 8 }, { networkMs: burst });
  assert.equal(heard.length, 8);
  for (const ms of heard.slice(4)) assert.ok(Math.abs(ms - heard[7]) < 1, `${heard}`);
});
for (const [name, page, networkMs, atLeast] of [
  ["the sender's count stands still for 0.7 s", {}, (n) => (n < 100 ? 1 : 701), 8],
  ['for 0.9 s, with a delay of 100 ms', { delayMs: 100 }, (n) => (n < 100 ? 1 : 901), 8],
  [
    'the network stands still for 1.5 s, less than the delay',
    { delayMs: 2000 },
    (n) => (n < 100 ? 1 : Math.max(1, 3500 - n * 20)),
    8,
  ],
] as [string, Page, (n: number) => number, number][])
  test(`it goes on at once: ${name}`, () => {
    const heard = clicks({ seconds: 8, ...page }, { networkMs });
    assert.ok(heard.length >= atLeast, `${heard.length} of ${atLeast} clicks`);
  });
test('by the clock it counts from when the sound was taken', () => {
  for (const ms of clicks({ delayMs: 300, sync: 'clock' }, { networkMs: () => 33 }))
    assert.ok(Math.abs(ms - 300) < 0.1, `${ms}`);
});
test('a card that lost 6 ms is in step again within a second', () => {
  const heard = clicks({ seconds: 6 }, { xrun: { atMs: 2400, ms: 6 } });
  assert.equal(heard.length, 6);
  for (const ms of heard.slice(4)) assert.ok(Math.abs(ms - 81) < 0.2, `${heard}`);
  assert.ok(Math.abs(heard[3] - 81) < 1, `${heard}`);
});
test('a card that says it has lost 50 ms is in step again at once', () => {
  const heard = clicks({ seconds: 6 }, { xrun: { atMs: 2400, ms: 50, told: true } });
  assert.equal(heard.length, 6);
  for (const ms of heard) assert.ok(Math.abs(ms - 81) < 0.1, `${heard}`);
});

const times: [name: string, wallMs: number][] = [
  ['now', 1_700_000_000_123.25],
  ['just before the count wraps in 2036', 2_085_978_495_999],
  ['just after', 2_085_978_496_001],
];
for (const [name, wallMs] of times)
  test(`NTP: there and back, ${name}`, () => {
    const { ntpSeconds, ntpFraction } = ntpOfWall(wallMs);
    for (const near of [wallMs, wallMs - 1e9, wallMs + 1e9])
      assert.ok(Math.abs(wallOfNtp(ntpSeconds, ntpFraction, near) - wallMs) < 0.001);
  });

test('the sender counts anew: what came before is still counted', () => {
  const decoder = makeDecoder(formatOf('pcmu'), 16_000);
  const playout = new Playout({ decoder, clockRateHz: 8000, rateHz: 16_000, delayMs: 60, sync: 'arrival' });
  const payload = new Uint8Array(160).fill(255);
  for (let n = 0; n < 10; n++) playout.put(n * 160, payload, 0, 160, n * 20);
  playout.restart();
  for (let n = 10; n < 15; n++) playout.put(n * 160, payload, 0, 160, n * 20);
  playout.put(5_000_000, payload, 0, 160, 300);
  assert.equal(playout.packetsReceived, 16);
});
