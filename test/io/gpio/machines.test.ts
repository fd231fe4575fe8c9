/** The two machines of the room, in virtual time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Debouncer } from '../../../src/io/gpio/debouncer.ts';
import { Blinker } from '../../../src/io/gpio/index.ts';

/** `steps`: `5:1` is a rise at 5 ms, `40` is the timer at 40 ms. The result: `35:1` is what counts since 35 ms. */
function debounce(periodMs: number, steps: string): string {
  const machine = new Debouncer(periodMs, false);
  const out: string[] = [];
  for (const step of steps.split(' ')) {
    const [at, level] = step.split(':');
    const settled = level === undefined ? machine.timeout(Number(at)) : machine.receive(level === '1', Number(at));
    for (const { active, atMs } of settled) out.push(`${atMs}:${active ? 1 : 0}`);
  }
  return out.join(' ');
}

for (const [name, steps, expected] of [
  ['a level that lasts counts at the end of the period', '5:1 34 35', '35:1'],
  ['a glitch shorter than the period is none', '5:1 20:0 100', ''],
  ['bouncing starts the wait anew', '5:1 10:0 12:1 20:0 22:1 51 52', '52:1'],
  ['a bounce back to what counts is none either', '5:1 35 50:0 60:1 200', '35:1'],
  ['edges read late count at their own times', '5:1 300:0 400', '35:1 330:0'],
  ['an edge at the very end of the period comes too late to undo it', '5:1 35:0 65', '35:1 65:0'],
] as const) {
  test(`debouncer: ${name}`, () => assert.equal(debounce(30, steps), expected));
}

/** `set NAME on|off BLINK|- AT` or `AT`; the result: `NAME+` lit, `NAME-` dark, per step, separated by `|`. */
function blink(...steps: string[]): string {
  const blinker = new Blinker();
  return steps
    .map((step) => {
      const [verb, output, on, rate, at] = step.split(' ');
      const outputs =
        verb === 'set'
          ? blinker.set(output, on === 'on', rate === '-' ? undefined : Number(rate), Number(at))
          : blinker.timeout(Number(verb));
      return outputs.map((lamp) => lamp.output + (lamp.on ? '+' : '-')).join(' ');
    })
    .join('|');
}

for (const [name, steps, expected] of [
  ['steady is set and left alone', ['set a on - 0', '10000'], 'a+|'],
  ['half a period on, half off', ['set a on 500 0', '499', '500', '999', '1000'], 'a+||a-||a+'],
  ['asked again, it keeps its rhythm', ['set a on 500 0', '500', 'set a on 500 700', '1000'], 'a+|a-||a+'],
  ['off at once', ['set a on 500 0', 'set a off - 100', '5000'], 'a+|a-|'],
  ['steady after blinking', ['set a on 500 0', '500', 'set a on - 600', '5000'], 'a+|a-|a+|'],
  ['another rate starts anew', ['set a on 500 0', 'set a on 100 450', '550', '650'], 'a+|a+|a-|a+'],
  ['a lamp joins a lit one', ['set a on 500 0', 'set b on 500 200', '500', '1000'], 'a+|b+|a- b-|a+ b+'],
  [
    'a lamp joins a dark one, lit at once',
    ['set a on 500 0', '500', 'set b on 500 700', '1000', '1500'],
    'a+|a-|b+|a+|a- b-',
  ],
  ['woken late, the missed changes are skipped', ['set a on 500 0', '2600', '3000'], 'a+|a-|a+'],
  ['woken a whole period late, nothing changes', ['set a on 500 0', '1100', '1500'], 'a+||a-'],
] as const) {
  test(`blinker: ${name}`, () => assert.equal(blink(...steps), expected));
}

test('blinker: its deadline is the next change of any lamp', () => {
  const blinker = new Blinker();
  assert.equal(blinker.deadline, undefined);
  blinker.set('a', true, 500, 0);
  blinker.set('b', true, 200, 0);
  assert.equal(blinker.deadline, 200);
  blinker.set('b', false, undefined, 10);
  assert.equal(blinker.deadline, 500);
});
