/** Calls over real ALSA devices: the virtual cards of the kit, healthy, hung, pulled out and put in again. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { temporaryDirectory } from '../kit/checkout.ts';
import { SoundCards, soundcardsLack } from '../kit/soundcard.ts';
import { until } from '../kit/wait.ts';
import { formatWav, judge, levelDbfs, readWav, toneDbfs } from '../kit/wav.ts';
import { babble, sine, Terminal } from './pair.ts';

const { path, remove } = temporaryDirectory();
const speech = join(path, 'speech.wav');
const lack = soundcardsLack();
const skip =
  lack === undefined ? false : `${lack} is missing: apt-get install pulseaudio-utils libasound2-plugins alsa-utils`;
let cards: SoundCards;

before(async () => {
  if (lack !== undefined) return;
  writeFileSync(speech, formatWav(babble(4, 48000), 48000));
  cards = (await SoundCards.start('a', 'b')).enter();
});
after(async () => {
  await cards?.stop();
  remove();
});

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const sound = (card: string) =>
  ({ driver: 'alsa', speaker: card, microphone: card, rateHz: 16000, periodMs: 10 }) as const;

async function call(octet: number): Promise<{ a: Terminal; b: Terminal }> {
  const a = new Terminal(sound('a'), `127.24.6.${octet}`);
  const b = new Terminal(sound('b'), `127.24.7.${octet}`);
  a.talk(b.stream.local);
  b.talk(a.stream.local);
  await until('both cards', 5000, () =>
    [a, b].every(({ engine }) => engine.status().speaker === 'open' && engine.status().microphone === 'open'),
  );
  await Promise.all([a.event('first-sound'), b.event('first-sound')]);
  return { a, b };
}

test('what is said into one card is heard at the other, whole', { skip }, async () => {
  const { a, b } = await call(1);
  const heard = join(path, 'heard.wav');
  await pause(300);
  const recording = cards.record('b', 6, heard);
  await pause(300);
  await cards.feed('a', speech);
  await recording;
  await Promise.all([a.end(), b.end()]);
  const verdict = judge(readWav(heard), readWav(speech));
  // On a busy machine the kit's sound server itself leaves gaps now and then.
  assert.ok(verdict.match > 0.9, JSON.stringify(verdict));
  assert.ok(verdict.gapMs <= 60 && verdict.clipped === 0, JSON.stringify(verdict));
  const { microphoneOpened, underruns } = a.engine.status();
  assert.equal(microphoneOpened, 1);
  assert.ok(underruns < 10, `${underruns} underruns`);
});

test('a page opens the loudspeaker on demand, never the microphone, and lets go of it afterwards', {
  skip,
}, async () => {
  const caller = new Terminal({ driver: 'none' }, '127.24.6.2');
  const paged = new Terminal(sound('b'), '127.24.7.2');
  assert.equal(paged.engine.status().speaker, 'closed');
  caller.talk(paged.stream.local, 'sendonly');
  paged.talk(caller.stream.local, 'recvonly', { buffer: { kind: 'fixed', delayMs: 60 } });
  await paged.event('first-sound');
  assert.equal(paged.engine.status().speaker, 'open');
  await pause(500);
  paged.stream.close();
  await until('the released loudspeaker', 8000, () => paged.engine.status().speaker === 'closed');
  assert.equal(paged.engine.status().microphoneOpened, 0);
  await Promise.all([caller.end(), paged.end()]);
});

test('prepare opens the loudspeaker ahead', { skip }, async () => {
  const { engine } = new Terminal(sound('a'), '127.24.6.3');
  engine.prepare();
  await until('the open loudspeaker', 3000, () => engine.status().speaker === 'open');
  assert.equal(engine.status().microphone, 'closed');
  await engine.stop();
});

test('the card is pulled out and put in again: a fault, RTP goes on, sound within two seconds', { skip }, async () => {
  const { a, b } = await call(4);
  await cards.crash();
  await until(
    'the fault',
    1000,
    () => a.engine.status().speaker === 'fault' && a.engine.status().microphone === 'fault',
  );
  assert.match(a.engine.status().reason, /speaker "a".*microphone "a"/);
  await pause(1500);
  await cards.revive();
  const back = performance.now();
  await until('the sound', 4000, () => {
    const { speaker, microphone, reason } = a.engine.status();
    return speaker === 'open' && microphone === 'open' && reason === '';
  });
  assert.ok(performance.now() - back < 2000, `${performance.now() - back} ms`);
  await until('the other terminal too', 3000, () => b.engine.status().speaker === 'open');
  const heard = join(path, 'again.wav');
  const tone = join(path, 'tone.wav');
  writeFileSync(tone, formatWav(sine(600, 3, 48000), 48000));
  const feeding = cards.feed('b', tone);
  await pause(700);
  await cards.record('a', 1.5, heard);
  await feeding;
  assert.ok(
    toneDbfs(readWav(heard), 600) > -16,
    `tone ${toneDbfs(readWav(heard), 600)}, all ${levelDbfs(readWav(heard))}`,
  );
  await Promise.all([a.end(), b.end()]);
  const { statistics } = await a.event('statistics');
  const items = a.events.items.flatMap((event) => (event.type === 'statistics' ? [event.statistics] : []));
  const { packetsLost, packetsReceived } = items.at(-1) ?? statistics;
  assert.ok(packetsLost === 0 && packetsReceived > 200, JSON.stringify(items.at(-1)));
});

test('the driver hangs: a fault, RTP at full rate, and it mends itself', { skip }, async () => {
  const a = new Terminal(sound('a'), '127.24.6.5');
  const peer = createSocket('udp4').bind(0, '127.24.7.5');
  await once(peer, 'listening');
  let packets = 0;
  peer.on('message', () => packets++);
  a.talk({ host: '127.24.7.5', port: peer.address().port });
  const { engine } = a;
  await until('the card', 5000, () => engine.status().speaker === 'open' && engine.status().microphone === 'open');
  await pause(300);
  cards.freeze();
  await until('the fault', 2000, () => engine.status().microphone === 'fault');
  assert.match(engine.status().reason, /The microphone "a" stopped: nothing moved for 300 ms/);
  const [before, counted] = [performance.now(), packets];
  await pause(1500);
  const tookMs = performance.now() - before;
  assert.ok(tookMs < 1800, `the main thread was held up: ${tookMs} ms`);
  const perSecond = ((packets - counted) * 1000) / tookMs;
  assert.ok(Math.abs(perSecond - 50) < 5, `${perSecond} packets per second`);
  cards.thaw();
  await until('the sound', 2000, () => engine.status().reason === '' && engine.status().microphone === 'open');
  await a.end();
  peer.close();
});

for (const [when, hung] of [
  ['at once', true],
  // It is left to the kernel then: nobody waits for the driver.
  ['when the fault has been seen', false],
] as const)
  test(`stop takes less than two seconds, whatever the driver does: ${when}`, { skip }, async () => {
    const { a, b } = await call(6);
    cards.freeze();
    if (!hung)
      await until('the fault', 2000, () =>
        [a, b].every(({ engine }) => engine.status().speaker === 'fault' && engine.status().microphone === 'fault'),
      );
    const before = performance.now();
    await Promise.all([a.end(), b.end()]);
    const tookMs = performance.now() - before;
    cards.thaw();
    assert.ok(tookMs < 2000, `${tookMs} ms`);
    assert.equal(a.engine.hung, hung);
  });

test('a loudspeaker that is not there is a fault before anybody needs it, and calls work without', {
  skip,
}, async () => {
  const a = new Terminal(sound('nowhere'), '127.24.6.7');
  const b = new Terminal({ driver: 'none' }, '127.24.7.7');
  const { reason, microphone } = await until('the fault', 3000, () => {
    const status = a.engine.status();
    return status.speaker === 'fault' && status;
  });
  assert.equal(reason, 'Cannot open speaker "nowhere": No such file or directory (-2)');
  assert.equal(microphone, 'closed');
  a.talk(b.stream.local);
  b.talk(a.stream.local);
  await b.event('first-packet');
  await until('the other half', 2000, () => a.engine.status().microphone === 'fault');
  a.stream.audible(false, false);
  await until('only one', 2000, () => a.engine.status().microphone === 'closed');
  assert.equal(a.engine.status().speaker, 'fault');
  await Promise.all([a.end(), b.end()]);
});
