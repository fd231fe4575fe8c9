import assert from 'node:assert/strict';
import { test } from 'node:test';
import { speakerFor } from '../../src/terminal/speaker.ts';

/** `own 10`, `page 5`, `held page 5`; a holder is marked `>`. */
function heard(line: string): string {
  const claims = line.split(', ').map((text) => ({
    text: text.replace(/^> /, ''),
    holds: text.startsWith('> '),
    own: text.includes('own'),
    interruptedBefore: text.includes('held'),
    priority: Number(/\d+$/.exec(text)?.[0]),
  }));
  return speakerFor(
    claims.find((claim) => claim.holds),
    claims,
  )!.text;
}

for (const [name, claims, expected] of [
  ['who is alone has it', 'page 1', 'page 1'],
  ['higher interrupts lower', '> page 5, page 8', 'page 8'],
  ['lower does not interrupt', '> page 8, page 5', 'page 8'],
  ['of equals the first keeps it', '> page 5, other page 5', 'page 5'],
  ['of equals the first keeps it, wherever it stands', 'other page 5, > page 5', 'page 5'],
  ['an urgent page cuts into a call at 6', '> own 6, page 8', 'page 8'],
  ['an ordinary page does not', '> own 6, page 5', 'own 6'],
  ['the help call cuts into an emergency page', '> page 9, own 10', 'own 10'],
  ['the help call cuts even into a page at 10', '> page 10, own 10', 'own 10'],
  ['no page cuts into the help call', '> own 10, page 10', 'own 10'],
  ['an own call of lower rank waits for a page', '> page 8, own 6', 'page 8'],
  ['a free loudspeaker goes to the highest', 'held page 5, page 6, own 4', 'page 6'],
  ['of equals to the one that was interrupted', 'page 5, held page 5', 'held page 5'],
  ['of equals to the one that came first', 'early page 5, late page 5', 'early page 5'],
] as const)
  test(`speaker: ${name}`, () => assert.equal(heard(claims), expected));

test('speaker: nobody wants it', () => assert.equal(speakerFor(undefined, []), undefined));

test('speaker: a holder that is gone does not keep it', () => {
  const gone = { priority: 9, own: false, interruptedBefore: false };
  const waiting = { priority: 2, own: false, interruptedBefore: false };
  assert.equal(speakerFor(gone, [waiting]), waiting);
});
