/** Calls that move to somebody else, and who may have them moved. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { TRANSFERS_MAX } from '../../src/terminal/transfer.ts';
import { caller, config, incoming, plan, rule, Story } from './story.ts';

const to = 'sip:200@pbx';
const asks = (call: string) => ({ type: 'transfer', call, to, transfer: 'r' }) as const;
const moved = (call: string, conference?: boolean) =>
  ({ type: 'transferred', call, to, ...(conference && { conference }) }) as const;
const talking = (): Story => new Story().press().answered('t1.1').skip();
const paged = (as: 'page' | 'intercom', from = 'sip:5@pbx'): Story =>
  new Story({ incoming: [rule({ as, from: '*' })] }).tell(incoming('in', from)).answered('in').skip();

describe('the other side moves us', () => {
  test('our call goes on with somebody else, with the limit it had', () => {
    const story = talking().wait(400_000).tell(asks('t1.1'));
    assert.deepEqual(story.all, ['follow t1.1 to sip:200@pbx', '*call transferring sip:100@pbx']);
    assert.deepEqual(story.tell(moved('t1.1')).all, ['*call transferred sip:200@pbx']);
    const [status] = story.terminal.status(story.now).calls;
    assert.deepEqual([status.peer, status.state, status.priority, status.sinceMs], [to, 'connected', 10, 400_000]);
    assert.ok(story.wait(200_000).events.includes('call ended sip:200@pbx limit'));
  });

  test('the event says from whom to whom, and that it is a conference', () => {
    const story = talking().tell(asks('t1.1'), moved('t1.1', true));
    const action = story.take().at(-1);
    assert.ok(action?.type === 'event' && action.event.type === 'call');
    const { from, to: target, conference, plan: name } = action.event;
    assert.deepEqual([from, target, conference, name], ['sip:100@pbx', to, true, 'control']);
    assert.equal(story.terminal.status(0).calls[0].conference, true);
  });

  test('the other side becomes a conference in the middle of a talk, and is none again', () => {
    for (const story of [talking(), paged('intercom')]) {
      const [{ call, peer }] = story.terminal.status(0).calls;
      const leg = call === 'in' ? 'in' : 't1.1';
      assert.deepEqual(story.tell({ type: 'merged', call: leg, conference: true }).all, [`*call conference ${peer}`]);
      assert.equal(story.terminal.status(0).calls[0].conference, true);
      story.tell({ type: 'merged', call: leg, conference: false });
      assert.deepEqual(
        [story.terminal.status(0).calls[0].peer, 'conference' in story.terminal.status(0).calls[0]],
        [peer, false],
      );
    }
  });

  test('left with somebody who only rings: the ringback sounds, and after 20 s the plan begins anew', () => {
    const story = talking().tell(asks('t1.1')).skip().tell({ type: 'left', call: 't1.1', to });
    assert.deepEqual(story.did, ['ringback on']);
    assert.deepEqual(story.wait(20_000).did.slice(0, 2), ['hangup t1.1 no-answer', 'dial t1.2 sip:100@pbx']);
  });

  test('left, but he answers: the ringback ends and the talk goes on', () => {
    const story = talking().tell(asks('t1.1'), { type: 'left', call: 't1.1', to }).skip().tell(moved('t1.1'));
    assert.deepEqual(story.did, ['ringback off']);
    assert.deepEqual(story.wait(30_000).did, []);
  });

  test('left in a call that an operator dialled: it ends', () => {
    const story = new Story().tell({ type: 'command', command: { verb: 'dial', target: 'sip:9@pbx' }, source: 'web' });
    story.answered('t1.1').tell({ type: 'left', call: 't1.1', to }).skip();
    assert.ok(story.wait(20_000).did.includes('hangup t1.1 no-answer'));
  });

  test('it comes to nothing: still the old call', () => {
    const story = talking().tell(asks('t1.1')).skip();
    story.tell({ type: 'not-transferred', call: 't1.1', to, reason: '486 Busy Here' });
    assert.deepEqual(story.all, ['*call transfer-failed sip:100@pbx']);
    assert.equal(story.terminal.status(0).calls[0].peer, 'sip:100@pbx');
  });

  test(`after ${TRANSFERS_MAX} times it stays, and says so once`, () => {
    const story = talking();
    for (let i = 0; i < TRANSFERS_MAX; i++) story.tell(asks('t1.1'), moved('t1.1'));
    story.skip().tell(asks('t1.1'), asks('t1.1'), asks('t1.1'));
    assert.deepEqual(story.all, ['stay', '*call transfer-failed sip:200@pbx', 'stay', 'stay']);
  });

  test('whoever has not proved to be a person cannot', () => {
    const control = plan({ confirm: { digit: '1', withinMs: 20_000 } });
    const story = new Story({ calls: { control } }).press().answered('t1.1').skip().tell(asks('t1.1'));
    assert.deepEqual(story.all, ['stay', '*call transfer-failed sip:100@pbx']);
  });

  test('a ringing phone is answered by another one: that one must prove to be a person', () => {
    const control = plan({ confirm: { digit: '1', withinMs: 20_000 } });
    const story = new Story({ calls: { control } }).press().skip().tell(moved('t1.1')).answered('t1.1');
    assert.deepEqual(story.all, ['*call transferred sip:200@pbx', '*call answered sip:200@pbx']);
  });

  for (const as of ['page', 'intercom'] as const) {
    test(`a caller of a known source may: the ${as} stays what it is`, () => {
      const story = paged(as).tell(asks('in'), moved('in'));
      const kind = as === 'page' ? 'page' : 'call';
      assert.deepEqual(story.all, [
        'follow in to sip:200@pbx',
        `*${kind} transferring sip:5@pbx`,
        `*${kind} transferred sip:200@pbx`,
      ]);
    });
  }

  test('a caller who may call because anybody may cannot make us call others', () => {
    const story = new Story({ incoming: [rule({ from: '*' })] });
    story
      .tell(incoming('in', 'sip:5@far', { caller: caller('sip:5@far', { account: undefined }) }))
      .answered('in')
      .skip();
    assert.deepEqual(story.tell(asks('in')).all, ['stay', '*page transfer-failed sip:5@far']);
  });

  test('a call that is over, or that nobody knows, stays', () => {
    assert.deepEqual(talking().ended('t1.1', 'hangup').skip().tell(asks('t1.1')).did, ['stay']);
  });
});

describe('an operator moves the other side', () => {
  const command = { type: 'command', command: { verb: 'transfer', target: to }, source: 'mqtt' } as const;

  test('REFER, and when it has worked we hang up', () => {
    const story = talking().tell(command);
    assert.deepEqual(story.all, ['*transfer done', 'refer t1.1 to sip:200@pbx']);
    story.tell({ type: 'handed-over', call: 't1.1', to, ok: true, reason: '200 OK' });
    assert.deepEqual(story.all.slice(0, 3), [
      '*call transferred sip:100@pbx',
      'hangup t1.1 hangup',
      '*call ended sip:100@pbx hangup',
    ]);
  });

  test('when it has not, the talk goes on', () => {
    const story = talking().tell(command).skip();
    story.tell({ type: 'handed-over', call: 't1.1', to, ok: false, reason: '603 Decline' });
    assert.deepEqual(story.all, ['*call transfer-failed sip:100@pbx']);
  });

  test('nobody talks: refused', () => {
    assert.deepEqual(new Story().tell(command).all, ['*transfer refused: nobody talks']);
    assert.deepEqual(paged('page').tell(command).all, ['*transfer refused: nobody talks']);
  });
});

describe('somebody asks us from outside to call somebody', () => {
  const asked = (from: string, more = {}) =>
    ({ type: 'referral', transfer: 'r', caller: caller(from, more), to: 'sip:conf@pbx' }) as const;
  const rules = config({
    incoming: [
      rule({ from: 'sip:6@pbx', as: 'intercom', priority: 6 }),
      rule({ from: 'sip:9@pbx', as: 'intercom', priority: 10 }),
      rule({ from: 'sip:7@pbx', as: 'intercom', answer: 'when-asked' }),
      rule({ from: 'sip:5@pbx' }),
      rule({ from: '*', as: 'intercom' }),
    ],
  });
  const story = (): Story => new Story(rules);

  test('a rule that answers him at once, both ways, lets him: a call of his priority', () => {
    const told = story().tell(asked('sip:6@pbx'));
    assert.deepEqual(told.did.slice(0, 1), ['dial t1.1 sip:conf@pbx']);
    assert.equal(told.terminal.status(0).calls[0].priority, 6);
  });

  test('the dial names the referral; a help call is above it, whatever the rule says', () => {
    const told = story().tell(asked('sip:9@pbx'));
    const dial = told.take().find((action) => action.type === 'dial');
    assert.equal(dial?.type === 'dial' && dial.transfer, 'r');
    assert.equal(told.terminal.status(0).calls[0].priority, 9);
    assert.ok(told.press().did.some((line) => line.startsWith('dial')));
  });

  for (const [name, input] of [
    ['a rule of pages does not', asked('sip:5@pbx')],
    ['nor one that answers only when asked', asked('sip:7@pbx')],
    ['nor one that is for anybody', asked('sip:1@far', { account: undefined })],
  ] as const)
    test(name, () => {
      const told = story().tell(input);
      assert.deepEqual(told.all, ['stay', `*call refused ${input.caller.uri} declined`]);
    });

  test('nor anybody during a help call', () => {
    const told = story().press().skip().tell(asked('sip:6@pbx'));
    assert.deepEqual(told.all, ['stay', '*call refused sip:6@pbx declined']);
  });
});
