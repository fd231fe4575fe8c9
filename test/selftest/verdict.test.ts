/** Rows are faults of a terminal, and what is said of them. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { Acoustics } from '../../src/audio/index.ts';
import { judge, unfitAsBaseline } from '../../src/selftest/verdict.ts';

const well: Acoustics = {
  clearDb: 45,
  gainDb: -20,
  delayMs: 60,
  bandsDb: [-8, 0, 2, 1, -2, -6],
  distortionPercent: 2,
  roughDb: -100,
  ambientDbfs: -60,
  clipped: 0,
};
const baseline = { acoustics: well, levelDbfs: -32, time: '2026-01-01T00:00:00Z' };

for (const [name, now, expected] of [
  ['all as it was', {}, 'passed: as at commissioning, 45 dB clear'],
  ['a little less, a little later', { gainDb: -24, delayMs: 110 }, 'passed: as at commissioning, 45 dB clear'],
  ['a hat on the loudspeaker', { gainDb: -34 }, 'failed: the microphone hears 14 dB less than at commissioning'],
  ['somebody turned it up', { gainDb: -8 }, 'failed: the microphone hears 12 dB more than at commissioning'],
  [
    'a dead tweeter',
    { bandsDb: [-8, 0, 2, 1, -14, -30] },
    'failed: 4000 Hz has lost 12 dB since commissioning: a broken or covered loudspeaker or microphone',
  ],
  ['a torn cone', { distortionPercent: 18 }, 'failed: distorted: 18 % of harmonics, 2 % at commissioning'],
  [
    'somebody speaks beside it',
    { distortionPercent: 28, clearDb: 19 },
    'failed: too loud here to judge: the chirp is only 19 dB clear of something else that sounds',
  ],
  ['a loose screw', { roughDb: -28 }, 'failed: it rattles: 28 dB below the sound is noise that comes with it'],
  ['an overdriven microphone', { clipped: 0.02 }, 'failed: the microphone is overdriven: its gain is too high'],
  ['a server in the way', { delayMs: 400 }, 'failed: the sound takes 400 ms, 60 ms at commissioning'],
  [
    'the loudspeaker is cut off',
    { clearDb: 3 },
    'failed: the microphone lives and does not hear the loudspeaker: loudspeaker silent',
  ],
  [
    'the microphone is cut off, its amplifier hums',
    { clearDb: 3, ambientDbfs: -82 },
    'failed: the microphone hears nothing, and its noise is 22 dB less than at commissioning: microphone dead',
  ],
  [
    'the microphone gives zeros',
    { clearDb: 0, ambientDbfs: -100 },
    'failed: the microphone gives nothing at all: it is dead, muted or not connected',
  ],
  ['a train', { clearDb: 5, ambientDbfs: -30 }, 'failed: too loud here to hear anything: -30 dBFS'],
] as const) {
  test(name, () => {
    const { passed, reason } = judge({ ...well, ...now } as Acoustics, -32, baseline);
    assert.equal(`${passed ? 'passed' : 'failed'}: ${reason}`, expected);
  });
}

for (const [name, now, passed, reason] of [
  ['heard', {}, true, /^heard, 45 dB clear; there is no baseline/],
  ['not heard', { clearDb: 3 }, false, /loudspeaker silent or microphone dead/],
  ['spoken over', { distortionPercent: 49, clearDb: 13 }, false, /too loud here to judge/],
  ['torn', { distortionPercent: 40 }, false, /40 % of harmonics/],
] as const) {
  test(`without a baseline: ${name}`, () => {
    const verdict = judge({ ...well, ...now }, -32, undefined);
    assert.equal(verdict.passed, passed);
    assert.match(verdict.reason, reason);
  });
}

test('a louder try may distort more, but not as a torn cone does', () => {
  assert.equal(judge({ ...well, distortionPercent: 15 }, -20, baseline).passed, true);
  assert.equal(judge({ ...well, distortionPercent: 18 }, -20, baseline).passed, false);
});

test('what is hardly heard is no baseline', () => {
  assert.equal(unfitAsBaseline(well), undefined);
  assert.match(String(unfitAsBaseline({ ...well, clearDb: 15 })), /only 15 dB clear/);
  assert.match(
    String(unfitAsBaseline({ ...well, clearDb: 24, distortionPercent: 18 })),
    /only 24 dB clear of something/,
  );
  assert.match(String(unfitAsBaseline({ ...well, clipped: 0.1 })), /overdriven/);
});
