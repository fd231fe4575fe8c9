/** What leaves the service is one harmless line without a password. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLogger } from '../../src/app/index.ts';
import { told } from '../../src/app/told.ts';
import { printable } from '../../src/base/index.ts';
import { shown } from '../../src/sip/message/index.ts';

const EVIL = '\x1b[31m\x07\r\n\u009b\u202e\u200b\u2028\ufeff';
const UNSEEN = /[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\ufeff]/;

test('every character a reader would not see is written out', () => {
  assert.equal(printable('a\x1b[31mb\r\nc\u202ed'), 'a\\u001b[31mb\\u000d\\u000ac\\u202ed');
  assert.equal(printable('Köln 日本 "x"'), 'Köln 日本 "x"');
});

test('an event, all the way down', () =>
  assert.deepEqual(
    told({ peer: `sip:a:s3cret@b${EVIL}`, count: 1, none: undefined, list: ['sips:x:y@z'], deep: { on: true } }),
    {
      peer: `sip:a:xxx@b${printable(EVIL)}`,
      count: 1,
      none: undefined,
      list: ['sips:x:xxx@z'],
      deep: { on: true },
    },
  ));

test('a log line stays one line of JSON, and says the same', () => {
  const lines: string[] = [];
  createLogger('debug', { write: (line) => lines.push(line) }).warn(`refused ${EVIL}`, { from: EVIL });
  assert.equal(lines.length, 1);
  assert.doesNotMatch(lines[0].replace(/\n$/, ''), UNSEEN);
  const { msg, from } = JSON.parse(lines[0]) as Record<string, string>;
  assert.deepEqual([msg, from], [`refused ${EVIL}`, EVIL]);
});

for (const text of [
  'Authorization Digest username="u", response="S3cret"',
  'Digest realm="r", response="S3cret',
  'Basic S3cret',
  '<sip:u:S3cret@host>;;',
  `sips:u:S3cret@${'h'.repeat(200)}`,
  'a crypto:1 AES inline:S3cret',
])
  test(`an error that quotes ${text.slice(0, 30)} does not tell the secret`, () =>
    assert.doesNotMatch(shown(text), /S3c/));
