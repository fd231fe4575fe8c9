import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SRTP_SUITES, type SrtpKeys, type SrtpSuite } from '../../src/rtp/index.ts';
import { formatCrypto, parseCrypto } from '../../src/sdp/crypto.ts';
import {
  acceptAnswer,
  answerOffer,
  createOffer,
  type Encryption,
  formatSdp,
  type LocalMedia,
  type Negotiated,
  parseSdp,
  SdpSyntaxError,
} from '../../src/sdp/index.ts';
import { testData } from '../kit/checkout.ts';

const bytesOf = (suite: SrtpSuite): number => SRTP_SUITES[suite].keyBytes + SRTP_SUITES[suite].saltBytes;
/** Ours: all 1. Theirs: all 2. */
const keys = (suite: SrtpSuite, octet: number): SrtpKeys => ({
  suite,
  secret: new Uint8Array(bytesOf(suite)).fill(octet),
});
const inline = (suite: SrtpSuite, octet = 2): string => Buffer.from(keys(suite, octet).secret).toString('base64');

const us = (mode?: Encryption): LocalMedia => ({
  address: { host: '127.42.8.1', port: 20000 },
  codecs: ['pcma'],
  direction: 'sendrecv',
  packetMs: 20,
  dtmf: false,
  sessionId: 42,
  version: 1,
  ...(mode && { security: { mode, key: (suite) => keys(suite, 1) } }),
});

/** `tag AES... lifetime 2^20 mki 00000001`, or why not. */
function told(value: string): string {
  const line = parseCrypto(value);
  if ('unusable' in line) return `not: ${line.unusable}`;
  const words = [String(line.tag), line.keys.suite];
  if (line.lifetime !== undefined) words.push(`lifetime ${line.lifetime}`);
  if (line.keys.mki !== undefined) words.push(`mki ${Buffer.from(line.keys.mki).toString('hex')}`);
  return words.join(' ');
}

const cm = inline('AES_CM_128_HMAC_SHA1_80');
const line = (rest = '', suite = 'AES_CM_128_HMAC_SHA1_80', key = cm): string => `1 ${suite} inline:${key}${rest}`;

for (const [sentence, value, expected] of [
  ['a bare key', line(), '1 AES_CM_128_HMAC_SHA1_80'],
  ['more blanks than needed', `  1   AES_CM_128_HMAC_SHA1_80  inline:${cm} `, '1 AES_CM_128_HMAC_SHA1_80'],
  ['a lifetime as a power', line('|2^31'), '1 AES_CM_128_HMAC_SHA1_80 lifetime 2147483648'],
  ['a lifetime and an MKI', line('|2^20|1:4'), '1 AES_CM_128_HMAC_SHA1_80 lifetime 1048576 mki 00000001'],
  ['an MKI alone', line('|513:2'), '1 AES_CM_128_HMAC_SHA1_80 mki 0201'],
  ['the longest tag', line().replace('1 ', '999999999 '), '999999999 AES_CM_128_HMAC_SHA1_80'],
  ['a hint about the replay window', line(' WSH=64'), '1 AES_CM_128_HMAC_SHA1_80'],
  ['its words in other letters', `1 Aes_cm_128_hmac_sha1_80 INLINE:${cm} wsh=64`, '1 AES_CM_128_HMAC_SHA1_80'],
  ['a parameter that may be passed over', line(' -X=y'), '1 AES_CM_128_HMAC_SHA1_80'],
  ['GCM of 256 bits', line('', 'AEAD_AES_256_GCM', inline('AEAD_AES_256_GCM')), '1 AEAD_AES_256_GCM'],
  [
    'a suite that is taken and never offered',
    line('', 'AES_256_CM_HMAC_SHA1_32', inline('AES_256_CM_HMAC_SHA1_32')),
    '1 AES_256_CM_HMAC_SHA1_32',
  ],
  ['a suite nobody knows', line('', 'F8_128_HMAC_SHA1_80'), 'not: 1: F8_128_HMAC_SHA1_80 is not known'],
  ['the name of a property', line('', 'toString'), 'not: 1: no suite'],
  ['a key too short for its suite', line('', 'AEAD_AES_256_GCM'), 'not: 1: a key of 30 bytes'],
  ['not base64', line('', 'AES_CM_128_HMAC_SHA1_80', '!!!!'), 'not: 1: no inline key that can be read'],
  ['another key method', '1 AES_CM_128_HMAC_SHA1_80 uri:https://keys', 'not: 1: no inline key that can be read'],
  ['two keys, told apart by MKI', line(`|1:1;inline:${cm}|2:1`), 'not: 1: several keys'],
  ['a lifetime beyond 2^48', line('|2^49'), 'not: 1: a lifetime that is not possible'],
  ['a lifetime of nothing', line('|0'), 'not: 1: a lifetime that is not possible'],
  ['an MKI longer than its field', line('|256:1'), 'not: 1: an MKI that is not possible'],
  ['an MKI of 129 bytes', line('|1:129'), 'not: 1: an MKI that is not possible'],
  ['sound in the clear', line(' UNENCRYPTED_SRTP'), 'not: 1: UNENCRYPTED_SRTP is not supported'],
  ['reports in the clear', line(' UNENCRYPTED_SRTCP'), 'not: 1: UNENCRYPTED_SRTCP is not supported'],
  [
    'sound that anybody may forge',
    line(' WSH=64 UNAUTHENTICATED_SRTP'),
    'not: 1: UNAUTHENTICATED_SRTP is not supported',
  ],
  ['keys derived anew', line(' KDR=1'), 'not: 1: KDR is not supported'],
  ['FEC', line(' FEC_ORDER=FEC_SRTP'), 'not: 1: FEC_ORDER is not supported'],
  ['no tag', `AES_CM_128_HMAC_SHA1_80 inline:${cm}`, 'not: a tag is no number'],
  ['nothing', '', 'not: a tag is no number'],
] as const)
  test(`a=crypto: ${sentence}`, () => {
    assert.equal(told(value), expected);
  });

test('what is written is read again', () => {
  for (const suite of Object.keys(SRTP_SUITES) as SrtpSuite[])
    assert.deepEqual(parseCrypto(formatCrypto(3, keys(suite, 9)).value!), { tag: 3, keys: keys(suite, 9) });
});

// ---------------------------------------------------------------- offer and answer

const offerOf = (protocol: string, ...crypto: string[]): string =>
  ['v=0', 'o=- 1 1 IN IP4 127.42.9.1', 's=-', 'c=IN IP4 127.42.9.1', 't=0 0', `m=audio 4000 ${protocol} 8`]
    .concat(crypto.map((value) => `a=crypto:${value}`))
    .join('\r\n');

/** `RTP/SAVP 1 AES...`: which keys go where; `plain`. */
function secured(stream: Negotiated): string {
  if (stream.srtp === undefined) return 'plain';
  const { send, receive } = stream.srtp;
  assert.equal(send.suite, receive.suite);
  assert.deepEqual([...new Set(send.secret), ...new Set(receive.secret)], [1, 2], 'our key sends, theirs receives');
  return send.suite;
}

function answered(offer: string, mode?: Encryption): string {
  const result = answerOffer(parseSdp(offer), us(mode));
  if ('refused' in result) return `refused: ${result.refused}`;
  const answer = parseSdp(formatSdp(result.answer));
  const told = answer.media.map(({ port, protocol, attributes }) => {
    const crypto = attributes
      .filter(({ name }) => name === 'crypto')
      .map(({ value }) => value!.replace(/ inline.*/, ''));
    return port === 0 ? `${protocol} 0` : [protocol, ...crypto].join(' ');
  });
  return `${told.join(', ')} | ${secured(result.stream)}`;
}

const gcm = `7 AEAD_AES_256_GCM inline:${inline('AEAD_AES_256_GCM')}`;
const unknown = line('', 'SOME_FUTURE_SUITE');
const plainAndSecure = `${offerOf('RTP/AVP')}\r\nm=audio 4002 RTP/SAVP 8\r\na=crypto:${line()}`;

for (const [sentence, offer, mode, expected] of [
  ['plain, nobody asks', offerOf('RTP/AVP'), 'none', 'RTP/AVP | plain'],
  ['plain, to be encrypted if possible', offerOf('RTP/AVP'), 'offered', 'RTP/AVP | plain'],
  [
    'plain where encryption is required',
    offerOf('RTP/AVP'),
    'required',
    'refused: audio: RTP/AVP is not encrypted, and encryption is required: there is no a=crypto',
  ],
  ['best effort of theirs, and nobody asks', offerOf('RTP/AVP', line()), 'none', 'RTP/AVP | plain'],
  [
    'best effort on both sides',
    offerOf('RTP/AVP', line()),
    'offered',
    'RTP/AVP 1 AES_CM_128_HMAC_SHA1_80 | AES_CM_128_HMAC_SHA1_80',
  ],
  [
    'best effort of theirs satisfies who requires',
    offerOf('RTP/AVP', line()),
    'required',
    'RTP/AVP 1 AES_CM_128_HMAC_SHA1_80 | AES_CM_128_HMAC_SHA1_80',
  ],
  [
    'best effort that nobody here can do',
    offerOf('RTP/AVP', unknown),
    'required',
    'refused: audio: RTP/AVP is not encrypted, and encryption is required: a=crypto 1: SOME_FUTURE_SUITE is not known',
  ],
  [
    'their order counts, and their tag comes back',
    offerOf('RTP/SAVP', unknown, gcm, line()),
    'required',
    'RTP/SAVP 7 AEAD_AES_256_GCM | AEAD_AES_256_GCM',
  ],
  [
    'only encrypted is offered, and taken although nobody asks: the caller must be heard',
    offerOf('RTP/SAVP', line()),
    'none',
    'RTP/SAVP 1 AES_CM_128_HMAC_SHA1_80 | AES_CM_128_HMAC_SHA1_80',
  ],
  [
    'with feedback, too',
    offerOf('RTP/SAVPF', line()),
    'offered',
    'RTP/SAVPF 1 AES_CM_128_HMAC_SHA1_80 | AES_CM_128_HMAC_SHA1_80',
  ],
  [
    'encrypted without a key',
    offerOf('RTP/SAVP'),
    'offered',
    'refused: audio: RTP/SAVP is not possible: there is no a=crypto',
  ],
  [
    'encrypted in name only',
    offerOf('RTP/SAVP', line(' UNENCRYPTED_SRTP')),
    'none',
    'refused: audio: RTP/SAVP is not possible: a=crypto 1: UNENCRYPTED_SRTP is not supported',
  ],
  ['DTLS is not spoken', offerOf('UDP/TLS/RTP/SAVP'), 'required', 'refused: audio: UDP/TLS/RTP/SAVP is not supported'],
  ['plain first, encrypted second, nobody asks', plainAndSecure, 'none', 'RTP/AVP, RTP/SAVP 0 | plain'],
  [
    'plain first, encrypted second, to be encrypted if possible',
    plainAndSecure,
    'offered',
    'RTP/AVP 0, RTP/SAVP 1 AES_CM_128_HMAC_SHA1_80 | AES_CM_128_HMAC_SHA1_80',
  ],
  ['SRTP is not spoken at all', offerOf('RTP/SAVP', line()), undefined, 'refused: audio: RTP/SAVP is not supported'],
] as [string, string, Encryption | undefined, string][])
  test(`offered: ${sentence}`, () => assert.equal(answered(offer, mode), expected));

test('our offers: five suites, strongest first, each once; none without encryption', () => {
  const crypto = (mode?: Encryption) => {
    const [medium] = parseSdp(formatSdp(createOffer(us(mode)))).media;
    const lines = medium.attributes.flatMap(({ name, value }) => (name === 'crypto' ? [told(value!)] : []));
    return [medium.protocol, ...lines];
  };
  const suites = Object.keys(SRTP_SUITES)
    .filter((suite) => suite !== 'AES_256_CM_HMAC_SHA1_32')
    .map((suite, index) => `${index + 1} ${suite}`);
  assert.deepEqual(crypto('required'), ['RTP/SAVP', ...suites]);
  assert.deepEqual(crypto('offered'), ['RTP/AVP', ...suites]);
  assert.deepEqual(crypto('none'), ['RTP/AVP']);
  assert.deepEqual(crypto(), ['RTP/AVP']);
});

for (const [sentence, mode, answer, expected] of [
  ['one of ours is taken', 'required', offerOf('RTP/SAVP', line().replace('1 ', '4 ')), 'AES_CM_128_HMAC_SHA1_80'],
  ['best effort is met', 'offered', offerOf('RTP/AVP', line().replace('1 ', '4 ')), 'AES_CM_128_HMAC_SHA1_80'],
  ['best effort is not met', 'offered', offerOf('RTP/AVP'), 'plain'],
  ['required, answered as plain', 'required', offerOf('RTP/AVP'), 'refused: RTP/SAVP was offered, RTP/AVP answered'],
  [
    'required, answered without a key',
    'required',
    offerOf('RTP/SAVP'),
    "refused: the answer's audio: RTP/SAVP is not possible: there is no a=crypto",
  ],
  [
    'a tag that was not offered',
    'required',
    offerOf('RTP/SAVP', gcm),
    "refused: the answer's audio: RTP/SAVP is not possible: a=crypto 7 was not offered",
  ],
  [
    'a tag with the suite of another',
    'required',
    offerOf('RTP/SAVP', line()),
    "refused: the answer's audio: RTP/SAVP is not possible: a=crypto 1 was offered as AEAD_AES_256_GCM, answered as AES_CM_128_HMAC_SHA1_80",
  ],
  [
    'best effort with a key that cannot be used: they would encrypt, so it is never heard as plain',
    'offered',
    offerOf('RTP/AVP', '4 AES_CM_128_HMAC_SHA1_80 inline:c2hvcnQ='),
    /^refused: the answer's audio: .*a key of 5 bytes$/,
  ],
  ['nothing was offered, so a key means nothing', 'none', offerOf('RTP/AVP', line()), 'plain'],
] as [string, Encryption, string, string | RegExp][])
  test(`answered: ${sentence}`, () => {
    const result = acceptAnswer(createOffer(us(mode)), parseSdp(answer));
    const outcome = 'refused' in result ? `refused: ${result.refused}` : secured(result.stream);
    if (typeof expected === 'string') assert.equal(outcome, expected);
    else assert.match(outcome, expected);
  });

test('no message shows a key', () => {
  const secret = inline('AES_CM_128_HMAC_SHA1_80', 77);
  const bad = [
    `a = crypto:1 AES_CM_128_HMAC_SHA1_80 inline:${secret}`,
    `m=audio inline:${secret}`,
    `c=inline:${secret}`,
  ];
  for (const broken of bad)
    assert.throws(
      () => parseSdp(`v=0\r\n${broken}\r\n`),
      (error) => error instanceof SdpSyntaxError && !error.message.includes(secret.slice(0, 8)),
    );
  for (const value of [
    line(`;${secret}`),
    `1 ${secret} inline:x`,
    line(` ${secret}`),
    `${secret} 1`,
    `1 inline:${secret}`,
  ]) {
    const { refused } = answerOffer(parseSdp(offerOf('RTP/SAVP', value)), us('required')) as { refused: string };
    assert.ok(!refused.includes(secret.slice(0, 8)), refused);
  }
});

// ---------------------------------------------------------------- vectors

const folder = testData('srtp');
const skip = folder === undefined && 'there are no vectors: set HAILPOINT_TEST_DATA';

test('vectors: RFC 4568', { skip }, () => {
  interface Expected {
    tag: number;
    suite?: string;
    lifetime?: number;
    mki?: number;
    mki_length?: number;
    key_hex: string;
    salt_hex: string;
    session_params?: string[];
  }
  const { valid, not_selectable } = JSON.parse(readFileSync(join(folder!, 'rfc4568-sdes.json'), 'utf8')) as {
    valid: { line: string; expect: Expected }[];
    not_selectable: { line: string; why: string; selectable?: boolean }[];
  };
  const written = (text: string): string => text.replace('a=crypto:', '');
  for (const { line: text, expect } of valid) {
    const read = parseCrypto(written(text));
    if (expect.session_params !== undefined) {
      assert.ok('unusable' in read, text);
      continue;
    }
    assert.ok('keys' in read, text);
    assert.equal(read.tag, expect.tag);
    if (expect.suite !== undefined) assert.equal(read.keys.suite, expect.suite);
    assert.equal(Buffer.from(read.keys.secret).toString('hex'), expect.key_hex + expect.salt_hex);
    assert.equal(read.lifetime, expect.lifetime);
    const mki = read.keys.mki && BigInt(`0x${Buffer.from(read.keys.mki).toString('hex')}`);
    assert.deepEqual([mki && Number(mki), read.keys.mki?.length], [expect.mki, expect.mki_length]);
  }
  for (const { line: text, why, selectable = false } of not_selectable)
    assert.equal('keys' in parseCrypto(written(text)), selectable, why);
});
