/** Which INVITEs ask to be answered without a hand. Rows of our own; then what PBXs send, where that data is at hand. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { askedForHand, askedToAnswer } from '../../src/call/asked.ts';
import { parseMessage, type SipRequest } from '../../src/sip/message/index.ts';
import { testData } from '../kit/checkout.ts';

function invite(uri: string, ...headers: string[]): SipRequest {
  const lines = [
    `INVITE ${uri} SIP/2.0`,
    'Via: SIP/2.0/UDP 127.0.0.2:5060;branch=z9hG4bK1',
    'From: "answer-after=0" <sip:desk@127.0.0.2>;tag=1',
    'To: <sip:help@127.0.0.1>',
    'Call-ID: 1@127.0.0.2',
    'CSeq: 1 INVITE',
    'Max-Forwards: 70',
    ...headers,
    'Content-Length: 0',
  ];
  return parseMessage(Buffer.from(`${lines.join('\r\n')}\r\n\r\n`)) as SipRequest;
}

const plain = 'sip:help@127.0.0.1';

for (const [name, headers, header, afterMs] of [
  ['nothing: a plain call', [], undefined, 0],
  ['Call-Info with a URI', ['Call-Info: <sip:127.0.0.2>;answer-after=0'], 'Call-Info answer-after', 0],
  ['Call-Info without a URI', ['Call-Info: ;answer-after=0'], 'Call-Info answer-after', 0],
  ['Call-Info as a bare parameter', ['Call-Info: answer-after=2'], 'Call-Info answer-after', 2000],
  [
    'the second value of a list',
    ['Call-Info: <http://a/b.png>;purpose=icon, <sip:x>;answer-after=1'],
    'Call-Info answer-after',
    1000,
  ],
  [
    'the second header of the name',
    ['Call-Info: <http://a/b.png>', 'call-info: <sip:x>; Answer-After = 4'],
    'Call-Info answer-after',
    4000,
  ],
  ['a longer delay than is allowed is cut', ['Call-Info: <sip:x>;answer-after=3600'], 'Call-Info answer-after', 60_000],
  ['a negative delay asks for nothing', ['Call-Info: <sip:x>;answer-after=-3'], undefined, 0],
  ['a word for a delay asks for nothing', ['Call-Info: <sip:x>;answer-after=now'], undefined, 0],
  ['inside a quoted parameter it is a note', ['Call-Info: <sip:x>;purpose=icon;note=";answer-after=0"'], undefined, 0],
  ['inside the URI it is the URI', ['Call-Info: <sip:x;answer-after=0>;purpose=icon'], undefined, 0],
  ['Alert-Info info', ['Alert-Info: <http://x>;info=alert-autoanswer'], 'Alert-Info info=alert-autoanswer', 0],
  [
    'Alert-Info info with a delay',
    ['Alert-Info: <http://x>;info=alert-autoanswer;delay=5'],
    'Alert-Info info=alert-autoanswer',
    5000,
  ],
  [
    'Alert-Info with a delay that is no number',
    ['Alert-Info: <http://x>;info=alert-autoanswer;delay=-1'],
    undefined,
    0,
  ],
  [
    'parameters in quotes',
    ['Alert-Info: <http://x>;info="alert-autoanswer"; delay = "2"'],
    'Alert-Info info=alert-autoanswer',
    2000,
  ],
  ['quotes within quotes', ['Call-Info: <sip:x>;note="a=\\"1\\";answer-after=\\"0\\""'], undefined, 0],
  ['Alert-Info info without a URI', ['Alert-Info: info=alert-autoanswer'], 'Alert-Info info=alert-autoanswer', 0],
  ['Alert-Info in Polycom words', ['Alert-Info: info=Auto Answer'], 'Alert-Info info=Auto Answer', 0],
  ['Alert-Info as two words', ['Alert-Info:  Ring   Answer'], 'Alert-Info ring answer', 0],
  ['Alert-Info with Auto Answer', ['Alert-Info: Auto Answer'], 'Alert-Info auto answer', 0],
  ['Alert-Info info in the words of others', ['Alert-Info: <http://x>;info=Intercom'], 'Alert-Info info=Intercom', 0],
  [
    'Alert-Info info in one word, after a while',
    ['Alert-Info: ;info=RingAnswer;delay=2'],
    'Alert-Info info=RingAnswer',
    2000,
  ],
  ['Alert-Info with the words for its URI', ['Alert-Info: <Auto Answer>'], 'Alert-Info <auto answer>', 0],
  ['a URI that holds the word is none', ['Alert-Info: <http://x/intercom>'], undefined, 0],
  ['Alert-Info <auto>', ['Alert-Info: <auto>'], 'Alert-Info <auto>', 0],
  ['a ring style is none', ['Alert-Info: <http://127.0.0.1/Bellcore-dr2>'], undefined, 0],
  ['another info is a ring style', ['Alert-Info: <http://x>;info=alert-external'], undefined, 0],
  ['the words inside a longer sentence are not the words', ['Alert-Info: please ring answer me'], undefined, 0],
  ['Answer-Mode', ['Answer-Mode: Auto'], 'Answer-Mode Auto', 0],
  ['Answer-Mode with require', ['Answer-Mode: auto;require'], 'Answer-Mode Auto', 0],
  ['Priv-Answer-Mode', ['Priv-Answer-Mode: Auto'], 'Priv-Answer-Mode Auto', 0],
  ['Manual outranks the customs', ['Answer-Mode: Manual;require', 'Call-Info: <sip:x>;answer-after=0'], undefined, 0],
  ['an unknown mode asks for nothing', ['Answer-Mode: Sometimes'], undefined, 0],
  ['P-Auto-Answer', ['P-Auto-Answer: normal'], 'P-Auto-Answer', 0],
] as const)
  test(name, () => {
    const asked = askedToAnswer(invite(plain, ...headers));
    assert.deepEqual(asked && { header: asked.header, afterMs: asked.afterMs }, header && { header, afterMs });
  });

for (const [name, headers, asked, manual] of [
  ['Auto may be passed over', ['Answer-Mode: Auto'], {}, undefined],
  ['Auto;require may not', ['Answer-Mode: Auto;require'], { required: true }, undefined],
  [
    'Priv-Answer-Mode is looked at first',
    ['Answer-Mode: Manual', 'Priv-Answer-Mode: Auto ; require'],
    { required: true },
    undefined,
  ],
  ['a mode nobody knows hides no other line', ['Answer-Mode: Sometimes', 'Answer-Mode: Auto'], {}, undefined],
  ['Manual is told', ['Answer-Mode: Manual'], undefined, { header: 'Answer-Mode Manual', required: false }],
  [
    'Manual;require, too',
    ['Priv-Answer-Mode: manual;require'],
    undefined,
    { header: 'Priv-Answer-Mode Manual', required: true },
  ],
  [
    'alert-autoanswer without a delay is marked',
    ['Alert-Info: <x>;info=alert-autoanswer'],
    { undelayed: true },
    undefined,
  ],
  ['with one it is not', ['Alert-Info: <x>;info=alert-autoanswer;delay=0'], {}, undefined],
  ['the words of Polycom are not', ['Alert-Info: <x>;info=Auto Answer'], {}, undefined],
] as const)
  test(`what the caller insists on: ${name}`, () => {
    const request = invite(plain, ...headers);
    const { header: _, afterMs: __, ...rest } = askedToAnswer(request) ?? { header: '', afterMs: 0 };
    assert.deepEqual(askedToAnswer(request) && rest, asked);
    assert.deepEqual(askedForHand(request), manual);
  });

for (const [name, value] of [
  ['brackets that are never closed', '<'.repeat(60_000)],
  ['a quoted string that never ends', `"${'\\"'.repeat(30_000)}`],
  ['one that ends in a backslash', `"${'\\"'.repeat(30_000)}\\`],
] as const)
  test(`a stranger's time is his own: ${name}`, () => {
    const request = invite(plain, `Alert-Info: ${value}`, `Call-Info: ${value}`);
    const begin = performance.now();
    assert.equal(askedToAnswer(request), undefined);
    // Looked at once from every character on, it takes seconds.
    assert.ok(performance.now() - begin < 250);
  });

test('intercom=true in the Request-URI', () => {
  assert.equal(
    askedToAnswer(invite('sip:help@127.0.0.1;intercom=true;transport=udp'))?.header,
    'Request-URI intercom=true',
  );
  assert.equal(askedToAnswer(invite('sip:help@127.0.0.1;intercom=trueish')), undefined);
});

const folder = testData('pbx-invites');
if (!folder) test('INVITEs as PBXs send them', { skip: 'no HAILPOINT_TEST_DATA' }, () => {});
else {
  interface Case {
    file: string;
    auto_answer: { requested: boolean; delay_s?: number; why?: string };
  }
  const { messages } = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')) as { messages: Case[] };
  for (const { file, auto_answer } of messages)
    test(`${file}: ${auto_answer.requested ? 'asks' : `does not ask (${auto_answer.why})`}`, () => {
      const request = parseMessage(readFileSync(join(folder, file))) as SipRequest;
      // What a dialog or Replaces makes of it is the user agent's to say, before anybody looks at these headers.
      if (request.to.params.has('tag') || request.header('Replaces')) return;
      const asked = askedToAnswer(request);
      assert.equal(asked !== undefined, auto_answer.requested);
      if (asked) assert.equal(asked.afterMs, (auto_answer.delay_s ?? 0) * 1000);
    });
}
