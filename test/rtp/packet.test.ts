import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatRtp, isRtcp, parseRtcp, parseRtp, RtpHeader } from '../../src/rtp/index.ts';
import { SeededRandom } from '../sdp/kit.ts';

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'));

/** `pt 8 m seq 4660 ts 1 ssrc 2 payload 12+4` */
function told(bytes: Uint8Array): string {
  const header = new RtpHeader();
  if (!parseRtp(bytes, bytes.length, header)) return 'no RTP';
  const { payloadType, marker, sequence, rtpTimestamp, ssrc, payloadOffset, payloadLength } = header;
  return `pt ${payloadType}${marker ? ' marker' : ''} seq ${sequence} ts ${rtpTimestamp} ssrc ${ssrc} payload ${payloadOffset}+${payloadLength}`;
}

for (const [sentence, bytes, expected] of [
  ['a plain packet', '8008 1234 00000001 00000002 d5d5d5d5', 'pt 8 seq 4660 ts 1 ssrc 2 payload 12+4'],
  [
    'with a marker, all counters at their ends',
    '8088 ffff ffffffff fffffffe d5',
    'pt 8 marker seq 65535 ts 4294967295 ssrc 4294967294 payload 12+1',
  ],
  [
    'two contributing sources are passed over',
    '8200 0001 00000001 00000002 aaaaaaaa bbbbbbbb d5',
    'pt 0 seq 1 ts 1 ssrc 2 payload 20+1',
  ],
  [
    'a header extension is passed over',
    '9000 0001 00000001 00000002 bede0001 11223344 d5d5',
    'pt 0 seq 1 ts 1 ssrc 2 payload 20+2',
  ],
  ['padding is no sound', 'a000 0001 00000001 00000002 d5d5 000003', 'pt 0 seq 1 ts 1 ssrc 2 payload 12+2'],
  ['without payload it is a keep-alive', '8008 0001 00000001 00000002', 'pt 8 seq 1 ts 1 ssrc 2 payload 12+0'],
  ['shorter than the header', '8008 0001 00000001 000000', 'no RTP'],
  ['version 1', '4008 0001 00000001 00000002 d5', 'no RTP'],
  ['STUN', '0001 0000 2112a442 000102030405060708090a0b', 'no RTP'],
  ['RTCP on the same port', '80c8 0006 00000001 00000002 d5', 'no RTP'],
  ['more padding than payload', 'a000 0001 00000001 00000002 d509', 'no RTP'],
  ['padding of nothing', 'a000 0001 00000001 00000002 d500', 'no RTP'],
  ['an extension longer than the packet', '9000 0001 00000001 00000002 bede0009 11223344', 'no RTP'],
  ['more sources than bytes', '8f00 0001 00000001 00000002 aaaaaaaa', 'no RTP'],
] as const)
  test(sentence, () => assert.equal(told(hex(bytes)), expected));

test('only the length that is told counts: what lies behind it is the last datagram', () => {
  const bytes = hex('8008 1234 00000001 00000002 d5d5d5d5');
  const header = new RtpHeader();
  assert.equal(parseRtp(bytes, 14, header), true);
  assert.equal(header.payloadLength, 2);
  assert.equal(parseRtp(bytes, bytes.length + 1, header), false);
});

test('a header that is written reads the same', () => {
  const header = new RtpHeader();
  Object.assign(header, {
    payloadType: 101,
    marker: true,
    sequence: 65535,
    rtpTimestamp: 0xfedcba98,
    ssrc: 0x89abcdef,
  });
  const bytes = new Uint8Array(12);
  assert.equal(formatRtp(header, bytes), 12);
  assert.equal(told(bytes), 'pt 101 marker seq 65535 ts 4275878552 ssrc 2309737967 payload 12+0');
});

test('whatever comes from the network, nothing is thrown and no payload lies outside (20000 seeded datagrams)', () => {
  const random = new SeededRandom(3);
  const header = new RtpHeader();
  let read = 0;
  for (let round = 0; round < 20000; round++) {
    const bytes = Uint8Array.from({ length: random.below(80) }, () => random.below(256));
    if (bytes.length > 0) bytes[0] = 0x80 | (bytes[0] & 0x3f);
    if (parseRtp(bytes, bytes.length, header)) {
      read++;
      assert.ok(header.payloadLength >= 0 && header.payloadOffset + header.payloadLength <= bytes.length);
    }
    if (bytes.length > 1) bytes[1] = 200 + (bytes[1] & 3);
    if (bytes.length > 3 && random.below(2) === 0) bytes.fill(0, 2, 3).fill(random.below(20), 3, 4);
    if (isRtcp(bytes, bytes.length)) parseRtcp(bytes);
  }
  assert.ok(read > 2000, `${read} read`);
});
