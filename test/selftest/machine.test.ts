/** When it tests, how often it tries, and what cuts it. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { Acoustics } from '../../src/audio/index.ts';
import { type Heard, SelfTest, type SelfTestOutput } from '../../src/selftest/index.ts';

const HOUR = 3_600_000;
const well: Acoustics = {
  clearDb: 45,
  gainDb: -20,
  delayMs: 60,
  bandsDb: [],
  distortionPercent: 2,
  roughDb: -100,
  ambientDbfs: -60,
  clipped: 0,
};
const baseline = { acoustics: well, levelDbfs: -32, time: '' };
const heard = (more: Partial<Acoustics> = {}): Heard => ({ acoustics: { ...well, ...more } });
const deaf = heard({ clearDb: 0 });

const words = (outputs: SelfTestOutput[]): string =>
  outputs
    .map((output) => {
      if (output.type === 'measure') return `measure ${output.levelDbfs}`;
      if (output.type === 'done') return `${output.outcome.result} after ${output.outcome.tries}`;
      return output.type;
    })
    .join(', ');

const machine = (everyMs = 24 * HOUR, quiet?: { fromMinute: number; toMinute: number }): SelfTest =>
  new SelfTest({ everyMs, ...(quiet && { quiet }) }, baseline, undefined, 0);

test('heard at the first try, that is all', () => {
  const selftest = machine();
  assert.equal(words(selftest.start('socket', 'test', 0)), 'measure -32');
  assert.equal(selftest.running, true);
  assert.equal(words(selftest.heard(heard(), '', 2000)), 'passed after 1');
  assert.equal(selftest.running, false);
});

test('three tries, louder each, then it has failed', () => {
  const selftest = machine();
  const said = [selftest.start('mqtt', 'test', 0), ...[1, 2, 3].map((try_) => selftest.heard(deaf, '', try_))];
  assert.deepEqual(said.map(words), ['measure -32', 'measure -26', 'measure -20', 'failed after 3']);
});

test('heard at the third try: passed', () => {
  const selftest = machine();
  selftest.start('mqtt', 'test', 0);
  selftest.heard(deaf, '', 1);
  selftest.heard(deaf, '', 2);
  assert.equal(words(selftest.heard(heard(), '', 3)), 'passed after 3');
});

test('no card: no second try', () => {
  const selftest = machine();
  selftest.start('mqtt', 'test', 0);
  assert.equal(words(selftest.heard({ reason: 'there is no sound card', cut: false }, '', 1)), 'failed after 1');
});

test('a press cuts it, and what is measured still comes to nothing', () => {
  const selftest = machine();
  selftest.start('mqtt', 'test', 0);
  assert.equal(words(selftest.cut('a press', 1)), 'stop, cut after 1');
  assert.equal(words(selftest.heard(heard(), '', 2)), '');
  assert.equal(words(selftest.cut('a press', 3)), '');
});

test('one at a time', () => {
  const selftest = machine();
  selftest.start('mqtt', 'test', 0);
  assert.equal(words(selftest.start('socket', 'test', 1)), '');
});

test('a sound that does not answer', () => {
  const selftest = machine();
  selftest.start('mqtt', 'test', 0);
  assert.equal(selftest.deadline, 20_000);
  assert.equal(words(selftest.timeout(720, false, 20_000)), 'stop, failed after 1');
});

test('commissioning keeps what is heard clearly, and later tests are compared with it', () => {
  const selftest = new SelfTest({ everyMs: 24 * HOUR }, undefined, undefined, 0);
  assert.equal(selftest.deadline, undefined, 'nothing is tested unasked before');
  selftest.start('socket', 'commissioning', 0);
  assert.equal(words(selftest.heard(heard({ clearDb: 15 }), '', 1)), 'measure -26');
  assert.equal(words(selftest.heard(heard({ gainDb: -30 }), '', 2)), 'keep, passed after 2');
  assert.equal(selftest.deadline, 2 + 24 * HOUR);
  selftest.start('socket', 'test', 3);
  assert.equal(words(selftest.heard(heard({ gainDb: -33 }), '', 4)), 'passed after 1');
});

test('by the clock: a while after the start, then every day', () => {
  const selftest = machine();
  const first = selftest.deadline ?? 0;
  assert.equal(first, 5 * 60_000);
  assert.equal(words(selftest.timeout(720, false, first)), 'measure -32');
  selftest.heard(heard(), '', first + 2000);
  assert.equal(selftest.deadline, first + 2000 + 24 * HOUR);
});

test('what was tested an hour before the start is not tested at the start', () => {
  assert.equal(new SelfTest({ everyMs: 24 * HOUR }, baseline, HOUR, 0).deadline, 23 * HOUR);
});

test('a failure is looked at again after an hour', () => {
  const selftest = machine();
  selftest.start('schedule', 'test', 0);
  for (const at of [1, 2, 3]) selftest.heard(deaf, '', at);
  assert.equal(selftest.deadline, 3 + HOUR);
});

for (const [name, minute, busy, expected] of [
  ['in the night', 23 * 60, false, ''],
  ['early in the morning', 5 * 60 + 59, false, ''],
  ['at six', 6 * 60, false, 'measure -32'],
  ['in a call', 12 * 60, true, ''],
] as const) {
  test(`due ${name}: ${expected === '' ? 'ten minutes later' : expected}`, () => {
    const selftest = machine(24 * HOUR, { fromMinute: 22 * 60, toMinute: 6 * 60 });
    const due = selftest.deadline ?? 0;
    assert.equal(words(selftest.timeout(minute, busy, due)), expected);
    if (expected === '') assert.equal(selftest.deadline, due + 600_000);
  });
}

test('off: only by hand', () => {
  assert.equal(machine(0).deadline, undefined);
  assert.equal(words(machine(0).start('socket', 'test', 0)), 'measure -32');
});
