import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  formatRtcp,
  parseRtcp,
  parseRtp,
  RtpHeader,
  RtpSession,
  SESSION_CELLS,
  type SessionConfig,
} from '../../src/rtp/index.ts';
import { CountingRandom } from '../kit/random.ts';

const config: SessionConfig = {
  payloadType: 8,
  clockRateHz: 8000,
  packetMs: 20,
  dtmfPayloadType: 101,
  buffer: { kind: 'fixed', delayMs: 20 },
};

/** Two sessions with different SSRCs: `a` 1, `b` 1001. */
function pair(): { a: RtpSession; b: RtpSession } {
  const random = new CountingRandom();
  const a = new RtpSession(config, random);
  for (let i = 0; i < 994; i++) random.uint32();
  return { a, b: new RtpSession(config, random) };
}

function header(datagram: Uint8Array, length: number): RtpHeader {
  const into = new RtpHeader();
  assert.ok(parseRtp(datagram, length, into));
  return into;
}

function nameOf(session: RtpSession): string | undefined {
  const report = session.report(0, true)!;
  return parseRtcp(report, report.length)!.cname;
}

test('what one sends the other plays: payload, numbers and the first marker', () => {
  const { a, b } = pair();
  const datagram = new Uint8Array(1500);
  const markers: boolean[] = [];
  for (let i = 0; i < 5; i++) {
    datagram.fill(0x10 + i, 12, 172);
    const length = a.send(datagram, 160);
    assert.equal(length, 172);
    markers.push(header(datagram, length).marker);
    assert.equal(b.receive(datagram, length, 20 * i), 'audio');
  }
  assert.deepEqual(markers, [true, false, false, false, false]);
  for (let i = 0; i < 5; i++) {
    assert.equal(b.jitter.take(20 + 20 * i), 'packet');
    assert.deepEqual([...new Set(b.jitter.payload.subarray(0, b.jitter.payloadLength))], [0x10 + i]);
    assert.equal(b.jitter.durationTicks, 160);
  }
  assert.equal(b.jitter.take(120), 'wait');
  assert.deepEqual([a.packetsSent, a.octetsSent, b.reception.packetsReceived, b.reception.packetsLost], [5, 800, 5, 0]);
});

test('after a silence the time has gone on and the next packet is marked', () => {
  const { a } = pair();
  const datagram = new Uint8Array(172);
  const first = header(datagram, a.send(datagram, 160));
  a.skip(1600);
  const second = header(datagram, a.send(datagram, 160));
  assert.equal(second.rtpTimestamp - first.rtpTimestamp, 1760);
  assert.equal(second.sequence - first.sequence, 1);
  assert.equal(second.marker, true);
});

test('digits go in place of the audio, are heard once each, and leave no hole in the numbers', () => {
  const { a, b } = pair();
  const datagram = new Uint8Array(172);
  assert.equal(a.sendDigits('4#'), 2);
  let digits = '';
  let audio = 0;
  for (let i = 0; i < 60; i++) {
    const result = b.receive(datagram, a.send(datagram, 160), 20 * i);
    if (result === 'digit') digits += b.digit;
    if (result === 'audio') audio++;
  }
  assert.equal(digits, '4#');
  assert.equal(audio, 60 - 20);
  assert.deepEqual([b.reception.packetsLost, b.reception.jitterMs], [0, 0]);
});

test('digits under a source of their own are heard, and the audio goes on', () => {
  const { a, b } = pair();
  const other = new RtpSession(config, new CountingRandom());
  const third = new RtpSession(config, { token: () => 't', uint32: () => 77 });
  const datagram = new Uint8Array(172);
  third.sendDigits('9');
  let told = '';
  for (let i = 0; i < 10; i++) {
    told += b.receive(datagram, a.send(datagram, 160), 20 * i)[0];
    told += b.receive(datagram, third.send(datagram, 160), 20 * i + 1)[0];
  }
  assert.equal(told, `ad${'ae'.repeat(9)}`);
  assert.equal(b.digit, '9');
  assert.equal(other.ssrc, a.ssrc);
});

test('without a telephone-event number no digit is sent', () => {
  const session = new RtpSession({ ...config, dtmfPayloadType: undefined }, new CountingRandom());
  assert.equal(session.sendDigits('1'), 0);
});

test('who goes on with a session is the same source, behind what the other may still send', () => {
  const cells = new Float64Array(SESSION_CELLS);
  const datagram = new Uint8Array(172);
  const first = new RtpSession(config, new CountingRandom(), cells);
  for (let i = 0; i < 5; i++) first.send(datagram, 160);
  first.skip(800);
  const cname = nameOf(first);
  const second = new RtpSession(config, new CountingRandom(), cells);
  const late = header(datagram, first.send(datagram, 160));
  const next = header(datagram, second.send(datagram, 160));
  assert.equal(next.ssrc, late.ssrc);
  assert.equal(next.rtpTimestamp, late.rtpTimestamp);
  assert.equal(next.sequence, late.sequence + 64);
  assert.deepEqual([second.packetsSent, second.octetsSent], [6, 960]);
  assert.equal(nameOf(second), cname);
  assert.notEqual(nameOf(new RtpSession(config, { token: () => '', uint32: () => 9 })), cname);
});

for (const [sentence, bytes] of [
  ['another payload type', '80030001000000010000000100'],
  ['RTCP', '80c90001000000010000000000'],
  ['an empty keep-alive of our payload type', '800800010000000100000001'],
  ['two bytes', '8008'],
  ['nothing', ''],
] as const)
  test(`${sentence} is no sound`, () => {
    const datagram = Uint8Array.from(Buffer.from(bytes, 'hex'));
    assert.equal(pair().b.receive(datagram, datagram.length, 0), 'ignored');
  });

test('a talker that is re-numbered in the middle of a word is heard on', () => {
  const { a, b } = pair();
  const other = new RtpSession(config, { token: () => 't', uint32: () => 0xfedcba98 });
  const datagram = new Uint8Array(172);
  let played = 0;
  for (let i = 0; i < 50; i++) {
    b.receive(datagram, (i < 25 ? a : other).send(datagram, 160), 20 * i);
    if (b.jitter.take(20 * i) === 'packet') played++;
  }
  assert.ok(played >= 47, `${played} of 50`);
});

test('reports: loss and jitter of the other side, and the round trip', () => {
  const { a, b } = pair();
  const datagram = new Uint8Array(172);
  // The clocks of the two have nothing in common; it takes 15 ms there and 25 ms back.
  const clockA = 1_000_000;
  const clockB = 5_000_000_000;
  for (let i = 0; i < 100; i++) {
    const length = a.send(datagram, 160);
    if (i % 10 !== 5) b.receive(datagram, length, clockB + 20 * i);
  }
  const first = a.report(clockA)!;
  assert.equal(b.receiveRtcp(first, first.length, clockB + 15), 'report');
  assert.equal(b.report(clockB + 300) instanceof Uint8Array, true);
  const again = parseRtcp(b.report(clockB + 20_000)!)!;
  assert.equal(again.sender, undefined, 'who sends nothing makes a receiver report');
  assert.deepEqual([again.blocks[0].ssrc, again.blocks[0].cumulativeLost], [a.ssrc, 10]);

  const second = a.report(clockA + 20_000)!;
  b.receiveRtcp(second, second.length, clockB + 20_015);
  const answer = b.report(clockB + 40_015)!;
  a.receiveRtcp(answer, answer.length, clockA + 40_040);
  assert.ok(Math.abs(a.roundTripMs! - 40) < 0.1, `${a.roundTripMs} ms`);
  assert.equal(a.remoteLoss, 0);
});

test('reports come every 2.5 to 7.5 s, and the last one says goodbye', () => {
  const { a, b } = pair();
  const datagram = new Uint8Array(172);
  b.receive(datagram, a.send(datagram, 160), 0);
  assert.ok(a.report(0));
  const due = a.reportAtMs!;
  assert.ok(due >= 1250 && due <= 7500, `${due} ms`);
  assert.equal(a.report(due - 1), undefined);
  assert.ok(a.report(due));
  const last = a.report(due + 1, true)!;
  assert.equal(b.receiveRtcp(last, last.length, 20), 'bye');
  assert.deepEqual(parseRtcp(last)!.bye, [a.ssrc]);
});

test("a stranger's goodbye ends nothing", () => {
  const { a, b } = pair();
  const datagram = new Uint8Array(172);
  b.receive(datagram, a.send(datagram, 160), 0);
  const bye = formatRtcp({ ssrc: 0xbad, cname: 'x', bye: true });
  assert.equal(b.receiveRtcp(bye, bye.length, 20), 'report');
});

for (const cname of ['', 'a', 'abcdefghijkl', 'é'.repeat(200)])
  test(`a compound packet with a name of ${cname.length} letters is whole`, () => {
    const block = {
      ssrc: 7,
      fractionLost: 200,
      cumulativeLost: -3,
      extendedSequence: 0xfffffffe,
      jitterTicks: 0x80000001,
      lastSr: 5,
      delaySinceLastSr: 6,
    };
    const sender = { ntpSeconds: 1, ntpFraction: 0xffffffff, rtpTimestamp: 0x80000000, packetsSent: 3, octetsSent: 4 };
    const bytes = formatRtcp({ ssrc: 0x90000001, cname, sender, block, bye: true });
    assert.equal(bytes.length % 4, 0);
    const report = parseRtcp(bytes)!;
    assert.deepEqual(report.sender, { ssrc: 0x90000001, ...sender });
    assert.deepEqual(report.blocks, [{ reporter: 0x90000001, ...block }]);
    assert.deepEqual(report.bye, [0x90000001]);
    assert.ok(cname.startsWith(report.cname!.slice(0, 100)), report.cname);
    for (let cut = 1; cut < bytes.length; cut++) parseRtcp(bytes, cut);
  });

for (const [sentence, bytes] of [
  ['nothing', ''],
  ['a length that reaches beyond the datagram', '80c9000900000001'],
  ['a second packet of version 1', '80c900010000000140c900010000000'],
] as const)
  test(`RTCP: ${sentence} is none`, () =>
    assert.equal(parseRtcp(Uint8Array.from(Buffer.from(bytes, 'hex'))), undefined));

test('a new offer/answer with other packet times: numbers go on, what was buffered stays', () => {
  const { a, b } = pair();
  const datagram = new Uint8Array(500);
  const first = header(datagram, a.send(datagram, 160));
  b.receive(datagram, 172, 0);
  a.configure({ ...config, packetMs: 40 });
  b.configure({ ...config, packetMs: 40 });
  const second = header(datagram, a.send(datagram, 320));
  assert.deepEqual(
    [second.sequence - first.sequence, second.rtpTimestamp - first.rtpTimestamp, a.packetTicks],
    [1, 160, 320],
  );
  assert.equal(b.jitter.size, 1);
  b.configure({ ...config, payloadType: 0 });
  assert.equal(b.jitter.size, 0);
});
