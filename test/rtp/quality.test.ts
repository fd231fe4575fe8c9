import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatRtcp, parseRtcp, RtpSession } from '../../src/rtp/index.ts';
import { impairmentOfDelay, meanOpinion, StreamQuality } from '../../src/rtp/quality.ts';
import { CountingRandom } from '../kit/random.ts';

/** `.` came in time, `x` lost, `l` too late, `o` came after its successor; a number repeats what follows it. */
function feed(script: string): StreamQuality {
  const quality = new StreamQuality();
  let missing = 0;
  for (const [, count, what] of script.matchAll(/(\d*)([.xlo])/g)) {
    for (let i = 0; i < Number(count || 1); i++) {
      if (what === 'x') missing++;
      else {
        quality.packet(what === 'o' ? -1 : missing, what === 'l');
        if (what !== 'o') missing = 0;
      }
    }
  }
  return quality;
}

// loss / discard, density of bursts / of gaps, mean burst / gap in packets of 10 ms
for (const [sentence, script, expected] of [
  ['all came', '100.', '0.000/0.000 0.000/0.000 0/100'],
  ['one was lost: no burst, a gap with a hole', '50.x49.', '0.010/0.000 0.000/0.010 0/100'],
  ['one was late', '50.l49.', '0.000/0.010 0.000/0.010 0/100'],
  ['two in a row are a burst', '49.2x49.', '0.020/0.000 1.000/0.000 2/49'],
  ['two with fifteen good ones between are one burst', '40.x15.x40.', '0.021/0.000 0.118/0.000 17/40'],
  ['two with sixteen between are two holes in a gap', '40.x16.x40.', '0.020/0.000 0.000/0.020 0/98'],
  ['three bursts', '20.3x20.3x20.3x20.', '0.101/0.000 1.000/0.000 3/20'],
  ['the stream ends in a burst', '20.x.x.', '0.083/0.000 0.667/0.000 3/11'],
  ['overtaken is not lost', '50.x.o48.', '0.000/0.000 0.000/0.010 0/101'],
] as const)
  test(sentence, () => {
    const of = feed(script).metrics(10);
    const share = (a: number, b: number): string => `${a.toFixed(3)}/${b.toFixed(3)}`;
    const spans = `${Math.round(of.burstMs / 10)}/${Math.round(of.gapMs / 10)}`;
    assert.equal(`${share(of.lossRate, of.discardRate)} ${share(of.burstDensity, of.gapDensity)} ${spans}`, expected);
  });

test('rating and opinion fall with loss, with its bursts, and with delay', () => {
  const of = (script: string, endSystemMs = 50): number => feed(script).metrics(20, { endSystemMs }).rating!;
  assert.equal(of('200.').toFixed(1), '93.2');
  assert.ok(of('99.x99.x') < 93 && of('99.x99.x') > 85, 'one percent');
  assert.ok(of('100.10x100.') < of(`${'20.x'.repeat(10)}20.`));
  assert.ok(of('200.', 400) < 75);
  assert.equal(impairmentOfDelay(100), 0);
  // G.107 Annex B
  assert.deepEqual(
    [93.2, 80, 50, 0].map((rating) => meanOpinion(rating).toFixed(2)),
    ['4.41', '4.02', '2.58', '1.00'],
  );
});

test('what in-band FEC brought back was not lost', () => {
  const quality = feed(`${'9.x'.repeat(10)}`);
  const plain = quality.metrics(20);
  const repaired = quality.metrics(20, {}, 8);
  assert.equal(plain.lossRate.toFixed(2), '0.09');
  assert.equal(repaired.lossRate.toFixed(2), '0.01');
  assert.ok(repaired.rating! > plain.rating! + 15, `${plain.rating} and ${repaired.rating}`);
  assert.equal(quality.metrics(20, {}, 99).lossRate, 0);
});

test('VoIP metrics go there and back in XR', () => {
  const voip = {
    ssrc: 0xdeadbeef,
    lossRate: 0.25,
    discardRate: 0.5,
    burstDensity: 0.75,
    gapDensity: 0.125,
    burstMs: 120,
    gapMs: 60_000,
    roundTripMs: 35,
    endSystemMs: 75,
    rating: 80,
    mosListening: 4.1,
    mosConversation: 4,
    bufferMs: 40,
    bufferLongestMs: 200,
    adaptive: true,
  };
  const bytes = formatRtcp({ ssrc: 7, cname: 'us', voip, bye: true });
  const report = parseRtcp(bytes);
  assert.deepEqual(report?.voip, voip);
  assert.deepEqual(report?.bye, [7]);
  // RFC 3611 §4.7: type, length in words, SSRC, four fractions
  const at = bytes.findIndex((octet, i) => octet === 207 && bytes[i - 1] === 0x80) - 1;
  assert.deepEqual(
    [...bytes.subarray(at, at + 20)].map((octet) => octet.toString(16).padStart(2, '0')).join(' '),
    '80 cf 00 0a 00 00 00 07 07 00 00 08 de ad be ef 40 80 c0 20',
  );
});

test('a block that is cut short, or of another kind, is passed over', () => {
  for (const block of [
    [4, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0], // receiver reference time
    [7, 0, 0, 8, 0, 0, 0, 1],
    [7, 0, 0, 1, 0, 0, 0, 1],
    [7, 0, 0xff, 0xff],
  ]) {
    const bytes = Uint8Array.from([0x80, 207, 0, (8 + block.length) / 4 - 1, 0, 0, 0, 9, ...block]);
    assert.equal(parseRtcp(bytes)?.voip, undefined);
  }
});

test('figures that are on no scale are not known', () => {
  const block = [7, 0, 0, 8, 0, 0, 0, 1, ...new Array(28).fill(255)];
  const { rating, mosListening, mosConversation } = parseRtcp(
    Uint8Array.from([0x80, 207, 0, (8 + block.length) / 4 - 1, 0, 0, 0, 9, ...block]),
  )!.voip!;
  assert.deepEqual([rating, mosListening, mosConversation], [undefined, undefined, undefined]);
});

test('what one misses the other hears of, when it has asked', () => {
  const config = { payloadType: 8, clockRateHz: 8000, packetMs: 20, buffer: { kind: 'fixed', delayMs: 20 } } as const;
  const random = new CountingRandom();
  const a = new RtpSession(config, random);
  for (let i = 0; i < 996; i++) random.uint32();
  const b = new RtpSession({ ...config, extendedReports: true }, random);
  const datagram = new Uint8Array(200);
  for (let i = 0; i < 100; i++) {
    const length = a.send(datagram, 160);
    if (i % 10 !== 5) b.receive(datagram, length, 20 * i);
  }
  const report = b.report(2000)!;
  a.receiveRtcp(report, report.length, 2010);
  assert.equal(a.remoteMetrics?.lossRate.toFixed(2), '0.10');
  assert.ok(a.remoteMetrics!.rating! < 75);
  assert.equal(parseRtcp(a.report(2000)!)?.voip, undefined);
});
