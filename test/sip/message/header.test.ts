import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  createRequest,
  createResponse,
  formatMessage,
  formatNameAddr,
  formatVia,
  parseAuth,
  parseMessage,
  parseNameAddr,
  parseParams,
  type SipRequest,
  SipSyntaxError,
  shown,
  splitList,
} from '../../../src/sip/message/index.ts';
import { Scanner } from '../../../src/sip/message/scanner.ts';
import { readVias } from '../../../src/sip/message/via.ts';

const text = (message: SipRequest | ReturnType<typeof createResponse>): string =>
  Buffer.from(formatMessage(message)).toString('utf8');

function request(...lines: string[]): SipRequest {
  return parseMessage(Buffer.from(['OPTIONS sip:gate SIP/2.0', ...lines, '', ''].join('\r\n'))) as SipRequest;
}

for (const [sentence, lines, name, expected] of [
  ['the first line of a name', ['Via: one', 'Via: two'], 'Via', 'one'],
  ['case does not matter', ['cALL-id: x'], 'Call-ID', 'x'],
  ['a compact name on the wire', ['i: x'], 'Call-ID', 'x'],
  ['a compact name in the question', ['Call-ID: x'], 'i', 'x'],
  ['blanks before the colon', ['Subject \t : x'], 'subject', 'x'],
  ['a fold is one blank', ['Subject: a', '  b', '\tc'], 'subject', 'a b c'],
  ['a value that begins on the next line', ['Subject:', ' a'], 'subject', 'a'],
  ['an empty value', ['Subject:'], 'subject', ''],
  ['absent', ['Subject: a'], 'Expires', undefined],
  ['an unknown name', ['X-Door: north'], 'x-door', 'north'],
  ['UTF-8', ['Subject: Tür'], 'subject', 'Tür'],
  ['a CR that ends no line', ['Subject: a\rVia: b'], 'subject', 'a Via: b'],
  ['an LF that ends no line', ['Subject: a\nVia: b'], 'subject', 'a Via: b'],
  ['a colon in the value', ['Subject: a: b'], 'subject', 'a: b'],
] as const) {
  test(`header: ${sentence}`, () => assert.equal(request(...lines).header(name), expected));
}

for (const [sentence, value, expected] of [
  ['plain', 'a, b ,c', ['a', 'b', 'c']],
  ['commas in quotes', '"x, y" <sip:a>, <sip:b>', ['"x, y" <sip:a>', '<sip:b>']],
  ['commas in brackets', '<sip:a,b>,<sip:c>', ['<sip:a,b>', '<sip:c>']],
  ['an escaped quote', '"x\\", y", b', ['"x\\", y"', 'b']],
  ['nothing between commas', 'a,, ,b,', ['a', 'b']],
  ['a quote that never ends', '"a, b', ['"a, b']],
  ['nothing', '', []],
] as const) {
  test(`list: ${sentence}`, () => assert.deepEqual(splitList(value), expected));
}

test('octets that are no UTF-8 are read one by one', () => {
  const head = Buffer.from('OPTIONS sip:gate SIP/2.0\r\nSubject: T\xfcr\r\n\r\n', 'latin1');
  assert.equal(parseMessage(head).header('Subject'), 'Tür');
});

test('set, add, prepend, setFirst and remove keep order and refresh what was read', () => {
  const message = createRequest({
    method: 'OPTIONS',
    uri: 'sip:gate',
    headers: [
      ['Via', 'SIP/2.0/UDP a'],
      ['From', '<sip:x>;tag=1'],
      ['Via', 'SIP/2.0/UDP b'],
    ],
  });
  assert.equal(message.via.host, 'a');
  assert.equal(message.fromTag, '1');
  message.prepend('v', 'SIP/2.0/UDP c').add('X-Door', 'north').set('from', '<sip:x>;tag=2');
  assert.equal(message.via.host, 'c');
  assert.equal(message.fromTag, '2');
  message.setFirst('Via', 'SIP/2.0/UDP d');
  assert.deepEqual(message.headers('Via'), ['SIP/2.0/UDP d', 'SIP/2.0/UDP a', 'SIP/2.0/UDP b']);
  message.set('Via', 'SIP/2.0/UDP e').remove('x-door');
  assert.deepEqual(message.lines(), [
    ['Via', 'SIP/2.0/UDP e'],
    ['From', '<sip:x>;tag=2'],
  ]);
});

test('a clone is changed without its original', () => {
  const message = request('Via: SIP/2.0/UDP a', 'From: <sip:x>');
  message.clone().prepend('Via', 'SIP/2.0/UDP b').set('From', '<sip:y>');
  assert.deepEqual(message.lines(), [
    ['Via', 'SIP/2.0/UDP a'],
    ['From', '<sip:x>'],
  ]);
});

test('Content-Length is written once and right, whatever was said', () => {
  const body = Buffer.from('Tür');
  const message = createRequest({ method: 'MESSAGE', uri: 'sip:gate', headers: [['Content-Length', '99']], body });
  assert.equal(text(message), 'MESSAGE sip:gate SIP/2.0\r\nContent-Length: 4\r\n\r\nTür');
});

test('nothing given to us begins a line of its own', () => {
  const message = createRequest({ method: 'OPTIONS', uri: 'sip:gate', headers: [['Subject', 'a\r\nVia: forged']] });
  assert.equal(text(message), 'OPTIONS sip:gate SIP/2.0\r\nSubject: a Via: forged\r\nContent-Length: 0\r\n\r\n');
  assert.equal(createResponse(message, 200, 'a\r\nb').startLine.length, 'SIP/2.0 200 a\r\nb'.length);
  assert.ok(text(createResponse(message, 200, 'a\r\nb')).startsWith('SIP/2.0 200 a b\r\n'));
});

for (const [sentence, status, toTag, expected] of [
  [
    'a 180 has Record-Route and our tag',
    180,
    'us',
    ['Via', 'Via', 'From', 'To;tag=us', 'Call-ID', 'CSeq', 'Record-Route'],
  ],
  ['a 486 has no Record-Route', 486, 'us', ['Via', 'Via', 'From', 'To;tag=us', 'Call-ID', 'CSeq']],
  ['a 100 has no tag but the Timestamp', 100, 'us', ['Via', 'Via', 'From', 'To', 'Call-ID', 'CSeq', 'Timestamp']],
] as const) {
  test(`response: ${sentence}`, () => {
    const asked = request(
      'Record-Route: <sip:p;lr>',
      'Via: SIP/2.0/UDP a',
      'To: <sip:gate>',
      'CSeq: 1 OPTIONS',
      'v: SIP/2.0/UDP b',
      'f: <sip:desk>;tag=1',
      'i: x',
      'Timestamp: 5',
    );
    const response = createResponse(asked, status, undefined, { toTag });
    assert.deepEqual(
      response.lines().map(([name, value]) => name + (/;tag=us/.exec(value)?.[0] ?? '')),
      expected,
    );
  });
}

test('a tag the request brought is kept', () => {
  const asked = request('To: "a;tag=b" <sip:gate;tag=c>;TAG=theirs', 'Via: SIP/2.0/UDP a');
  assert.equal(createResponse(asked, 200, undefined, { toTag: 'us' }).toTag, 'theirs');
});

for (const [sentence, value, expected] of [
  ["URI alone: parameters are the field's", 'sip:a@b;tag=1', ['', 'sip:a@b', [['tag', '1']]]],
  ["in brackets: parameters are the URI's", '<sip:a@b;lr>;tag=1', ['', 'sip:a@b;lr', [['tag', '1']]]],
  ['a name of tokens', 'Gate North <sip:a>', ['Gate North', 'sip:a', []]],
  ['a quoted name', '"Gate \\"N\\", 1" <sip:a>', ['Gate "N", 1', 'sip:a', []]],
  ['a name of UTF-8 without quotes', 'Tür <sip:a>', ['Tür', 'sip:a', []]],
  ['a quoted parameter value', '<sip:a>;x="y;z"', ['', 'sip:a', [['x', 'y;z']]]],
  ['the first of two equal parameters counts', '<sip:a>;tag=1;tag=2', ['', 'sip:a', [['tag', '1']]]],
  [
    'blanks everywhere',
    '  <sip:a> ; tag = 1 ; flag ',
    [
      '',
      'sip:a',
      [
        ['tag', '1'],
        ['flag', null],
      ],
    ],
  ],
] as const) {
  test(`address: ${sentence}`, () => {
    const { displayName, uriText, params } = parseNameAddr(value);
    assert.deepEqual([displayName, uriText, [...params]], expected);
  });
}

for (const [sentence, value] of [
  ['nothing', ''],
  ['a bracket that is not closed', '<sip:a'],
  ['a name without URI', '"Gate"'],
  ['text behind it', '<sip:a> b'],
  ['an empty parameter', '<sip:a>;;tag=1'],
  ['a parameter without value', '<sip:a>;tag='],
  ['a name that needs quotes', 'Gate, North <sip:a>'],
] as const) {
  test(`address refused: ${sentence}`, () => assert.throws(() => parseNameAddr(value, 'To'), SipSyntaxError));
}

test('addresses are written so that they can be read', () => {
  const written = formatNameAddr({
    displayName: 'Gate "N" \\ 1',
    uri: 'sip:a@b',
    params: new Map([
      ['tag', '1'],
      ['x', 'y z'],
      ['flag', null],
    ]),
  });
  assert.equal(written, '"Gate \\"N\\" \\\\ 1" <sip:a@b>;tag=1;x="y z";flag');
  assert.equal(parseNameAddr(written).displayName, 'Gate "N" \\ 1');
});

for (const [sentence, value, problem] of [
  ['no sent-by', 'SIP/2.0/UDP', 'sent-by is missing'],
  ['no sent-by but a blank', 'SIP/2.0/UDP ;branch=x', 'sent-by is malformed'],
  ['another protocol', 'HTTP/1.1/TCP a', 'the protocol is not SIP'],
  ['no transport', 'SIP/2.0/ a', 'sent-by is missing'],
  ['a port that is none', 'SIP/2.0/UDP a:b', 'sent-by is malformed'],
] as const) {
  test(`Via refused: ${sentence}`, () => {
    assert.throws(
      () => readVias(Scanner.of(value, 'Via')),
      (error) =>
        error instanceof SipSyntaxError &&
        error.message.startsWith('Cannot parse Via "') &&
        error.message.includes(problem),
    );
  });
}

test('Via with IPv6, read and written', () => {
  const text = 'SIP / 2.0 / udp [::1] : 5070 ; branch = x ; rport;received=::2';
  const [via] = readVias(Scanner.of(text, 'Via'));
  assert.deepEqual([via.transport, via.host, via.port], ['UDP', '::1', 5070]);
  assert.equal(formatVia(via), 'SIP/2.0/UDP [::1]:5070;branch=x;rport;received=::2');
});

test('challenges: quoted and plain values, blanks, empty elements', () => {
  const { scheme, params } = parseAuth(
    'Digest realm="a, \\"b\\"" , nonce="x==",, algorithm=SHA-256,qop="auth,auth-int", stale=TRUE',
  );
  assert.equal(scheme, 'Digest');
  assert.deepEqual(Object.fromEntries(params), {
    realm: 'a, "b"',
    nonce: 'x==',
    algorithm: 'SHA-256',
    qop: 'auth,auth-int',
    stale: 'TRUE',
  });
  assert.throws(() => parseAuth('Digest realm="a'), SipSyntaxError);
});

test('parameters that stand alone, as in Call-Info without its URI', () => {
  assert.deepEqual(
    [...parseParams(';answer-after=0;x')],
    [
      ['answer-after', '0'],
      ['x', null],
    ],
  );
  assert.deepEqual([...parseParams('info=a')], [['info', 'a']]);
});

test('what is shown of the wire is escaped and short', () => {
  assert.equal(shown('a\r\n\x1b[2J\u2028\x9b'), '"a\\r\\n\\u001b[2J\\u2028\\u009b"');
  assert.ok(shown('x'.repeat(1000)).length < 100);
});

for (const [sentence, bytes, problem] of [
  ['no empty line', 'OPTIONS sip:a SIP/2.0\r\nVia: x\r\n', 'empty line'],
  ['a line without colon', 'OPTIONS sip:a SIP/2.0\r\nVia\r\n\r\n', 'no name and colon'],
  ['a line without name', 'OPTIONS sip:a SIP/2.0\r\n : x\r\n\r\n', 'no name and colon'],
  ['a colon only in the next line', 'OPTIONS sip:a SIP/2.0\r\nVia\r\nFrom: x\r\n\r\n', 'no name and colon'],
  ['nothing', '', 'empty line'],
  ['no SIP', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', 'version'],
  ['a status of two digits', 'SIP/2.0 20 OK\r\n\r\n', 'status line'],
  ['a status of 700', 'SIP/2.0 700 OK\r\n\r\n', 'status line'],
  ['too many lines', `OPTIONS sip:a SIP/2.0\r\n${'x: y\r\n'.repeat(300)}\r\n`, 'more than 256'],
] as const) {
  test(`message refused: ${sentence}`, () => {
    assert.throws(
      () => parseMessage(Buffer.from(bytes)),
      (error) => error instanceof SipSyntaxError && error.message.includes(problem),
    );
  });
}

test('empty lines before the start line are skipped', () => {
  assert.equal(parseMessage(Buffer.from('\r\n\r\nOPTIONS sip:a SIP/2.0\r\nVia: x\r\n\r\n')).kind, 'request');
});

test('a fold beside a long run of blanks is read in no time', () => {
  const message = request(`Call-ID: x`, ` y${' '.repeat(60_000)}z`);
  const begin = performance.now();
  assert.equal(message.callId, `x y${' '.repeat(60_000)}z`);
  // Looked at once from every blank on, it takes seconds: any stranger could stop the terminal with a few datagrams.
  assert.ok(performance.now() - begin < 250);
});
