/** Who reaches nobody may leave word; what is recorded, and who hears that it is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { caller, incoming, plan, rule, Story } from './story.ts';

const lastResort = { prompt: 'nobody.wav', forMs: 60_000 };
const alone = (more: Parameters<typeof plan>[0] = {}) =>
  new Story({
    calls: { control: plan({ cycles: 1, lastResort, priority: 8, ...more }) },
    incoming: [rule({ from: 'sip:fire@pbx', priority: 10 })],
  })
    .press()
    .skip()
    .ended('t1.1', 'busy');

test('nobody was reached: the ringback ends, the person is asked to leave word', () => {
  assert.deepEqual(alone().all, [
    '*call unreached sip:100@pbx busy',
    '*call message sip:100@pbx busy',
    'leave word t1 60000 ms after nobody.wav',
    'ringback off',
  ]);
});

test('a message was left: the call ends with a chime in place of the error tone, and says so', () => {
  const story = alone().skip().tell({ type: 'word-left', call: 't1', recordedMs: 12_300 });
  assert.deepEqual(story.all, ['*call failed sip:100@pbx busy', 'chime on']);
});

for (const [sentence, outcome] of [
  ['nobody spoke', { reason: 'nobody spoke' }],
  ['the disk is full', { reason: 'the disk is full' }],
] as const)
  test(`${sentence}: the person hears that it was in vain`, () => {
    const story = alone()
      .skip()
      .tell({ type: 'word-left', call: 't1', ...outcome });
    assert.deepEqual(story.all, ['*call failed sip:100@pbx busy', 'busy on']);
    assert.deepEqual(story.wait(2000).did, ['busy off', 'error on']);
  });

test('a recorder that never answers keeps nobody waiting for ever', () => {
  assert.deepEqual(alone().skip().wait(150_000).did.slice(0, 2), ['word-over t1', 'busy on']);
});

test('somebody higher takes the loudspeaker: what was said is kept', () => {
  const story = alone().skip();
  story.tell(incoming('fire', 'sip:fire@pbx', { caller: caller('sip:fire@pbx') }));
  assert.ok(story.did.includes('word-over t1'), story.did.join());
});

test('without a last resort nothing of it happens', () => {
  assert.ok(!alone({ lastResort: undefined }).did.some((word) => word.startsWith('leave')));
});

test('a talk that is recorded is so from its first word, once', () => {
  const story = new Story({ calls: { control: plan({ record: true }) } }).press().skip().answered('t1.1');
  assert.deepEqual(
    story.did.filter((word) => /listen|record/.test(word)),
    ['listen t1.1 with microphone', 'record t1.1'],
  );
});

test('a page whose rule says so is recorded', () => {
  const story = new Story({ incoming: [rule({ from: 'sip:100@*', record: true })] });
  story.tell(incoming('page', 'sip:100@pbx')).answered('page');
  assert.ok(story.did.includes('record page'), story.did.join());
});
