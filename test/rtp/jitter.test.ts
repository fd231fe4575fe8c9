import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BufferMode, JitterBuffer, RtpHeader } from '../../src/rtp/index.ts';
import { SeededRandom } from '../sdp/kit.ts';

interface Packet {
  sequence: number;
  rtpTimestamp: number;
  arrivalMs: number;
  packetMs?: number;
  marker?: boolean;
  /** The numbering begins anew here. */
  restart?: boolean;
  /** No audio, but of the same numbering. */
  event?: boolean;
  name?: string;
}

interface Played {
  /** `a b L(20) P(20) w(10) c`: packets by name, ms concealed, ms paused, ms waited; `L(20)>c` when c could be asked about it. */
  trace: string;
  delayMs: number;
  waitedMs: number;
  lostMs: number;
  shortenedMs: number;
  buffer: JitterBuffer;
}

/** A loudspeaker that takes 10 ms every 10 ms, at 8 kHz; with `shorten` it catches up as the audio room does. */
function play(packets: readonly Packet[], mode: BufferMode, untilMs: number, shorten = false): Played {
  const buffer = new JitterBuffer(8000, mode);
  const header = new RtpHeader();
  const arriving = [...packets].sort((a, b) => a.arrivalMs - b.arrivalMs);
  const words: string[] = [];
  const played: Played = { trace: '', delayMs: 0, waitedMs: 0, lostMs: 0, shortenedMs: 0, buffer };
  let heldMs = 0;
  let waitedMs = 0;
  const endWait = (): void => {
    if (waitedMs > 0) words.push(`w(${waitedMs})`);
    waitedMs = 0;
  };
  for (let now = 0; now < untilMs; now += 10) {
    for (; arriving.length > 0 && arriving[0].arrivalMs <= now; arriving.shift()) {
      const { sequence, rtpTimestamp, packetMs = 20, marker = false, restart, event, arrivalMs, name } = arriving[0];
      const payload = new TextEncoder().encode(name ?? String(sequence));
      const bytes = new Uint8Array([...new Uint8Array(12), ...payload]);
      Object.assign(header, { sequence, rtpTimestamp, marker, payloadOffset: 12, payloadLength: payload.length });
      if (restart) buffer.restart();
      if (event) buffer.pass(header);
      else buffer.put(header, packetMs * 8, bytes, arrivalMs);
    }
    while (heldMs < 10) {
      const taken = buffer.take(now);
      if (taken === 'wait') {
        waitedMs += 10;
        played.waitedMs += 10;
        heldMs += 10;
        continue;
      }
      endWait();
      heldMs += buffer.durationTicks / 8;
      if (taken !== 'packet') {
        const behind = new TextDecoder().decode(buffer.next.subarray(0, buffer.nextLength));
        words.push(`${taken === 'lost' ? 'L' : 'P'}(${buffer.durationTicks / 8})${behind && `>${behind}`}`);
        if (taken === 'lost') played.lostMs += buffer.durationTicks / 8;
      } else {
        words.push(new TextDecoder().decode(buffer.payload.subarray(0, buffer.payloadLength)));
        if (shorten && buffer.excessMs > 10) {
          heldMs -= 8;
          played.shortenedMs += 8;
        }
      }
    }
    heldMs -= 10;
  }
  endWait();
  played.trace = words.join(' ');
  played.delayMs = buffer.delayMs;
  return played;
}

/** `count` packets from sequence 0, the i-th on its way for `transit(i)` ms. */
function stream(count: number, transit: (i: number) => number, packetMs = 20): Packet[] {
  return Array.from({ length: count }, (_, i) => ({
    sequence: i & 0xffff,
    rtpTimestamp: (i * packetMs * 8) >>> 0,
    arrivalMs: i * packetMs + transit(i),
    packetMs,
  }));
}

const fixed: BufferMode = { kind: 'fixed', delayMs: 60 };
const low: BufferMode = { kind: 'fixed', delayMs: 20 };
const adaptive: BufferMode = { kind: 'adaptive', minMs: 20, maxMs: 200 };
const five = stream(5, () => 0);
const without = (...gone: number[]): Packet[] => five.filter(({ sequence }) => !gone.includes(sequence));
const moved = (sequence: number, arrivalMs: number): Packet[] =>
  five.map((packet) => (packet.sequence === sequence ? { ...packet, arrivalMs } : packet));

for (const [sentence, packets, mode, expected] of [
  ['in order: held for 60 ms, then one after the other', five, fixed, 'w(60) 0 1 2 3 4 w(40)'],
  ['held for 20 ms when that is asked for', five, low, 'w(20) 0 1 2 3 4 w(80)'],
  ['one lost: concealed for as long as it would have lasted', without(2), fixed, 'w(60) 0 1 L(20)>3 3 4 w(40)'],
  ['three lost: concealed packet by packet', without(1, 2, 3), fixed, 'w(60) 0 L(20) L(20) L(20)>4 4 w(40)'],
  ['overtaken within the delay: played in its place', moved(1, 55), fixed, 'w(60) 0 1 2 3 4 w(40)'],
  ['the very first overtaken', moved(0, 35), fixed, 'w(80) 0 1 2 3 4 w(20)'],
  ['too late: concealed, and not played when it comes', moved(1, 105), fixed, 'w(60) 0 L(20)>2 2 3 4 w(40)'],
  ['a duplicate is played once', [...five, five[2], five[3]], fixed, 'w(60) 0 1 2 3 4 w(40)'],
  [
    'nothing there: the sound waits, and the packet is still played',
    moved(4, 170),
    fixed,
    'w(60) 0 1 2 3 w(30) 4 w(10)',
  ],
  [
    'lost at an empty buffer: what was waited is not concealed again',
    moved(3, 75).filter(({ sequence }) => sequence !== 2),
    low,
    'w(20) 0 1 w(20) 3 4 w(80)',
  ],
  ['60 ms packets', stream(2, () => 0, 60), fixed, 'w(60) 0 1 w(20)'],
  ['10 ms packets', stream(4, () => 0, 10), low, 'w(20) 0 1 2 3 w(140)'],
  [
    'packet sizes may change on the way',
    [
      { sequence: 0, rtpTimestamp: 0, arrivalMs: 0 },
      { sequence: 1, rtpTimestamp: 160, arrivalMs: 50, packetMs: 30 },
      { sequence: 2, rtpTimestamp: 400, arrivalMs: 60, packetMs: 10 },
    ],
    fixed,
    'w(60) 0 1 2 w(80)',
  ],
  [
    'over the wrap of both counters',
    five.map((packet) => ({
      ...packet,
      sequence: (packet.sequence + 65534) & 0xffff,
      rtpTimestamp: (packet.rtpTimestamp + 2 ** 32 - 200) >>> 0,
    })),
    fixed,
    'w(60) 65534 65535 0 1 2 w(40)',
  ],
  [
    'a pause between talk spurts is as long as it was',
    [...five.slice(0, 2), { sequence: 2, rtpTimestamp: 8 * 120, arrivalMs: 120, marker: true }],
    low,
    'w(20) 0 1 w(80) 2 w(40)',
  ],
  [
    'the beginning of a talk spurt that was slow is not held any longer',
    [...five.slice(0, 2), { sequence: 2, rtpTimestamp: 8 * 100, arrivalMs: 115, marker: true }],
    low,
    'w(20) 0 1 w(60) 2 w(60)',
  ],
  [
    'telephone-event packets took numbers and time of the audio: a pause like any other',
    [...five.slice(0, 2), { sequence: 6, rtpTimestamp: 8 * 120, arrivalMs: 120 }],
    low,
    'w(20) 0 1 w(60) L(20)>6 6 w(40)',
  ],
  [
    'unless they are known not to be audio',
    [
      ...five.slice(0, 2),
      ...[2, 3, 4, 5].map((sequence) => ({ sequence, rtpTimestamp: 320, arrivalMs: 20 * sequence, event: true })),
      { sequence: 5, rtpTimestamp: 320, arrivalMs: 105, event: true },
      { sequence: 6, rtpTimestamp: 8 * 120, arrivalMs: 120 },
    ],
    low,
    'w(20) 0 1 w(80) 6 w(40)',
  ],
  [
    'a sender that leaves silence out without a marker: a pause, and a new talk spurt is held anew',
    [...five.slice(0, 2), { sequence: 2, rtpTimestamp: 8 * 120, arrivalMs: 120 }],
    low,
    'w(20) 0 1 w(80) 2 w(40)',
  ],
  [
    'a pause that is over before it was noticed is as long as it was',
    [...five.slice(0, 3), { sequence: 3, rtpTimestamp: 8 * 90, arrivalMs: 60 }],
    fixed,
    'w(60) 0 1 2 P(10) P(20) 3 w(30)',
  ],
  [
    'packets of 20, then 60, then 10 ms',
    [
      ...five.slice(0, 2),
      { sequence: 2, rtpTimestamp: 320, arrivalMs: 80, packetMs: 60 },
      { sequence: 3, rtpTimestamp: 800, arrivalMs: 90, packetMs: 10 },
      { sequence: 5, rtpTimestamp: 960, arrivalMs: 110, packetMs: 10 },
    ],
    fixed,
    'w(60) 0 1 2 3 L(10)>5 5 w(10)',
  ],
  [
    'a new source whose packets are older by an hour',
    [
      ...five.slice(0, 2),
      { sequence: 7, rtpTimestamp: 320 + 2 ** 32 - 8 * 3_600_000, arrivalMs: 45, restart: true },
      { sequence: 8, rtpTimestamp: 480 + 2 ** 32 - 8 * 3_600_000, arrivalMs: 65 },
    ],
    fixed,
    'w(60) 0 1 7 8 w(60)',
  ],
  [
    'a new source goes on where the old one ended',
    [
      ...five.slice(0, 2),
      { sequence: 9000, rtpTimestamp: 77, arrivalMs: 40, restart: true },
      { sequence: 9001, rtpTimestamp: 237, arrivalMs: 60 },
    ],
    fixed,
    'w(60) 0 1 9000 9001 w(60)',
  ],
  [
    'a new source after a pause: the pause is kept',
    [...five.slice(0, 2), { sequence: 9000, rtpTimestamp: 77, arrivalMs: 140, restart: true }],
    low,
    'w(20) 0 1 w(100) 9000 w(20)',
  ],
  [
    'the time stamp leaps ahead by a minute, the numbers do not: no minute of nothing',
    five.map((packet) => (packet.sequence >= 2 ? { ...packet, rtpTimestamp: packet.rtpTimestamp + 480_000 } : packet)),
    fixed,
    'w(60) 0 1 2 3 4 w(40)',
  ],
  [
    'the time stamp leaps back',
    five.map((packet) => ({ ...packet, rtpTimestamp: packet.rtpTimestamp + (packet.sequence >= 2 ? 10 : 480_000) })),
    fixed,
    'w(60) 0 1 2 3 4 w(40)',
  ],
  [
    'an old number with a time of two days ahead: not waited for, and nothing behind it is late',
    [...five, { sequence: 65_520, rtpTimestamp: 0x530a_0000, arrivalMs: 30 }],
    fixed,
    'w(60) 0 1 2 3 4 w(40)',
  ],
  [
    'the sender begins anew some numbers back: its second packet is believed',
    [
      ...five.slice(0, 2),
      { sequence: 65_500, rtpTimestamp: 0x530a_0000, arrivalMs: 40 },
      { sequence: 65_501, rtpTimestamp: 0x530a_00a0, arrivalMs: 60 },
      { sequence: 65_502, rtpTimestamp: 0x530a_0140, arrivalMs: 80 },
    ],
    fixed,
    'w(60) 0 1 65501 65502 w(60)',
  ],
] as [string, Packet[], BufferMode, string][])
  test(sentence, () => assert.equal(play(packets, mode, 200).trace, expected));

test('late and duplicate packets are counted apart', () => {
  const { buffer } = play([...moved(1, 105), { ...five[3], arrivalMs: 150 }], fixed, 200);
  assert.deepEqual([buffer.packetsLate, buffer.packetsDuplicate], [1, 1]);
});

test('a packet larger than any buffer is not taken', () => {
  const header = new RtpHeader();
  header.payloadLength = 1481;
  assert.equal(new JitterBuffer(8000, fixed).put(header, 160, new Uint8Array(1500), 0), 'too-long');
});

test('a flood is cut to what can be held: the newest stay', () => {
  const { buffer, trace } = play(
    stream(200, (i) => -20 * i),
    fixed,
    500,
  );
  assert.ok(buffer.packetsCut >= 136, `${buffer.packetsCut} cut`);
  assert.match(trace, /^w\(60\) (\d+ )+199 w\(\d+\)$/);
});

test('adaptive: on a quiet network the delay is the least one', () => {
  const { delayMs, waitedMs, lostMs } = play(
    stream(1000, (i) => i % 3),
    adaptive,
    20_000,
    true,
  );
  assert.ok(delayMs <= 30, `${delayMs} ms`);
  assert.ok(waitedMs <= 30 && lostMs === 0, `waited ${waitedMs}, lost ${lostMs}`);
});

for (const [jitterMs, mostDelayMs] of [
  [20, 50],
  [60, 90],
  [120, 160],
] as const)
  test(`adaptive: jitter of ${jitterMs} ms costs at most ${mostDelayMs} ms of delay and 2 % of the packets`, () => {
    const random = new SeededRandom(jitterMs);
    const { delayMs, waitedMs, buffer } = play(
      stream(3000, () => random.below(jitterMs)),
      adaptive,
      60_000,
      true,
    );
    assert.ok(delayMs <= mostDelayMs, `${delayMs} ms`);
    assert.ok(buffer.packetsLate <= 60, `${buffer.packetsLate} late`);
    assert.ok(waitedMs <= 1200, `${waitedMs} ms waited`);
  });

test('adaptive: more jitter later is learned within a second, and unlearned within half a minute', () => {
  const random = new SeededRandom(1);
  const lateMs = Array.from({ length: 1000 }, () => random.below(80));
  const transit = (i: number): number => (i >= 500 && i < 1000 ? lateMs[i] : 0);
  const before = play(stream(500, transit), adaptive, 10_000, true);
  const during = [11_000, 19_900].map((ms) => play(stream(1000, transit), adaptive, ms, true));
  const after = play(stream(3000, transit), adaptive, 59_900, true);
  assert.ok(before.delayMs <= 30 && after.delayMs <= 40, `${before.delayMs} ms before, ${after.delayMs} ms after`);
  assert.ok(during[1].delayMs >= 70, `${during[1].delayMs} ms`);
  const [late, waitedMs] = [
    during[1].buffer.packetsLate - during[0].buffer.packetsLate,
    during[1].waitedMs - during[0].waitedMs,
  ];
  assert.ok(late <= 5 && waitedMs <= 100, `${late} late, ${waitedMs} ms waited after the first second`);
});

test('adaptive: a standstill of two seconds is caught up, not carried along', () => {
  const { delayMs, buffer } = play(
    stream(600, (i) => (i >= 200 && i < 300 ? (300 - i) * 20 : 0)),
    adaptive,
    11_900,
    true,
  );
  assert.ok(delayMs <= 200, `${delayMs} ms`);
  assert.ok(buffer.packetsCut > 50, `${buffer.packetsCut} cut`);
});

for (const [sentence, silentMs, ppm, marker] of [
  ['an hour of silence', 3_600_000, 200, false],
  ['an hour of silence, clocks the other way', 3_600_000, -200, true],
  ['ten seconds of silence', 10_000, 0, true],
] as const)
  test(`${sentence}: what comes then is played at once and whole`, () => {
    const spurt = (from: number): Packet[] =>
      stream(50, () => 0).map(({ sequence, rtpTimestamp, arrivalMs }) => ({
        sequence: sequence + (from > 0 ? 50 : 0),
        rtpTimestamp: rtpTimestamp + from * 8,
        arrivalMs: (arrivalMs + from) * (1 + ppm * 1e-6),
        marker: marker && sequence === 0,
      }));
    const { trace, delayMs, buffer } = play([...spurt(0), ...spurt(silentMs)], adaptive, silentMs + 2000);
    assert.equal(trace.split(' ').filter((word) => /^\d+$/.test(word)).length, 100);
    assert.ok(delayMs <= 40, `${delayMs} ms`);
    assert.deepEqual([buffer.packetsLate, buffer.packetsCut, buffer.lostTicks], [0, 0, 0]);
  });

for (const ppm of [200, -200])
  test(`a clock ${ppm} ppm off for ten minutes: the delay stays, nothing is lost`, () => {
    const packets = stream(30_000, (i) => (i * 20 * ppm) / 1e6);
    const { delayMs, buffer, lostMs } = play(packets, adaptive, 599_000, true);
    assert.ok(delayMs <= 45, `${delayMs} ms`);
    assert.deepEqual([buffer.packetsLate, buffer.packetsCut, lostMs], [0, 0, 0]);
  });

test('fixed: the delay comes back to 60 ms after a standstill of 100 ms', () => {
  const { delayMs } = play(
    stream(500, (i) => (i >= 100 && i < 105 ? (105 - i) * 20 : 0)),
    fixed,
    9900,
    true,
  );
  assert.ok(Math.abs(delayMs - 60) <= 10, `${delayMs} ms`);
});

test('loss and jitter together: every packet that came in time is played, once and in order', () => {
  const random = new SeededRandom(11);
  const packets = stream(5000, () => random.below(50)).filter(() => random.below(100) >= 10);
  const { trace, buffer } = play(packets, adaptive, 100_400, true);
  const played = trace
    .split(' ')
    .filter((word) => /^\d+$/.test(word))
    .map(Number);
  assert.equal(played.length + buffer.packetsLate + buffer.packetsCut, packets.length);
  for (let i = 1; i < played.length; i++) assert.ok(played[i] > played[i - 1]);
  assert.ok(buffer.packetsLate < packets.length * 0.02, `${buffer.packetsLate} late`);
});
