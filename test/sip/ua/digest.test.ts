/** Digest arithmetic and which challenge is answered: RFC 7616, RFC 8760, RFC 2069. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createRequest, createResponse, parseAuth } from '../../../src/sip/message/index.ts';
import { Credentials } from '../../../src/sip/ua/credentials.ts';
import { type DigestInput, digestResponse } from '../../../src/sip/ua/digest.ts';
import { testData } from '../../kit/checkout.ts';
import { CountingRandom } from '../../kit/random.ts';

const rfc = {
  username: 'Mufasa',
  realm: 'http-auth@example.org',
  password: 'Circle of Life',
  nonce: '7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v',
  method: 'GET',
  uri: '/dir/index.html',
  qop: 'auth',
  nc: '00000001',
  cnonce: 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ',
} as const;

for (const [name, input, expected] of [
  ['RFC 7616 §3.9.1, MD5', { ...rfc, algorithm: 'MD5' }, '8ca523f5e9506fed4657c9700eebdbec'],
  [
    'RFC 7616 §3.9.1, SHA-256',
    { ...rfc, algorithm: 'SHA-256' },
    '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1',
  ],
  [
    'RFC 7616 §3.9.2 with its erratum, SHA-512-256 and UTF-8',
    {
      username: 'J\u00e4s\u00f8n Doe',
      realm: 'api@example.org',
      password: 'Secret, or not?',
      nonce: '5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK',
      method: 'GET',
      uri: '/doe.json',
      qop: 'auth',
      nc: '00000001',
      cnonce: 'NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v',
      algorithm: 'SHA-512-256',
    },
    '3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5',
  ],
  [
    'RFC 2617 §3.5, no algorithm named',
    {
      ...rfc,
      realm: 'testrealm@host.com',
      password: 'Circle Of Life',
      nonce: 'dcd98b7102dd2f0e8b11d0f600bfb0c093',
      cnonce: '0a4f113b',
    },
    '6629fae49393a05397450978507c4ef1',
  ],
] as const) {
  test(`${name}: the published response`, () => assert.equal(digestResponse(input as DigestInput), expected));
}

const vectors = testData('digest/digest-vectors.json');
test('the vectors of the test data', { skip: vectors === undefined ? 'they are not here' : false }, () => {
  const { vectors: rows } = JSON.parse(readFileSync(vectors!, 'utf8'));
  assert.ok(rows.length > 20);
  for (const row of rows) {
    const input = { ...row, username: row.user, algorithm: row.alg, body: new TextEncoder().encode(row.body ?? '') };
    assert.equal(digestResponse(input), row.response, `${row.source}: ${row.alg} ${row.qop}`);
  }
});

/** What is sent after a 401 or 407 with these challenges, as `algorithm realm qop` each; `nothing` when they cannot be answered. */
function answers(challenges: readonly string[], status = 401): string[] {
  const request = createRequest({ method: 'INVITE', uri: 'sip:100@a', headers: [['CSeq', '1 INVITE']] });
  const response = createResponse(request, status);
  for (const text of challenges) response.add(status === 401 ? 'WWW-Authenticate' : 'Proxy-Authenticate', text);
  const credentials = new Credentials('u', 'p', new CountingRandom());
  if (!credentials.learn(response, new Map())) return ['nothing'];
  credentials.apply(request);
  return request.headers(status === 401 ? 'Authorization' : 'Proxy-Authorization').map((text) => {
    const { params } = parseAuth(text);
    return `${params.get('algorithm') ?? '-'} ${params.get('realm')} ${params.get('qop') ?? '-'}`;
  });
}

for (const [name, challenges, expected] of [
  [
    'the topmost of a realm is answered',
    [
      'Digest realm="a", nonce="n", algorithm=SHA-256, qop="auth"',
      'Digest realm="a", nonce="n", algorithm=MD5, qop="auth"',
    ],
    ['SHA-256 a auth'],
  ],
  [
    'an unknown algorithm is passed over, case does not matter',
    [
      'Digest realm="a", nonce="n", algorithm=SHA-999, qop="auth"',
      'Digest realm="a", nonce="n", algorithm=md5, qop="auth"',
    ],
    ['md5 a auth'],
  ],
  ['no algorithm and no qop: the old form', ['Digest realm="a", nonce="n"'], ['- a -']],
  ['auth-int alone is answered as such', ['Digest realm="a", nonce="n", qop="auth-int"'], ['- a auth-int']],
  ['an unknown qop cannot be answered', ['Digest realm="a", nonce="n", qop="auth-conf"'], ['nothing']],
  ['Basic is not answered', ['Basic realm="a"'], ['nothing']],
  ['a challenge without nonce is not answered', ['Digest realm="a"'], ['nothing']],
  ['a malformed one does not hide the next', ['Digest realm="a', 'Digest realm="b", nonce="n"'], ['- b -']],
  [
    'two on one line',
    ['Digest realm="a,b=c", nonce="x, Digest y=z", qop="auth", Digest realm="b", nonce="n"'],
    ['- a,b=c auth', '- b -'],
  ],
  [
    'two realms: one answer each',
    ['Digest realm="p1", nonce="a", qop="auth"', 'Digest realm="p2", nonce="b", qop="auth"'],
    ['- p1 auth', '- p2 auth'],
  ],
] as const) {
  test(name, () => {
    assert.deepEqual(answers(challenges), expected);
    assert.deepEqual(answers(challenges, 407), expected);
  });
}

test('an answer echoes what it must and counts the uses of a nonce', () => {
  const request = createRequest({ method: 'INVITE', uri: 'sip:100@a', headers: [['CSeq', '1 INVITE']] });
  const response = createResponse(request, 401);
  response.add('WWW-Authenticate', 'Digest realm="a \\"q\\"", nonce="n", opaque="", qop="auth,auth-int", extra=1');
  const credentials = new Credentials('u', 'p', new CountingRandom());
  credentials.learn(response, new Map());
  const [first, second] = [request.clone(), request.clone()];
  credentials.apply(first);
  credentials.apply(second);
  const { params } = parseAuth(first.header('Authorization')!);
  assert.equal(params.get('realm'), 'a "q"');
  assert.equal(params.get('opaque'), '');
  assert.equal(params.get('uri'), 'sip:100@a');
  assert.equal(params.get('nc'), '00000001');
  assert.equal(parseAuth(second.header('Authorization')!).params.get('nc'), '00000002');
});

test('a nonce that comes again is counted on, whatever the requests ask for', () => {
  const credentials = new Credentials('u', 'p', new CountingRandom());
  const counts = ['REGISTER', 'INVITE', 'REGISTER'].map((method) => {
    const request = createRequest({ method, uri: 'sip:100@a', headers: [['CSeq', `1 ${method}`]] });
    const response = createResponse(request, 401);
    response.add('WWW-Authenticate', 'Digest realm="a", nonce="n", qop="auth"');
    credentials.learn(response, new Map());
    credentials.apply(request);
    return parseAuth(request.header('Authorization')!).params.get('nc');
  });
  assert.deepEqual(counts, ['00000001', '00000002', '00000003']);
});

test('challenges of both kinds in one answer are both answered', () => {
  const request = createRequest({ method: 'INVITE', uri: 'sip:100@a', headers: [['CSeq', '1 INVITE']] });
  const response = createResponse(request, 401);
  response.add('WWW-Authenticate', 'Digest realm="a", nonce="n", qop="auth"');
  response.add('Proxy-Authenticate', 'Digest realm="a", nonce="m", qop="auth"');
  const credentials = new Credentials('u', 'p', new CountingRandom());
  assert.ok(credentials.learn(response, new Map()));
  credentials.apply(request);
  assert.equal(parseAuth(request.header('Authorization')!).params.get('nonce'), 'n');
  assert.equal(parseAuth(request.header('Proxy-Authorization')!).params.get('nonce'), 'm');
});

test('a server that names another realm each time is answered a few times', () => {
  for (const method of ['REGISTER', 'INVITE']) {
    const credentials = new Credentials('u', 'p', new CountingRandom());
    const attempts = new Map();
    const request = createRequest({ method, uri: 'sip:100@a', headers: [['CSeq', `1 ${method}`]] });
    const asksFor = (realm: number): boolean => {
      const response = createResponse(request, 401);
      response.add('WWW-Authenticate', `Digest realm="r${realm}", nonce="n", qop="auth"`);
      return credentials.learn(response, attempts);
    };
    let answered = 0;
    while (answered < 50 && asksFor(answered)) answered++;
    assert.equal(answered, 10);
  }
});
