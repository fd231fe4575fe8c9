import assert from 'node:assert/strict';
import test from 'node:test';
import { SourceLatch } from '../../src/media/latch.ts';
import { RtpHeader } from '../../src/rtp/index.ts';
import { SocketName } from '../../src/rtp/socket.ts';

type Packet = { from: string; ssrc?: number; sequence?: number; atMs?: number };

const name = (text: string): SocketName => {
  const colon = text.lastIndexOf(':');
  return new SocketName().set(text.slice(0, colon), Number(text.slice(colon + 1)));
};

/** SDP said 10.0.0.1:4000. Returns which packets were taken (`+`) or not (`-`), and where ours go at the end. */
function check(packets: Packet[]): string {
  const latch = new SourceLatch();
  latch.signal('10.0.0.1', 4000, 0);
  let verdict = '';
  for (const [index, { from, ssrc = 1, sequence = index, atMs = index * 20 }] of packets.entries()) {
    const header = new RtpHeader();
    header.ssrc = ssrc;
    header.sequence = sequence;
    verdict += latch.accepts(name(from), header, atMs) ? '+' : '-';
  }
  return `${verdict} ${latch.target}`;
}

const signalled = '10.0.0.1:4000';
const nat = '192.0.2.9:31000';
const stranger = '203.0.113.66:5000';

for (const [sentence, packets, expected] of [
  ['nothing came: SDP says where to send', [], ` ${signalled}`],
  ['from where SDP says: taken at once', [{ from: signalled }], `+ ${signalled}`],
  ['from another port of that host: taken and answered', [{ from: '10.0.0.1:4711' }], '+ 10.0.0.1:4711'],
  [
    'SDP names one, another of that host was first: the one it names is taken, and kept',
    [{ from: '10.0.0.1:4711', ssrc: 2 }, { from: signalled }, { from: '10.0.0.1:4711', ssrc: 2 }],
    `++- ${signalled}`,
  ],
  ['behind a NAT: heard after three in a row', [{ from: nat }, { from: nat }, { from: nat }], `--+ ${signalled}`],
  [
    'and answered when the one that SDP names has been silent for half a second',
    [0, 20, 40, 480, 500].map((atMs, sequence) => ({ from: nat, sequence, atMs })),
    `--+++ ${nat}`,
  ],
  [
    'a stranger is first, and goes on when the one that SDP names has begun: nothing is sent to him',
    [
      ...[0, 20, 40, 60].map((atMs, sequence) => ({ from: stranger, ssrc: 9, sequence, atMs })),
      { from: signalled, atMs: 70 },
      ...[80, 600].map((atMs, i) => ({ from: stranger, ssrc: 9, sequence: 4 + i, atMs })),
    ],
    `--+++-- ${signalled}`,
  ],
  [
    'behind a NAT, and each second packet overtakes: heard all the same',
    [1, 0, 3, 2, 5].map((sequence) => ({ from: nat, sequence })),
    `--+++ ${signalled}`,
  ],
  [
    'behind a NAT, one packet again and again: not taken',
    [4, 4, 4, 4].map((sequence) => ({ from: nat, sequence })),
    `---- ${signalled}`,
  ],
  [
    'behind a NAT, but not in a row: not taken',
    [{ from: nat }, { from: nat, sequence: 7 }, { from: nat, sequence: 3 }],
    `--- ${signalled}`,
  ],
  [
    'two strangers in turn: neither is taken',
    [{ from: nat }, { from: stranger, ssrc: 2 }, { from: nat }, { from: stranger, ssrc: 2 }],
    `---- ${signalled}`,
  ],
  [
    'a stranger during the call: left out, however long',
    [
      { from: signalled },
      ...Array.from({ length: 6 }, (_, i) => ({ from: stranger, ssrc: 9, sequence: i, atMs: 5000 + i })),
    ],
    `+------ ${signalled}`,
  ],
  [
    'a stranger who knows the SSRC, while the talker talks: left out',
    [{ from: signalled }, { from: stranger }, { from: stranger }, { from: signalled }, { from: stranger }],
    `+--+- ${signalled}`,
  ],
  [
    'the talker roams to another address after a pause: followed',
    [{ from: signalled }, ...[600, 620, 640].map((atMs) => ({ from: nat, atMs }))],
    `+--+ ${nat}`,
  ],
  [
    'the NAT forgot: same talker, same host, new port: followed as soon as the old one is quiet',
    [{ from: signalled }, ...[20, 100, 120, 140].map((atMs) => ({ from: '10.0.0.1:4712', atMs }))],
    '+---+ 10.0.0.1:4712',
  ],
  [
    'somebody on the same host who knows the SSRC, while the talker talks: left out',
    Array.from({ length: 12 }, (_, i) => ({ from: i % 2 === 0 ? signalled : '10.0.0.1:4712' })),
    `+-+-+-+-+-+- ${signalled}`,
  ],
  [
    'a media server re-bridges to another port and SSRC: followed when the old one is quiet',
    [{ from: signalled }, { from: '10.0.0.1:4800', ssrc: 5 }, { from: '10.0.0.1:4800', ssrc: 5, atMs: 900 }],
    '+-+ 10.0.0.1:4800',
  ],
  [
    'behind a NAT, and another talker of that host comes when the old one is quiet: followed',
    [
      ...[0, 20, 40].map((atMs) => ({ from: nat, atMs })),
      ...[60, 600, 620, 640].map((atMs, i) => ({ from: '192.0.2.9:31002', ssrc: 5, sequence: i, atMs })),
    ],
    '--+---+ 192.0.2.9:31002',
  ],
  [
    'behind a NAT, and somebody of another host comes when the old one is quiet: left out',
    [
      ...[500, 520, 540].map((atMs) => ({ from: nat, atMs })),
      ...[1100, 1120, 1140, 1160].map((atMs, i) => ({ from: stranger, ssrc: 5, sequence: i, atMs })),
    ],
    `--+---- ${nat}`,
  ],
  [
    'somebody else was first, then the one SDP names comes: he outranks',
    [{ from: nat }, { from: nat }, { from: nat }, { from: signalled, ssrc: 3 }, { from: nat }],
    `--++- ${signalled}`,
  ],
] as [string, Packet[], string][])
  test(sentence, () => assert.equal(check(packets), expected));

test('a new remote address begins anew, the same one does not', () => {
  const latch = new SourceLatch();
  latch.signal('10.0.0.1', 4000, 0);
  latch.accepts(name('10.0.0.1:4100'), new RtpHeader(), 0);
  latch.signal('10.0.0.1', 4000, 0);
  assert.equal(`${latch.target}`, '10.0.0.1:4100');
  latch.signal('10.0.0.2', 4000, 0);
  assert.equal(`${latch.target} ${latch.latched}`, '10.0.0.2:4000 false');
});

test('RTCP is taken from the host that talks, and from the one SDP names', () => {
  const latch = new SourceLatch();
  latch.signal('10.0.0.1', 4000, 0);
  assert.equal(latch.acceptsRtcp(name('10.0.0.1:9')), true);
  assert.equal(latch.acceptsRtcp(name(stranger)), false);
});

test('begun anew, what was heard is forgotten: we send where SDP says, and hear who speaks from there', () => {
  const latch = new SourceLatch();
  latch.signal('10.0.0.1', 4000, 0);
  const header = new RtpHeader();
  for (let sequence = 0; sequence < 3; sequence++) {
    header.sequence = sequence;
    latch.accepts(name(nat), header, 500 + sequence * 20);
  }
  assert.equal(String(latch.target), nat);
  latch.restart(560);
  assert.equal(String(latch.target), signalled);
  header.ssrc = 2;
  assert.equal(latch.accepts(name(signalled), header, 561), true);
});
