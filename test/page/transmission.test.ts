/** What goes out for a page, in which order and when. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeEncoder } from '../../src/audio/index.ts';
import {
  formatOf,
  PolyPacket,
  parseLinksys,
  parsePoly,
  Transmission,
  type TransmissionConfig,
  wallOfNtp,
} from '../../src/page/index.ts';
import { parseRtcp, parseRtp, RtpHeader } from '../../src/rtp/index.ts';
import { CountingRandom } from '../kit/random.ts';

interface Sent {
  atMs: number;
  to: string;
  bytes: Uint8Array;
}

const WALL_MS = 1_700_000_000_000;

/** 200 ms of sound. */
function send(format: TransmissionConfig['format'], soundMs = 200): Sent[] {
  const sent: Sent[] = [];
  let now = 5000;
  const group = { host: '239.1.2.3', port: 5004 };
  const config: TransmissionConfig = { format, codec: 'pcmu', channel: 26, caller: 'Front desk', group };
  const encoder = makeEncoder(formatOf('pcmu'), 8000, 'sent');
  const transmission = new Transmission(config, encoder, 8000, new CountingRandom(), (datagram, length, to) => {
    sent.push({ atMs: now - 5000, to, bytes: datagram.slice(0, length) });
  });
  for (let i = 0; !transmission.over; i++, now += 10) {
    assert.ok(i < 1000, 'it comes to an end');
    if (i * 10 === soundMs) transmission.finish();
    transmission.tick(new Int16Array(80).fill(1000), now, WALL_MS + now);
  }
  return sent;
}

/** Equal ones that follow each other as one, with their number. */
function told(words: string[]): string {
  const runs: [string, number][] = [];
  for (const word of words) {
    if (runs.at(-1)?.[0] === word) runs.at(-1)![1]++;
    else runs.push([word, 1]);
  }
  return runs.map(([word, count]) => `${count} ${word}`).join(', ');
}

function words({ to, bytes }: Sent): string {
  if (to === 'control') return parseLinksys(bytes, bytes.length)!.command;
  if (to === 'report') return parseRtcp(bytes)!.bye.length > 0 ? 'BYE' : 'SR';
  const poly = new PolyPacket();
  if (parsePoly(bytes, bytes.length, poly)) return poly.kind === 'audio' ? `audio ${bytes.length}` : poly.kind;
  assert.ok(parseRtp(bytes, bytes.length, new RtpHeader()));
  return `RTP ${bytes.length}`;
}

for (const [format, expected] of [
  ['rtp', '1 SR, 5 RTP 172, 1 SR, 5 RTP 172, 1 BYE'],
  ['poly', '31 alert, 1 audio 186, 9 audio 346, 12 end'],
  ['linksys', '2 start, 10 RTP 172, 2 stop'],
] as const)
  test(`${format}: ${expected}`, () => {
    assert.equal(told(send(format).map(words)), expected);
  });

test('poly: alerts and ends 30 ms apart, sound every 20 ms, nothing said meanwhile is lost', () => {
  const sent = send('poly', 1000);
  const of = (kind: string): number[] => sent.filter((one) => words(one).startsWith(kind)).map(({ atMs }) => atMs);
  const steps = (times: number[]): Set<number> => new Set(times.slice(1).map((at, i) => at - times[i]));
  assert.deepEqual(steps(of('alert')), new Set([30]));
  assert.deepEqual(steps(of('end')), new Set([30]));
  assert.deepEqual(steps(of('audio')), new Set([20]));
  assert.equal(of('audio').length, 50);
});

test('rtp: numbered and stamped packet by packet, the first one marked, and reports say when its sound was taken', () => {
  const headers: RtpHeader[] = [];
  let firstWallMs = Number.NaN;
  for (const { to, bytes } of send('rtp')) {
    const header = new RtpHeader();
    if (to === 'group' && parseRtp(bytes, bytes.length, header)) headers.push(header);
    const sender = to === 'report' ? parseRtcp(bytes)?.sender : undefined;
    if (sender === undefined || headers.length > 1 || !Number.isNaN(firstWallMs)) continue;
    const wallMs = wallOfNtp(sender.ntpSeconds, sender.ntpFraction, WALL_MS);
    const ahead = headers.length === 0 ? 0 : (sender.rtpTimestamp - headers[0].rtpTimestamp) / 8;
    firstWallMs = wallMs - ahead;
  }
  assert.deepEqual(
    headers.map(({ marker }) => marker),
    headers.map((_, i) => i === 0),
  );
  for (const [i, { sequence, rtpTimestamp, payloadType }] of headers.entries()) {
    assert.equal(sequence, headers[0].sequence + i);
    assert.equal((rtpTimestamp - headers[0].rtpTimestamp) >>> 0, 160 * i);
    assert.equal(payloadType, 0);
  }
  // The frame that was added at 5000 is the end of what had been taken by then: one frame of 10 ms before.
  assert.ok(Math.abs(firstWallMs - (WALL_MS + 5000 - 10)) < 0.1, `${firstWallMs - WALL_MS}`);
});
