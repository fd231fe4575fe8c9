/** What a half of the card does about each thing that can go wrong, on a libasound of the test's own. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { FakeCard } from './fake-alsa.ts';

const state = ({ card }: FakeCard): string => `${card.speaker} ${card.microphone}`;

/** So many ticks of 10 ms, nothing else happening. */
function pass(fake: FakeCard, ms: number): void {
  for (let at = 0; at < ms; at += 10) fake.tick();
}

for (const [name, half, result, expected] of [
  ['an underrun of the loudspeaker (EPIPE) is mended', 'speaker', -32, 'open open'],
  ['an overrun of the microphone (EPIPE) is mended', 'microphone', -32, 'open open'],
  ['a suspended loudspeaker (ESTRPIPE) is mended', 'speaker', -86, 'open open'],
  ['a loudspeaker pulled out (ENODEV) is lost', 'speaker', -19, 'fault open'],
  ['a microphone pulled out (ENODEV) is lost', 'microphone', -19, 'open fault'],
  ['a device in a bad state (EBADFD), as after it was pulled out, is lost', 'speaker', -77, 'fault open'],
  ['a driver that fails (EIO) is lost', 'microphone', -5, 'open fault'],
] as const) {
  test(name, () => {
    const fake = new FakeCard().start();
    fake[half].trips.push(result);
    fake.tick();
    assert.equal(state(fake), expected);
    assert.equal(fake[half].recovered, expected === 'open open' ? 1 : 0);
    const lost = `Lost the ${half} "hw:Fake": `;
    assert.equal(fake.card.reason.startsWith(lost), expected !== 'open open', fake.card.reason);
    assert.equal(fake.asked.includes(`close ${half} hw:Fake`), expected !== 'open open');
    // The other half is none the worse.
    const { heard, played } = fake.tick();
    assert.ok(half === 'speaker' ? heard : played);
  });
}

test('POLLERR: a wait that fails is the end of the card, not of the tick', () => {
  const fake = new FakeCard().start();
  fake.microphone.trips.push(-19);
  assert.equal(fake.card.wait(), 'again');
  assert.equal(fake.card.microphone, 'fault');
  assert.equal(fake.card.wait(), 'again', 'the loudspeaker is the clock');
});

test('a driver that says ready too soon (PulseAudio) is looked at when the next period is due, then every 0.75 ms', () => {
  const fake = new FakeCard().start();
  const read = (): boolean => fake.card.read(new Int16Array(160));
  const wait = (): [string, number] => {
    const from = fake.now;
    return [fake.card.wait(), fake.now - from];
  };
  fake.microphone.waiting = 100;
  fake.microphone.trips.push(1);
  assert.deepEqual(wait(), ['again', 0]);
  assert.deepEqual(wait(), ['again', 0.75]);
  fake.microphone.waiting += 160;
  assert.deepEqual(wait(), ['tick', 0.75]);
  read();
  assert.deepEqual(wait(), ['again', 9.875]);
  fake.microphone.waiting += 3 * 160;
  assert.deepEqual(wait(), ['tick', 0.75]);
  for (let piled = 3; piled > 1; piled--) {
    assert.ok(read());
    assert.deepEqual(wait(), ['tick', 0], 'what has piled up is read at once');
  }
  read();
  assert.deepEqual(wait(), ['again', 9.875]);
});

test('a recovery that fails is a lost card', () => {
  const fake = new FakeCard().start();
  fake.speaker.recovers = false;
  fake.speaker.trips.push(-32);
  fake.tick();
  assert.equal(fake.card.reason, 'Lost the speaker "hw:Fake": Broken pipe (-32)');
});

test('a card that breaks again and again is opened anew', () => {
  const fake = new FakeCard().start();
  for (let i = 0; i < 8; i++) {
    fake.speaker.trips.push(-32);
    fake.tick();
  }
  assert.equal(fake.card.speaker, 'fault');
  fake.tick();
  assert.deepEqual(fake.asked.slice(-2), ['close speaker hw:Fake', 'open speaker hw:Fake'], 'at once');
});

test('a short write is completed', () => {
  const fake = new FakeCard().start();
  fake.speaker.most = 100;
  const from = fake.speaker.heard.length + fake.speaker.waiting - 160;
  fake.tick(Int16Array.from({ length: 160 }, (_, i) => i + 1));
  fake.speaker.most = Number.POSITIVE_INFINITY;
  pass(fake, 50);
  const heard = fake.speaker.heard.slice(from).filter((sample) => sample !== 0);
  assert.deepEqual(
    heard,
    Array.from({ length: 160 }, (_, i) => i + 1),
  );
});

test('what a short write leaves out is counted', () => {
  const fake = new FakeCard().start();
  const { playShift } = fake.card.timing;
  fake.speaker.most = 50;
  fake.tick();
  assert.equal(fake.card.timing.playShift, playShift - 60);
});

test('a lost card is looked for again within a second, and used when it is back', () => {
  const fake = new FakeCard().start();
  fake.speaker.trips.push(-19);
  fake.asked.length = 0;
  pass(fake, 1000);
  assert.deepEqual(fake.asked, ['close speaker hw:Fake', 'open speaker hw:Fake']);
  fake.refuse('speaker', 'Cannot open speaker "hw:Fake": No such device (-19)');
  assert.equal(state(fake), 'fault open');
  pass(fake, 800);
  fake.answer('speaker');
  assert.equal(state(fake), 'open open');
  assert.equal(fake.card.reason, '');
  assert.equal(fake.tick().played, true);
});

test('a busy card (EBUSY) is a fault, and tried again', () => {
  const fake = new FakeCard();
  fake.card.want(true, false, 0);
  fake.refuse('speaker', 'Cannot open speaker "hw:Fake": Device or resource busy (-16)');
  assert.equal(state(fake), 'fault closed');
  fake.card.want(true, false, 699);
  assert.equal(fake.asked.length, 1);
  fake.card.want(true, false, 700);
  assert.equal(fake.asked.length, 2);
});

test('a card plugged in is looked for at once', () => {
  const fake = new FakeCard().start();
  fake.speaker.trips.push(-19);
  fake.tick();
  fake.asked.length = 0;
  fake.card.look(true, true);
  fake.tick();
  assert.deepEqual(fake.asked, ['open speaker hw:Fake']);
});

test('while nobody wants them: a loudspeaker at fault is looked for, the microphone is left alone', () => {
  const fake = new FakeCard();
  fake.card.want(false, false, 0);
  fake.refuse('speaker', 'gone');
  for (let now = 0; now < 2000; now += 10) fake.card.want(false, false, now);
  assert.deepEqual(fake.asked, ['open speaker hw:Fake', 'open speaker hw:Fake']);
  fake.answer('speaker');
  assert.equal(state(fake), 'closed closed');
  assert.equal(fake.asked.at(-1), 'close speaker hw:Fake');
  assert.equal(fake.card.restless, false);
});

test('a card pulled out while nobody wants it is noticed', () => {
  const fake = new FakeCard();
  fake.card.want(false, false, 0);
  fake.answer('speaker');
  fake.card.look(false, true);
  fake.card.want(false, false, 10);
  fake.refuse('speaker', 'gone');
  assert.equal(state(fake), 'fault closed');
});

test('a microphone pulled out while nobody wants it is a fault, without a look into it', () => {
  const fake = new FakeCard();
  fake.card.want(false, false, 0);
  fake.answer('speaker');
  fake.card.look(true, false);
  fake.card.want(false, false, 10);
  fake.answer('speaker');
  assert.equal(state(fake), 'closed fault');
  assert.equal(fake.card.reason, 'There is no microphone "hw:Fake"');
  fake.card.look(true, true);
  fake.card.want(false, false, 20);
  fake.answer('speaker');
  assert.equal(state(fake), 'closed closed');
  assert.ok(!fake.asked.some((one) => one.includes('microphone')));
});

test('a driver that hangs over the opening is a fault after two seconds; what it opens later is closed', () => {
  const fake = new FakeCard();
  fake.card.want(true, false, 0);
  assert.equal(fake.card.opening, true);
  fake.card.want(true, false, 1990);
  assert.equal(fake.card.reason, '');
  fake.card.want(true, false, 2000);
  assert.equal(fake.card.reason, 'Cannot open the speaker "hw:Fake": its driver hangs');
  fake.answer('speaker');
  assert.equal(fake.card.speaker, 'fault');
  assert.deepEqual(fake.asked, ['open speaker hw:Fake', 'close speaker hw:Fake']);
});

test('a card that stands still is a fault, and none when it moves again', () => {
  const fake = new FakeCard().start();
  fake.now += 300;
  fake.card.read(new Int16Array(160));
  assert.equal(fake.card.reason, 'The microphone "hw:Fake" stopped: nothing moved for 300 ms');
  assert.equal(fake.card.microphone, 'fault');
  fake.tick();
  fake.tick();
  assert.equal(fake.card.reason, '');
});

const withSecond = (): FakeCard => new FakeCard(16_000, 16_000, true);
const NODEV = 'Lost the speaker "hw:Fake": No such device (-19)';

test('a lost card: the second takes its place at once, and that is still a fault', () => {
  const fake = withSecond().start();
  fake.speaker.trips.push(-19);
  fake.tick();
  fake.tick();
  assert.equal(fake.asked.at(-1), 'open speaker hw:Second');
  fake.answer('speaker');
  assert.equal(state(fake), 'open open');
  assert.equal(fake.card.reason, `${NODEV}; "hw:Second" takes its place`);
  assert.equal(fake.tick().played, true);
});

test('the second fails too: both reasons are told, and the first is tried again', () => {
  const fake = withSecond().start();
  fake.speaker.trips.push(-19);
  fake.tick();
  fake.tick();
  fake.refuse('speaker', 'Cannot open speaker "hw:Second": No such device (-19)');
  assert.equal(fake.card.reason, `${NODEV}; Cannot open speaker "hw:Second": No such device (-19)`);
  pass(fake, 800);
  assert.equal(fake.asked.at(-1), 'open speaker hw:Fake');
});

test('when all is quiet it goes back to the first, as soon as that is there', () => {
  const fake = withSecond().start();
  fake.speaker.trips.push(-19);
  fake.tick();
  fake.tick();
  fake.answer('speaker');
  pass(fake, 3000);
  assert.equal(fake.asked.at(-1), 'open speaker hw:Second', 'a talk is not disturbed');
  fake.card.want(false, false, fake.now);
  assert.ok(fake.asked.includes('close speaker hw:Second'));
  assert.equal(fake.card.speaker, 'fault');
  assert.ok(fake.asked.includes('open speaker hw:Fake', 2));
  fake.answer('speaker');
  assert.equal(fake.card.reason, '');
  fake.card.want(true, false, fake.now);
  assert.equal(fake.asked.at(-1), 'open speaker hw:Fake');
});

test('a first card that hangs is given up for the second', () => {
  const fake = withSecond().start();
  for (let i = 0; i < 160; i++) {
    fake.now += 10;
    fake.card.want(true, true, fake.now);
    fake.card.read(new Int16Array(160));
    fake.card.write(new Int16Array(160));
  }
  assert.ok(fake.asked.includes('open microphone hw:Second'), fake.asked.join());
  assert.ok(fake.asked.includes('open speaker hw:Second'), fake.asked.join());
});

test('a first card that hangs over the opening is given up for the second, and its late answer closed', () => {
  const fake = withSecond();
  fake.card.want(true, false, 0);
  fake.card.want(true, false, 2000);
  fake.card.want(true, false, 2010);
  assert.deepEqual(fake.asked, ['open speaker hw:Fake', 'open speaker hw:Second']);
  fake.card.opened('speaker', 1, 'hw:Fake', fake.speaker);
  assert.equal(fake.asked.at(-1), 'close speaker hw:Fake');
  fake.answer('speaker');
  assert.equal(fake.card.speaker, 'open');
});
