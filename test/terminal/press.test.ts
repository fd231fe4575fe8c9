import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decidePress, foreseen, type Ongoing } from '../../src/terminal/press.ts';
import { config, plan } from './story.ts';

const setUp = config({
  calls: { control: plan(), info: plan({ priority: 4 }) },
  buttons: {
    help: { press: { call: 'control' } },
    info: { press: { call: 'info' } },
    desk: { press: { dial: 'sip:100@pbx' } },
    off: { press: { hangup: true } },
    bare: {},
    odd: { press: { call: 'nowhere' } },
  },
});

/** `own connected 10`, `call ringing 5`, `page connected 5`; who has the loudspeaker is marked `>`. */
function ongoing(text: string): Ongoing {
  const [, kind, state, priority] = /(own|call|page) (\w+) (\d+)$/.exec(text) ?? assert.fail(text);
  return {
    id: text,
    kind: kind === 'page' ? 'page' : 'call',
    own: kind === 'own',
    peer: 'sip:x',
    priority: Number(priority),
    state: state as Ongoing['state'],
    interruptedBefore: state === 'held',
    wants: state !== 'ringing',
    asksForHand: kind !== 'own' && state === 'ringing',
  };
}

for (const [name, button, situation, expected] of [
  ['idle: it calls', 'help', '', 'calling'],
  ['idle: a number of its own is a help call', 'desk', '', 'calling'],
  ['our call is being set up: nothing', 'help', '> own calling 10', 'ignored'],
  ['our call is talking: nothing', 'help', '> own connected 10', 'ignored'],
  ['help during an information call: it calls', 'help', '> own connected 4', 'calling'],
  ['information during the help call: nothing', 'info', '> own connected 10', 'ignored'],
  ['information during an information call: nothing', 'info', '> own calling 4', 'ignored'],
  ['help during a page: it calls', 'help', '> page connected 5', 'calling'],
  ['help during an emergency page: it calls', 'help', '> page connected 9', 'calling'],
  ['help during a page at 10: it calls', 'help', '> page connected 10', 'calling'],
  [
    'information during a page at 8: it calls, and waits for the loudspeaker',
    'info',
    '> page connected 8',
    'calling, but',
  ],
  ['information while somebody important talks: nothing', 'info', '> call connected 6', 'ignored'],
  ['help while somebody talks: it calls', 'help', '> call connected 6', 'calling'],
  ['a call rings: it is answered', 'help', 'call ringing 5', 'answered'],
  ['a call rings: any button answers', 'bare', 'call ringing 5', 'answered'],
  ['two calls ring: the higher is answered', 'help', 'call ringing 5, call ringing 7', 'answered'],
  ['a call rings during a lower page: it is answered', 'help', 'call ringing 6, > page connected 5', 'answered'],
  ['a call rings during a page as high: help is called', 'help', 'call ringing 5, > page connected 5', 'calling'],
  ['a call rings during our call: nothing', 'help', 'call ringing 5, > own connected 10', 'ignored'],
  ['a page waits: it calls', 'help', 'page waiting 5', 'calling'],
  ['the button that hangs up: our call', 'off', '> own calling 10', 'hangup'],
  ['the button that hangs up: a ringing call', 'off', 'call ringing 5', 'hangup'],
  ['the button that hangs up leaves a page alone', 'off', '> page connected 5', 'ignored'],
  ['the button that hangs up: nothing to do', 'off', '', 'ignored'],
  ['a button without a rule', 'bare', '', 'ignored'],
  ['a button nobody knows', 'toString', '', 'ignored'],
  ['a plan that does not exist', 'odd', '', 'refused'],
] as const)
  test(`press: ${name}`, () => {
    const texts = situation === '' ? [] : situation.split(', ');
    const sessions = texts.map(ongoing);
    const holder = sessions.find(({ id }) => id.startsWith('> '));
    const decision = decidePress(setUp, button, sessions, holder);
    const but = decision.result === 'calling' && decision.reason !== undefined ? ', but' : '';
    assert.equal(decision.result + but, expected);
    if (decision.result === 'answered' && sessions.length === 2 && holder === undefined)
      assert.equal(decision.call, 'call ringing 7');
    if (decision.result === 'calling') assert.ok(decision.plan.steps.length > 0);
    else assert.notEqual(decision.reason, '');
  });

for (const [sentence, setting, expected] of [
  ['whom any button would ring first', {}, ['sip:100@pbx', 'sip:100@pbx', 'sip:100@pbx']],
  [
    'of a race everybody, of other plans the first step',
    {
      calls: {
        control: plan({ race: true, steps: [ring('a', 'b'), ring('c')] }),
        info: plan({ steps: [ring('d'), ring('e')] }),
      },
    },
    ['a', 'b', 'c', 'd', 'sip:100@pbx'],
  ],
] as const)
  test(`foreseen is ${sentence}`, () => assert.deepEqual(foreseen({ ...setUp, ...setting }), expected));

function ring(...uris: string[]) {
  return { ring: uris, forMs: 1_000 };
}
