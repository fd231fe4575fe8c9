/** What the thread that takes the place of one that hangs is told, and who hears that his sound is lost. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Numbers } from '../../src/media/numbers.ts';
import type { ToWorker } from '../../src/media/protocol.ts';
import { Standing } from '../../src/media/standing.ts';
import type { MediaEvent } from '../../src/media/types.ts';
import { streamConfig } from './pair.ts';

const open: Extract<ToWorker, { kind: 'open' }> = {
  kind: 'open',
  stream: 's',
  rtpFd: 1,
  rtcpFd: 2,
  numbers: Numbers.buffer(),
};
const configure: ToWorker = { kind: 'configure', stream: 's', config: streamConfig({ host: '192.0.2.1', port: 4000 }) };
const audible = (speaker: boolean): ToWorker => ({
  kind: 'audible',
  stream: 's',
  speaker,
  microphone: true,
  ducked: false,
});
const close: ToWorker = { kind: 'close', stream: 's' };
const record: ToWorker = { kind: 'record', recording: 'r', stream: 's' };
const play: ToWorker = { kind: 'play', sound: 'p', samples: new Int16Array(1), rateHz: 8000 };
const tone = (tone: 'ringback' | 'error', on: boolean): ToWorker => ({ kind: 'tone', tone, on });
const zone = {} as Extract<ToWorker, { kind: 'page-send' }>['zone'];
const relay: ToWorker = { kind: 'page-send', page: 'z', zone, fd: 3, said: { stream: 's' } };
const message: ToWorker = { ...relay, said: { samples: new Int16Array(1), rateHz: 8000 } };
const gone = { type: 'statistics', stream: 's', final: true } as MediaEvent;
const begun: MediaEvent = { type: 'page-begun', page: 'm', group: 'g', from: 'f' };

const kindOf = (item: ToWorker | MediaEvent): string => ('kind' in item ? item.kind : item.type);
for (const [sentence, told, heard, again, lost] of [
  ['nothing: nothing', [], [], '', ''],
  [
    'a stream, as it was told last',
    [open, configure, audible(false), configure, audible(true)],
    [],
    'open configure audible',
    '',
  ],
  ['a stream that is to close is closed', [open, configure, close], [], 'open close', ''],
  ['a stream that has closed is forgotten', [open, configure, close], [gone], '', ''],
  ['a recording goes on', [open, record], [], 'open record', ''],
  ['a recording that was ended does not', [record, { kind: 'stop-recording', recording: 'r' }], [], '', ''],
  ['a prompt is over', [play], [], '', 'played'],
  ['a prompt that was over is not over again', [play], [{ type: 'played', sound: 'p' }], '', ''],
  ['ringback goes on, what ends by itself does not', [tone('ringback', true), tone('error', true)], [], 'tone', ''],
  ['ringback that was ended', [tone('ringback', true), tone('ringback', false)], [], '', ''],
  ['a measure has failed', [{ kind: 'measure', measure: 'x', levelDbfs: -20 }], [], '', 'measured'],
  ['a call goes on into its zone', [relay], [], 'page-send', ''],
  ['until it is ended', [relay, { kind: 'page-stop', page: 'z' }], [], 'page-send page-stop', ''],
  ['and over', [relay, { kind: 'page-stop', page: 'z' }], [{ type: 'page-sent', page: 'z' }], '', ''],
  ['a message into a zone is lost', [message], [], '', 'page-sent'],
  ['a page that is heard is over, and may begin again', [], [begun], '', 'page-over'],
] as [string, ToWorker[], MediaEvent[], string, string][])
  test(sentence, () => {
    const standing = new Standing();
    for (const one of told) standing.note(one);
    for (const one of heard) standing.heard(one);
    assert.equal(standing.idle, again === '' && lost === '');
    assert.equal(standing.again().map(kindOf).join(' '), again);
    if (again.includes('audible')) assert.deepEqual(standing.again()[2], audible(true));
    assert.equal(standing.takeLost().map(kindOf).join(' '), lost);
    assert.deepEqual(standing.takeLost(), []);
  });

test('under the keys that the thread said last; of a stream that has closed none are left', () => {
  const standing = new Standing();
  const secret = new Uint8Array(30);
  const keys = {
    send: { suite: 'AES_CM_128_HMAC_SHA1_80', secret },
    receive: { suite: 'AES_CM_128_HMAC_SHA1_80', secret },
  } as const;
  standing.keyed('s', { keys });
  assert.deepEqual(standing.again(), []);
  standing.note(open);
  standing.keyed('s', {});
  standing.keyed('s', { keys });
  standing.note(configure);
  assert.deepEqual(standing.again(), [{ ...open, before: { keys } }, configure]);
  const [first] = standing.again() as (typeof open)[];
  new Numbers(first.numbers).atMs = 7;
  const [second] = standing.again() as (typeof open)[];
  new Numbers(first.numbers).atMs = 8;
  assert.equal(new Numbers(second.numbers).atMs, 7, 'where the first came to when it was replaced');
  standing.note(close);
  standing.heard(gone);
  standing.keyed('s', { keys });
  assert.deepEqual(standing.again(), []);
});
