import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { explainButton, explainIncoming, type IncomingRule } from '../../src/terminal/index.ts';
import { caller, config, incoming, plan, rule, Story } from './story.ts';

const ordinary = incoming('low', 'sip:1@pbx');
const urgent = incoming('high', 'sip:8@pbx');
const rules = (more: Partial<IncomingRule> = {}): IncomingRule[] => [
  rule({ from: 'sip:8@pbx', priority: 8 }),
  rule({ from: 'sip:10@pbx', priority: 10 }),
  rule({ from: 'sip:6@pbx', priority: 6, as: 'intercom' }),
  rule(more),
];
/** The call at 6 of the story: up and heard. */
const inCall = (interrupted: 'hold' | 'end') =>
  new Story({ incoming: rules(), calls: { control: plan({ priority: 6, interrupted }) } })
    .press()
    .answered('t1.1')
    .skip();

describe('priorities: a page meets a call', () => {
  test('a page at 8 cuts into a call at 6, which is held and comes back', () => {
    const story = inCall('hold').tell(urgent).answered('high');
    assert.deepEqual(story.all, [
      'hold t1.1',
      '*call held sip:100@pbx',
      'answer high recvonly',
      '*page answered sip:8@pbx',
      '*page connected sip:8@pbx',
      'listen high',
    ]);
    assert.deepEqual(story.ended('high', 'hangup').all, [
      '*page ended sip:8@pbx hangup',
      '*call resumed sip:100@pbx',
      'resume t1.1',
    ]);
  });

  test('or ended, when its rule says so', () => {
    const story = inCall('end').tell(urgent);
    assert.deepEqual(story.all, [
      'hangup t1.1 interrupted',
      '*call ended sip:100@pbx interrupted',
      'answer high recvonly',
      '*page answered sip:8@pbx',
    ]);
  });

  test('a page at 5 does not: it waits and is heard afterwards', () => {
    const story = inCall('hold').tell(ordinary);
    assert.deepEqual(story.all, ['alert low', '*page waiting sip:1@pbx']);
    assert.deepEqual(story.ended('t1.1', 'hangup').did, ['answer low recvonly']);
  });

  test('the reason of the wait names who has the loudspeaker', () => {
    const told = JSON.stringify(inCall('hold').tell(ordinary).take());
    assert.match(told, /our call to sip:100@pbx at 6 has the loudspeaker/);
  });

  test('a page that cut in and is gone before it was heard gives the call back', () => {
    const story = inCall('hold').tell(urgent).skip().ended('high', 'cancelled');
    assert.deepEqual(story.did, ['resume t1.1']);
  });

  test('the other side of a held call hangs up: forgotten, the page goes on', () => {
    const story = inCall('hold').tell(urgent).answered('high').skip().ended('t1.1', 'hangup');
    assert.deepEqual(story.did, [], 'no busy tone into the page');
    assert.deepEqual(story.ended('high', 'hangup').did, []);
  });

  test('while a call at 6 is set up, a page at 8 is heard; who answers meanwhile is held until it is over', () => {
    const story = new Story({
      incoming: rules(),
      calls: { control: plan({ priority: 6, prompt: 'here.wav' }) },
    }).press();
    assert.deepEqual(story.skip().tell(urgent).answered('high').did, [
      'silence',
      'answer high recvonly',
      'ringback off',
      'listen high',
    ]);
    assert.deepEqual(story.answered('t1.1').all, [
      '*call answered sip:100@pbx',
      '*call connected sip:100@pbx',
      '*call held sip:100@pbx',
    ]);
    assert.deepEqual(story.ended('high', 'hangup').did, ['listen t1.1 with microphone']);
  });

  test('a help call at 10 is not touched by a page at 10', () => {
    const story = new Story({ incoming: rules() }).press().answered('t1.1').skip();
    assert.deepEqual(story.tell(incoming('p', 'sip:10@pbx')).did, ['alert p']);
  });
});

describe('priorities: a press meets a page', () => {
  const paged = (from: string, more: Partial<IncomingRule> = {}) =>
    new Story({
      incoming: rules(more),
      calls: { control: plan(), info: plan({ priority: 4 }) },
      buttons: { help: { press: { call: 'control' } }, info: { press: { call: 'info' } } },
    })
      .tell(incoming('p', from))
      .answered('p')
      .skip();

  test('the page is held, the call dials, the page comes back', () => {
    const story = paged('sip:1@pbx').press();
    assert.deepEqual(story.did, ['dial t1.1 sip:100@pbx', 'hold p', 'ringback on']);
    assert.deepEqual(story.answered('t1.1').did, ['listen t1.1 with microphone', 'ringback off']);
    assert.deepEqual(story.ended('t1.1', 'hangup').did, ['resume p']);
  });

  test('the page is ended, when its rule says so', () => {
    assert.deepEqual(paged('sip:1@pbx', { interrupted: 'end' }).press().did, [
      'dial t1.1 sip:100@pbx',
      'hangup p interrupted',
      'ringback on',
    ]);
  });

  test('not even a page at 10 stops a help call', () => {
    assert.deepEqual(paged('sip:10@pbx').press().did, ['dial t1.1 sip:100@pbx', 'hold p', 'ringback on']);
  });

  test('a call of lower rank dials at once and is heard when the page is over', () => {
    const story = paged('sip:8@pbx').press('info');
    assert.deepEqual(story.did, ['dial t1.1 sip:100@pbx']);
    assert.deepEqual(story.answered('t1.1').did, []);
    assert.deepEqual(story.ended('p', 'hangup').did, ['listen t1.1 with microphone']);
  });

  test('help during an information call: that is held, the higher one is dialled', () => {
    const story = paged('sip:1@pbx').ended('p', 'hangup').press('info').answered('t1.1').skip().press('help');
    assert.deepEqual(story.did, ['dial t2.1 sip:100@pbx', 'hold t1.1', 'ringback on']);
  });

  test('a failed call tells the person even while a page is heard', () => {
    const story = paged('sip:8@pbx').press('info').skip().ended('t1.1', 'busy');
    assert.deepEqual(story.did, ['error on']);
  });
});

describe('presses', () => {
  test('a second press does nothing and is reported, while it rings and while they talk', () => {
    const story = new Story().press().skip().press();
    assert.deepEqual(story.all, ['*press help ignored', '*release help 0']);
    assert.deepEqual(story.answered('t1.1').skip().press().all, ['*press help ignored', '*release help 0']);
  });

  test('when everything else is down, the press is reported and dials all the same', () => {
    const story = new Story().tell(
      { type: 'registered', account: 'pbx', registered: false, reason: 'no answer' },
      { type: 'fault', fault: 'mqtt', raised: true, reason: 'refused' },
      { type: 'fault', fault: 'sound', raised: true, reason: 'no card' },
    );
    assert.deepEqual(story.skip().press().events, ['press help calling', 'call calling sip:100@pbx']);
    assert.deepEqual(story.ended('t1.1', 'unreachable', 'network').events, [
      'call unreached sip:100@pbx unreachable',
      'call failed sip:100@pbx unreachable',
    ]);
  });

  test('a stuck button is a fault of its own and blocks no other', () => {
    const buttons = { help: { press: { call: 'control' } }, other: { press: { call: 'control' } } };
    const outputs = { alarm: { on: ['fault'] as const } };
    const story = new Story({ buttons, outputs }).tell({
      type: 'edge',
      button: 'other',
      active: true,
      source: 'button',
    });
    story.ended('t1.1', 'busy').wait(59_999).skip().wait(1);
    assert.deepEqual(story.all, ['*fault button:other raised', 'alarm on', '*output alarm on']);
    assert.deepEqual(story.press('help').events, ['press help calling', 'call calling sip:100@pbx']);
    assert.deepEqual(story.terminal.status(story.now).buttons, {
      help: { pressed: false, stuck: false },
      other: { pressed: true, stuck: true },
    });
    assert.deepEqual(story.release('other').all, [
      '*release other 60000',
      '*fault button:other cleared',
      'alarm off',
      '*output alarm off',
    ]);
  });

  test('the configuration says how long is stuck', () => {
    const story = new Story({ stuckMs: 5000 }).tell({ type: 'edge', button: 'help', active: true, source: 'button' });
    assert.deepEqual(story.skip().wait(5000).events, ['fault button:help raised']);
  });

  test('a button nobody configured is reported', () =>
    assert.deepEqual(new Story().press('ghost').all, ['*press ghost ignored']));

  test('the button that hangs up', () => {
    const story = new Story({ buttons: { help: { press: { call: 'control' } }, off: { press: { hangup: true } } } });
    assert.deepEqual(story.press().answered('t1.1').skip().press('off').all, [
      '*press off hangup',
      'hangup t1.1 hangup',
      '*call ended sip:100@pbx hangup',
      '*release off 0',
    ]);
  });
});

describe('commands', () => {
  const by = (story: Story, command: Parameters<typeof tellCommand>[1]) => tellCommand(story, command);
  const tellCommand = (
    story: Story,
    command: Extract<Parameters<Story['tell']>[0], { type: 'command' }>['command'],
  ): string[] => story.skip().tell({ type: 'command', command, source: 'mqtt' }).all;

  test('press: like a finger, for as long as asked', () => {
    const story = new Story();
    assert.deepEqual(by(story, { verb: 'press', button: 'help', forMs: 500 }).slice(0, 3), [
      '*press done',
      '*press help calling',
      'dial t1.1 sip:100@pbx',
    ]);
    assert.deepEqual(story.wait(499).all, []);
    assert.deepEqual(story.wait(1).all, ['*release help 500']);
  });

  test('press held by software long enough is stuck', () => {
    const story = new Story({ stuckMs: 1000 });
    by(story, { verb: 'press', button: 'help', forMs: 1500 });
    assert.deepEqual(story.skip().wait(2000).all, [
      '*fault button:help raised',
      '*release help 1500',
      '*fault button:help cleared',
    ]);
  });

  test('call: a plan, at its own priority', () =>
    assert.deepEqual(by(new Story(), { verb: 'call', plan: 'control' }).slice(0, 2), [
      '*call done',
      'dial t1.1 sip:100@pbx',
    ]));

  test('dial: a page at 8 cuts in, one at 5 does not', () => {
    const story = new Story({ incoming: rules() });
    assert.deepEqual(by(story, { verb: 'dial', target: 'sip:9@x' })[1], 'dial t1.1 sip:9@x');
    assert.deepEqual(story.answered('t1.1').skip().tell(ordinary).did, ['alert low']);
    assert.deepEqual(story.tell(urgent).did, ['hold t1.1', 'answer high recvonly']);
  });

  test('a second call is refused with the reason', () => {
    const story = new Story().press();
    assert.deepEqual(by(story, { verb: 'dial', target: 'sip:9@x' }), [
      '*dial refused: our call to sip:100@pbx at 10 is calling',
    ]);
  });

  test('hangup ends everything: a call, a page, a call that rings', () => {
    const story = new Story({ incoming: [...rules().slice(0, 2), rule({ answer: 'ring' })] });
    story.tell(urgent, ordinary).answered('high').press();
    assert.deepEqual(by(story, { verb: 'hangup' }), [
      '*hangup done',
      'hangup high hangup',
      '*page ended sip:8@pbx hangup',
      'reject low declined',
      '*page ended sip:1@pbx hangup',
      'hangup t1.1 hangup',
      '*call ended sip:100@pbx hangup',
      'ringback off',
    ]);
    assert.deepEqual(by(story, { verb: 'hangup' }), ['*hangup refused: there is no call to hang up']);
  });

  test('digits go to who talks', () => {
    const story = new Story();
    assert.deepEqual(by(story, { verb: 'digits', digits: '12' }), ['*digits refused: nobody talks']);
    story.press();
    assert.deepEqual(by(story, { verb: 'digits', digits: '12' }), ['*digits refused: nobody talks']);
    story.answered('t1.1');
    assert.deepEqual(by(story, { verb: 'digits', digits: '12' }), ['*digits done', 'digits t1.1 12']);
  });

  test('volume and play', () => {
    const story = new Story();
    assert.deepEqual(by(story, { verb: 'volume', volume: 40 }), ['*volume done', 'volume 40']);
    assert.deepEqual(by(story, { verb: 'play', file: 'gong.wav' }), ['*play done', 'prompt gong.wav']);
    story.press();
    assert.deepEqual(by(story, { verb: 'play', file: 'gong.wav' }), [
      '*play refused: our call to sip:100@pbx at 10 has the loudspeaker',
    ]);
  });

  test('a self-test, when no call goes on', () => {
    const story = new Story();
    assert.deepEqual(by(story, { verb: 'selftest', baseline: true }), ['*selftest done', 'selftest baseline by mqtt']);
    story.press();
    assert.deepEqual(by(story, { verb: 'selftest', baseline: false }), ['*selftest refused: a call goes on']);
  });

  test('what does not exist is refused', () => {
    const story = new Story();
    assert.deepEqual(by(story, { verb: 'press', button: 'ghost' }), ['*press refused: there is no button ghost']);
    assert.deepEqual(by(story, { verb: 'call', plan: 'ghost' }), ['*call refused: there is no plan ghost']);
    assert.deepEqual(by(story, { verb: 'output', output: 'ghost', on: true }), [
      '*output refused: there is no output ghost',
    ]);
  });

  test('an output by hand, and back to its rule', () => {
    const story = new Story({ outputs: { lamp: { on: ['calling'], blinkMs: 500 } } }).tell({ type: 'start' });
    assert.deepEqual(by(story, { verb: 'output', output: 'lamp', on: true }), [
      '*output done',
      'lamp on',
      '*output lamp on',
    ]);
    assert.deepEqual(
      story.press().all.filter((line) => line.includes('lamp')),
      [],
      'the hand wins over the state',
    );
    assert.deepEqual(by(story, { verb: 'output', output: 'lamp', on: null }), [
      '*output done',
      'lamp on blinking 500',
      '*output lamp on',
    ]);
  });
});

describe('lamps', () => {
  const outputs = {
    idle: { on: ['idle'] as const },
    called: { on: ['calling', 'connected'] as const },
    talk: { on: ['connected'] as const, blinkMs: 500 },
    page: { on: ['paging'] as const },
    ring: { on: ['ringing'] as const },
    held: { on: ['held'] as const },
    ready: { on: ['registered'] as const },
    alarm: { on: ['fault'] as const },
  };
  const lamps = (story: Story) => story.did.filter((line) => line.split(' ')[0] in outputs);
  const started = (more = {}) => new Story({ outputs, incoming: rules(), ...more }).tell({ type: 'start' });

  test('at the start every line is set, and only what is light is news', () => {
    const story = started();
    const all = story.all;
    assert.equal(all.filter((line) => !line.startsWith('*')).length, Object.keys(outputs).length);
    assert.deepEqual(
      all.filter((line) => line.startsWith('*')),
      ['*output idle on'],
    );
  });

  test('follow a help call', () => {
    const story = started().skip();
    assert.deepEqual(lamps(story.press()), ['idle off', 'called on']);
    assert.deepEqual(lamps(story.answered('t1.1')), ['talk on blinking 500']);
    assert.deepEqual(lamps(story.ended('t1.1', 'hangup')), ['idle on', 'called off', 'talk off']);
  });

  test('go back when nobody was reached', () => {
    const story = started().press().skip().ended('t1.1', 'busy');
    assert.deepEqual(lamps(story), ['idle on', 'called off']);
  });

  test('follow a page that cuts in', () => {
    const story = started({ calls: { control: plan({ priority: 6 }) } })
      .press()
      .answered('t1.1')
      .skip();
    assert.deepEqual(lamps(story.tell(urgent).answered('high')), [
      'called off',
      'talk off',
      'ring on',
      'held on',
      'page on',
      'ring off',
    ]);
    assert.deepEqual(lamps(story.ended('high', 'hangup')), [
      'called on',
      'talk on blinking 500',
      'page off',
      'held off',
    ]);
  });

  test('say whether every account is registered, and that something is wrong', () => {
    const story = started().skip();
    const registered = (account: string, on: boolean) =>
      lamps(story.tell({ type: 'registered', account, registered: on, reason: on ? '200' : 'no answer' }));
    assert.deepEqual(registered('pbx', true), ['ready on']);
    assert.deepEqual(registered('spare', false), ['ready off', 'alarm on']);
    assert.deepEqual(registered('spare', true), ['ready on', 'alarm off']);
  });
});

describe('faults and registrations', () => {
  test('each change is told once', () => {
    const fault = (raised: boolean, reason: string) => ({ type: 'fault', fault: 'mqtt', raised, reason }) as const;
    const story = new Story().tell(fault(false, 'fine'), fault(true, 'refused'), fault(true, 'refused'));
    assert.deepEqual(story.events, ['fault mqtt raised']);
    assert.deepEqual(story.tell(fault(true, 'time-out')).events, ['fault mqtt raised'], 'another reason is news');
    assert.deepEqual(story.terminal.status(0).faults, [{ fault: 'mqtt', reason: 'time-out' }]);
    assert.deepEqual(story.tell(fault(false, 'fine'), fault(false, 'fine')).events, ['fault mqtt cleared']);
  });

  test('an account that is not registered is a fault', () => {
    const story = new Story().tell({ type: 'registered', account: 'pbx', registered: false, reason: '403' });
    assert.deepEqual(story.events, ['pbx not registered', 'fault sip:pbx raised']);
    assert.deepEqual(story.terminal.status(0).registrations, { pbx: { registered: false, reason: '403' } });
    story.tell({ type: 'registered', account: 'pbx', registered: true, reason: '200' });
    assert.deepEqual(story.events, ['pbx registered', 'fault sip:pbx cleared']);
  });
});

describe('the end', () => {
  test('everything is hung up and dark, nothing is due, nobody is let in', () => {
    const outputs = { called: { on: ['calling'] as const }, by: { on: [] } };
    const story = new Story({ outputs, incoming: rules() }).tell(
      { type: 'start' },
      { type: 'command', command: { verb: 'output', output: 'by', on: true }, source: 'web' },
      ordinary,
    );
    story.answered('low').press().skip().tell({ type: 'stop' });
    assert.deepEqual(story.all, [
      'hangup low stopping',
      '*page ended sip:1@pbx stopping',
      'hangup t1.1 stopping',
      '*call ended sip:100@pbx stopping',
      'ringback off',
      'called off',
      '*output called off',
      'by off',
      '*output by off',
    ]);
    assert.equal(story.terminal.deadline, undefined);
    assert.deepEqual(story.tell(urgent).did, ['reject high unavailable']);
    assert.deepEqual(
      story.skip().press().all,
      ['*press help refused', '*release help 0'],
      'the press is in the journal',
    );
    assert.deepEqual(story.tell({ type: 'stop' }).all, []);
  });
});

test('the end: tones that still sound are ended', () => {
  const busy = new Story().press().ended('t1.1', 'busy').skip().tell({ type: 'stop' });
  assert.deepEqual(busy.all, ['busy off']);
  const ringing = new Story({ incoming: [rule({ answer: 'ring' })] }).tell(ordinary).skip().tell({ type: 'stop' });
  assert.deepEqual(ringing.wait(10_000).did, ['reject low unavailable']);
});

test('status: what goes on, in the words of the contract', () => {
  const story = new Story({ outputs: { called: { on: ['calling'] } } }).press().wait(4000);
  const status = story.terminal.status(story.now);
  assert.equal(status.state, 'calling');
  assert.deepEqual(status.calls, [
    {
      call: 't1',
      kind: 'call',
      direction: 'outgoing',
      state: 'calling',
      peer: 'sip:100@pbx',
      priority: 10,
      plan: 'control',
      sinceMs: 4000,
    },
  ]);
  assert.deepEqual(status.outputs, { called: { on: true } });
  assert.equal(new Story().terminal.status(0).state, 'idle');
});

describe('explain', () => {
  test('a button', () => {
    const lines = explainButton(
      config({ calls: { control: plan({ confirm: { digit: '1', withinMs: 20_000 } }) } }),
      'help',
    );
    assert.deepEqual(lines, [
      'calls by plan control at priority 10',
      'step 1: rings sip:100@pbx for 20 s',
      'gives up after 1 cycle, with a tone and an event',
      'who answers proves to be a person by digit 1 within 20 s',
      'talks for at most 600 s; a tone 10 s before, digit # prolongs',
    ]);
    const steps = [1, 2].map((n) => ({ ring: [`sip:${n}@pbx`], forMs: n * 10_000 }));
    assert.deepEqual(explainButton(config({ calls: { control: plan({ race: true, steps }) } }), 'help').slice(1, 3), [
      'race: all steps ring at once, and the first to answer has the call',
      'step 1: rings sip:1@pbx and sip:2@pbx for 20 s',
    ]);
    assert.deepEqual(explainButton(config(), 'ghost'), ['ignored: there is no button ghost']);
  });

  test('an incoming call, rule by rule', () => {
    const strange = incoming('x', 'sip:1@pbx', { caller: caller('sip:1@pbx', { account: undefined }) });
    assert.deepEqual(
      explainIncoming(config({ incoming: [rule({ from: 'sip:2@pbx' }), rule()] }), strange).slice(0, 2),
      [
        'rule 1 (from sip:2@pbx): is not for sip:1@pbx',
        'rule 2 (from sip:*@pbx): 10.0.0.2 is no server of an account and no source of that rule',
      ],
    );
    assert.equal(explainIncoming(config(), strange).at(-1), 'answer: 603 Decline');
    assert.match(
      explainIncoming(config(), ordinary).join('\n'),
      /answered automatically\nas page: the microphone stays closed/,
    );
  });
});
