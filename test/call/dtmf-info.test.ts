/** Digits in INFO, as vendors write them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digitIn, infosFor } from '../../src/call/dtmf-info.ts';
import { createRequest } from '../../src/sip/message/index.ts';

const digit = (contentType: string, body: string | Uint8Array): string | undefined =>
  digitIn(
    createRequest({
      method: 'INFO',
      uri: 'sip:a@b',
      headers: [['Content-Type', contentType]],
      body: Buffer.from(body),
    }),
  );

const relay = 'application/dtmf-relay';
const plain = 'application/dtmf';
const nortel = 'application/vnd.nortelnetworks.digits';

for (const [name, type, body, expected] of [
  ['dtmf-relay', relay, 'Signal=5\r\nDuration=160\r\n', '5'],
  ['dtmf-relay with blanks', relay, 'Signal= #\r\nDuration= 250\r\n', '#'],
  ['dtmf-relay, the star as event 10', relay, 'Signal=10\r\nDuration=100', '*'],
  ['dtmf-relay, the hash as event 11', relay, 'signal=11', '#'],
  ['dtmf-relay, the length first', relay, 'Duration=100\nSignal=a\n', 'A'],
  ['dtmf: the digit alone', plain, '7', '7'],
  ['dtmf with a line end', plain, '*\r\n', '*'],
  ['dtmf, the hash as event 11', plain, '11', '#'],
  ['dtmf with the body of the other', plain, 'Signal=3\r\nDuration=160', '3'],
  ['nortel', nortel, 'p=Digit-Collection\r\ny=Digits\r\n\r\nd=8\r\n', '8'],
  ['nortel, named twice', nortel, 'd=Digits=9', '9'],
  ['a parameter of the type', 'application/dtmf-relay; charset=utf-8', 'Signal=1', '1'],
  ['flash is no digit', relay, 'Signal=16\r\nDuration=100', undefined],
  ['no digit at all', relay, 'Signal=\r\nDuration=5', undefined],
  ['another type', 'text/plain', 'Signal=5', undefined],
  ['a book', plain, `5${' '.repeat(300)}`, undefined],
] as const)
  test(name, () => assert.equal(digit(type, body), expected));

test('what we send, we can read', () => {
  const bodies = infosFor('1*#A');
  assert.equal(bodies.map(({ contentType, bytes }) => digit(contentType, bytes)).join(''), '1*#A');
});

test('blanks without end take no time', () => {
  const startedMs = performance.now();
  for (const type of [relay, plain, nortel]) digit(type, ' '.repeat(256));
  assert.ok(performance.now() - startedMs < 100);
});
