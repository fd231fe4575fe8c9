/** The chirp in a room made of arithmetic: what is put into the room must come out of the measure. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { type Acoustics, makeChirp, measureChirp } from '../../src/audio/chirp.ts';
import { Resampler } from '../../src/audio/resampler.ts';

interface Room {
  gainDb?: number;
  delayMs?: number;
  /** A loudspeaker that bends: x + cubic x³ of its own full scale. */
  cubic?: number;
  noiseDbfs?: number;
  /** Noise that comes with the sound, as a share of it. */
  rattle?: number;
  /** Nothing above. */
  lowPassHz?: number;
  clipAt?: number;
  /** A wall: so many dB below, so much later. */
  echo?: { db: number; ms: number };
}

const RATE_HZ = 16_000;
const LEVEL_DBFS = -20;

function record(room: Room, rateHz = RATE_HZ, levelDbfs = LEVEL_DBFS): Int16Array {
  const played = makeChirp(rateHz, levelDbfs);
  const gain = 10 ** ((room.gainDb ?? -20) / 20);
  const delay = Math.round(((room.delayMs ?? 50) * rateHz) / 1000);
  const full = 32_767 * Math.SQRT2 * 10 ** (levelDbfs / 20);
  let seed = 1;
  const random = (): number => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647 - 0.5;
  const noise = room.noiseDbfs === undefined ? 0 : 32_768 * 10 ** (room.noiseDbfs / 20) * Math.sqrt(12);
  const through = Float64Array.from(room.cubic === undefined ? played : bent(played, rateHz, full, room.cubic));
  const { lowPassHz, echo } = room;
  if (lowPassHz !== undefined) {
    // Four poles, one after the other.
    const share = 1 - Math.exp((-2 * Math.PI * lowPassHz) / rateHz);
    for (let pole = 0; pole < 4; pole++) {
      let held = 0;
      for (let i = 0; i < through.length; i++) through[i] = held += share * (through[i] - held);
    }
  }
  const late = Math.round(((echo?.ms ?? 0) * rateHz) / 1000);
  return Int16Array.from(played, (_, i) => {
    let sample = i >= delay ? through[i - delay] : 0;
    if (echo !== undefined && i >= delay + late) sample += 10 ** (echo.db / 20) * through[i - delay - late];
    if (room.rattle !== undefined) sample *= 1 + room.rattle * 2 * random();
    const heard = gain * sample + noise * random();
    const most = room.clipAt ?? 32_767;
    return Math.max(-most, Math.min(most, Math.round(heard)));
  });
}

/** x + cubic x³ of full scale, at three times the rate: what it makes above the band must not come back into it. */
function bent(played: Int16Array, rateHz: number, full: number, cubic: number): Int16Array {
  const [up, down] = [new Resampler(rateHz, 3 * rateHz), new Resampler(3 * rateHz, rateHz)];
  const wide = new Int16Array(up.maxOutput(played.length));
  const count = up.process(played, 0, played.length, wide, 0);
  for (let i = 0; i < count; i++) wide[i] *= 1 + cubic * (wide[i] / full) ** 2;
  const narrow = new Int16Array(down.maxOutput(count));
  down.process(wide, 0, count, narrow, 0);
  return narrow.subarray(0, played.length);
}

const near = (what: string, value: number, expected: number, within: number): void =>
  assert.ok(Math.abs(value - expected) <= within, `${what}: ${value}, not ${expected}`);

for (const rateHz of [8000, 16_000, 48_000]) {
  test(`at ${rateHz} Hz: level and delay of a straight way, no distortion, all bands alike`, () => {
    const found = measureChirp(record({}, rateHz), rateHz, LEVEL_DBFS);
    near('gain', found.gainDb, -20, 0.5);
    near('delay', found.delayMs, 50, 0.2);
    assert.ok(found.clearDb > 40, `${found.clearDb}`);
    assert.ok(found.distortionPercent < 0.5, `${found.distortionPercent}`);
    assert.equal(found.bandsDb.length, rateHz === 8000 ? 5 : 6);
    for (const band of found.bandsDb) near('band', band, 0, 1);
  });
}

for (const [name, room, check] of [
  ['14 dB less', { gainDb: -34 }, ({ gainDb }: Acoustics) => near('gain', gainDb, -34, 0.5)],
  ['200 ms later', { delayMs: 250 }, ({ delayMs }: Acoustics) => near('delay', delayMs, 250, 0.2)],
  [
    'a loudspeaker that bends: the third harmonic',
    { cubic: 0.2 },
    // x + 0.2 x³ at full amplitude: 0.05 of the third to 1.15 of the first.
    ({ distortionPercent }: Acoustics) => near('distortion', distortionPercent, 4.2, 0.4),
  ],
  [
    'a loudspeaker that bends, in noise: no more than it does in silence',
    { cubic: 0.2, noiseDbfs: -60 },
    ({ distortionPercent }: Acoustics) => near('distortion', distortionPercent, 4.2, 2),
  ],
  [
    'noise alone is no distortion, and nothing rattles',
    { noiseDbfs: -55 },
    ({ distortionPercent, roughDb }: Acoustics) => assert.ok(distortionPercent < 8 && roughDb === -100),
  ],
  [
    'what rattles',
    { rattle: 0.5, noiseDbfs: -80 },
    ({ roughDb, distortionPercent }: Acoustics) => assert.ok(roughDb > -45 && distortionPercent < 5, `${roughDb}`),
  ],
  [
    'a microphone that clips',
    { gainDb: 0, clipAt: 2000 },
    ({ distortionPercent }: Acoustics) => assert.ok(distortionPercent > 15, `${distortionPercent}`),
  ],
  [
    'a broken tweeter: the upper bands are gone',
    { lowPassHz: 1500 },
    ({ bandsDb }: Acoustics) =>
      assert.ok(bandsDb[4] < -20 && bandsDb[5] < bandsDb[4] && bandsDb[0] > 0, bandsDb.join()),
  ],
  [
    'noise of the surroundings as loud as the chirp',
    { noiseDbfs: -40 },
    ({ clearDb, gainDb, delayMs, ambientDbfs }: Acoustics) => {
      assert.ok(clearDb > 15, `${clearDb}`);
      near('gain', gainDb, -20, 1);
      near('delay', delayMs, 50, 0.2);
      near('ambient', ambientDbfs, -40, 0.5);
    },
  ],
  ['a wall behind', { echo: { db: -6, ms: 12 } }, ({ delayMs }: Acoustics) => near('delay', delayMs, 50, 0.2)],
  [
    'silence',
    { gainDb: -200 },
    ({ clearDb, ambientDbfs }: Acoustics) => {
      assert.ok(clearDb < 10, `${clearDb}`);
      assert.equal(ambientDbfs, -100);
    },
  ],
  ['noise alone', { gainDb: -200, noiseDbfs: -50 }, ({ clearDb }: Acoustics) => assert.ok(clearDb < 10, `${clearDb}`)],
] as const) {
  test(name, () => check(measureChirp(record(room), RATE_HZ, LEVEL_DBFS)));
}

test('the chirp itself: as loud as asked for, silent before and after', () => {
  const chirp = makeChirp(RATE_HZ, -20);
  assert.equal(chirp.length, 1.8 * RATE_HZ);
  assert.ok(chirp.subarray(0, 4800).every((sample) => sample === 0));
  assert.ok(chirp.subarray(1.3 * RATE_HZ).every((sample) => sample === 0));
  const power = chirp.reduce((sum, sample) => sum + sample ** 2, 0) / RATE_HZ;
  near('level', 10 * Math.log10(power / 32_768 ** 2), -20, 0.5);
});
