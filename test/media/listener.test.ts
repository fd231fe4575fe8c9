import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BufferMode } from '../../src/rtp/index.ts';
import { sine, voice } from '../audio/kit.ts';
import { type Jitter, type TracePacket, trace, uniform } from '../kit/traces.ts';
import { listen } from './virtual.ts';

const HZ = 400;
const tone = sine(HZ, 8000, 8000);
const speech = voice(8000 * 10);

/** How far each sample of a sine of `HZ` at 16 kHz is from what the two before it say: 2.5 by rounding, 100s at a click. */
class Clicks {
  #before = 0;
  #beforeThat = 0;
  worst = 0;

  hear(frame: Int16Array, judged: boolean): void {
    const twice = 2 * Math.cos((2 * Math.PI * HZ) / 16_000);
    for (const sample of frame) {
      if (judged) this.worst = Math.max(this.worst, Math.abs(sample - twice * this.#before + this.#beforeThat));
      this.#beforeThat = this.#before;
      this.#before = sample;
    }
  }
}

/** Packets as a clock sends them that is `ppm` fast; each up to `jitterMs` late. */
function* sent(untilMs: number, ppm: number, jitterMs: number, packetMs: number): Generator<TracePacket> {
  const random = uniform(7);
  for (let sequence = 0; ; sequence++) {
    const sentMs = sequence * packetMs * (1 - ppm * 1e-6);
    if (sentMs > untilMs) return;
    yield { sequence, sentMs, arrivalMs: sentMs + 3.3 + jitterMs * random() };
  }
}

for (const [minutes, ppm, cardPpm, packetMs, mode] of [
  [60, 200, 0, 20],
  [60, -200, 0, 20],
  [15, 0, 200, 20],
  [15, 0, -200, 20],
  [15, 100, -100, 10],
  [15, -30, 40, 60],
  [15, 200, 0, 20, { kind: 'fixed', delayMs: 60 }],
  [15, -200, 0, 20, { kind: 'fixed', delayMs: 60 }],
] as [number, number, number, number, BufferMode?][])
  test(`clocks: theirs ${ppm} ppm fast, the card's ${cardPpm}, ${packetMs} ms packets, ${mode?.kind ?? 'adaptive'}: ${minutes} minutes without a click`, () => {
    const untilMs = minutes * 60_000;
    const clicks = new Clicks();
    const wantedMs = mode?.kind === 'fixed' ? mode.delayMs : 10;
    let least = Number.POSITIVE_INFINITY;
    let most = 0;
    const { jitter, listener } = listen(sent(untilMs, ppm, 0.5, packetMs), {
      untilMs: untilMs - 100,
      cardPpm,
      packetMs,
      mode,
      speech: tone,
      played: (frame, now, line) => {
        clicks.hear(frame, now > 500);
        if (now < untilMs / 5) return;
        least = Math.min(least, line.jitter.delayMs);
        most = Math.max(most, line.jitter.delayMs);
      },
    });
    const story = `delay ${least.toFixed(1)} .. ${most.toFixed(1)} ms, ${listener.driftPpm.toFixed(1)} ppm`;
    // The first packet is played at once, the delay made behind it. Before the clocks are known, a period may go; in a tone
    // it is not heard.
    assert.ok(listener.scaledMs <= 30, `${listener.scaledMs} ms scaled; ${story}`);
    assert.ok(clicks.worst < 8, `${clicks.worst}; ${story}`);
    assert.deepEqual([listener.concealedMs, jitter.packetsLate, jitter.packetsCut, jitter.lostTicks], [0, 0, 0, 0]);
    assert.ok(least > wantedMs - 10 && most < wantedMs + 12, story);
    assert.ok(Math.abs(listener.driftPpm - (ppm - cardPpm)) < 15, story);
  });

/** Share of what was sent or played that was missing or made up, and the mean delay, after the first two seconds. */
function measure(packets: readonly TracePacket[], packetMs = 20): { bad: number; delayMs: number } {
  const { packets: heard } = listen(packets, { packetMs, speech, untilMs: packets.length * packetMs });
  const from = heard.findIndex(({ atMs }) => atMs > 2000);
  const counted = heard.slice(from);
  const [first, last] = [counted[0], counted[counted.length - 1]];
  const missing = 1 - (counted.length - 1) / (last.sequence - first.sequence);
  const madeUp = (last.madeUpMs - first.madeUpMs) / (last.atMs - first.atMs);
  const delays = counted.map(({ sequence, atMs }) => atMs - sequence * packetMs);
  return { bad: Math.max(missing, madeUp), delayMs: delays.reduce((a, b) => a + b) / delays.length };
}

for (const [sentence, jitter, packetMs, mostDelayMs, mostBad] of [
  ['a quiet network', { kind: 'uniform', ms: 1 }, 20, 22, 0],
  ['a quiet network, 10 ms packets', { kind: 'uniform', ms: 1 }, 10, 25, 0],
  ['20 ms of jitter, with overtaking', { kind: 'uniform', ms: 20 }, 20, 36, 0.004],
  ['60 ms of jitter, with overtaking', { kind: 'uniform', ms: 60 }, 20, 75, 0.008],
  ['120 ms of jitter, with overtaking', { kind: 'uniform', ms: 120 }, 20, 135, 0.012],
  ['a queue', { kind: 'queue', ms: 40 }, 20, 60, 0.008],
  ['a radio link that stands still for up to 80 ms', { kind: 'bursts', ms: 80 }, 20, 90, 0.01],
] as [string, Jitter, number, number, number][])
  test(`${sentence}: ${mostDelayMs} ms of delay at most, and ${mostBad * 100} % made up or missing`, () => {
    const { bad, delayMs } = measure(trace(3000, { percent: 0, bursty: false }, jitter, 5, packetMs), packetMs);
    assert.ok(delayMs <= mostDelayMs && bad <= mostBad, `${delayMs.toFixed(1)} ms, ${(bad * 100).toFixed(2)} %`);
  });

test('in the pauses of the talk the delay sinks at once to what is wanted', () => {
  const talk = speech.slice();
  talk.fill(0, 16_000, 20_000); // 0.5 s of silence after 2 s
  const delays: number[] = [];
  const packets = trace(500, { percent: 0, bursty: false }, { kind: 'steps', ms: 1 }, 3);
  // One standstill at the start: everything is 60 ms late, and the delay grows by that.
  for (const packet of packets) if (packet.sequence < 15) packet.arrivalMs = Math.max(packet.arrivalMs, 300);
  listen(packets, {
    speech: talk,
    untilMs: 10_000,
    played: (_, now, line) => {
      if (now === 2900) delays.push(line.jitter.delayMs);
    },
  });
  assert.ok(delays[0] <= 35, `${delays[0]} ms`);
});

test('what the packet behind a hole repeats is heard in its place', () => {
  const packets = trace(1500, { percent: 5, bursty: false }, { kind: 'uniform', ms: 10 }, 9);
  const with_ = listen(packets, { speech, untilMs: 29_900, redundant: true });
  const without = listen(packets, { speech, untilMs: 29_900 });
  assert.ok(without.listener.concealedMs > 1000);
  // What is lost in a row, all but its last packet, remains lost.
  assert.ok(with_.listener.concealedMs < without.listener.concealedMs * 0.15, `${with_.listener.concealedMs} ms`);
  assert.ok(with_.jitter.delayMs <= 45 && without.jitter.delayMs <= 25, `${with_.jitter.delayMs} ms`);
});

for (const [what, jitterMs, said, packetMs] of [
  ['speech', 8, speech, 20],
  ['speech in packets of 10 ms', 8, speech, 10],
  ['a tone', 8, tone, 20],
  ['a high tone', 8, sine(1000, 8000, 8000), 20],
  ['silence', 8, new Int16Array(8000), 20],
] as [string, number, Int16Array, number][])
  test(`the first packet is played at the tick that sees it, and the delay made behind it: ${what}`, () => {
    const { packets, jitter, listener } = listen(sent(1000, 0, jitterMs, packetMs), {
      speech: said,
      packetMs,
      untilMs: 300,
    });
    assert.ok(packets[0].atMs - 3.3 <= 10, `${packets[0].atMs}`);
    assert.ok(jitter.delayMs >= 8 && jitter.delayMs <= 30, `${jitter.delayMs} ms`);
    // A voice that begins at full level may not repeat yet.
    assert.ok(listener.concealedMs <= (said === speech ? 10 : 0), `${listener.concealedMs} ms`);
    assert.deepEqual([jitter.packetsLate, jitter.lostTicks], [0, 0]);
  });

test('a tone comes through jitter without a click, longer and shorter as the network wants it', () => {
  const clicks = new Clicks();
  const packets = trace(3000, { percent: 0, bursty: false }, { kind: 'steps', ms: 40 }, 4);
  const { listener } = listen(packets, {
    speech: tone,
    untilMs: 59_000,
    played: (frame, now) => {
      // While the jitter is learned there are holes.
      clicks.hear(frame, now > 500 && (now < 20_000 || now > 22_000));
    },
  });
  assert.ok(listener.scaledMs > 15, `${listener.scaledMs} ms`);
  assert.ok(clicks.worst < 120, `${clicks.worst}`);
});
