import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Button, SOFT_PRESS_MAX_MS } from '../../src/terminal/button.ts';

/** `+line@0`, `-line@10`: edges; `soft@0 for 100`: a press by software; `@500`: time passes. */
function told(script: string): string {
  const button = new Button(60_000);
  const said: string[] = [];
  for (const step of script.split(', ')) {
    const [, sign, who, at, forMs] = /^([+-]?)(\w*)@(\d+)(?: for (\d+))?$/.exec(step) ?? assert.fail(step);
    const now = Number(at);
    for (let due = button.deadline; due !== undefined && due <= now; due = button.deadline)
      said.push(...button.timeout(due).map(word));
    const source = who === 'soft' ? 'socket' : 'button';
    if (forMs !== undefined) said.push(...button.press(source, Number(forMs), now).map(word));
    else if (sign !== '') said.push(...button.edge(sign === '+', source, now).map(word));
  }
  return said.join(', ');
}

function word(output: ReturnType<Button['timeout']>[number]): string {
  if (output.kind === 'press') return 'press';
  if (output.kind === 'release') return `release ${output.heldMs}`;
  return `${output.stuck ? 'stuck' : 'free'} ${output.heldMs}`;
}

for (const [name, script, expected] of [
  ['down and up is a press and a release', '+line@0, -line@150', 'press, release 150'],
  ['down twice is one press', '+line@0, +line@10, -line@20', 'press, release 20'],
  ['up without down is nothing', '-line@0', ''],
  ['held for a minute is stuck, once', '+line@0, @500000', 'press, stuck 60000'],
  ['a stuck button that is let go is free', '+line@0, -line@70000', 'press, stuck 60000, release 70000, free 70000'],
  ['let go just before the minute is not stuck', '+line@0, -line@59999, @200000', 'press, release 59999'],
  ['a press by software ends by itself', 'soft@0 for 200, @1000', 'press, release 200'],
  [
    'a second press by software during the first counts too',
    'soft@0 for 200, soft@100 for 200, @1000',
    'press, release 100, press, release 200',
  ],
  [
    'a press by software goes through while the line is stuck',
    '+line@0, soft@70000 for 100, @80000',
    'press, stuck 60000, press, release 100',
  ],
  [
    'the line is still down when software lets go',
    '+line@0, soft@10 for 100, @1000, -line@2000',
    'press, press, release 100, release 2000',
  ],
  [
    'two jammed contacts are one stuck button, free when both are',
    '+line@0, +soft@5, @90000, -line@90001, -soft@90002',
    'press, press, stuck 60000, release 90001, release 89997, free 89997',
  ],
  [
    'a press by software is not longer than its cap',
    `soft@0 for ${SOFT_PRESS_MAX_MS * 9}, @${SOFT_PRESS_MAX_MS * 9}`,
    `press, stuck 60000, release ${SOFT_PRESS_MAX_MS}, free ${SOFT_PRESS_MAX_MS}`,
  ],
] as const)
  test(`button: ${name}`, () => assert.equal(told(script), expected));

test('button: how long it was held is told in whole milliseconds', () => {
  const button = new Button();
  button.edge(true, 'button', 0.25);
  assert.deepEqual(button.edge(false, 'button', 150.4), [{ kind: 'release', source: 'button', heldMs: 150 }]);
});
