/** What people read. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { describeStatus } from '../../src/cli/words.ts';

for (const [sentence, status, text] of [
  [
    'values stand beside their names',
    { state: 'idle', muted: false, mqtt: null },
    'state: idle\nmuted: false\nmqtt: null',
  ],
  ['a list of words is one line', { codecs: ['opus', 'g722'] }, 'codecs: opus, g722'],
  ['nothing is none', { calls: [], outputs: {} }, 'calls: none\noutputs: none'],
  ['what holds more is indented', { sound: { driver: 'alsa' } }, 'sound:\n  driver: alsa'],
  [
    'a terminal obeys nothing of it',
    { peer: 'sip:a\u001b[2J', from: ['\u202ea'] },
    'peer: sip:a\\u001b[2J\nfrom: \\u202ea',
  ],
] as [string, object, string][])
  test(`status: ${sentence}`, () => assert.equal(describeStatus(status), text));
