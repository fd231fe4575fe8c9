/** Text messages, what a telephone system steers, and reloading. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Caller, explainIncoming, type IncomingRule } from '../../src/terminal/index.ts';
import { decideMessage } from '../../src/terminal/messages.ts';
import { caller, config, incoming, rule, Story } from './story.ts';

const desk = 'sip:100@pbx';
const message = (text: string, from: Caller = caller(desk)) =>
  ({ type: 'message', message: 'm', caller: from, text }) as const;
const stranger = caller(desk, { account: undefined, sourceAddress: '10.9.9.9' });

describe('messages: the first rule that matches decides', () => {
  for (const [name, rules, from, expected] of [
    ['a caller who is let in is heard', [rule()], caller(desk), 'event'],
    ['spoken when the rule says so', [rule({ message: 'speak' })], caller(desk), 'speak'],
    ['refused when the rule says so', [rule({ message: 'reject' })], caller(desk), 'refused'],
    ['a rule that rejects calls rejects texts', [rule({ answer: 'reject' })], caller(desk), 'refused'],
    ['unless it takes them', [rule({ answer: 'reject', message: 'event' })], caller(desk), 'event'],
    ['a stranger with the same name is not believed', [rule({ message: 'speak' })], stranger, 'refused'],
    ['the address that a rule names is', [rule({ message: 'speak', source: ['10.9.9.9'] })], stranger, 'speak'],
    ['anybody may call, nobody may write', [rule({ from: '*', message: 'speak' })], stranger, 'refused'],
    ['no rule, no message', [], caller(desk), 'refused'],
  ] as [string, IncomingRule[], Caller, string][])
    test(name, () => {
      const decision = decideMessage(rules, from);
      assert.equal(decision.taken ? (decision.speak ? 'speak' : 'event') : 'refused', expected);
    });

  test('taken: 200, an event, and its words on the loudspeaker', () => {
    const story = new Story({ incoming: [rule({ message: 'speak' })] }).tell(message('fire drill'));
    assert.deepEqual(story.all, ['message m taken', '*message', 'speak fire drill']);
  });

  test('not spoken into somebody who has the loudspeaker, and the event says so', () => {
    const story = new Story({ incoming: [rule({ message: 'speak' })] }).tell(incoming('p', desk)).skip();
    const [taken, event, ...more] = story.tell(message('fire drill')).take();
    assert.equal(taken.type, 'message');
    assert.match(JSON.stringify(event), /"spoken":false.*has the loudspeaker/);
    assert.deepEqual(more, []);
  });

  test('a stranger leaves a number behind and nothing else', () => {
    const story = new Story().tell(message('buy', stranger));
    assert.deepEqual(story.all, ['message m refused']);
    assert.deepEqual(story.terminal.status(0).messages, { taken: 0, refused: 1 });
  });

  test('who takes the loudspeaker silences what is being spoken', () => {
    const story = new Story().tell({ type: 'command', command: { verb: 'say', text: 'hello' }, source: 'mqtt' });
    assert.deepEqual(story.did, ['speak hello']);
    assert.deepEqual(story.skip().tell(incoming('p', desk)).did, ['silence', 'answer p recvonly']);
  });
});

const steer = (wish: 'talk' | 'hold', call?: string) => ({ type: 'steer', wish, call, by: 'NOTIFY' }) as const;

describe('steered by a telephone system', () => {
  test('talk answers the call that rings, when its rule answers who asks', () => {
    const story = new Story({ incoming: [rule({ answer: 'when-asked', as: 'intercom' })] }).tell(incoming('c', desk));
    assert.deepEqual(story.skip().tell(steer('talk')).did, ['answer c sendrecv']);
  });

  test('a rule that only rings stays with a hand at the button', () => {
    const story = new Story({ incoming: [rule({ answer: 'ring', as: 'intercom' })] }).tell(incoming('c', desk));
    assert.deepEqual(story.skip().tell(steer('talk')).did, []);
  });

  test('hold silences the talk until talk, and no page brings it back in between', () => {
    const talk = rule({ as: 'intercom' });
    const story = new Story({ incoming: [rule({ from: 'sip:9*@pbx', priority: 8 }), talk] }).tell(incoming('c', desk));
    story.answered('c').skip();
    assert.deepEqual(story.tell(steer('hold')).did, ['hold c']);
    assert.equal(story.terminal.status(0).calls[0].state, 'held');
    story.tell(incoming('p', 'sip:900@pbx')).answered('p').skip();
    assert.deepEqual(story.ended('p', 'hangup').did, []);
    assert.deepEqual(story.skip().tell(steer('talk', 'c')).did, ['resume c']);
  });
});

describe('put on hold by an operator', () => {
  const ask = (verb: 'hold' | 'resume') => ({ type: 'command', command: { verb }, source: 'mqtt' }) as const;
  const talking = (more: Partial<IncomingRule> = {}): Story => {
    const rules = [rule({ from: 'sip:9*@pbx', priority: 8 }), rule({ as: 'intercom', ...more })];
    return new Story({ incoming: rules }).tell(incoming('c', desk)).answered('c').skip();
  };

  test('until the operator takes it off, and no page brings it back in between', () => {
    const story = talking().tell(ask('hold'));
    assert.deepEqual(story.did, ['hold c']);
    assert.equal(story.terminal.status(0).calls[0].state, 'held');
    story.tell(incoming('p', 'sip:900@pbx')).answered('p').skip();
    assert.deepEqual(story.ended('p', 'hangup').did, []);
    assert.deepEqual(story.skip().tell(ask('resume')).did, ['resume c']);
    assert.equal(story.terminal.status(0).calls[0].state, 'connected');
  });

  test('taken off while a page sounds, it sounds after that', () => {
    const story = talking().tell(ask('hold')).tell(incoming('p', 'sip:900@pbx')).answered('p').skip();
    assert.deepEqual(story.tell(ask('resume')).did, []);
    assert.ok(story.skip().ended('p', 'hangup').did.includes('resume c'));
  });

  test('who talks not cannot be put on hold; twice is once; what is not held is not taken off', () => {
    const said = (story: Story) => story.all.filter((line) => line.startsWith('*')).map((line) => line.slice(1));
    assert.deepEqual(said(new Story().tell(ask('hold'))), ['hold refused: nobody talks']);
    assert.deepEqual(said(new Story().tell(ask('resume'))), ['resume refused: no call is on hold']);
    const story = talking().tell(ask('hold')).skip().tell(ask('hold'));
    assert.deepEqual(said(story), ['hold refused: it is on hold already']);
  });
});

describe('reloading', () => {
  const sync = { type: 'check-sync', by: 'NOTIFY', reboot: false } as const;
  test('at once when nothing goes on', () => {
    assert.deepEqual(new Story().tell(sync).all, ['*reload', 'reload']);
  });

  test('after the call when one goes on', () => {
    const story = new Story().tell(incoming('p', desk)).skip().tell(sync);
    assert.deepEqual(story.all, ['*reload']);
    assert.ok(story.skip().ended('p', 'hangup').did.includes('reload'));
  });

  test('an operator is told that a call goes on', () => {
    const story = new Story().tell(incoming('p', desk)).skip();
    story.tell({ type: 'command', command: { verb: 'reload' }, source: 'mqtt' });
    assert.deepEqual(story.all, ['*reload refused: a call goes on']);
  });
});

test('explain says what becomes of a text message', () => {
  const lines = explainIncoming(config({ incoming: [rule({ message: 'speak' })] }), incoming('c', desk));
  assert.ok(
    lines.some((line) => /text message.*spoken/.test(line)),
    lines.join('\n'),
  );
});
