import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { INCOMING_MAX } from '../../src/terminal/callers.ts';
import type { IncomingRule } from '../../src/terminal/index.ts';
import { caller, incoming, rule, Story } from './story.ts';

const desk = 'sip:100@pbx';
const withRule = (more: Partial<IncomingRule> = {}) => new Story({ incoming: [rule(more)] });

describe('incoming: answered by itself', () => {
  test('a page is answered one way and heard as soon as the answer stands', () => {
    const story = withRule().tell(incoming('p', desk));
    assert.deepEqual(story.all, ['answer p recvonly', `*page answered ${desk}`]);
    assert.deepEqual(story.answered('p').all, [`*page connected ${desk}`, 'listen p']);
  });

  test('an intercom call is answered both ways', () => {
    const story = withRule({ as: 'intercom' }).tell(incoming('p', desk)).answered('p');
    assert.deepEqual(story.did, ['answer p sendrecv', 'listen p with microphone']);
  });

  test('a chime, when the rule wants one', () => {
    assert.deepEqual(withRule({ chime: true }).tell(incoming('p', desk)).skip().answered('p').did, [
      'listen p',
      'chime on',
    ]);
  });

  test('the event says which rule and which header decided', () => {
    const story = withRule({ answer: 'when-asked' });
    const [, event] = story.tell(incoming('p', desk, { asked: { header: 'Alert-Info', afterMs: 0 } })).take();
    assert.match(JSON.stringify(event), /rule 1 \(from sip:\*@pbx\).*asked by Alert-Info/);
  });

  test('a delay: the caller hears it ring, then it is answered', () => {
    const story = withRule({ delayMs: 3000 }).tell(incoming('p', desk));
    assert.deepEqual(story.all, ['alert p', `*page ringing ${desk}`]);
    assert.deepEqual(story.wait(2999).did, []);
    assert.deepEqual(story.wait(1).did, ['answer p recvonly']);
  });

  test('a caller who gives up during the delay is not answered', () => {
    const story = withRule({ delayMs: 3000 }).tell(incoming('p', desk)).skip().ended('p', 'cancelled');
    assert.deepEqual(story.all, [`*page ended ${desk} cancelled`]);
    assert.deepEqual(story.wait(10_000).all, []);
  });

  test('a page that is too long is ended', () => {
    const story = withRule({ limitMs: 60_000 }).tell(incoming('p', desk)).answered('p').skip();
    assert.deepEqual(story.wait(60_000).all, ['hangup p limit', `*page ended ${desk} limit`]);
  });

  test('an answer that never stands is ended by the same limit', () => {
    const story = withRule({ limitMs: 60_000 }).tell(incoming('p', desk)).skip().wait(60_000);
    assert.deepEqual(story.did, ['hangup p limit']);
  });
});

describe('incoming: turned away', () => {
  test('a stranger gets 603, and the event says why', () => {
    const story = withRule();
    const strange = caller(desk, { account: undefined, sourceAddress: '203.0.113.9' });
    const [reject, event] = story.tell(incoming('x', desk, { caller: strange })).take();
    assert.deepEqual(reject, { type: 'reject', call: 'x', code: 'declined' });
    assert.match(JSON.stringify(event), /"refused".*rule 1 .* would match, but 203\.0\.113\.9 is no server/);
  });

  test('one call too many at once is told busy', () => {
    const story = withRule({ answer: 'ring' });
    for (let n = 1; n <= INCOMING_MAX; n++) story.tell(incoming(`c${n}`, desk));
    assert.deepEqual(story.skip().tell(incoming('last', desk)).all, ['reject last busy', `*call refused ${desk} busy`]);
  });

  test('the same call told twice is one', () => {
    const story = withRule().tell(incoming('p', desk)).skip().tell(incoming('p', desk));
    assert.deepEqual(story.all, []);
  });
});

describe('incoming: it rings', () => {
  const ring = (more: Partial<IncomingRule> = {}) =>
    withRule({ answer: 'ring', as: 'intercom', ...more }).tell(incoming('c', desk));

  test('with a chime every four seconds', () => {
    const story = ring();
    assert.deepEqual(story.all, ['alert c', `*call ringing ${desk}`, 'chime on']);
    assert.deepEqual(story.wait(8000).did, ['chime on', 'chime on']);
  });

  test('a press answers it, and dials nobody', () => {
    const story = ring().skip().press();
    assert.deepEqual(story.all, [
      '*press help answered',
      'answer c sendrecv',
      `*call answered ${desk}`,
      '*release help 0',
    ]);
    assert.deepEqual(story.answered('c').wait(5000).did, ['listen c with microphone']);
  });

  test('a page that rings is answered one way', () => {
    assert.deepEqual(ring({ as: 'page' }).skip().press().answered('c').did, ['answer c recvonly', 'listen c']);
  });

  test('nobody presses: after a minute the caller is told so', () => {
    const story = ring().wait(59_999).skip();
    assert.deepEqual(story.wait(1).all, ['reject c unavailable', `*call ended ${desk} no-answer`]);
    assert.equal(story.terminal.deadline, undefined);
  });

  test('it rings without a chime while we talk', () => {
    const story = new Story({ incoming: [rule({ answer: 'ring' })] }).press().answered('t1.1').skip();
    assert.deepEqual(story.tell(incoming('c', desk)).wait(10_000).did, ['alert c']);
  });
});

describe('incoming: the loudspeaker is taken', () => {
  const paged = () => new Story().tell(incoming('a', 'sip:1@pbx')).answered('a').skip();

  test('an equal page waits, and is answered when the first is over', () => {
    const story = paged().tell(incoming('b', 'sip:2@pbx'));
    assert.deepEqual(story.all, ['alert b', '*page waiting sip:2@pbx']);
    assert.deepEqual(story.wait(30_000).ended('a', 'hangup').did, ['answer b recvonly']);
  });

  test('it waits a minute and is then told busy', () => {
    const story = paged().tell(incoming('b', 'sip:2@pbx')).skip().wait(59_999);
    assert.deepEqual(story.all, []);
    assert.deepEqual(story.wait(1).all, ['reject b busy', '*page refused sip:2@pbx busy']);
  });

  test('a caller who gives up while he waits is forgotten', () => {
    const story = paged().tell(incoming('b', 'sip:2@pbx')).ended('b', 'cancelled').skip();
    assert.deepEqual(story.ended('a', 'hangup').did, []);
  });

  test('who waited first is answered first', () => {
    const story = paged().tell(incoming('b', 'sip:2@pbx'), incoming('c', 'sip:3@pbx')).skip().ended('a', 'hangup');
    assert.deepEqual(story.did, ['answer b recvonly']);
  });

  test('a delay that is over while another talks becomes a wait, and rings only once', () => {
    const story = new Story({ incoming: [rule({ from: 'sip:1@pbx' }), rule({ delayMs: 5000 })] });
    story.tell(incoming('b', 'sip:2@pbx'), incoming('a', 'sip:1@pbx')).answered('a').wait(5000);
    assert.deepEqual(story.all, [
      'alert b',
      '*page ringing sip:2@pbx',
      'answer a recvonly',
      '*page answered sip:1@pbx',
      '*page connected sip:1@pbx',
      'listen a',
      '*page waiting sip:2@pbx',
    ]);
  });
});
