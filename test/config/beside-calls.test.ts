/** The keys of what goes on beside calls. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brief, checkText, MINIMAL } from './kit.ts';

test('digits, presence, registration, watchers, texts and the voice', () => {
  const { config, problems } = checkText(
    `${MINIMAL}sip: { watchers: 10.0.0.0/24, dtmf: { duration: 120ms, tones: always }, accounts: { a: { address: "sip:a@b", dtmf: info, presence: true, watch-registration: true } } }
incoming: [ { from: "sip:*@b", answer: reject, message: speak } ]
audio: { voice: de+f2 }
`,
  );
  assert.deepEqual(problems, []);
  const { sip, dtmf, digits, terminal, voice } = config!;
  assert.deepEqual(digits, { durationMs: 120, gapMs: 100, tones: 'always' });
  assert.deepEqual(
    [sip.watchers, dtmf, terminal.incoming[0].message, voice],
    [['10.0.0.0/24'], { a: 'info' }, 'speak', 'de+f2'],
  );
  assert.deepEqual([sip.accounts[0].presence, sip.accounts[0].watchRegistration], [true, true]);
});

test('how long sound is held before it is played', () => {
  const jitter = (text: string): unknown => checkText(`${MINIMAL}${text}`).config?.jitter;
  assert.deepEqual(jitter(''), { minMs: 10, maxMs: 200, pageMs: 60 });
  assert.deepEqual(jitter('audio: { jitter: { min: 0ms, page: 0.2s } }\n'), { minMs: 0, maxMs: 200, pageMs: 200 });
});

for (const [name, text, expected] of [
  [
    'no network wants less than the quiet one',
    'audio: { jitter: { min: 100ms, max: 50ms } }',
    /audio\.jitter\.min: it is more than max/,
  ],
  ['a voice is no option of a program', 'audio: { voice: "-f/etc/passwd" }', /audio\.voice/],
  ['a watcher is an address', 'sip: { watchers: desk }', /sip\.watchers/],
  [
    'a text is spoken, an event or refused',
    'incoming: [ { from: "*", answer: ring, message: sing } ]',
    /message: sing/,
  ],
] as const)
  test(name, () => assert.match(checkText(`${MINIMAL}${text}\n`).problems.map(brief).join(), expected));
