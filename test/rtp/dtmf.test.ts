import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DtmfReceiver, DtmfSender } from '../../src/rtp/dtmf.ts';
import { RtpHeader } from '../../src/rtp/index.ts';

interface Sent {
  marker: boolean;
  sequence: number;
  rtpTimestamp: number;
  payload: Uint8Array;
}

/** What a sender makes of `digits` in packets of `packetMs`; an empty payload is a packet of audio. */
function sent(digits: string, packetMs = 20, rtpTimestamp = 1000): Sent[] {
  const sender = new DtmfSender(8000, packetMs);
  sender.queue(digits);
  const packets: Sent[] = [];
  for (let sequence = 0; sequence < 2000 && (sender.active || sequence === 0); sequence++) {
    const payload = new Uint8Array(4);
    const at = (rtpTimestamp + sequence * packetMs * 8) >>> 0;
    const length = sender.next(at, payload, 0);
    packets.push({
      marker: length > 0 && sender.marker,
      sequence,
      rtpTimestamp: length > 0 ? sender.rtpTimestamp : at,
      payload: payload.subarray(0, length),
    });
  }
  return packets;
}

function heard(packets: readonly Sent[]): string {
  const receiver = new DtmfReceiver();
  let digits = '';
  for (const { marker, sequence, rtpTimestamp, payload } of packets) {
    if (payload.length === 0) continue;
    const header = new RtpHeader();
    Object.assign(header, { marker, sequence, rtpTimestamp, payloadLength: payload.length });
    const bytes = new Uint8Array(12 + payload.length);
    bytes.set(payload, 12);
    digits += receiver.receive(header, bytes) ?? '';
  }
  return digits;
}

const told = ({ marker, rtpTimestamp, payload }: Sent): string =>
  payload.length === 0
    ? 'audio'
    : `${marker ? 'M ' : ''}${payload[0]}${payload[1] & 0x80 ? ' end' : ''} ${(payload[2] << 8) | payload[3]} at ${rtpTimestamp}`;

test('one digit: eight growing packets under one time stamp, the end three times', () => {
  assert.deepEqual(sent('5').map(told), [
    'M 5 160 at 1000',
    '5 320 at 1000',
    '5 480 at 1000',
    '5 640 at 1000',
    '5 800 at 1000',
    '5 960 at 1000',
    '5 1120 at 1000',
    '5 end 1280 at 1000',
    '5 end 1280 at 1000',
    '5 end 1280 at 1000',
  ]);
});

test('two digits: a pause of 100 ms in all between them, and a new time stamp', () => {
  const packets = sent('1#').map(told);
  assert.deepEqual(packets.slice(9, 13), ['1 end 1280 at 1000', 'audio', 'audio', 'M 11 160 at 2920']);
});

for (const packetMs of [10, 20, 30, 60])
  test(`all sixteen digits arrive once each in packets of ${packetMs} ms, over the wrap of the time stamp`, () => {
    assert.equal(heard(sent('0123456789*#ABCD', packetMs, 0xfffff000)), '0123456789*#ABCD');
  });

test('lower case is taken, what is no digit is left out, and no more than 64 wait', () => {
  const sender = new DtmfSender(8000, 20);
  assert.equal(sender.queue('1-d x'), 2);
  assert.equal(sender.queue('7'.repeat(100)), 62);
  assert.equal(sender.queue('7'), 0);
});

const once = sent('77');
const first = Uint8Array.of(1, 0x8a, 1, 144, 2, 0x8a, 0, 240);
const together = (...sequences: number[]): Sent[] =>
  sequences.map((sequence) => ({ marker: sequence === 0, sequence, rtpTimestamp: 1000, payload: first }));
for (const [sentence, packets, expected] of [
  ['the same digit twice is two digits', once, '77'],
  ['all ends lost', once.filter(({ payload }) => (payload[1] & 0x80) === 0), '77'],
  ['all beginnings lost: only the ends arrive', once.filter(({ payload }) => payload[1] & 0x80), '77'],
  ['one packet of each digit arrives', [once[4], once[16]], '77'],
  ['every packet arrives twice', once.flatMap((packet) => [packet, packet]), '77'],
  ['the end overtakes', [once[0], once[9], once[3], once[12]], '77'],
  [
    'a straggler of the first digit comes during the second',
    [...once.slice(0, 8), ...once.slice(12, 15), once[8], once[15]],
    '77',
  ],
  [
    'a gateway that moves the time stamp with each packet',
    sent('3').map((packet, i) => ({ ...packet, rtpTimestamp: 1000 + 160 * i })),
    '3',
  ],
  [
    'the same gateway, its ends no longer than what it sent before',
    [...sent('33').slice(0, 8), ...sent('33').slice(7, 11)].map((packet, i) => ({
      ...packet,
      sequence: i,
      rtpTimestamp: 1000 + 160 * i,
      payload: i === 7 ? Uint8Array.of(3, 10, 5, 0) : packet.payload,
    })),
    '3',
  ],
  [
    'one end is all that is sent of each digit, without a marker',
    [0, 1].map((i) => ({ ...once[9], sequence: 5 * i, rtpTimestamp: 1000 + 800 * i })),
    '77',
  ],
  [
    'short digits in long packets, their markers lost',
    [0, 1, 2, 3].map((i) => ({
      marker: false,
      sequence: i,
      rtpTimestamp: i < 2 ? 1000 : 2440,
      payload: Uint8Array.of(3, 0x8a, 1, 224),
    })),
    '33',
  ],
  ['two digits without a pause share a packet, which is sent three times', together(0, 1, 2), '12'],
  [
    'the first of them was told alone before',
    [{ ...together(0)[0], payload: first.slice(0, 4) }, ...together(1, 2)],
    '12',
  ],
  [
    'the same digit twice in a packet',
    [{ ...together(0)[0], payload: Uint8Array.of(...first.slice(0, 4), ...first.slice(0, 4)) }],
    '11',
  ],
  [
    'the second of them goes on alone',
    [...together(0), { ...once[0], sequence: 1, rtpTimestamp: 1400, payload: Uint8Array.of(2, 0x8a, 1, 144) }],
    '12',
  ],
  ['an event that is no digit (hook flash)', [{ ...once[0], payload: Uint8Array.of(16, 10, 0, 160) }], ''],
  ['a payload cut short', [{ ...once[0], payload: Uint8Array.of(7, 10) }], ''],
] as const)
  test(`heard: ${sentence}`, () => assert.equal(heard(packets), expected));

test('a key held for ten seconds is one digit, in two segments', () => {
  const held: Sent[] = [];
  for (let i = 1; i <= 500; i++) {
    const second = i * 160 > 65535;
    const duration = second ? i * 160 - 65440 : i * 160;
    held.push({
      marker: i === 1,
      sequence: i,
      rtpTimestamp: second ? 1000 + 65440 : 1000,
      payload: Uint8Array.of(9, i === 500 ? 0x8a : 10, duration >> 8, duration & 255),
    });
  }
  assert.equal(heard(held), '9');
});
