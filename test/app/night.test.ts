/** Quiet hours, by the minute of the day. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { ceilingAt } from '../../src/app/night.ts';

const night = { fromMinute: 22 * 60, toMinute: 6 * 60, volume: 40, exceptPriority: 9 };
const at = (text: string): number => 60 * Number(text.slice(0, 2)) + Number(text.slice(3));

for (const [sentence, config, time, priority, expected] of [
  ['without a night there is no limit', undefined, '23:00', undefined, 100],
  ['by day neither', night, '12:00', 5, 100],
  ['it begins at its minute', night, '22:00', 5, 40],
  ['and not before', night, '21:59', 5, 100],
  ['it goes on over midnight', night, '00:00', undefined, 40],
  ['to its last minute', night, '05:59', 8, 40],
  ['and ends', night, '06:00', 8, 100],
  ['an emergency is as loud as by day', night, '03:00', 9, 100],
  ['a help call too', night, '03:00', 10, 100],
  ['hours within one day', { ...night, fromMinute: 720, toMinute: 780 }, '12:30', 5, 40],
  ['and outside of them', { ...night, fromMinute: 720, toMinute: 780 }, '23:30', 5, 100],
] as const)
  test(sentence, () => assert.equal(ceilingAt(config, at(time), priority), expected));
