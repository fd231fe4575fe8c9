/** What a canceller is told: when a written sample is heard again, and what came between. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { FakeCard } from './fake-alsa.ts';

test('the delays are what waits in front of a frame written, and behind one read', () => {
  const fake = new FakeCard().start();
  const { timing } = fake.card;
  fake.tick();
  assert.equal(timing.captureDelay, 0);
  assert.equal(timing.playDelay, 160);
  fake.microphone.extraDelay = 5;
  fake.speaker.extraDelay = 40;
  fake.tick();
  assert.equal(timing.captureDelay, 5);
  assert.equal(timing.playDelay, 200);
});

test('they count in samples of the engine, the resamplers in it', () => {
  const fake = new FakeCard(48_000).start();
  fake.speaker.extraDelay = 48;
  fake.tick();
  const { playDelay, captureDelay } = fake.card.timing;
  // 10 ms wait, 1 ms in the driver, 1.25 ms in a resampler.
  assert.ok(Math.abs(playDelay - 196) < 1, `${playDelay}`);
  assert.ok(Math.abs(captureDelay - 20) < 1, `${captureDelay}`);
});

test('a sample written now leaves the card after exactly playDelay', () => {
  const fake = new FakeCard().start();
  const click = new Int16Array(160);
  click[0] = 20_000;
  fake.tick(click);
  const before = fake.speaker.heard.length;
  for (let i = 0; i < 5; i++) fake.tick();
  assert.equal(fake.speaker.heard.indexOf(20_000) - before, fake.card.timing.playDelay);
});

test('a level too high for good is corrected, and the shift says by how much', () => {
  const fake = new FakeCard().start();
  const { timing } = fake.card;
  const [breaks, shift] = [timing.playBreaks, timing.playShift];
  // The loudspeaker stood still for 20 ms, the microphone did not.
  fake.speaker.put(new Int16Array(320), 320);
  for (let i = 0; i < 150; i++) fake.tick();
  assert.equal(timing.playBreaks, breaks);
  assert.ok(Math.abs(timing.playShift - shift + 320) <= 20, `${timing.playShift - shift}`);
  assert.ok(Math.abs(timing.playDelay - 160) <= 20, `${timing.playDelay}`);
});

for (const [name, stillMs, frames] of [
  ['two underruns in short succession, and more is put in front of the sound', 0, 3],
  ['but none for those of a card that stood still: from mouth to ear it is the same afterwards', 150, 2],
] as const)
  test(name, () => {
    const fake = new FakeCard().start();
    fake.tick();
    for (let i = 0; i < 2; i++) {
      fake.now += stillMs;
      fake.speaker.trips.push(-32);
      fake.tick();
      fake.tick();
    }
    assert.equal(fake.card.timing.playDelay, 160 * (frames - 1));
  });

test('an xrun of a half is a break of that half', () => {
  const fake = new FakeCard().start();
  const { playBreaks, captureBreaks } = fake.card.timing;
  fake.speaker.trips.push(-32);
  fake.tick();
  assert.equal(fake.card.timing.playBreaks, playBreaks + 1);
  assert.equal(fake.card.timing.captureBreaks, captureBreaks);
  fake.tick();
  fake.microphone.trips.push(-32);
  fake.tick();
  assert.equal(fake.card.timing.captureBreaks, captureBreaks + 1);
  assert.equal(fake.card.timing.playBreaks, playBreaks + 1);
});

test('sound that is dropped to fall in step is told', () => {
  const fake = new FakeCard().start();
  const { captureShift } = fake.card.timing;
  fake.microphone.waiting += 320;
  fake.speaker.trips.push(-32); // the loudspeaker begins anew, the microphone catches up
  fake.tick();
  fake.tick();
  assert.equal(fake.card.timing.captureShift, captureShift - 320);
});

test('silence in place of sound that is not there yet is told', () => {
  const fake = new FakeCard().start();
  const { captureShift } = fake.card.timing;
  fake.microphone.waiting = -160;
  assert.equal(fake.tick().heard, false);
  assert.equal(fake.card.timing.captureShift, captureShift + 160);
});
