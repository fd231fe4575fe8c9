/** What a hands-free microphone and its loudspeaker are made of. Levels over time, as frames of 10 ms; no clock. */
import assert from 'node:assert/strict';
import test from 'node:test';
import {
  Agc,
  Ambient,
  gainOf,
  HighPass,
  Loudness,
  type LoudnessConfig,
  NoiseSuppressor,
  volumeGain,
} from '../../src/audio/index.ts';
import { amplitude, decibels, sine } from './kit.ts';

const RATE = 16_000;
const FRAME = 160;
const noise = (count: number, peak: number, seed = 3): Int16Array => {
  let state = seed;
  return Int16Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.round(peak * (state / 2 ** 31 - 1));
  });
};

for (const [hz, least, most] of [
  [20, -40, -22],
  [50, -14, -8],
  [90, -3.5, -2.5],
  [200, -0.5, 0.1],
  [1000, -0.1, 0.1],
] as const)
  test(`high-pass at 90 Hz: ${hz} Hz comes out ${least} to ${most} dB`, () => {
    const sound = sine(hz, RATE, RATE);
    const filter = new HighPass(RATE, 90);
    for (let at = 0; at < sound.length; at += FRAME) filter.process(sound.subarray(at, at + FRAME));
    const gainDb = decibels(amplitude(sound, hz, RATE, RATE / 2) / 10_000);
    assert.ok(gainDb >= least && gainDb <= most, `${gainDb} dB`);
  });

test('high-pass: a constant is gone', () => {
  const sound = new Int16Array(RATE).fill(3000);
  const filter = new HighPass(RATE, 90);
  for (let at = 0; at < sound.length; at += FRAME) filter.process(sound.subarray(at, at + FRAME));
  assert.equal(sound.at(-1), 0);
});

/** Frames of `seconds` at each level in turn. */
function place(ambient: Ambient, ...stretches: readonly (readonly [seconds: number, dbfs: number])[]): number {
  for (const [seconds, dbfs] of stretches) for (let i = 0; i < seconds * 100; i++) ambient.update(dbfs);
  return ambient.dbfs;
}

for (const [sentence, stretches, expected] of [
  ['a quiet place', [[3, -70]], -68],
  [
    'a voice that pauses is not the place',
    [
      [1, -60],
      [0.4, -25],
      [0.1, -60],
      [0.5, -22],
      [0.1, -60],
      [0.6, -25],
      [0.1, -60],
    ],
    -58,
  ],
  [
    'a train that stands there is, after two seconds',
    [
      [3, -60],
      [3, -35],
    ],
    -33,
  ],
  [
    'and when it has gone, it is not, at once',
    [
      [3, -35],
      [0.5, -60],
    ],
    -58,
  ],
] as const)
  test(`ambient: ${sentence}`, () => {
    const dbfs = place(new Ambient(), ...stretches);
    assert.ok(Math.abs(dbfs - expected) < 3, `${dbfs} dBFS`);
  });

test('ambient: unknown until something was heard; a voice is told from the place', () => {
  const ambient = new Ambient();
  assert.ok(Number.isNaN(ambient.dbfs));
  place(ambient, [2, -60]);
  assert.equal(ambient.speech, false);
  place(ambient, [0.02, -30]);
  assert.equal(ambient.speech, true);
  place(ambient, [0.2, -60]);
  assert.equal(ambient.speech, true);
  place(ambient, [0.2, -60]);
  assert.equal(ambient.speech, false);
});

/** The gain after `seconds` of speech at `speechDbfs`, or of noise alone. */
function gained(seconds: number, speechDbfs: number | undefined, ambientDbfs: number): number {
  const agc = new Agc();
  const frame = new Float32Array(FRAME).fill(100);
  for (let i = 0; i < seconds * 100; i++)
    agc.process(frame, speechDbfs !== undefined, speechDbfs ?? ambientDbfs, ambientDbfs);
  return agc.gainDb;
}

for (const [sentence, gain, least, most] of [
  ['a far voice is brought near', gained(10, -35, -75), 9, 13],
  ['slowly', gained(2, -35, -75), 2, 3],
  ['by 18 dB at most', gained(20, -55, -90), 14.5, 18.1],
  ['one that is near is left alone', gained(10, -18, -70), 0, 0],
  ['noise is never brought up', gained(20, undefined, -45), 0, 0],
  ['nor above -50 dBFS with a voice that is far', gained(20, -40, -60), 6.5, 10.1],
  ['of a place not known yet nothing is held against it', gained(10, -35, Number.NaN), 9, 13],
] as const)
  test(`gain: ${sentence}`, () => assert.ok(gain >= least && gain <= most, `${gain} dB`));

test('gain: a pause changes nothing', () => {
  const agc = new Agc();
  const frame = new Float32Array(FRAME).fill(100);
  for (let i = 0; i < 500; i++) agc.process(frame, true, -35, -70);
  const before = agc.gainDb;
  for (let i = 0; i < 1000; i++) agc.process(frame, false, -70, -70);
  assert.equal(agc.gainDb, before);
});

test('noise goes down by 14 dB, and a voice stays', () => {
  const suppressor = new NoiseSuppressor(RATE);
  const frame = new Int16Array(FRAME);
  const through = (samples: Int16Array): number => {
    let before = 0;
    let behind = 0;
    for (let at = 0; at < samples.length; at += FRAME) {
      frame.set(samples.subarray(at, at + FRAME));
      suppressor.process(frame);
      if (at >= samples.length / 2)
        for (let i = 0; i < FRAME; i++) {
          before += samples[at + i] ** 2;
          behind += frame[i] ** 2;
        }
    }
    return 10 * Math.log10(behind / before);
  };
  const alone = through(noise(3 * RATE, 600));
  assert.ok(alone < -11 && alone > -15, `${alone} dB`);
  const loud = noise(RATE, 600).map(
    (sample, i) =>
      sample + 8000 * Math.sin((2 * Math.PI * 500 * i) / RATE) * Math.max(0, Math.sin((2 * Math.PI * 3 * i) / RATE)),
  );
  const voice = through(loud);
  assert.ok(Math.abs(voice) < 1, `${voice} dB`);
});

const limits: LoudnessConfig = { volume: 60, follow: true, min: 50, max: 80, quietDbfs: -60 };
/** Percent, a minute after the place has become so loud. */
function loudness(config: Partial<LoudnessConfig>, ambientDbfs: number, change?: (loudness: Loudness) => void): number {
  const it = new Loudness({ ...limits, ...config });
  change?.(it);
  for (let i = 0; i < 6000; i++) it.update(ambientDbfs);
  assert.equal(it.gain, volumeGain(it.percent));
  return Math.round(it.percent * 10) / 10;
}

for (const [sentence, percent, expected] of [
  ['as it was set where it is quiet', loudness({}, -60), 60],
  ['4 dB more noise, 4 dB louder', loudness({}, -56), 70],
  ['no louder than its limit', loudness({}, -20), 80],
  ['quieter where it is quieter', loudness({}, -62), 55],
  ['no quieter than its limit', loudness({}, -90), 50],
  ['it stays where the place is not known', loudness({}, Number.NaN), 60],
  ['it does not follow unless it is told to', loudness({ follow: false }, -20), 60],
  ['turned up by hand beyond the limit, it stays there', loudness({}, -20, (it) => (it.volume = 95)), 95],
  ['turned to nothing, it is nothing', loudness({}, -20, (it) => (it.volume = 0)), 0],
  ['under the ceiling of the night', loudness({}, -20, (it) => (it.ceiling = 40)), 40],
] as const)
  test(`loudness: ${sentence}`, () => assert.equal(percent, expected));

test('loudness: slow, but for a hand', () => {
  const it = new Loudness(limits);
  const before = it.gain;
  for (let i = 0; i < 100; i++) it.update(-30);
  assert.ok(it.gain > before && it.gain < before * gainOf(4.1), `${it.gain / before}`);
  it.volume = 20;
  assert.ok(it.gain < volumeGain(35));
});
