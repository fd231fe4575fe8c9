/** Pages by multicast meet what else goes on: one scale for all, and a loudspeaker for each zone. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  explainButton,
  explainIncoming,
  type Interrupted,
  type MulticastRule,
  type TerminalConfig,
  type TerminalInput,
} from '../../src/terminal/index.ts';
import { config, incoming, plan, rule, Story } from './story.ts';

const music: MulticastRule = { group: 'music', priority: 1, interrupted: 'duck', chime: false };
const ordinary: MulticastRule = { group: 'ordinary', priority: 5, interrupted: 'hold', chime: true };
const urgent: MulticastRule = { group: 'urgent', priority: 8, interrupted: 'hold', chime: false };
const multicast = [music, ordinary, urgent, { ...music, group: 'mixed', interrupted: 'mix' as const }];

const begun = (group: string, more: Partial<Extract<TerminalInput, { type: 'multicast' }>> = {}): TerminalInput => ({
  type: 'multicast',
  page: `${group}-1`,
  group,
  from: '10.0.0.9',
  ...more,
});
const over = (group: string): TerminalInput => ({ type: 'multicast-over', page: `${group}-1`, reason: 'it is over' });
const story = (more: Partial<TerminalConfig> = {}) => new Story({ multicast, ...more });

describe('a page to a group', () => {
  test('is heard at once, with its chime, until its sender is done', () => {
    const told = story().tell(begun('ordinary'));
    assert.deepEqual(told.all, ['*page connected 10.0.0.9 to ordinary', 'listen ordinary-1', 'chime on']);
    assert.deepEqual(told.tell(over('ordinary')).all, ['*page ended 10.0.0.9 to ordinary hangup']);
  });

  test('says who pages, where the sender does', () => {
    const told = story().tell(begun('urgent', { caller: 'Front desk' }));
    assert.deepEqual(told.all[0], '*page connected 10.0.0.9 (Front desk) to urgent');
  });

  test('of a group nobody has named is not there', () => {
    assert.deepEqual(story().tell(begun('unknown')).all, []);
  });

  test('waits for a more important one, and is where it has come to afterwards', () => {
    const told = story().tell(begun('urgent')).skip().tell(begun('ordinary'));
    assert.deepEqual(told.all, ['*page waiting 10.0.0.9 to ordinary']);
    assert.deepEqual(told.tell(over('urgent')).did, ['listen ordinary-1', 'chime on']);
  });

  test('is held by a more important one, and resumes', () => {
    const told = story().tell(begun('ordinary')).skip().tell(begun('urgent'));
    assert.deepEqual(told.all, [
      'hold ordinary-1',
      '*page held 10.0.0.9 to ordinary',
      '*page connected 10.0.0.9 to urgent',
      'listen urgent-1',
    ]);
    assert.deepEqual(told.tell(over('urgent')).did, ['resume ordinary-1']);
  });

  test('that is over while it is held stays silent', () => {
    const told = story().tell(begun('ordinary')).tell(begun('urgent')).tell(over('ordinary')).skip();
    assert.deepEqual(told.tell(over('urgent')).did, []);
  });

  test('goes lower below a more important one, where it says so', () => {
    const told = story().tell(begun('music')).skip().tell(begun('ordinary'));
    assert.deepEqual(told.all.slice(0, 2), ['duck music-1', '*page ducked 10.0.0.9 to music']);
    assert.deepEqual(told.tell(over('ordinary')).did, ['raise music-1']);
  });

  test('or sounds on as it was', () => {
    const told = story().tell(begun('mixed')).skip().tell(begun('ordinary'));
    assert.deepEqual(told.all.slice(0, 1), ['*page mixed 10.0.0.9 to mixed']);
    assert.deepEqual(told.tell(over('ordinary')).did, []);
  });

  test('never stops a help call', () => {
    const told = story().tell(begun('urgent')).skip().press();
    assert.deepEqual(told.did, ['dial t1.1 sip:100@pbx', 'hold urgent-1', 'ringback on']);
  });

  test('is ended by an operator, and by a stop', () => {
    const told = story().tell(begun('ordinary')).skip();
    assert.deepEqual(told.tell({ type: 'command', command: { verb: 'hangup' }, source: 'socket' }).did, [
      'hangup ordinary-1 hangup',
    ]);
    assert.ok(story().tell(begun('ordinary')).tell({ type: 'stop' }).did.includes('hangup ordinary-1 stopping'));
  });

  test('that goes on for ever does not put off a reload', () => {
    const told = story().tell(begun('music')).skip();
    assert.deepEqual(told.tell({ type: 'command', command: { verb: 'reload' }, source: 'socket' }).did, ['reload']);
  });

  test('of a sender who may not is told', () => {
    const refused = { type: 'multicast-refused', group: 'ordinary', from: '10.9.9.9', reason: 'not listed' } as const;
    assert.deepEqual(story().tell(refused).all, ['*page refused 10.9.9.9 to ordinary declined']);
  });
});

describe('a call meets a page to a group', () => {
  const inCall = (interrupted: Interrupted) =>
    story({ calls: { control: plan({ priority: 6, interrupted }) } })
      .press()
      .answered('t1.1')
      .skip();

  for (const [interrupted, during, after] of [
    ['hold', ['hold t1.1', 'listen urgent-1'], ['resume t1.1']],
    ['duck', ['duck t1.1', 'listen urgent-1'], ['raise t1.1']],
    ['mix', ['listen urgent-1'], []],
    ['end', ['hangup t1.1 interrupted', 'listen urgent-1'], []],
  ] as const)
    test(`${interrupted}: ${during.join(', ')}`, () => {
      const told = inCall(interrupted).tell(begun('urgent'));
      assert.deepEqual(told.did, during);
      assert.deepEqual(told.tell(over('urgent')).did, after);
    });

  test('a call that is ducked is shown as one that goes on', () => {
    const told = inCall('duck').tell(begun('urgent'));
    const [call] = told.terminal.status(0).calls;
    assert.deepEqual([call.state, call.lowered], ['connected', 'duck']);
  });
});

const zones = { all: { priority: 5 }, yard: { priority: 7 } };
const sent = (page: string, reason?: string): TerminalInput => ({ type: 'zone-sent', page, ...(reason && { reason }) });
const page = (zone: string): TerminalInput => ({
  type: 'command',
  command: { verb: 'page', zone, file: 'fire.wav' },
  source: 'mqtt',
});

describe('our own pages', () => {
  test('a button plays a message into a zone', () => {
    const buttons = { help: { press: { page: 'all', play: 'fire.wav' } } };
    const told = story({ zones, buttons }).tell({ type: 'edge', button: 'help', active: true, source: 'button' });
    assert.deepEqual(told.all, ['*press help paging', 'page t1/1 into all: fire.wav', '*page connected zone all']);
    assert.deepEqual(told.tell(sent('t1/1')).all, ['*page ended zone all hangup']);
  });

  test('an operator does, and our own loudspeaker is free meanwhile', () => {
    const told = story({ zones }).tell(page('all')).skip().tell(begun('music'));
    assert.deepEqual(told.did, ['listen music-1']);
  });

  test('a zone that is not there', () => {
    assert.deepEqual(story({ zones }).tell(page('attic')).all, ['*page refused: there is no zone attic']);
  });

  test('one after the other in one zone, at once in two', () => {
    const told = story({ zones }).tell(page('all')).skip().tell(page('all')).tell(page('yard'));
    assert.deepEqual(told.did, ['page t3/1 into yard: fire.wav']);
    assert.deepEqual(told.tell(sent('t1/1')).did, ['page t2/1 into all: fire.wav']);
  });

  test('one that waits in vain is told to have failed', () => {
    const told = story({ zones }).tell(page('all')).tell(page('all')).skip();
    assert.deepEqual(told.wait(60_000).all, ['*page failed zone all busy']);
  });

  test('what cannot be sent is told to have failed', () => {
    const told = story({ zones }).tell(page('all')).skip();
    assert.deepEqual(told.tell(sent('t1/1', 'no route')).all, ['*page failed zone all failed']);
  });
});

describe('a call that goes to a zone', () => {
  const relayed = [rule({ zone: 'all', priority: 6 }), rule({ from: 'sip:8@pbx2', zone: 'all', priority: 8 })];
  const low = incoming('low', 'sip:1@pbx');
  const high = incoming('high', 'sip:8@pbx2');

  test('is answered whatever our own loudspeaker does, and sounds in the zone', () => {
    const told = story({ zones, incoming: relayed }).tell(begun('urgent')).skip().tell(low);
    assert.deepEqual(told.did, ['answer low recvonly']);
    assert.deepEqual(told.answered('low').did, ['listen low into all']);
  });

  test('interrupts a message there, which begins anew afterwards', () => {
    const told = story({ zones, incoming: relayed }).tell(page('all')).skip().tell(low);
    assert.deepEqual(told.did, ['hangup t1/1 interrupted', 'answer low recvonly']);
    assert.deepEqual(told.answered('low').skip().tell(sent('t1/1')).did, [], 'the end of what was cut off');
    assert.deepEqual(told.ended('low', 'hangup').did, ['page t1/2 into all: fire.wav']);
  });

  test('is held by a more important one', () => {
    const told = story({ zones, incoming: relayed }).tell(low).answered('low').skip().tell(high);
    assert.deepEqual(told.did, ['hold low', 'answer high recvonly']);
  });

  test('is hung up when nothing can be sent', () => {
    const told = story({ zones, incoming: relayed }).tell(low).answered('low').skip();
    assert.deepEqual(told.tell(sent('low', 'no route')).did, ['hangup low failed']);
  });
});

test('what a button or a rule would do says which zone', () => {
  const buttons = { help: { press: { page: 'all', play: 'fire.wav' } } };
  const whole = config({ zones, buttons, incoming: [rule({ zone: 'all', interrupted: 'duck' })] });
  assert.deepEqual(explainButton(whole, 'help'), ['pages zone all at priority 5: fire.wav']);
  assert.match(
    explainIncoming(whole, incoming('a', 'sip:1@pbx')).join('\n'),
    /heard in zone all.*leaves it playing lower/,
  );
});
