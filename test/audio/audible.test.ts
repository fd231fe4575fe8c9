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
}

function listen({ gainDb, delayMs = 60, noiseDbfs = -70, talk = 0, seconds = 6 }: Room) {
  const page = babble(seconds, RATE_HZ);
  const others = babble(seconds + 3, RATE_HZ).subarray(3 * RATE_HZ - 777);
  const gain = gainDb === undefined ? 0 : 10 ** (gainDb / 20);
  const delay = (delayMs * RATE_HZ) / 1000;
  let seed = 7;
  const random = (): number => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647 - 0.5;
  const noise = 32_768 * Math.sqrt(12) * 10 ** (noiseDbfs / 20);
  const heard = page.map((_, i) =>
    Math.round((i >= delay ? gain * page[i - delay] : 0) + talk * others[i] + noise * random()),
  );
  const audibility = new Audibility();
  for (let at = 0; at + FRAME <= page.length; at += FRAME)
    audibility.put(page.subarray(at, at + FRAME), heard.subarray(at, at + FRAME));
  return audibility.result;
}

for (const [name, room, heard, least, most] of [
  ['in a quiet place, loud', { gainDb: -10, noiseDbfs: -60 }, true, 23, 29],
  ['12 dB over the surroundings', { gainDb: -20, noiseDbfs: -55 }, true, 9, 14],
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
