import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { TerminalAction } from '../../src/terminal/index.ts';
import { plan, Story } from './story.ts';

const withPlan = (more: Parameters<typeof plan>[0]) => new Story({ calls: { control: plan(more) } });
const digit = (call: string, key: string) => ({ type: 'digit', call, digit: key }) as const;
const two = [
  { ring: ['sip:1@a'], forMs: 20_000 },
  { ring: ['sip:2@a', 'sip:3@a'], forMs: 15_000 },
];

describe('call plan: who is rung', () => {
  test('a press is reported, dials, and is heard', () => {
    const story = withPlan({ prompt: 'here.wav' }).press();
    assert.deepEqual(story.all, [
      '*press help calling',
      'dial t1.1 sip:100@pbx',
      '*call calling sip:100@pbx',
      'prompt here.wav',
      'ringback on',
      '*release help 0',
    ]);
  });

  test('the event of the press names the call it began', () => {
    const press = new Story().press().take()[0] as Extract<TerminalAction, { type: 'event' }>;
    assert.deepEqual(press.event, { type: 'press', button: 'help', source: 'button', result: 'calling', call: 't1' });
  });

  test('one answers: ringback and prompt end, both sides are heard', () => {
    const story = withPlan({ prompt: 'here.wav' }).press().tell({ type: 'ringing', call: 't1.1' }).skip();
    story.answered('t1.1');
    assert.deepEqual(story.all, [
      '*call answered sip:100@pbx',
      'silence',
      '*call connected sip:100@pbx',
      'listen t1.1 with microphone',
      'ringback off',
    ]);
  });

  test('nobody answers: the next step rings when the time of the first is over, not before', () => {
    const story = withPlan({ steps: two }).press().skip().wait(19_999);
    assert.deepEqual(story.did, []);
    assert.deepEqual(story.wait(1).did, ['hangup t1.1 no-answer', 'dial t1.2 sip:2@a', 'dial t1.3 sip:3@a']);
  });

  for (const cause of ['busy', 'declined', 'unreachable', 'failed'] as const)
    test(`${cause}: the next step rings at once`, () => {
      const story = withPlan({ steps: two }).press().wait(300).skip().ended('t1.1', cause);
      assert.deepEqual(story.did, ['dial t1.2 sip:2@a', 'dial t1.3 sip:3@a']);
    });

  test('of a step rung in parallel, all must have failed', () => {
    const story = withPlan({ steps: [two[1], two[0]] })
      .press()
      .skip()
      .ended('t1.1', 'busy');
    assert.deepEqual(story.did, []);
    assert.deepEqual(story.ended('t1.2', 'declined').did, ['dial t1.3 sip:1@a']);
  });

  test('the time of a new step is its own', () => {
    const story = withPlan({ steps: two }).press().wait(10_000).ended('t1.1', 'busy').skip().wait(14_999);
    assert.deepEqual(story.did, []);
    assert.deepEqual(story.wait(1).did.slice(0, 2), ['hangup t1.2 no-answer', 'hangup t1.3 no-answer']);
  });

  test('the first to answer wins, the others are cancelled', () => {
    const story = withPlan({ steps: [two[1]] })
      .press()
      .skip()
      .answered('t1.2');
    assert.deepEqual(story.did, ['hangup t1.1 cancelled', 'listen t1.2 with microphone', 'ringback off']);
  });

  test('a race: every number of every step at once, each once, for as long as the longest step', () => {
    const story = withPlan({ race: true, steps: [two[1], two[0], { ring: ['sip:2@a'], forMs: 1_000 }] }).press();
    const dialled = story.did.filter((line) => line.startsWith('dial'));
    assert.deepEqual(dialled, ['dial t1.1 sip:2@a', 'dial t1.2 sip:3@a', 'dial t1.3 sip:1@a']);
    story.skip().wait(19_999);
    assert.deepEqual(story.did, []);
    const over = story.wait(1).did.slice(0, 3);
    assert.deepEqual(over, ['hangup t1.1 no-answer', 'hangup t1.2 no-answer', 'hangup t1.3 no-answer']);
  });

  test('a race is won by who confirms, not by who answers first', () => {
    const story = withPlan({ race: true, steps: two, confirm: { digit: '1', withinMs: 20_000 } }).press();
    story.answered('t1.1').answered('t1.3').skip().tell(digit('t1.3', '1'));
    const did = ['hangup t1.1 cancelled', 'hangup t1.2 cancelled', 'listen t1.3 with microphone', 'ringback off'];
    assert.deepEqual(story.did, did);
  });

  test('a second answer loses: it is hung up and never heard', () => {
    const story = withPlan({ steps: [two[1]] })
      .press()
      .answered('t1.2')
      .skip()
      .answered('t1.1');
    assert.deepEqual(story.all, ['hangup t1.1 cancelled']);
  });

  test('what a cancelled phone says later changes nothing', () => {
    const story = withPlan({ steps: [two[1]] })
      .press()
      .answered('t1.2')
      .skip();
    assert.deepEqual(story.ended('t1.1', 'cancelled', 'us').all, []);
  });

  test('the plan is gone through as often as it says', () => {
    const story = withPlan({ steps: two, cycles: 3 }).press().wait(200_000);
    const dialled = story.did.filter((line) => line.startsWith('dial')).map((line) => line.split(' ')[2]);
    assert.deepEqual(
      dialled,
      ['sip:1@a', 'sip:2@a', 'sip:3@a'].concat('sip:1@a', 'sip:2@a', 'sip:3@a', 'sip:1@a', 'sip:2@a', 'sip:3@a'),
    );
  });

  test('when all fail at once, the next cycle waits until two seconds after the start of this one', () => {
    const story = withPlan({ cycles: 2 }).press().wait(100).skip().ended('t1.1', 'unreachable');
    assert.deepEqual(story.did, []);
    assert.deepEqual(story.wait(1899).did, []);
    assert.deepEqual(story.wait(1).did, ['dial t1.2 sip:100@pbx']);
  });

  test('step and cycle are in the events', () => {
    const story = withPlan({ steps: two, cycles: 2 }).press().wait(36_000);
    const calling = story
      .take()
      .flatMap((action) =>
        action.type === 'event' && action.event.type === 'call' && action.event.state === 'calling'
          ? [
              `${action.event.cycle}.${action.event.step} ${action.event.peer} ${action.event.plan} ${action.event.priority}`,
            ]
          : [],
      );
    assert.deepEqual(calling, [
      '1.1 sip:1@a control 10',
      '1.2 sip:2@a control 10',
      '1.2 sip:3@a control 10',
      '2.1 sip:1@a control 10',
    ]);
  });
});

describe('call plan: who is a person', () => {
  const confirm = { digit: '1', withinMs: 20_000 };

  test('who answers is not heard before the digit', () => {
    const story = withPlan({ confirm }).press().skip().answered('t1.1');
    assert.deepEqual(story.all, ['*call answered sip:100@pbx']);
    assert.deepEqual(story.tell(digit('t1.1', '1')).did, ['listen t1.1 with microphone', 'ringback off']);
  });

  test('who answers is told what to do, again and again, until the digit', () => {
    const story = withPlan({ confirm: { ...confirm, prompt: 'confirm.wav' } })
      .press()
      .answered('t1.1')
      .skip();
    assert.deepEqual(story.wait(500).all, ['announce t1.1 confirm.wav']);
    assert.deepEqual(story.wait(8000).all, ['announce t1.1 confirm.wav']);
    story.tell(digit('t1.1', '1')).skip();
    assert.deepEqual(story.wait(60_000).all, []);
  });

  test('another digit confirms nothing', () => {
    const story = withPlan({ confirm }).press().answered('t1.1').skip();
    assert.deepEqual(story.tell(digit('t1.1', '2'), digit('t1.1', '#')).all, []);
  });

  test('no digit in time: the next step', () => {
    const story = withPlan({ confirm, steps: two }).press().wait(5000).answered('t1.1').skip().wait(19_999);
    assert.deepEqual(story.did, [], 'he has his 20 s although the 20 s of the step are over');
    assert.deepEqual(story.wait(1).all, [
      'hangup t1.1 no-answer',
      '*call unreached sip:1@a no-answer',
      'dial t1.2 sip:2@a',
      '*call calling sip:2@a',
      'dial t1.3 sip:3@a',
      '*call calling sip:3@a',
    ]);
  });

  test('a voicemail that answers does not stop the others from ringing, the person there wins', () => {
    const story = withPlan({ confirm, steps: [two[1]] })
      .press()
      .answered('t1.1')
      .wait(3000)
      .answered('t1.2')
      .skip();
    assert.deepEqual(story.tell(digit('t1.2', '1')).did, [
      'hangup t1.1 cancelled',
      'listen t1.2 with microphone',
      'ringback off',
    ]);
  });

  test('who hangs up instead of confirming is passed over at once', () => {
    const story = withPlan({ confirm, steps: two }).press().answered('t1.1').skip().ended('t1.1', 'hangup');
    assert.deepEqual(story.did, ['dial t1.2 sip:2@a', 'dial t1.3 sip:3@a']);
  });

  test('the digit of a phone that only rings confirms nothing', () => {
    const story = withPlan({ confirm }).press().skip().tell(digit('t1.1', '1'));
    assert.deepEqual(story.all, []);
  });
});

describe('call plan: how long they talk', () => {
  const talk = () => new Story().press().answered('t1.1').skip();

  test('a warning ten seconds before the end, then the end', () => {
    const story = talk().wait(589_999);
    assert.deepEqual(story.did, []);
    assert.deepEqual(story.wait(1).did, ['warning on']);
    assert.deepEqual(story.wait(10_000).all, ['hangup t1.1 limit', '*call ended sip:100@pbx limit']);
    assert.equal(story.terminal.deadline, undefined);
  });

  test('# prolongs, before the warning and after it', () => {
    const story = talk().wait(595_000).skip().tell(digit('t1.1', '#')).wait(589_999);
    assert.deepEqual(story.all, ['*call prolonged sip:100@pbx']);
    assert.deepEqual(story.wait(1).did, ['warning on']);
  });

  test('another digit does not prolong', () => {
    assert.deepEqual(talk().tell(digit('t1.1', '5')).wait(600_000).did, ['warning on', 'hangup t1.1 limit']);
  });

  test('the other side hangs up: the person hears busy for two seconds', () => {
    const story = talk().wait(30_000).ended('t1.1', 'hangup');
    assert.deepEqual(story.all, ['*call ended sip:100@pbx hangup', 'busy on']);
    assert.deepEqual(story.wait(1999).all, []);
    assert.deepEqual(story.wait(1).all, ['busy off']);
  });

  test('the event of the end says how long they were connected', () => {
    const ended = talk().wait(30_000).ended('t1.1', 'hangup').take()[0];
    assert.equal(ended.type === 'event' && ended.event.type === 'call' && ended.event.durationMs, 30_000);
  });
});

describe('call plan: when the network takes the talk away', () => {
  const held = (on: boolean) => ({ type: 'waiting', call: 't1.1', on }) as const;

  test('whom the other side has left on hold presses, and the plan begins anew', () => {
    const story = withPlan({ steps: two }).press().answered('t1.1').skip().tell(held(true)).wait(20_000).press();
    assert.deepEqual(story.all, [
      '*call held sip:1@a',
      '*press help calling',
      'hangup t1.1 hangup',
      '*call lost sip:1@a',
      'dial t1.2 sip:1@a',
      '*call calling sip:1@a',
      'ringback on',
      '*release help 0',
    ]);
    assert.deepEqual(story.answered('t1.2').skip().press().did, []);
  });

  for (const [name, tell] of [
    ['in the first seconds, in which somebody is only asked', (story) => story.tell(held(true)).wait(19_000)],
    [
      'once the other side listens again',
      (story) => story.tell(held(true)).wait(19_000).tell(held(false)).wait(19_000),
    ],
    [
      'once it was passed on to somebody else',
      (story) =>
        story.tell(held(true)).wait(19_000).tell({ type: 'transferred', call: 't1.1', to: 'sip:9@a' }).wait(19_000),
    ],
  ] as [string, (story: Story) => Story][])
    test(`a press on hold changes nothing ${name}`, () => {
      const story = tell(withPlan({ steps: two }).press().answered('t1.1'))
        .skip()
        .press();
      assert.deepEqual(story.did, []);
    });

  const lost = (story: Story, leg: string) => story.skip().ended(leg, 'media-lost', 'network');

  test('the plan begins anew, and the next who answers talks', () => {
    const story = lost(new Story().press().answered('t1.1').wait(30_000), 't1.1');
    assert.deepEqual(story.all, [
      '*call lost sip:100@pbx',
      'dial t1.2 sip:100@pbx',
      '*call calling sip:100@pbx',
      'ringback on',
    ]);
    assert.deepEqual(story.skip().answered('t1.2').did, ['listen t1.2 with microphone', 'ringback off']);
  });

  test('three times; then it has ended, and the person hears an error', () => {
    const story = new Story().press();
    for (let leg = 1; leg <= 3; leg++) lost(story.answered(`t1.${leg}`), `t1.${leg}`);
    assert.deepEqual(lost(story.answered('t1.4'), 't1.4').all, ['*call ended sip:100@pbx media-lost', 'error on']);
  });

  test('who hangs up is not called again', () => {
    const story = new Story().press().answered('t1.1').skip().ended('t1.1', 'hangup', 'peer');
    assert.ok(!story.did.some((action) => action.startsWith('dial')));
  });
});

describe('call plan: when nobody is reached', () => {
  test('the person hears an error, and the event says who failed how', () => {
    const story = withPlan({ steps: two, prompt: 'here.wav' })
      .press()
      .ended('t1.1', 'unreachable')
      .ended('t1.2', 'busy')
      .skip();
    story.wait(15_000);
    const failed = story.take();
    assert.deepEqual(failed.length, 6);
    const event = failed.find(
      (action) => action.type === 'event' && 'state' in action.event && action.event.state === 'failed',
    );
    assert.deepEqual(event, {
      type: 'event',
      event: {
        type: 'call',
        call: 't1',
        direction: 'outgoing',
        state: 'failed',
        peer: 'sip:1@a, sip:2@a, sip:3@a',
        priority: 10,
        plan: 'control',
        cause: 'no-answer',
        reason: 'reached nobody: sip:1@a unreachable, sip:2@a busy, sip:3@a no-answer',
      },
    });
    assert.deepEqual(
      failed.filter((action) => action.type === 'tone' || action.type === 'silence'),
      [{ type: 'silence' }, { type: 'tone', tone: 'ringback', on: false }, { type: 'tone', tone: 'error', on: true }],
    );
  });

  test('all busy: the person hears that first', () => {
    const story = new Story().press().skip().ended('t1.1', 'busy');
    assert.deepEqual(story.did, ['ringback off', 'busy on']);
    assert.deepEqual(story.wait(2000).did, ['busy off', 'error on']);
  });

  test('a plan that rings nobody fails aloud', () => {
    const story = withPlan({ steps: [{ ring: [], forMs: 20_000 }] }).press();
    assert.deepEqual(story.all, ['*press help calling', '*call failed  failed', 'error on', '*release help 0']);
  });

  test('after a failure the next press calls again, and busy is cut short', () => {
    const story = new Story().press().ended('t1.1', 'busy').skip().press();
    assert.deepEqual(story.did, ['dial t2.1 sip:100@pbx', 'busy off', 'ringback on']);
  });
});
