/** Too many who want in: strangers by the hundred, and more callers than can be held. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { INCOMING_MAX } from '../../src/terminal/callers.ts';
import { incoming, rule, Story } from './story.ts';

const stranger = (n: number) =>
  incoming(`s${n}`, `sip:${n}@nowhere`, {
    caller: { uri: `sip:${n}@nowhere`, displayName: '', sourceAddress: '6.6.6.6' },
  });

test('three hundred strangers: all are turned away, fifty are told, and then how many more there were', () => {
  const story = new Story();
  for (let i = 1; i <= 300; i++) story.tell(stranger(i));
  const all = story.take();
  assert.equal(all.filter((action) => action.type === 'reject').length, 300);
  assert.equal(all.filter((action) => action.type === 'event').length, 50);
  const [event, ...more] = story.wait(60_000).take();
  assert.equal(more.length, 0);
  assert.ok(event.type === 'event' && event.event.type === 'call');
  assert.equal(event.event.peer, 'sip:300@nowhere');
  assert.equal(
    event.event.reason,
    '250 more calls were refused within 60 s, the last one because no rule matches sip:300@nowhere',
  );
  assert.equal(story.terminal.deadline, undefined);
  assert.equal(story.tell(stranger(301)).events.length, 1);
});

test('what a rule says of a caller is told even then', () => {
  const story = new Story({ incoming: [rule({ from: 'sip:9@*', answer: 'reject' })] });
  for (let i = 100; i < 200; i++) story.tell(stranger(i));
  story.skip().tell(incoming('nine', 'sip:9@pbx'));
  assert.deepEqual(story.all, ['reject nine declined', '*call refused sip:9@pbx declined']);
});

/** A page at 9 is heard, the others at 5 wait. */
const full = () => {
  const story = new Story({
    incoming: [9, 8].map((priority) => rule({ from: `sip:${priority}@pbx`, priority })).concat(rule()),
  });
  story.tell(incoming('heard', 'sip:9@pbx')).answered('heard');
  for (let i = 1; i < INCOMING_MAX; i++) story.tell(incoming(`low${i}`, 'sip:1@pbx'));
  return story.skip();
};

test('as many callers as can be held: an equal one is told busy', () => {
  assert.deepEqual(full().tell(incoming('last', 'sip:2@pbx')).all, [
    'reject last busy',
    '*call refused sip:2@pbx busy',
  ]);
});

test('a more important one takes the place of the least', () => {
  assert.deepEqual(full().tell(incoming('urgent', 'sip:8@pbx')).all, [
    'reject low1 busy',
    '*page ended sip:1@pbx interrupted',
    'alert urgent',
    '*page waiting sip:8@pbx',
  ]);
});
