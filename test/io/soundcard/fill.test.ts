/** How much waits in front of the loudspeaker, against a card made of arithmetic. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { blend, Fill } from '../../../src/io/soundcard/fill.ts';
import { sine } from '../../media/pair.ts';

/** Frames that wait before each write, when corrections are done and the card takes `rate` frames per tick. */
function run(fill: Fill, level: number, ticks: number, rate = 1, from = 0): { level: number; corrections: number } {
  let corrections = 0;
  for (let tick = 0; tick < ticks; tick++) {
    const change = fill.judge(level, from + 10 * tick);
    if (change !== 0) corrections++;
    level += 1 + change - rate;
  }
  return { level, corrections };
}

for (const [name, start, ticks, least, most] of [
  ['what it starts with it keeps', 1, 1000, 1, 1],
  ['a level a little too high is left alone', 1.2, 1000, 1.2, 1.2],
  ['a frame too many is gone after a second', 2, 110, 1, 1.25],
  ['five too many after two and a half seconds', 6, 250, 1, 1.25],
  ['a little less is left alone', 0.5, 1000, 0.5, 0.5],
  ['too little is put up before it is nothing', 0.2, 60, 0.5, 1],
] as const) {
  test(name, () => {
    const { level } = run(new Fill(2), start, ticks);
    assert.ok(level >= least && level <= most, `${level}`);
  });
}

for (const ppm of [-200, 200]) {
  test(`two clocks ${ppm} ppm apart: the level stays where it is, for an hour`, () => {
    const fill = new Fill(2);
    let level = 1;
    for (let minute = 0; minute < 60; minute++) {
      level = run(fill, level, 6000, 1 + ppm / 1e6, minute * 60_000).level;
      assert.ok(level > 0.2 && level < 1.5, `after ${minute} min ${level}`);
    }
  });
}

test('one late moment in a window is no reason to play later for good', () => {
  const fill = new Fill(2);
  assert.equal(run(fill, 1, 30).corrections, 0);
  fill.judge(0.4, 300);
  assert.equal(run(fill, 1, 1000, 1, 310).corrections, 0);
});

test('hiccups every two seconds: it settles at what they need, and does not go up and down with each', () => {
  const fill = new Fill(2);
  let level = 1;
  let corrections = 0;
  for (let tick = 0; tick < 3000; tick++) {
    const hiccup = tick % 200 === 100 ? 0.85 : 0;
    const change = fill.judge(level - hiccup, 10 * tick);
    if (change !== 0) corrections++;
    level += change;
  }
  assert.ok(corrections <= 5, `${corrections}`);
  assert.ok(level < 2, `${level}`);
});

test('two underruns in short succession: one frame more, taken back when all was calm for 15 s', () => {
  const fill = new Fill(2);
  fill.underrun(0);
  assert.equal(fill.prefill, 2);
  fill.underrun(3000);
  assert.equal(fill.prefill, 3);
  const { level } = run(fill, 2, 1400, 1, 3000);
  assert.equal(level, 2);
  assert.ok(run(fill, 2, 300, 1, 17_000).level < 1.3);
  assert.equal(fill.prefill, 2);
});

test('where that was too early it waits twice as long', () => {
  const fill = new Fill(2);
  fill.underrun(0);
  fill.underrun(1000);
  run(fill, 2, 1700, 1, 1000);
  assert.equal(fill.prefill, 2);
  fill.underrun(18_000);
  fill.underrun(19_000);
  run(fill, 2, 2900, 1, 19_000);
  assert.equal(fill.prefill, 3);
  run(fill, 2, 300, 1, 48_000);
  assert.equal(fill.prefill, 2);
});

test('never more than four, nor less than the card needs', () => {
  const fill = new Fill(3);
  for (let at = 0; at < 10; at++) fill.underrun(at);
  assert.equal(fill.prefill, 4);
  run(fill, 3, 10_000, 1, 0);
  assert.equal(fill.prefill, 3);
  assert.equal(new Fill(9).prefill, 4);
});

for (const change of [-80, -40, -1, 1, 40, 80]) {
  test(`${change} samples are blended in without a jump, both ends as they were`, () => {
    const frame = sine(300, 0.01, 16_000);
    const into = new Int16Array(240);
    assert.equal(blend(frame, change, into), 160 + change);
    assert.equal(into[0], frame[0]);
    assert.equal(into[159 + change], frame[159]);
    for (let i = 1; i < 160 + change; i++) {
      const step = Math.abs(into[i] - into[i - 1]);
      assert.ok(step < 1500, `${step} at ${i}`); // the tone's own steepest is 960
    }
  });
}
