/** Talk in a room, in virtual time: what comes back of the far side, and what is heard of the near one. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { rmsDbfs } from '../../src/audio/index.ts';
import { allocations } from '../kit/allocations.ts';
import { FRAME, lossDb, RATE, Room, type RoomOptions, talk } from './room.ts';

const SECONDS = 24;
const far = talk(SECONDS, 2);
const near = talk(SECONDS, 77, 9000);
const frameOf = (samples: Int16Array, i: number): Int16Array => samples.subarray(i * FRAME, (i + 1) * FRAME);

/** `act`: each tick. `speaks`: whether somebody near does, in that second. */
function lives(
  seconds: number,
  options: RoomOptions,
  act?: (room: Room, tick: number) => unknown,
  speaks: (second: number) => boolean = () => false,
): Room {
  const room = new Room(options);
  for (let i = 0; i < seconds * 100; i++) {
    act?.(room, i);
    room.tick(frameOf(far, i), speaks(i / 100) ? frameOf(near, i) : undefined);
  }
  return room;
}

/** Correlation of the loudness, frame by frame, of what was sent from `fromS` to `toS` with what was said. */
function likeness(room: Room, fromS: number, toS: number): number {
  const levels = (at: (i: number) => number): number[] => {
    const out: number[] = [];
    for (let f = fromS * 50; f < toS * 50; f++) {
      let sum = 1;
      for (let i = f * 320; i < (f + 1) * 320; i++) sum += at(i) ** 2;
      out.push(Math.sqrt(sum));
    }
    return out;
  };
  const said = levels((i) => near[i]);
  const sent = levels((i) => room.sent[i + 96]); // 6 ms later
  const mean = (values: number[]): number => values.reduce((a, b) => a + b) / values.length;
  const [a, b] = [mean(said), mean(sent)];
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < said.length; i++) {
    ab += (said[i] - a) * (sent[i] - b);
    aa += (said[i] - a) ** 2;
    bb += (sent[i] - b) ** 2;
  }
  return ab / Math.sqrt(aa * bb);
}

for (const [sentence, options, act, spans] of [
  [
    'an ordinary room',
    {},
    undefined,
    [
      [0.5, 3, 20],
      [12, 22, 30],
    ],
  ],
  [
    'figures of the card that are wrong by 3 ms',
    { wrong: 48 },
    undefined,
    [
      [0.5, 3, 20],
      [12, 22, 30],
    ],
  ],
  [
    'two clocks, 100 ppm apart',
    { ppm: 100 },
    undefined,
    [
      [0.5, 3, 20],
      [12, 22, 25],
    ],
  ],
  [
    'a driver with 40 ms more of delay than it says',
    { airSamples: 640 },
    undefined,
    [
      [0.5, 3, 20],
      [12, 22, 30],
    ],
  ],
  [
    'half duplex alone',
    { config: { echo: 'half-duplex' } },
    undefined,
    [
      [0.5, 3, 20],
      [3, 22, 20],
    ],
  ],
  [
    'an underrun of the loudspeaker at 18 s',
    {},
    (room: Room, tick: number) => tick === 1800 && room.underrun(5),
    [
      [12, 18, 30],
      [18, 19, 20],
      [20, 23, 30],
    ],
  ],
  [
    '10 ms of the microphone lost at 18 s',
    { wrong: 48 },
    (room: Room, tick: number) => tick === 1800 && room.lose(160),
    [
      [12, 18, 30],
      [18, 19, 18],
      [20, 23, 30],
    ],
  ],
  [
    '20 ms lost at 18 s, and nobody says so',
    {},
    (room: Room, tick: number) => {
      if (tick !== 1800) return;
      room.lose(320);
      room.timing.captureBreaks--;
    },
    [
      [12, 18, 30],
      [20, 23, 30],
    ],
  ],
] as const)
  test(`the far side does not hear itself: ${sentence}`, () => {
    const room = lives(SECONDS, options as RoomOptions, act as (room: Room, tick: number) => void);
    for (const [from, to, least] of spans) {
      const loss = lossDb(room, from, to);
      assert.ok(loss >= least, `${from} to ${to} s: ${loss.toFixed(1)} dB`);
    }
  });

test('who speaks near is heard while the far side speaks', () => {
  const room = lives(22, {}, undefined, (second) => second >= 12);
  assert.equal(room.handsfree.status().mode, 'full-duplex');
  const alike = likeness(room, 12, 21);
  assert.ok(alike > 0.95, `likeness ${alike}`);
});

test('half duplex: who speaks near breaks in, and the loudspeaker steps back', () => {
  const quietest = { volume: 1 };
  const room = lives(
    22,
    { config: { echo: 'half-duplex' } },
    (at) => {
      quietest.volume = Math.min(quietest.volume, at.handsfree.volume);
    },
    (second) => second >= 12,
  );
  const alike = likeness(room, 12, 21);
  assert.ok(alike > 0.9, `likeness ${alike}`);
  // Not to nothing: who speaks at the far side is still heard a little.
  assert.ok(quietest.volume < 0.2 && quietest.volume > 0.1, `${quietest.volume}`);
});

test('half duplex: an echo that is suddenly loud is not taken for somebody near', () => {
  const room = lives(8, { coupling: 0.003, config: { echo: 'half-duplex' } }, (at, tick) => tick === 300 && at.loud(1));
  const loss = lossDb(room, 5, 8);
  assert.ok(loss > 25, `${loss} dB`);
});

test('half duplex: when both are silent both are open', () => {
  const room = lives(8, { config: { echo: 'half-duplex' } });
  for (let i = 0; i < 60; i++) room.tick(undefined, undefined);
  assert.equal(room.handsfree.volume, 1);
  const before = room.sent.length;
  for (let i = 0; i < 50; i++) room.tick(undefined, frameOf(near, 100 + i));
  const sent = rmsDbfs(Int16Array.from(room.sent.slice(before)));
  const said = rmsDbfs(near.subarray(100 * FRAME, 150 * FRAME));
  assert.ok(Math.abs(sent - said) < 2, `${sent} of ${said}`);
});

test('where nothing comes back nothing is turned down', () => {
  const room = lives(22, { coupling: 0 }, undefined, (second) => second >= 3);
  assert.equal(room.handsfree.status().mode, 'full-duplex');
  const alike = likeness(room, 4, 21);
  assert.ok(alike > 0.98, `likeness ${alike}`);
});

test('where nothing comes back, and both speak from the first word on: the near one is open within a second', () => {
  const room = lives(4, { coupling: 0 }, undefined, () => true);
  const alike = likeness(room, 1, 3);
  assert.ok(alike > 0.85, `likeness ${alike}`);
});

test('the way from the microphone takes 6 ms', () => {
  const room = new Room({ coupling: 0, config: { noiseSuppression: 'off', agc: 'off' } });
  const click = new Int16Array(FRAME);
  click[0] = 20_000;
  room.tick(undefined, click);
  for (let i = 0; i < 5; i++) room.tick(undefined, undefined);
  const loudest = room.sent.reduce((best, sample, i) => (Math.abs(sample) > Math.abs(room.sent[best]) ? i : best), 0);
  assert.ok(loudest <= 0.006 * RATE + 1, `${loudest / 16} ms`);
});

test('the tick allocates nothing', async () => {
  const { Handsfree } = await import('../../src/media/handsfree.ts');
  const { handsfreeDefaults } = await import('../../src/media/types.ts');
  const { noTiming } = await import('../../src/io/soundcard/types.ts');
  type Card = ConstructorParameters<typeof Handsfree>[1];
  const card = { driver: 'alsa', timing: { ...noTiming(), playDelay: 320 }, reference: undefined } as unknown as Card;
  const handsfree = new Handsfree(handsfreeDefaults(100), card, RATE);
  const microphone = new Int16Array(FRAME);
  const loudspeaker = new Int16Array(FRAME);
  const live = (ticks: number): void => {
    for (let t = 0; t < ticks; t++) {
      const at = (t * FRAME) % (SECONDS * RATE);
      for (let i = 0; i < FRAME; i++) {
        loudspeaker[i] = far[at + i];
        microphone[i] = near[at + i] + (far[at + i] >> 1);
      }
      card.reference?.(loudspeaker);
      handsfree.process(microphone, true, true);
    }
  };
  live(10_000);
  const allocated = allocations(() => live(2000));
  const total = allocated.reduce((sum, { bytes }) => sum + bytes, 0);
  const told = allocated.map(({ name, bytes }) => `${name} ${bytes}`).join(', ');
  // Boxed numbers, as in `test/rtp/tick.test.ts`, some in each of many small functions. A frame for each tick would be 700000.
  const most = Number(process.versions.node.split('.')[0]) > 20 ? 650_000 : 450_000;
  assert.ok(total < most, `${total} bytes in 2000 ticks: ${told}`);
});

test('a card in the air only: what a file holds is sent as it is', async () => {
  const { Handsfree } = await import('../../src/media/handsfree.ts');
  const { handsfreeDefaults } = await import('../../src/media/types.ts');
  const { NoCard } = await import('../../src/io/soundcard/index.ts');
  const handsfree = new Handsfree(handsfreeDefaults(100), new NoCard(), RATE);
  const frame = frameOf(near, 50).slice();
  handsfree.process(frame, true, true);
  assert.deepEqual(frame, frameOf(near, 50));
  assert.equal(handsfree.status().mode, 'off');
});

test('the microphone is opened for the noise of the place now and then, never while something goes on', () => {
  const { handsfree } = new Room({ config: { ambientSampleMs: 60_000 } });
  const open = (now: number, idle: boolean): boolean => handsfree.samples(now, idle);
  assert.deepEqual([open(0, true), open(1000, true), open(1500, true), open(30_000, true)], [true, true, false, false]);
  assert.equal(handsfree.sampleInMs(30_000), 30_000);
  assert.deepEqual([open(60_000, false), open(61_000, true), open(61_500, false)], [false, true, false]);
});

test('while only the noise is listened to, nothing of it is left for anybody', () => {
  const { handsfree } = new Room();
  const frame = frameOf(near, 50).slice();
  handsfree.process(frame, true, false);
  assert.ok(frame.every((sample) => sample === 0));
});

test('a file for a sound card: the loudspeaker follows its noise all the same, and what it holds is sent as it is', () => {
  const loudness = { volume: 60, follow: true, min: 40, max: 100, quietDbfs: -60 };
  const config = { echo: 'auto', noiseSuppression: 'auto', agc: 'auto', loudness } as const;
  const room = new Room({ driver: 'file', noise: 1000, coupling: 0, config });
  for (let i = 0; i < 1500; i++) room.tick(undefined, undefined);
  const { volume, ambientDbfs } = room.handsfree.status();
  assert.ok(volume > 75 && Math.abs(ambientDbfs! + 35) < 3, `${volume} %, ${ambientDbfs} dBFS`);
  assert.deepEqual(room.sent, room.heard);
});
