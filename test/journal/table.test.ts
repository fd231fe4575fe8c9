import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Entry, EventTable, positionOf } from '../../src/journal/table.ts';

/** `o` an ordinary event, `E` an emergency, each numbered from 1. */
function fill(cap: number, kinds: string): { table: EventTable; dropped: number[] } {
  const table = new EventTable(cap);
  const dropped: number[] = [];
  [...kinds].forEach((kind, index) => {
    const entry: Entry = { position: index + 1, id: `t-${index + 1}`, emergency: kind === 'E', text: '' };
    const gone = table.add(entry);
    if (gone) dropped.push(gone.position);
  });
  return { table, dropped };
}

for (const [sentence, kinds, expected] of [
  ['nothing goes while there is room', 'oEoE', []],
  ['the oldest goes first', 'oooooo', [1]],
  ['an emergency outlives what is younger', 'EEooooo', [3, 4]],
  ['the newest ordinary one stays among emergencies', 'EEEEEo', [1]],
  ['emergencies go when there is nothing else', 'EEEEEEE', [1, 2]],
] as const) {
  test(`cap 5: ${sentence}`, () => assert.deepEqual(fill(5, kinds).dropped, expected));
}

test('both kinds come out in the order they went in', () => {
  const { table } = fill(10, 'oEooEEo');
  assert.deepEqual(
    table.behind(0).map(({ position }) => position),
    [1, 2, 3, 4, 5, 6, 7],
  );
  assert.deepEqual(
    table.behind(4).map(({ position }) => position),
    [5, 6, 7],
  );
  const walked: number[] = [];
  for (let entry = table.next(0); entry; entry = table.next(entry.position)) walked.push(entry.position);
  assert.deepEqual(walked, [1, 2, 3, 4, 5, 6, 7]);
  assert.equal(table.next(7), undefined);
});

test('a removed event is not met again', () => {
  const { table } = fill(10, 'oEo');
  table.remove(table.next(1)!);
  assert.deepEqual(
    table.behind(0).map(({ position }) => position),
    [1, 3],
  );
});

for (const [id, expected] of [
  ['7f3a-42', 42],
  ['7f3a', undefined],
  ['7f3a--1', undefined],
  ['7f3a-4.5', undefined],
  [42, undefined],
] as const) {
  test(`position of ${JSON.stringify(id)}`, () => assert.equal(positionOf(id), expected));
}
