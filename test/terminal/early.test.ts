/** What the other side plays before it answers: heard in place of our ringback, without our microphone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { incoming, plan, rule, Story } from './story.ts';

const early = (call: string, on = true) => ({ type: 'early', call, on }) as const;
const two = [{ ring: ['sip:1@a', 'sip:2@a'], forMs: 20_000 }];
const pressed = (more: Parameters<typeof plan>[0] = {}) => new Story({ calls: { control: plan(more) } }).press().skip();

test('it takes the place of our ringback', () => {
  const story = pressed().tell({ type: 'ringing', call: 't1.1' }, early('t1.1'));
  assert.deepEqual(story.all, ['*call ringing sip:100@pbx', '*call early sip:100@pbx', 'listen t1.1', 'ringback off']);
});

test('and the microphone opens with the answer', () => {
  const story = pressed().tell(early('t1.1')).skip().answered('t1.1');
  assert.deepEqual(story.did, ['listen t1.1 with microphone']);
});

test('when it ceases, our ringback is heard again', () => {
  const story = pressed().tell(early('t1.1')).skip().tell(early('t1.1', false));
  assert.deepEqual(story.did, ['mute t1.1', 'ringback on']);
});

test('of two phones the first that plays is heard', () => {
  const story = pressed({ steps: two }).tell(early('t1.2')).skip().tell(early('t1.1'));
  assert.deepEqual(story.did, []);
});

test('when that one is gone, the other is', () => {
  const story = pressed({ steps: two }).tell(early('t1.2'), early('t1.1')).skip().ended('t1.2', 'busy');
  assert.deepEqual(story.did, ['listen t1.1']);
});

test('the one that answers is heard, whoever played', () => {
  const story = pressed({ steps: two }).tell(early('t1.2')).skip().answered('t1.1');
  assert.deepEqual(story.did, ['hangup t1.2 cancelled', 'listen t1.1 with microphone']);
});

test('who answers and has to prove to be a person is mute until then', () => {
  const confirm = { digit: '1', withinMs: 20_000 };
  const story = pressed({ confirm }).tell(early('t1.1')).skip().answered('t1.1');
  assert.deepEqual(story.did, ['mute t1.1', 'ringback on']);
  story.skip().tell({ type: 'digit', call: 't1.1', digit: '1' });
  assert.deepEqual(story.did, ['listen t1.1 with microphone', 'ringback off']);
});

test('a page of higher priority silences it, and after the page it is heard again', () => {
  const story = new Story({ calls: { control: plan({ priority: 5 }) }, incoming: [rule({ priority: 9 })] });
  story.press().tell(early('t1.1')).skip().tell(incoming('p', 'sip:9@pbx'));
  assert.ok(story.did.includes('mute t1.1'));
  story.answered('p').skip().ended('p', 'hangup');
  assert.deepEqual(story.did, ['listen t1.1']);
});

test('the next step begins with our ringback', () => {
  const steps = [...two, { ring: ['sip:3@a'], forMs: 20_000 }];
  const story = pressed({ steps }).tell(early('t1.1')).skip().wait(20_000);
  assert.deepEqual(story.did, ['hangup t1.1 no-answer', 'hangup t1.2 no-answer', 'dial t1.3 sip:3@a', 'ringback on']);
});
