/** The keys of hands-free talk, of loudness and of the night. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { brief, checkText, MINIMAL } from './kit.ts';

test('what is not said', () => {
  const { config } = checkText(MINIMAL);
  assert.deepEqual(config!.media.handsfree, {
    echo: 'auto',
    noiseSuppression: 'auto',
    agc: 'auto',
    loudness: { volume: 80, follow: false, min: 40, max: 100, quietDbfs: -60 },
    ambientSampleMs: 0,
  });
  assert.equal(config!.night, undefined);
});

test('what is said', () => {
  const { config, problems } = checkText(`${MINIMAL}audio:
  volume: 70
  echo: half-duplex
  noise-suppression: off
  agc: on
  loudness: { follow: true, min: 50, max: 90, quiet: -55 }
  ambient: { sample: 5m }
  night: { from: "22:00", to: "6:30", volume: 40 }
`);
  assert.deepEqual(problems, []);
  assert.deepEqual(config!.media.handsfree, {
    echo: 'half-duplex',
    noiseSuppression: 'off',
    agc: 'on',
    loudness: { volume: 70, follow: true, min: 50, max: 90, quietDbfs: -55 },
    ambientSampleMs: 300_000,
  });
  assert.deepEqual(config!.night, { fromMinute: 1320, toMinute: 390, volume: 40, exceptPriority: 9 });
});

for (const [sentence, text, expected] of [
  ['a way of cancelling nobody knows', 'echo: speex', /audio\.echo: speex is not known/],
  ['limits the wrong way round', 'loudness: { min: 90, max: 50 }', /audio\.loudness\.min: min is more than max/],
  [
    'a time that is none',
    'night: { from: "25:00", to: "06:00", volume: 40 }',
    /night\.from: "25:00" is no time of day/,
  ],
  ['a night without an end', 'night: { from: "22:00", to: "22:00", volume: 40 }', /night\.to: it begins when it ends/],
  ['a night without a volume', 'night: { from: "22:00", to: "06:00" }', /night\.volume/],
  ['an ear that opens all the time', 'ambient: { sample: 1s }', /ambient\.sample: 1s is too short/],
  ['a key nobody knows', 'night: { till: "06:00" }', /night\.till/],
] as const)
  test(sentence, () => {
    const found = checkText(`${MINIMAL}audio: { ${text} }\n`).problems.map(brief).join('\n');
    assert.match(found, expected);
  });
