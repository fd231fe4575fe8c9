/** DTLS-SRTP in offers and answers: whose certificate, who begins, and what must never be heard as plain. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Fingerprint } from '../../src/rtp/index.ts';
import { formatFingerprint, parseFingerprint } from '../../src/sdp/dtls.ts';
import {
  acceptAnswer,
  answerOffer,
  createOffer,
  type DtlsAgreed,
  type Encryption,
  formatSdp,
  type LocalMedia,
  parseSdp,
  type Security,
  turnOffer,
} from '../../src/sdp/index.ts';

const digest = (octet: number, bytes = 32): string =>
  Array.from({ length: bytes }, () => octet.toString(16).padStart(2, '0').toUpperCase()).join(':');
const ours: Fingerprint = { hash: 'sha-256', digest: new Uint8Array(32).fill(1) };
const key = `1 AES_CM_128_HMAC_SHA1_80 inline:${Buffer.alloc(30, 2).toString('base64')}`;

const us = (mode: Encryption, more: Partial<Security> = {}): LocalMedia => ({
  address: { host: '127.41.8.1', port: 20000 },
  codecs: ['pcma'],
  direction: 'sendrecv',
  packetMs: 20,
  dtmf: false,
  sessionId: 42,
  version: 1,
  security: {
    mode,
    dtls: () => ours,
    key: (suite) => ({ suite, secret: new Uint8Array(30).fill(1) }),
    ...more,
  },
});

for (const [sentence, value, expected] of [
  ['SHA-256', `sha-256 ${digest(0xab)}`, 'sha-256 32 ab'],
  ['lower case, and more blanks', ` SHA-256   ${digest(0xab).toLowerCase()} `, 'sha-256 32 ab'],
  ['SHA-384', `sha-384 ${digest(0x0f, 48)}`, 'sha-384 48 0f'],
  ['SHA-512', `sha-512 ${digest(0xff, 64)}`, 'sha-512 64 ff'],
  ['SHA-1, which can be forged', `sha-1 ${digest(0xab, 20)}`, undefined],
  ['MD5', `md5 ${digest(0xab, 16)}`, undefined],
  ['too short for its name', `sha-256 ${digest(0xab, 31)}`, undefined],
  ['no colons', `sha-256 ${digest(0xab).replaceAll(':', '')}`, undefined],
  ['no hexadecimal', `sha-256 ${digest(0xab).replace('AB', 'XY')}`, undefined],
  ['the name of a property', `constructor ${digest(0xab)}`, undefined],
  ['something behind it', `sha-256 ${digest(0xab)} more`, undefined],
  ['nothing', '', undefined],
] as const)
  test(`a=fingerprint: ${sentence}`, () => {
    const read = parseFingerprint(value);
    const told = read && `${read.hash} ${read.digest.length} ${read.digest[0].toString(16).padStart(2, '0')}`;
    assert.equal(told, expected);
  });

test('what is written is read again', () => {
  assert.deepEqual(parseFingerprint(formatFingerprint(ours).value!), ours);
});

// ---------------------------------------------------------------- offer and answer

const theirs = `fingerprint:sha-256 ${digest(2)}`;
const sdp = (protocol: string, ...attributes: string[]): string =>
  ['v=0', 'o=- 1 1 IN IP4 127.41.9.1', 's=-', 'c=IN IP4 127.41.9.1', 't=0 0', `m=audio 4000 ${protocol} 8`]
    .concat(attributes.map((value) => `a=${value}`))
    .join('\r\n');
const session = (text: string, ...attributes: string[]): string =>
  text.replace('t=0 0', ['t=0 0', ...attributes.map((value) => `a=${value}`)].join('\r\n'));

/** `client`, with what else was agreed. */
function agreed({ role, fingerprints, muxed, tlsId }: DtlsAgreed): string {
  const digests = fingerprints.map(({ hash, digest: of }) => `${hash} ${of[0]}`).join(' ');
  return `${role} ${digests}${muxed ? ' muxed' : ''}${tlsId === undefined ? '' : ` ${tlsId}`}`;
}

/** What the first line that is not refused says of its encryption. */
function said(text: string): string {
  const medium = parseSdp(text).media.find(({ port }) => port !== 0)!;
  const words = medium.attributes.flatMap(({ name, value }) => {
    if (name === 'fingerprint') return value === formatFingerprint(ours).value ? ['ours'] : ['not ours'];
    if (name === 'crypto') return ['key'];
    return name === 'setup' ? [value!] : name === 'rtcp-mux' ? ['mux'] : [];
  });
  return [medium.protocol, ...words].join(' ');
}

function answered(offer: string, local: LocalMedia): string {
  const result = answerOffer(parseSdp(offer), local);
  if ('refused' in result) return `refused: ${result.refused}`;
  const { dtls, srtp } = result.stream;
  return `${said(formatSdp(result.answer))} | ${dtls ? agreed(dtls) : srtp ? 'srtp' : 'plain'}`;
}

const tls = 'UDP/TLS/RTP/SAVP';
const server: DtlsAgreed = { role: 'server', fingerprints: [], muxed: false };

for (const [sentence, offer, local, expected] of [
  [
    'they let us choose: we begin',
    sdp(tls, theirs, 'setup:actpass'),
    us('none'),
    `${tls} ours active | client sha-256 2`,
  ],
  ['they begin', sdp(tls, theirs, 'setup:active'), us('required'), `${tls} ours passive | server sha-256 2`],
  ['they wait', sdp(tls, theirs, 'setup:passive'), us('offered'), `${tls} ours active | client sha-256 2`],
  [
    'they do not say, which means that they begin',
    sdp(tls, theirs),
    us('none'),
    `${tls} ours passive | server sha-256 2`,
  ],
  [
    'with feedback, one port for all, and a name',
    sdp(`${tls}F`, theirs, 'setup:actpass', 'rtcp-mux', 'tls-id:abc3dl'),
    us('none'),
    `${tls}F ours active mux | client sha-256 2 muxed abc3dl`,
  ],
  [
    'all of it stands above the lines',
    session(sdp(tls), theirs, 'setup:actpass', 'tls-id:x'),
    us('none'),
    `${tls} ours active | client sha-256 2 x`,
  ],
  [
    'what the line says counts more',
    session(sdp(tls, theirs, 'setup:active'), `fingerprint:sha-256 ${digest(9)}`, 'setup:passive'),
    us('none'),
    `${tls} ours passive | server sha-256 2`,
  ],
  [
    'of several hashes the strongest counts, with all its digests',
    sdp(tls, theirs, `fingerprint:sha-512 ${digest(3, 64)}`, `fingerprint:sha-512 ${digest(4, 64)}`, 'setup:actpass'),
    us('none'),
    `${tls} ours active | client sha-512 3 sha-512 4`,
  ],
  [
    'one that is not believed is passed over',
    sdp(tls, `fingerprint:sha-1 ${digest(2, 20)}`, theirs, 'setup:actpass'),
    us('none'),
    `${tls} ours active | client sha-256 2`,
  ],
  [
    'the old way: RTP/SAVP with a fingerprint',
    sdp('RTP/SAVP', theirs, 'setup:actpass'),
    us('none'),
    'RTP/SAVP ours active | client sha-256 2',
  ],
  [
    'a key and a fingerprint: the key is there at once',
    sdp('RTP/SAVP', `crypto:${key}`, theirs, 'setup:actpass'),
    us('none'),
    'RTP/SAVP key | srtp',
  ],
  [
    'a key nobody can use, and a fingerprint',
    sdp('RTP/SAVP', 'crypto:1 FUTURE inline:x', theirs, 'setup:actpass'),
    us('none'),
    'RTP/SAVP ours active | client sha-256 2',
  ],
  ['best effort, and nobody asks', sdp('RTP/AVP', theirs, 'setup:actpass'), us('none'), 'RTP/AVP | plain'],
  [
    'best effort on both sides',
    sdp('RTP/AVP', theirs, 'setup:actpass'),
    us('offered'),
    'RTP/AVP ours active | client sha-256 2',
  ],
  [
    'best effort with SHA-1, where we need not encrypt',
    sdp('RTP/AVP', `fingerprint:sha-1 ${digest(2, 20)}`, 'setup:actpass'),
    us('offered'),
    'RTP/AVP | plain',
  ],
  [
    'best effort with SHA-1, where we must',
    sdp('RTP/AVP', `fingerprint:sha-1 ${digest(2, 20)}`),
    us('required'),
    'refused: audio: RTP/AVP is not encrypted, and encryption is required: a=fingerprint sha-1 cannot be believed',
  ],
  [
    'SHA-1',
    sdp(tls, `fingerprint:sha-1 ${digest(2, 20)}`, 'setup:actpass'),
    us('none'),
    `refused: audio: ${tls} is not possible: a=fingerprint sha-1 cannot be believed`,
  ],
  [
    'a fingerprint that cannot be read is not repeated',
    sdp(tls, 'fingerprint:<script> x'),
    us('none'),
    `refused: audio: ${tls} is not possible: a=fingerprint of something cannot be believed`,
  ],
  ['no fingerprint', sdp(tls), us('none'), `refused: audio: ${tls} is not possible: there is no a=fingerprint`],
  [
    'no connection wanted now',
    sdp(tls, theirs, 'setup:holdconn'),
    us('none'),
    `refused: audio: ${tls} is not possible: a=setup:holdconn is not possible`,
  ],
  [
    'something that is no role',
    sdp(tls, theirs, 'setup:<b>'),
    us('none'),
    `refused: audio: ${tls} is not possible: a=setup:something is not possible`,
  ],
  [
    'there is no DTLS here',
    sdp(tls, theirs, 'setup:actpass'),
    us('required', { dtls: undefined }),
    `refused: audio: ${tls} is not supported`,
  ],
  [
    'in a call we stay what we are',
    sdp(tls, theirs, 'setup:actpass', 'connection:new'),
    us('none', { agreed: server }),
    `${tls} ours passive | server sha-256 2`,
  ],
  [
    'in a call they turn the roles around: that is another association',
    sdp(tls, theirs, 'setup:passive'),
    us('none', { agreed: server }),
    `${tls} ours active | client sha-256 2`,
  ],
  [
    'plain first, encrypted second, to be encrypted if possible',
    `${sdp('RTP/AVP')}\r\nm=audio 4002 ${tls} 8\r\na=${theirs}\r\na=setup:actpass`,
    us('offered'),
    `${tls} ours active | client sha-256 2`,
  ],
] as [string, string, LocalMedia, string][])
  test(`offered: ${sentence}`, () => assert.equal(answered(offer, local), expected));

const byDtls = (mode: Encryption, more: Partial<Security> = {}): LocalMedia => us(mode, { keys: 'dtls', ...more });
const offerOf = (local: LocalMedia, previous?: string): string =>
  said(formatSdp(createOffer(local, previous === undefined ? undefined : parseSdp(previous))));

for (const [sentence, local, previous, expected] of [
  ['required', byDtls('required'), undefined, `${tls} ours actpass mux`],
  ['best effort', byDtls('offered'), undefined, 'RTP/AVP ours actpass mux'],
  ['nobody asks', byDtls('none'), undefined, 'RTP/AVP mux'],
  ['no DTLS here: keys in SDP', byDtls('required', { dtls: undefined }), undefined, 'RTP/SAVP key key key key key mux'],
  [
    'again in a call, with the role we have, and nothing that was not agreed',
    byDtls('required', { agreed: server }),
    sdp(tls),
    `${tls} ours passive`,
  ],
  [
    'again in a call that they have encrypted',
    us('none', { agreed: { ...server, role: 'client', muxed: true } }),
    sdp(`${tls}F`),
    `${tls}F ours active mux`,
  ],
] as [string, LocalMedia, string | undefined, string][])
  test(`our offer: ${sentence}`, () => assert.equal(offerOf(local, previous), expected));

test('our offer of another direction keeps the fingerprint and who begins', () => {
  const first = createOffer(byDtls('required'));
  assert.equal(said(formatSdp(turnOffer(first, 'sendonly', 2))), said(formatSdp(first)));
});

for (const [sentence, local, answer, expected] of [
  ['they begin', byDtls('required'), sdp(tls, theirs, 'setup:active'), 'server sha-256 2'],
  [
    'they wait, on one port',
    byDtls('required'),
    sdp(tls, theirs, 'setup:passive', 'rtcp-mux'),
    'client sha-256 2 muxed',
  ],
  ['they do not say, which means that they wait', byDtls('required'), sdp(tls, theirs), 'client sha-256 2'],
  ['best effort is met', byDtls('offered'), sdp('RTP/AVP', theirs, 'setup:active'), 'server sha-256 2'],
  ['best effort is not met', byDtls('offered'), sdp('RTP/AVP'), 'plain'],
  [
    'best effort with SHA-1: they would encrypt, so it is never heard as plain',
    byDtls('offered'),
    sdp('RTP/AVP', `fingerprint:sha-1 ${digest(2, 20)}`, 'setup:active'),
    "refused: the answer's audio: RTP/AVP is not encrypted, and encryption is required: a=fingerprint sha-1 cannot be believed",
  ],
  [
    'without a fingerprint',
    byDtls('required'),
    sdp(tls),
    `refused: the answer's audio: ${tls} is not possible: there is no a=fingerprint`,
  ],
  ['in the clear', byDtls('required'), sdp('RTP/AVP'), `refused: ${tls} was offered, RTP/AVP answered`],
  [
    'they leave the choice to us, who have left it to them',
    byDtls('required'),
    sdp(tls, theirs, 'setup:actpass'),
    `refused: the answer's audio: ${tls} is not possible: a=setup:actpass was offered, actpass answered`,
  ],
  [
    'in a call they want to be what we are',
    byDtls('required', { agreed: server }),
    sdp(tls, theirs, 'setup:passive'),
    `refused: the answer's audio: ${tls} is not possible: a=setup:passive was offered, passive answered`,
  ],
  ['a fingerprint to an offer without one means nothing', us('none'), sdp('RTP/AVP', theirs), 'plain'],
] as [string, LocalMedia, string, string][])
  test(`answered: ${sentence}`, () => {
    const result = acceptAnswer(createOffer(local, parseSdp(sdp(tls))), parseSdp(answer));
    const told = 'refused' in result ? `refused: ${result.refused}` : result.stream.dtls && agreed(result.stream.dtls);
    assert.equal(told ?? 'plain', expected);
  });
