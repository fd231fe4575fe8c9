import assert from 'node:assert/strict';
import test from 'node:test';
import { cut, judge, levelDbfs, type Sound, toneDbfs } from './wav.ts';

const rateHz = 8000;

/** Bursts of noise with pauses, like syllables; the same for the same seed. */
function syllables(seed: number, seconds: number): Sound {
  let state = seed;
  const random = (): number => {
    state = (state * 1103515245 + 12345) & 0x7fffffff;
    return state / 0x7fffffff;
  };
  const samples = new Float64Array(seconds * rateHz);
  let at = 0;
  while (at < samples.length) {
    const end = at + (0.08 + random() * 0.25) * rateHz;
    const gain = 0.2 + random() * 0.6;
    for (; at < end && at < samples.length; at++) samples[at] = gain * (random() * 2 - 1);
    at += Math.floor((0.04 + random() * 0.2) * rateHz);
  }
  return { rateHz, samples };
}

function delayed({ samples }: Sound, ms: number, gain: number): Sound {
  const out = new Float64Array(samples.length + (ms * rateHz) / 1000);
  for (let i = 0; i < samples.length; i++) out[i + (ms * rateHz) / 1000] = samples[i] * gain;
  return { rateHz, samples: out };
}

const reference = syllables(1, 6);

test('the same sound later and softer is the same', () => {
  const verdict = judge(delayed(reference, 730, 0.4), reference);
  assert.ok(verdict.match > 0.99, `${verdict.match}`);
  assert.equal(verdict.lagMs, 730);
  assert.equal(verdict.gapMs, 0);
  assert.equal(verdict.clipped, 0);
});

test('another sound is not', () => {
  assert.ok(judge(syllables(2, 6), reference).match < 0.5);
});

test('silence is not', () => {
  assert.equal(judge({ rateHz, samples: new Float64Array(6 * rateHz) }, reference).match, 0);
});

test('a hole of 60 ms inside a syllable is found, a pause between syllables is none', () => {
  const samples = Float64Array.from(reference.samples);
  // The longest syllable: where the envelope stays up.
  let start = 0;
  let best = { at: 0, length: 0 };
  for (let i = 0; i < samples.length; i++) {
    if (samples[i] === 0 && samples[i + 1] === 0) start = i;
    if (i - start > best.length) best = { at: start, length: i - start };
  }
  assert.ok(best.length > 0.2 * rateHz);
  samples.fill(0, best.at + 0.08 * rateHz, best.at + 0.14 * rateHz);
  const { gapMs } = judge({ rateHz, samples }, reference);
  assert.ok(gapMs >= 55 && gapMs <= 60, `${gapMs}`);
});

test('samples at full scale are counted', () => {
  const samples = Float64Array.from(reference.samples, (sample) => Math.max(-1, Math.min(32767 / 32768, sample * 3)));
  assert.ok(judge({ rateHz, samples }, reference).clipped > 100);
});

test('a tone is measured among others', () => {
  const samples = new Float64Array(rateHz);
  for (let i = 0; i < samples.length; i++) {
    samples[i] = 0.1 * Math.sin((2 * Math.PI * 600 * i) / rateHz) + 0.5 * Math.sin((2 * Math.PI * 1004 * i) / rateHz);
  }
  const sound = { rateHz, samples };
  assert.ok(Math.abs(toneDbfs(sound, 600) + 20) < 0.1);
  assert.ok(toneDbfs(sound, 440) < -60);
  assert.ok(Math.abs(levelDbfs(sound) - 10 * Math.log10((0.1 ** 2 + 0.5 ** 2) / 2)) < 0.01);
  assert.equal(cut(sound, 250, 500).samples.length, rateHz / 4);
});
