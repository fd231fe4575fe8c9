/** Whether a page was heard, in a room made of arithmetic. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { Audibility } from '../../src/audio/audible.ts';
import { babble } from '../media/pair.ts';

const RATE_HZ = 16_000;
const FRAME = 160;

interface Room {
  /** dB; undefined: the microphone hears nothing of the loudspeaker. */
  gainDb?: number;
  delayMs?: number;
  noiseDbfs?: number;
  /** Somebody talks nearby, so loud relative to full scale of babble. */
  talk?: number;
  seconds?: number;
  /** Reverberation as strong as the direct sound. */
  reverbSeconds?: number;
}

function listen({ gainDb, delayMs = 60, noiseDbfs = -70, talk = 0, seconds = 6, reverbSeconds = 0 }: Room) {
  let seed = 7;
  const random = (): number => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647 - 0.5;
  const said = babble(seconds, RATE_HZ);
  // A buzz without end is louder or less loud by the room alone: hissed, as loud at each moment.
  const page = reverbSeconds > 0 ? said.map((sample) => sample * Math.sign(random())) : said;
  const others = babble(seconds + 3, RATE_HZ).subarray(3 * RATE_HZ - 777);
  const gain = gainDb === undefined ? 0 : 10 ** (gainDb / 20);
  const delay = (delayMs * RATE_HZ) / 1000;
  const noise = 32_768 * Math.sqrt(12) * 10 ** (noiseDbfs / 20);
  const echoes = Array.from({ length: reverbSeconds > 0 ? 400 : 0 }, (_, n) => {
    const after = ((n + 0.5 + random()) / 400) * reverbSeconds;
    const power = (13.8 / 400) * Math.exp((-13.8 * after) / reverbSeconds);
    return { gain: Math.sign(random()) * Math.sqrt(power), delay: Math.round(after * RATE_HZ) };
  });
  const played = page.map((sample, i) => echoes.reduce((sum, e) => sum + e.gain * (page[i - e.delay] ?? 0), sample));
  const heard = page.map((_, i) =>
    Math.round((i >= delay ? gain * played[i - delay] : 0) + talk * others[i] + noise * random()),
  );
  const audibility = new Audibility();
  for (let at = 0; at + FRAME <= page.length; at += FRAME)
    audibility.put(page.subarray(at, at + FRAME), heard.subarray(at, at + FRAME));
  return audibility.result;
}

for (const [name, room, heard, least, most] of [
  ['in a quiet place, loud', { gainDb: -10, noiseDbfs: -60 }, true, 23, 29],
  ['12 dB over the surroundings', { gainDb: -20, noiseDbfs: -55 }, true, 9, 14],
  ['in a room that sounds on for 0.4 s', { gainDb: -10, noiseDbfs: -60, reverbSeconds: 0.4 }, true, 24, 33],
  ['for 0.8 s', { gainDb: -10, noiseDbfs: -60, reverbSeconds: 0.8 }, true, 24, 33],
  ['for 0.8 s, 12 dB over the surroundings', { gainDb: -20, noiseDbfs: -55, reverbSeconds: 0.8 }, true, 9, 16],
  ['for 0.8 s, hardly over them', { gainDb: -30, noiseDbfs: -47, reverbSeconds: 0.8 }, false, 0, 5],
  ['hardly over them', { gainDb: -30, noiseDbfs: -50 }, false, 0, 5],
  ['with 300 ms between', { gainDb: -10, noiseDbfs: -60, delayMs: 300 }, true, 23, 29],
  ['while people talk, less loud than the page', { gainDb: -10, talk: 0.1 }, true, 5, 25],
  ['a loudspeaker cut off, in noise', { noiseDbfs: -40 }, false, 0, 3],
  ['a loudspeaker cut off, people talk', { talk: 0.5 }, false, 0, 8],
  ['a loudspeaker cut off, in silence', { noiseDbfs: -200 }, false, 0, 0],
] as const) {
  test(`${name}: ${heard ? 'heard' : 'not heard'}`, () => {
    const result = listen(room);
    assert.equal(result?.heard, heard, JSON.stringify(result));
    assert.ok(result.overAmbientDb >= least && result.overAmbientDb <= most, JSON.stringify(result));
  });
}

test('less than a second says nothing, nor does silence', () => {
  assert.equal(listen({ gainDb: -10, seconds: 0.9 }), undefined);
  const silent = new Audibility();
  for (let i = 0; i < 500; i++) silent.put(new Int16Array(FRAME), new Int16Array(FRAME));
  assert.equal(silent.result, undefined);
});

test('after a reset nothing is known', () => {
  const audibility = new Audibility();
  for (let i = 0; i < 200; i++) audibility.put(new Int16Array(FRAME).fill(i * 50), new Int16Array(FRAME).fill(i));
  assert.notEqual(audibility.result, undefined);
  audibility.reset();
  assert.equal(audibility.result, undefined);
});
