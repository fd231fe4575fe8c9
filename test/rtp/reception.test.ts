import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RtpHeader } from '../../src/rtp/index.ts';
import { Reception } from '../../src/rtp/reception.ts';

/** `ssrc:sequence` at 20 ms each, `-` for 20 ms of nothing; answers in initials, and the figures. */
function check(script: string): string {
  const reception = new Reception(8000);
  const header = new RtpHeader();
  let now = 0;
  let verdicts = '';
  for (const word of script.split(' ')) {
    now += 20;
    if (word === '-') continue;
    const [ssrc, sequence] = word.split(':').map(Number);
    Object.assign(header, { ssrc, sequence, rtpTimestamp: now * 8 });
    verdicts += { ok: 'o', restart: 'r', reject: 'x' }[reception.receive(header, now, true)];
  }
  return `${verdicts} received ${reception.packetsReceived} lost ${reception.packetsLost}`;
}

// o: ok, r: restart, x: not believed
for (const [sentence, script, expected] of [
  ['in order', '1:10 1:11 1:12', 'roo received 3 lost 0'],
  ['one lost', '1:10 1:11 1:13', 'roo received 3 lost 1'],
  ['one overtaken', '1:10 1:12 1:11 1:13', 'rooo received 4 lost 0'],
  ['over the wrap', '1:65534 1:65535 1:0 1:1 1:3', 'roooo received 5 lost 1'],
  ['a duplicate never makes the loss negative', '1:10 1:10 1:10 1:11', 'rooo received 4 lost 0'],
  ['a stray packet of somebody else is not believed', '1:10 1:11 2:500 1:12 1:13', 'roxoo received 4 lost 0'],
  ['a new source is believed at its second packet', '1:10 1:11 2:500 2:501 2:502', 'roxro received 4 lost 0'],
  ['and at once when the old one has been quiet', '1:10 1:11 - - - 2:500 2:501', 'roro received 4 lost 0'],
  ['two at once: the first stays', '1:10 2:50 1:11 2:51 1:12 2:52 1:13', 'rxoxoxo received 4 lost 0'],
  [
    'two at once, in pairs: the first stays, too',
    '1:10 2:50 1:11 1:12 2:51 2:52 1:13 1:14 2:53 2:54 1:15 1:16',
    'rxooxxooxxoo received 7 lost 0',
  ],
  [
    'one of two at once ends: the other is believed after four in a row',
    '1:10 2:50 1:11 1:12 2:51 2:52 2:53 2:54 2:55',
    'rxooxxxro received 5 lost 0',
  ],
  ['the numbering starts anew, without a pause', '1:30000 1:30001 1:7 1:8', 'roxr received 3 lost 0'],
  ['losses before a restart stay counted', '1:10 1:13 2:500 2:501 2:503', 'roxro received 4 lost 3'],
] as const)
  test(sentence, () => assert.equal(check(script), expected));

/** Feeds packets whose arrival is `late(i)` ms after their turn. */
function jitterOf(late: (i: number) => number): number {
  const reception = new Reception(8000);
  const header = new RtpHeader();
  for (let i = 0; i < 400; i++) {
    Object.assign(header, { ssrc: 1, sequence: i, rtpTimestamp: i * 160 });
    reception.receive(header, 1000 + 20 * i + late(i), true);
  }
  return reception.jitterMs;
}

test('jitter: none when all take as long', () =>
  assert.equal(
    jitterOf(() => 7),
    0,
  ));
test('jitter: every second packet 10 ms late reads as 10 ms', () => {
  assert.ok(Math.abs(jitterOf((i) => (i % 2) * 10) - 10) < 0.01);
});
test('jitter: a new time base is none', () => {
  assert.equal(
    jitterOf((i) => (i < 200 ? 0 : 5000)),
    0,
  );
});

test('a report says the share lost since the one before', () => {
  const reception = new Reception(8000);
  const header = new RtpHeader();
  for (let i = 0; i < 100; i++) {
    if (i % 4 === 3) continue;
    Object.assign(header, {
      ssrc: 9,
      sequence: 65500 + i > 65535 ? 65500 + i - 65536 : 65500 + i,
      rtpTimestamp: i * 160,
    });
    reception.receive(header, 20 * i, true);
  }
  // 0..98 came, 24 of the 99 did not.
  assert.deepEqual(reception.report(), {
    ssrc: 9,
    fractionLost: Math.floor((24 * 256) / 99),
    cumulativeLost: 24,
    extendedSequence: 65536 + 62,
    jitterTicks: 0,
    lastSr: 0,
    delaySinceLastSr: 0,
  });
  Object.assign(header, { sequence: 63, rtpTimestamp: 99 * 160 });
  reception.receive(header, 1980, true);
  const second = reception.report();
  assert.deepEqual([second.fractionLost, second.cumulativeLost], [0, 24]);
});
