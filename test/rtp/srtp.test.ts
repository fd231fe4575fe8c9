import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  RECEIVER_CELLS,
  SENDER_CELLS,
  SRTP_SUITES,
  type SrtpKeys,
  SrtpReceiver,
  SrtpSender,
  type SrtpSuite,
  sameKeys,
} from '../../src/rtp/index.ts';
import { derive, GaloisMode } from '../../src/rtp/srtp-cipher.ts';
import { testData } from '../kit/checkout.ts';
import { SeededRandom } from '../sdp/kit.ts';

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'));
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const suites = Object.keys(SRTP_SUITES) as SrtpSuite[];

/** `bytes` with room behind them, as the datagrams of a stream have. */
const roomy = (bytes: Uint8Array): Uint8Array => {
  const room = new Uint8Array(bytes.length + 64);
  room.set(bytes);
  return room;
};

const keysOf = (suite: SrtpSuite, masterKey: string, masterSalt: string, mki?: Uint8Array): SrtpKeys => ({
  suite,
  secret: hex(masterKey + masterSalt),
  ...(mki && { mki }),
});

function seal(sender: SrtpSender, plain: Uint8Array, kind: 'rtp' | 'rtcp' = 'rtp'): Uint8Array {
  const bytes = roomy(plain);
  const length = kind === 'rtp' ? sender.protect(bytes, plain.length) : sender.protectRtcp(bytes, plain.length);
  return bytes.slice(0, length);
}

/** The plain packet, or `undefined` when it is dropped. */
function open(receiver: SrtpReceiver, sealed: Uint8Array, kind: 'rtp' | 'rtcp' = 'rtp'): Uint8Array | undefined {
  const bytes = roomy(sealed);
  const length =
    kind === 'rtp' ? receiver.unprotect(bytes, sealed.length) : receiver.unprotectRtcp(bytes, sealed.length);
  return length < 0 ? undefined : bytes.slice(0, length);
}

const KEY = 'e1f97a0d3e018be0d64fa32c06de4139';
const SALT = '0ec675ad498afeebb6960b3aabe6';
const secretOf = (suite: SrtpSuite, seed = 1): SrtpKeys => {
  const { keyBytes, saltBytes } = SRTP_SUITES[suite];
  return { suite, secret: Uint8Array.from({ length: keyBytes + saltBytes }, (_, i) => 7 * i + seed) };
};

/** RTP, PCMA, 160 bytes of a counter. */
function packet(sequence: number, ssrc = 0xcafebabe): Uint8Array {
  const bytes = new Uint8Array(172).map((_, i) => i);
  bytes.set([0x80, 8, sequence >> 8, sequence & 0xff, 0, 0, 0, 1]);
  new DataView(bytes.buffer).setUint32(8, ssrc);
  return bytes;
}

const report = hex('80c90001cafebabe 81ca0003cafebabe 0104616263640000');

// ---------------------------------------------------------------- known packets

test('RFC 3711 B.3: session keys of 128 bits', () => {
  const keys = keysOf('AES_CM_128_HMAC_SHA1_80', KEY, SALT);
  assert.equal(text(derive(keys, 0, 16)), 'c61e7a93744f39ee10734afe3ff7a087');
  assert.equal(text(derive(keys, 2, 14)), '30cbbc08863d8c85d49db34a9ae1');
  assert.equal(text(derive(keys, 1, 20)), 'cebe321f6ff7716b6fd4ab49af256a156d38baa4');
});

test('a packet and a report as other implementations write them', () => {
  const plain = hex('800f1234decafbadcafebabeabababababababababababababababab');
  const sender = new SrtpSender(keysOf('AES_CM_128_HMAC_SHA1_80', KEY, SALT));
  assert.equal(
    text(seal(sender, plain)),
    '800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb',
  );
  const rtcp = hex('81c8000bcafebabeabababababababababababababababab');
  assert.equal(
    text(seal(sender, rtcp, 'rtcp')),
    '81c8000bcafebabe7128035be487b9bdbef89041f977a5a880000001993e08cd54d6c1230798',
  );
});

/** The cells of a receiver that has heard everything before this packet. */
function heardBefore(packet: string, rolledOver: number): Float64Array {
  const bytes = Buffer.from(packet, 'hex');
  return Float64Array.of(bytes.readUInt32BE(8), rolledOver * 0x10000 + bytes.readUInt16BE(2), 0, 0);
}

type Packet = { suite: string; roc: number; rtp_plain: string; srtp: string; rtcp_plain?: string; srtcp?: string };
interface CounterVectors {
  rfc6188: { master_key?: string; master_salt: string; [label: string]: unknown }[];
  reference_packets: (Packet & { master_key: string; master_salt: string })[];
  csrc_and_extension: Packet & { master_key: string; master_salt: string };
  rollover_sequence: { master_key: string; master_salt: string; packets_in_order: Packet[] };
  must_fail_authentication: { why: string; srtp: string }[];
}

const folder = testData('srtp');
const skip = folder === undefined && 'there are no vectors: set HAILPOINT_TEST_DATA';
const vectors = <T>(name: string): T => JSON.parse(readFileSync(join(folder!, name), 'utf8')) as T;

test('vectors: packets of every suite they have, both ways', { skip }, (t) => {
  const { reference_packets, csrc_and_extension } = vectors<CounterVectors>('aes-cm-hmac-sha1.json');
  let seen = 0;
  for (const one of [...reference_packets, csrc_and_extension]) {
    if (!suites.includes(one.suite as SrtpSuite)) continue; // without encryption: not spoken here
    const keys = keysOf(one.suite as SrtpSuite, one.master_key, one.master_salt);
    const sender = new SrtpSender(keys, Float64Array.of(one.roc * 0x10000, 0));
    const receiver = new SrtpReceiver(keys, heardBefore(one.rtp_plain, one.roc));
    assert.equal(text(seal(sender, hex(one.rtp_plain))), one.srtp, one.suite);
    assert.equal(text(open(receiver, hex(one.srtp))!), one.rtp_plain);
    seen++;
    if (one.rtcp_plain === undefined) continue;
    assert.equal(text(seal(sender, hex(one.rtcp_plain), 'rtcp')), one.srtcp);
    assert.equal(text(open(receiver, hex(one.srtcp!), 'rtcp')!), one.rtcp_plain);
  }
  t.diagnostic(`${seen} packets`);
  assert.ok(seen >= 4);
});

test('vectors: the sequence number wraps, and the ROC at its end', { skip }, () => {
  const { rollover_sequence: all } = vectors<CounterVectors>('aes-cm-hmac-sha1.json');
  const keys = keysOf('AES_CM_128_HMAC_SHA1_80', all.master_key, all.master_salt);
  const sender = new SrtpSender(keys);
  const receiver = new SrtpReceiver(keys);
  for (const { roc, rtp_plain, srtp } of all.packets_in_order) {
    const out = roc <= 1 ? sender : new SrtpSender(keys, Float64Array.of(roc * 0x10000, 0));
    const into = roc <= 1 ? receiver : new SrtpReceiver(keys, heardBefore(rtp_plain, roc));
    assert.equal(text(seal(out, hex(rtp_plain))), srtp);
    assert.equal(text(open(into, hex(srtp))!), rtp_plain);
  }
});

test('vectors: what must not be taken for authentic', { skip }, () => {
  const { must_fail_authentication: bad } = vectors<CounterVectors>('aes-cm-hmac-sha1.json');
  for (const { why, srtp } of bad) {
    const receiver = new SrtpReceiver(keysOf('AES_CM_128_HMAC_SHA1_80', KEY, SALT));
    assert.equal(open(receiver, hex(srtp)), undefined, why);
    assert.equal(receiver.packetsRejected, 1);
  }
});

test('vectors: session keys of 256 bits (RFC 6188 §7.2)', { skip }, () => {
  const { rfc6188 } = vectors<CounterVectors>('aes-cm-hmac-sha1.json');
  const one = rfc6188.find(({ master_key }) => master_key !== undefined)!;
  const keys = keysOf('AES_256_CM_HMAC_SHA1_80', one.master_key!, one.master_salt);
  assert.equal(text(derive(keys, 0, 32)), one.cipher_key_label_00);
  assert.equal(text(derive(keys, 2, 14)), one.cipher_salt_label_02);
  assert.equal(text(derive(keys, 1, 20)), one.auth_key_label_01_20_octets);
});

interface GcmVectors {
  salt: string;
  vectors: { title: string; key: string; aad: string; plaintext: string; ciphertext_and_tag: string }[];
}

test('vectors: GCM under session keys (RFC 7714 §16, §17)', { skip }, (t) => {
  const { salt, vectors: all } = vectors<GcmVectors>('rfc7714-aes-gcm.json');
  let seen = 0;
  for (const { title, key, aad, plaintext, ciphertext_and_tag: sealed } of all) {
    if (plaintext === '') continue; // tag only: nothing of ours is sent unencrypted
    const mode = new GaloisMode(hex(key), hex(salt));
    const rtp = title.startsWith('SRTP ');
    const header = hex(aad).subarray(0, rtp ? 12 : 8);
    const index = rtp ? 0xf17b : 0x5d4;
    const nonce = { ssrc: new DataView(header.buffer).getUint32(rtp ? 8 : 4), high: 0, low: index };
    const trailer = { bytes: rtp ? new Uint8Array(4) : hex(aad).slice(8), sent: !rtp };
    const whole = text(header) + sealed + (rtp ? '' : aad.slice(16));
    const plain = text(header) + plaintext;
    const out = roomy(hex(plain));
    const end = mode.seal(out, header.length, plain.length / 2, nonce, trailer);
    assert.equal(text(out.subarray(0, end)), whole, title);
    assert.equal(mode.open(out, header.length, end, nonce, trailer), plain.length / 2);
    assert.equal(text(out.subarray(0, plain.length / 2)), plain);
    seen++;
  }
  t.diagnostic(`${seen} vectors`);
  assert.ok(seen >= 4);
});

// ---------------------------------------------------------------- behaviour

for (const suite of suites) {
  test(`${suite}: crosses whole, and no bit of it may change`, () => {
    const keys = secretOf(suite);
    const { tagBytes, rtcpTagBytes } = SRTP_SUITES[suite];
    for (const [kind, plain, growth] of [
      ['rtp', packet(1), tagBytes],
      ['rtcp', report, rtcpTagBytes + 4],
    ] as const) {
      const sealed = seal(new SrtpSender(keys), plain, kind);
      assert.equal(sealed.length, plain.length + growth);
      assert.notDeepEqual(sealed.subarray(12, plain.length), plain.subarray(12));
      assert.deepEqual(open(new SrtpReceiver(keys), sealed, kind), plain);
      assert.equal(open(new SrtpReceiver(secretOf(suite, 2)), sealed, kind), undefined, 'another key');
      const receiver = new SrtpReceiver(keys);
      for (let bit = 0; bit < sealed.length * 8; bit += 5) {
        const forged = sealed.slice();
        forged[bit >> 3] ^= 1 << (bit & 7);
        assert.equal(open(receiver, forged, kind), undefined, `bit ${bit}`);
      }
      for (let length = 0; length < sealed.length; length++)
        assert.equal(open(receiver, sealed.subarray(0, length), kind), undefined, `${length} bytes`);
      assert.equal(receiver.packetsRejected, Math.ceil((sealed.length * 8) / 5) + sealed.length);
      assert.deepEqual(open(receiver, sealed, kind), plain, 'none of the forgeries moved anything');
    }
  });
}

/** What a receiver takes of packets of one sender, given in an order of our own: `+` taken, `-` dropped. */
function taken(order: readonly number[], count = Math.max(...order) + 1, start = 0): string {
  const keys = secretOf('AES_CM_128_HMAC_SHA1_80');
  const sender = new SrtpSender(keys);
  const receiver = new SrtpReceiver(keys);
  const sealed = Array.from({ length: count }, (_, i) => seal(sender, packet((start + i) & 0xffff)));
  return order.map((index) => (open(receiver, sealed[index]) ? '+' : '-')).join('');
}

for (const [sentence, expected, order, start] of [
  ['each packet is taken once', '++-+-', [0, 1, 1, 2, 0]],
  ['overtaken packets are taken, once', '+++-+', [0, 3, 1, 3, 2]],
  ['within the window', '+++', [0, 127, 1]],
  ['behind the window: too old to tell', '++-', [1, 129, 0]],
  ['a wrap', '+++++', [0, 1, 2, 3, 4], 65533],
  ['a wrap, overtaken', '++++-', [0, 2, 1, 3, 2], 65534],
  ['a wrap that was lost with all around it', '++', [0, 3000], 65000],
  ['first heard right behind a wrap', '++-', [2, 3, 2], 65534],
  ['long after a wrap, without having heard it: another ROC', '--', [200, 201], 65534],
] as [string, string, number[], number?][])
  test(sentence, () => assert.equal(taken(order, undefined, start), expected));

test('four wraps, one packet in a hundred heard', () => {
  const keys = secretOf('AEAD_AES_128_GCM');
  const sender = new SrtpSender(keys);
  const receiver = new SrtpReceiver(keys);
  for (let i = 0; i < 4 * 65536; i += 1 + (i % 199)) {
    const sealed = seal(sender, packet(i & 0xffff).subarray(0, 16));
    if (i % 7 === 0) assert.ok(open(receiver, sealed), `packet ${i}`);
  }
  assert.equal(receiver.packetsRejected, 0);
});

test('who goes on with a key: no index comes twice, what was heard is not heard again', () => {
  for (const suite of suites) {
    const keys = secretOf(suite);
    const [sent, heard] = [new Float64Array(SENDER_CELLS), new Float64Array(RECEIVER_CELLS)];
    const first = new SrtpSender(keys, sent);
    const before = new SrtpReceiver(keys, heard);
    const whole = new SrtpReceiver(keys);
    const old = [65_534, 65_535, 0].map((sequence) => seal(first, packet(sequence)));
    const oldReports = [0, 1].map(() => seal(first, report, 'rtcp'));
    for (const one of old) assert.ok(open(before, one) && open(whole, one));
    for (const one of oldReports) assert.ok(open(before, one, 'rtcp') && open(whole, one, 'rtcp'));
    const second = new SrtpSender(keys, sent);
    const after = new SrtpReceiver(keys, heard);
    for (const one of old) assert.equal(open(after, one), undefined, 'a replay');
    for (const one of oldReports) assert.equal(open(after, one, 'rtcp'), undefined, 'a replay');
    // Of the old one, which did not know yet that it is replaced.
    const late = [seal(first, packet(1)), seal(first, report, 'rtcp')];
    const next = [seal(second, packet(65)), seal(second, report, 'rtcp')];
    for (const receiver of [after, whole]) {
      assert.ok(open(receiver, late[0]) && open(receiver, next[0]));
      assert.ok(open(receiver, late[1], 'rtcp') && open(receiver, next[1], 'rtcp'));
      assert.equal(open(receiver, next[1], 'rtcp'), undefined);
    }
    // And a wrap later.
    for (const sequence of [30_000, 60_000, 3]) {
      const sealed = seal(new SrtpSender(keys, sent), packet(sequence));
      assert.ok(open(new SrtpReceiver(keys, heard), sealed) && open(whole, sealed));
    }
  }
});

test('a new SSRC begins anew, and the old one stays protected', () => {
  const keys = secretOf('AES_CM_128_HMAC_SHA1_80');
  const receiver = new SrtpReceiver(keys);
  const old = seal(new SrtpSender(keys), packet(40_000, 1));
  assert.ok(open(receiver, old));
  assert.ok(open(receiver, seal(new SrtpSender(keys), packet(7, 2))));
  assert.equal(open(receiver, old), undefined, 'a replay');
  for (let ssrc = 3; ssrc < 40; ssrc++) assert.ok(open(receiver, seal(new SrtpSender(keys), packet(7, ssrc))));
});

test('reports: a replay is dropped, and so is one that claims to be readable', () => {
  for (const suite of suites) {
    const keys = secretOf(suite);
    const sender = new SrtpSender(keys);
    const receiver = new SrtpReceiver(keys);
    const [first, second] = [seal(sender, report, 'rtcp'), seal(sender, report, 'rtcp')];
    assert.notDeepEqual(first, second, 'each has a key stream of its own');
    assert.ok(open(receiver, second, 'rtcp'));
    assert.ok(open(receiver, first, 'rtcp'));
    assert.equal(open(receiver, first, 'rtcp'), undefined);
    const plain = seal(sender, report, 'rtcp');
    const at = plain.length - 4 - (suite.startsWith('AEAD') ? 0 : 10);
    plain[at] &= 0x7f;
    assert.equal(open(receiver, plain, 'rtcp'), undefined);
    // A report before the first sound says nothing about the ROC of the sound.
    assert.ok(open(receiver, seal(sender, packet(65_535))));
  }
});

test('a key with a name (MKI): taken off where the suite has it, another name is dropped', () => {
  for (const suite of suites) {
    const mki = hex('00000001');
    const keys = secretOf(suite);
    const sender = new SrtpSender(keys);
    for (const [kind, plain, tagBytes] of [
      ['rtp', packet(9), suite.startsWith('AEAD') ? 0 : SRTP_SUITES[suite].tagBytes],
      ['rtcp', report, suite.startsWith('AEAD') ? 0 : 10],
    ] as const) {
      const sealed = seal(sender, plain, kind);
      const at = sealed.length - tagBytes;
      const named = Uint8Array.of(...sealed.subarray(0, at), ...mki, ...sealed.subarray(at));
      assert.deepEqual(open(new SrtpReceiver({ ...keys, mki }), named, kind), plain, `${suite} ${kind}`);
      assert.equal(open(new SrtpReceiver({ ...keys, mki: hex('00000002') }), named, kind), undefined);
      assert.equal(open(new SrtpReceiver({ ...keys, mki }), sealed, kind), undefined, 'the name is missing');
    }
  }
});

test('nonsense is dropped, whatever it is', () => {
  const random = new SeededRandom(42);
  const receivers = suites.map((suite) => new SrtpReceiver({ ...secretOf(suite), mki: hex('01') }));
  for (let i = 0; i < 3000; i++) {
    const bytes = Uint8Array.from({ length: random.below(80) }, () => random.below(256));
    if (bytes.length > 0 && i % 2 === 0) bytes[0] = 0x80 | (bytes[0] & 0x3f);
    const receiver = receivers[i % receivers.length];
    assert.equal(open(receiver, bytes), undefined);
    assert.equal(open(receiver, bytes, 'rtcp'), undefined);
  }
});

test('a key of the wrong length is refused, and the words do not show it', () => {
  const short = { suite: 'AEAD_AES_256_GCM', secret: hex(KEY + SALT) } as const;
  assert.throws(
    () => new SrtpSender(short),
    /^RangeError: Cannot use a key of 30 bytes with AEAD_AES_256_GCM: it takes 44$/,
  );
});

test('keys are the same when suite, bytes and name are', () => {
  const one = secretOf('AES_CM_128_HMAC_SHA1_80');
  assert.ok(sameKeys(one, { ...one, secret: one.secret.slice() }));
  assert.ok(sameKeys(undefined, undefined));
  for (const other of [
    undefined,
    secretOf('AES_CM_128_HMAC_SHA1_32'),
    secretOf(one.suite, 3),
    { ...one, mki: hex('01') },
  ])
    assert.ok(!sameKeys(one, other));
});
