/** Bodies of several parts, RFC 2046 §5.1 and RFC 5621: which SDP is found, what is refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  bodyPart,
  createRequest,
  findPart,
  formatMessage,
  parseMessage,
  SipSyntaxError,
} from '../../../src/sip/message/index.ts';
import { PARTS_MAX } from '../../../src/sip/message/multipart.ts';

const SDP = 'v=0\r\no=- 1 1 IN IP4 127.0.0.9\r\ns=-\r\n';
const part = (text: string, ...header: string[]): string =>
  `${header.map((line) => `${line}\r\n`).join('')}\r\n${text}`;
const sdp = (text = SDP, ...more: string[]): string => part(text, 'Content-Type: application/sdp', ...more);
const isup = (...more: string[]): string => part('\x01\x11\0\xff\r\n--', 'Content-Type: application/ISUP;v=x', ...more);
const optional = 'Content-Disposition: signal;handling=optional';
const multi = (parts: string[], boundary = 'cut'): string =>
  `${parts.map((one) => `--${boundary}\r\n${one}\r\n`).join('')}--${boundary}--`;
const inner = (kind: string, parts: string[], ...more: string[]): string =>
  part(multi(parts, 'inner'), `Content-Type: multipart/${kind};boundary=inner`, ...more);

function read(type: string, body: string, headers: [string, string][] = []): string {
  const request = createRequest({
    method: 'INVITE',
    uri: 'sip:a',
    headers: [['Content-Type', type], ...headers],
    body: Buffer.from(body, 'latin1'),
  });
  try {
    const result = findPart(bodyPart(parseMessage(formatMessage(request))), 'application/sdp');
    const found = result.found && `found ${Buffer.from(result.found.bytes).toString('latin1')}`;
    if (result.unknown === undefined) return found ?? 'nothing';
    return `unknown ${result.unknown}${found === undefined ? '' : `, ${found}`}`;
  } catch (error) {
    if (!(error instanceof SipSyntaxError)) throw error;
    return 'unreadable';
  }
}

const mixed = 'multipart/mixed;boundary=cut';
const found = `found ${SDP}`;

for (const [sentence, type, body, verdict] of [
  ['the only part', mixed, multi([sdp()]), found],
  ['beside one that may be passed over', mixed, multi([isup(optional), sdp()]), found],
  ['before one that may be passed over', mixed, multi([sdp(), isup(optional)]), found],
  ['beside one that must be understood', mixed, multi([sdp(), isup()]), `unknown application/isup, ${found}`],
  ['a part without a type is text', mixed, multi([part('hello'), sdp()]), `unknown text/plain, ${found}`],
  ['an empty part without a header', mixed, multi(['', sdp()]), `unknown text/plain, ${found}`],
  ['referred to by a header field', mixed, multi([isup('Content-Disposition: by-reference'), sdp()]), found],
  ['of two the first is the session', mixed, multi([sdp(), sdp('v=0 other')]), found],
  [
    'an early session is not the session',
    mixed,
    multi([sdp('x', 'Content-Disposition: early-session;handling=optional'), sdp()]),
    found,
  ],
  [
    'an early session that must be understood',
    mixed,
    multi([sdp('x', 'Content-Disposition: early-session'), sdp()]),
    `unknown application/sdp, ${found}`,
  ],
  ['no SDP among what may be passed over', mixed, multi([isup(optional)]), 'nothing'],
  [
    'of alternatives the last one understood',
    'multipart/alternative;boundary=cut',
    multi([sdp('v=0 plain'), sdp(), isup()]),
    found,
  ],
  [
    'alternatives none of which is understood',
    'multipart/alternative;boundary=cut',
    multi([isup(), part('x')]),
    'unknown text/plain',
  ],
  ['alternatives in a mixed body', mixed, multi([isup(optional), inner('alternative', [part('x'), sdp()])]), found],
  [
    'an inner body that may be passed over as a whole',
    mixed,
    multi([sdp(), inner('mixed', [isup()], optional)]),
    found,
  ],
  [
    'the root of related parts',
    'multipart/related;boundary=cut;start="<b@x>"',
    multi([isup('Content-ID: <a@x>'), sdp(SDP, 'Content-ID: <b@x>')]),
    found,
  ],
  ['the first of related parts', 'multipart/related;boundary=cut', multi([sdp(), isup()]), found],
  ['what was signed', 'multipart/signed;boundary=cut', multi([sdp(), isup()]), found],
  ['an unknown kind is as mixed', 'multipart/x-new;boundary=cut', multi([isup(optional), sdp()]), found],
  ['names in any case, folded header', mixed, multi([part(SDP, 'CONTENT-TYPE:', ' APPLICATION/SDP')]), found],
  ['a quoted boundary with blanks', 'multipart/mixed; boundary="a b: c"', multi([sdp()], 'a b: c'), found],
  ['preamble and epilogue', mixed, `hello\r\n${multi([sdp()])}\r\nbye --cut`, found],
  ['blanks after the boundary', mixed, multi([sdp()]).replaceAll('--cut\r', '--cut \t\r'), found],
  ['the boundary within a line', mixed, multi([sdp(`${SDP}a=--cut\r\n`)]), `${found}a=--cut\r\n`],
  ['a line that begins like the boundary', mixed, multi([sdp(`${SDP}\r\n--cuts\r\n`)]), `${found}\r\n--cuts\r\n`],
  [
    'SDP in base64 is not read',
    mixed,
    multi([sdp('dj0w', 'Content-Transfer-Encoding: base64')]),
    'unknown application/sdp',
  ],
  ['SDP as binary is', mixed, multi([sdp(SDP, 'Content-Transfer-Encoding: BINARY')]), found],
  ['compressed SDP is not read', mixed, multi([sdp('x', 'Content-Encoding: gzip', optional)]), 'nothing'],
  ['without a boundary', 'multipart/mixed', multi([sdp()]), 'unreadable'],
  ['without an end', mixed, `--cut\r\n${sdp()}`, 'unreadable'],
  ['an end without a beginning', mixed, '--cut--', 'unreadable'],
  ['a part whose header is none', mixed, multi(['nonsense\r\n\r\nx']), 'unreadable'],
  ['too many parts', mixed, multi(Array.from({ length: PARTS_MAX + 1 }, () => sdp())), 'unreadable'],
  ['parts with a header beyond measure', mixed, multi([part('x', `X: ${'x'.repeat(5000)}`)]), 'unreadable'],
] as const)
  test(sentence, () => assert.equal(read(type, body), verdict));

test('multiparts in multiparts: four deep are read, six are not', () => {
  const nested = (depth: number): string => {
    let body = sdp();
    for (let i = 0; i < depth; i++) body = part(multi([body], `b${i}`), `Content-Type: multipart/mixed;boundary=b${i}`);
    return body;
  };
  assert.equal(read(mixed, multi([nested(3)])), found);
  assert.equal(read(mixed, multi([nested(5)])), 'unreadable');
});

test('a boundary by the ten thousand takes no time', () => {
  const begin = performance.now();
  assert.equal(read(mixed, '--cut\r\n'.repeat(9_000)), 'unreadable');
  assert.equal(read(mixed, '\r\n--cutx'.repeat(8_000)), 'unreadable');
  assert.ok(performance.now() - begin < 200);
});

test('a location that Geolocation refers to need not be understood, though it does not say what it is for', () => {
  const location = part('<presence/>', 'Content-Type: application/pidf+xml', 'Content-ID: <here@127.0.0.1>');
  const refers = (id: string): [string, string][] => [['Geolocation', `<sip:a@b>, <cid:${id}>;inserted-by="x"`]];
  assert.equal(read(mixed, multi([location, sdp()]), refers('here@127.0.0.1')), found);
  const unknown = `unknown application/pidf+xml, ${found}`;
  assert.equal(read(mixed, multi([location, sdp()])), unknown);
  assert.equal(read(mixed, multi([location, sdp()]), refers('elsewhere@127.0.0.1')), unknown);
});
