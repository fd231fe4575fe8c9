/** What senders and bridges do to a stream in the middle of it: the sound goes on. Virtual time; G.711, session to frame. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { alaw } from '../../src/audio/g711.ts';
import { Listener } from '../../src/media/listener.ts';
import { formatRtp, RTP_HEADER_BYTES, RtpHeader, RtpSession } from '../../src/rtp/index.ts';
import { sine } from '../audio/kit.ts';
import { CountingRandom } from '../kit/random.ts';

interface Sent {
  atMs: number;
  ssrc: number;
  sequence: number;
  rtpTimestamp: number;
  packetMs: number;
  marker?: boolean;
}

const tone = sine(400, 8000, 8000);
/** Steady packets that begin at `fromMs`; the tone has its phase from the time they were sent at. */
function talk(fromMs: number, untilMs: number, of: Partial<Sent> = {}): Sent[] {
  const { packetMs = 20, ssrc = 1, sequence = 100, rtpTimestamp = 5000, marker } = of;
  return Array.from({ length: Math.floor((untilMs - fromMs) / packetMs) }, (_, i) => ({
    atMs: fromMs + i * packetMs,
    ssrc,
    sequence: (sequence + i) & 0xffff,
    rtpTimestamp: (rtpTimestamp + 8 * i * packetMs) >>> 0,
    packetMs,
    marker: marker && i === 0,
  }));
}

/** Ms of frames in which less than half of the tone's level is heard, from its first sound to `untilMs`; and what counts it. */
function hear(packets: readonly Sent[], untilMs: number) {
  const session = new RtpSession(
    {
      ...{ payloadType: 8, clockRateHz: 8000, packetMs: 20, ticksOf: (...of) => listener.ticksOf(...of) },
      buffer: { kind: 'adaptive', minMs: 10, maxMs: 200 },
    },
    new CountingRandom(),
  );
  const listener = new Listener(alaw, 8000, 8000);
  const header = new RtpHeader();
  const datagram = new Uint8Array(1500);
  const frame = new Int16Array(80);
  const arriving = [...packets].sort((a, b) => a.atMs - b.atMs);
  let silentMs = 0;
  let sounded = false;
  for (let now = 0; now < untilMs; now += 10) {
    for (; arriving.length > 0 && arriving[0].atMs <= now; arriving.shift()) {
      const { atMs, ssrc, sequence, rtpTimestamp, packetMs, marker = false } = arriving[0];
      Object.assign(header, { payloadType: 8, ssrc, sequence, rtpTimestamp, marker });
      formatRtp(header, datagram);
      const said = Int16Array.from({ length: 8 * packetMs }, (_, i) => tone[(atMs * 8 + i) % 8000]);
      alaw.encode(said, 0, said.length, datagram, RTP_HEADER_BYTES);
      session.receive(datagram, RTP_HEADER_BYTES + said.length, now);
    }
    listener.fill(frame, session.jitter, now);
    const level = Math.sqrt(frame.reduce((sum, sample) => sum + sample * sample, 0) / frame.length);
    if (level > 3500) sounded = true;
    else if (sounded) silentMs += 10;
  }
  const { packetsLate, packetsCut, delayMs } = session.jitter;
  return { silentMs, concealedMs: listener.concealedMs, late: packetsLate, cut: packetsCut, delayMs };
}

const half = (of: Partial<Sent>, fromMs = 1000): Sent[] => [...talk(0, 1000), ...talk(fromMs, 3000, of)];
const steady = talk(0, 3000);

for (const [sentence, packets, silentMs, concealedMs] of [
  ['a steady stream', steady, 0, 0],
  ['every packet twice', [...steady, ...steady.map((packet) => ({ ...packet, atMs: packet.atMs + 7 }))], 0, 0],
  [
    'each second packet overtaken by the next one',
    steady.map((packet) => ({ ...packet, atMs: packet.atMs + (packet.sequence % 2 === 0 ? 21 : 0) })),
    0,
    60,
  ],
  // Reception believes a new source or numbering at its second packet in a row.
  ['another source, without a pause', half({ ssrc: 2, sequence: 7, rtpTimestamp: 3e9 }), 10, 40],
  ['another source, after 400 ms', half({ ssrc: 2, sequence: 7, rtpTimestamp: 3e9 }, 1400), 400, 100],
  ['the numbers leap', half({ sequence: 40_000, rtpTimestamp: 5000 + 8000 }), 10, 40],
  ['numbers and time stamps begin anew', half({ sequence: 0, rtpTimestamp: 0 }), 10, 40],
  ['the time stamps leap ahead by an hour', half({ sequence: 150, rtpTimestamp: 28_800_000 }), 0, 0],
  ['the time stamps leap back', half({ sequence: 150, rtpTimestamp: 5000 }), 0, 0],
  ['the time stamps stand still through a pause', half({ sequence: 150, rtpTimestamp: 5000 + 8000 }, 1500), 500, 100],
  ['packets of 10 ms from here on', half({ sequence: 150, rtpTimestamp: 13_000, packetMs: 10 }), 0, 0],
  // A longer packet comes later by as much as it is longer.
  ['packets of 60 ms from here on', half({ sequence: 150, rtpTimestamp: 13_000, packetMs: 60 }, 1040), 20, 80],
  [
    'packets of 30 ms, then of 20',
    [...talk(0, 990, { packetMs: 30 }), ...talk(990, 3000, { sequence: 133, rtpTimestamp: 12_920 })],
    0,
    20,
  ],
  [
    'a pause that is not sent, and a marker after it',
    half({ sequence: 150, rtpTimestamp: 5000 + 16_000, marker: true }, 2000),
    1000,
    100,
  ],
  ['a pause that is not sent, without a marker', half({ sequence: 150, rtpTimestamp: 5000 + 16_000 }, 2000), 1000, 100],
  ['one packet of somebody else among ours', [...steady, { ...steady[70], ssrc: 9, sequence: 1, atMs: 1405 }], 0, 0],
] as [string, Sent[], number, number][])
  test(`${sentence}: not more than ${silentMs} ms of silence`, () => {
    const heard = hear(packets, 3000);
    const story = JSON.stringify(heard);
    assert.ok(heard.silentMs <= silentMs + 10, story);
    assert.ok(heard.concealedMs <= concealedMs, story);
    assert.ok(heard.cut === 0 && heard.delayMs <= 60, story);
  });

test('an hour of silence, clocks 100 ppm apart: the next word is whole, and held no longer', () => {
  const hour = 3_600_000;
  const later = talk(0, 1000, { sequence: 150, rtpTimestamp: 5000 + 8 * hour });
  const heard = hear(
    [...talk(0, 1000), ...later.map((packet) => ({ ...packet, atMs: packet.atMs + hour + 360 }))],
    hour + 1360,
  );
  assert.ok(
    heard.late === 0 && heard.cut === 0 && heard.concealedMs <= 100 && heard.delayMs <= 40,
    JSON.stringify(heard),
  );
});
