/** What a card does beside playing: its mixer, a second one in its place, and the same delay after it stood still. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { lookup } from 'node:dns/promises';
import { closeSync, constants, existsSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { BurstEar, burstSamples, delaysMs } from '../kit/bursts.ts';
import { temporaryDirectory } from '../kit/checkout.ts';
import { SoundCards, soundcardsLack } from '../kit/soundcard.ts';
import { until } from '../kit/wait.ts';
import { formatWav, readWav, toneDbfs } from '../kit/wav.ts';
import { sine, Terminal } from './pair.ts';

const { path, remove } = temporaryDirectory();
const pipe = join(path, 'pipe');
const lack = soundcardsLack();
const skip =
  lack === undefined ? false : `${lack} is missing: apt-get install pulseaudio-utils libasound2-plugins alsa-utils`;
let cards: SoundCards;
let second: SoundCards;

before(async () => {
  if (lack !== undefined) return;
  cards = await SoundCards.start('a', 'b');
  second = await SoundCards.start('c');
  // libasound reads one configuration: the cards of both servers.
  const [all, more] = [cards, second].map(({ env }) => readFileSync(env.ALSA_CONFIG_PATH, 'utf8'));
  const both = join(path, 'asound.conf');
  // And a driver that hangs: its file is a pipe that nobody reads.
  execFileSync('mkfifo', [pipe]);
  const stuck = `pcm.stuck { type file slave.pcm "null" file "${pipe}" format "raw" }\n`;
  writeFileSync(both, stuck + all + more.replace(/^<.*>$|^pcm\.!default .*$/gm, ''));
  process.env.ALSA_CONFIG_PATH = both;
});
after(async () => {
  await cards?.stop();
  await second?.stop();
  remove();
});

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const alsa = (card: string, more = {}) =>
  ({ driver: 'alsa', speaker: card, microphone: card, rateHz: 16_000, periodMs: 10, ...more }) as const;

const pactl = (...args: string[]): string =>
  execFileSync('pactl', args, { env: { ...process.env, ...cards.env }, encoding: 'utf8' });
const volume = (kind: 'sink' | 'source', name: string): string =>
  /(\d+)%/.exec(pactl(`get-${kind}-volume`, name))?.[1] ?? '';
const muted = (kind: 'sink' | 'source', name: string): boolean => pactl(`get-${kind}-mute`, name).includes('yes');

test('mixer controls are set when the card opens, and put back at the end', { skip }, async () => {
  pactl('set-sink-volume', 'a_out', '40%');
  pactl('set-sink-mute', 'a_out', '1');
  pactl('set-source-volume', 'a_in.monitor', '100%');
  const a = new Terminal(alsa('a', { controls: { Master: '70%', Capture: '-6dB' } }), '127.46.1.1');
  a.engine.prepare();
  await until('the volume', 3000, () => volume('sink', 'a_out') === '70');
  // A volume that is muted would be none. And the plugin counts in percent only: it has no dB to be set in, and that is told.
  await until('the sound', 1000, () => !muted('sink', 'a_out'));
  assert.match((await a.event('controls')).reason, /^Cannot set Capture: -6dB on a: /);
  await a.end();
  assert.equal(volume('sink', 'a_out'), '40');
  assert.equal(muted('sink', 'a_out'), true);
  pactl('set-sink-volume', 'a_out', '100%');
  pactl('set-sink-mute', 'a_out', '0');
});

test('who was killed before it put the controls back: the next one does', { skip }, async () => {
  const mixerFile = join(path, 'mixer.json');
  pactl('set-sink-volume', 'a_out', '40%');
  const sound = alsa('a', { controls: { Master: '70%' } });
  const killed = new Terminal(sound, '127.46.1.9', { mixerFile });
  killed.engine.prepare();
  await until('the volume', 3000, () => volume('sink', 'a_out') === '70' && existsSync(mixerFile));
  const left = readFileSync(mixerFile);
  await killed.end();
  assert.equal(existsSync(mixerFile), false);
  // As if it had not come to its end.
  writeFileSync(mixerFile, left);
  pactl('set-sink-volume', 'a_out', '70%');
  const next = new Terminal(sound, '127.46.1.9', { mixerFile });
  next.engine.prepare();
  await until('the card', 3000, () => next.engine.status().speaker === 'open');
  await next.end();
  assert.equal(volume('sink', 'a_out'), '40');
  assert.equal(existsSync(mixerFile), false);
  pactl('set-sink-volume', 'a_out', '100%');
});

test('a control that the card has not: one line that names those it has, and the sound goes on', { skip }, async () => {
  const a = new Terminal(alsa('a', { controls: { Speaker: '70%', Master: '100%', Capture: 'off' } }), '127.46.1.2');
  a.engine.prepare();
  const { reason } = await a.event('controls');
  assert.equal(reason, 'No mixer control "Speaker": there are Master, Capture');
  assert.equal(volume('sink', 'a_out'), '100');
  assert.equal(muted('source', 'a_in.monitor'), true);
  assert.equal(a.engine.status().reason, '');
  await a.end();
  assert.equal(muted('source', 'a_in.monitor'), false);
});

test('the card is lost in a call: the second takes its place, and the first its own again when all is quiet', {
  skip,
}, async () => {
  const a = new Terminal(alsa('c', { fallback: { speaker: 'b', microphone: 'b' } }), '127.46.1.3');
  const peer = new Terminal({ driver: 'none' }, '127.46.1.4');
  a.talk(peer.stream.local);
  peer.talk(a.stream.local);
  await a.event('first-sound');
  await second.crash();
  const lost = performance.now();
  const { reason } = await until('the second card', 2000, () => {
    const status = a.engine.status();
    return status.speaker === 'open' && status.microphone === 'open' && status.reason !== '' && status;
  });
  const tookMs = performance.now() - lost;
  assert.ok(tookMs < 1000, `${tookMs} ms`);
  assert.match(
    reason,
    /^Lost the speaker "c": .*; "b" takes its place; Lost the microphone "c": .*; "b" takes its place$/,
  );
  const heard = join(path, 'second.wav');
  peer.stream.audible(false, false);
  peer.stream.say(sine(600, 3, 8000), 8000);
  await pause(400);
  await cards.record('b', 1, heard);
  assert.ok(toneDbfs(readWav(heard), 600) > -16, `tone ${toneDbfs(readWav(heard), 600)}`);
  await second.revive();
  await pause(1500);
  assert.match(a.engine.status().reason, /takes its place/, 'a talk is not disturbed');
  a.stream.close();
  await until('the first card', 8000, () => a.engine.status().reason === '');
  await Promise.all([a.engine.stop(), peer.end()]);
});

test('the loudspeaker is let go of as the profile says, or never', { skip }, async () => {
  const [soon, never] = [alsa('a', { releaseMs: 1000 }), alsa('b', { releaseMs: 0 })].map(
    (sound, index) => new Terminal(sound, `127.46.1.${9 + index}`).engine,
  );
  for (const engine of [soon, never]) engine.tone('warning', true);
  await until('both', 3000, () => [soon, never].every((engine) => engine.status().speaker === 'open'));
  await until('the one let go of', 4000, () => soon.status().speaker === 'closed');
  await pause(5000);
  assert.equal(never.status().speaker, 'open');
  assert.equal(never.status().microphoneOpened, 0);
  await Promise.all([soon.stop(), never.stop()]);
});

test('from mouth to ear it is the same after the card stood still', { skip }, async (t) => {
  const a = new Terminal(alsa('a'), '127.46.1.5');
  const b = new Terminal(alsa('b'), '127.46.1.6');
  // Only the cards are judged: the jitter buffer is the same each time, and a new one, so that it does not go by packets from before.
  let buffers = 0;
  const talk = (): void => {
    const fixed = { buffer: { kind: 'fixed', delayMs: 40 + ++buffers / 1000 } } as const;
    a.talk(b.stream.local, 'sendrecv', fixed);
    b.talk(a.stream.local, 'sendrecv', fixed);
  };
  talk();
  await Promise.all([a.event('first-sound'), b.event('first-sound')]);
  await pause(3000);
  const wav = join(path, 'bursts.wav');
  writeFileSync(wav, formatWav(burstSamples(12, 270, 48_000), 48_000));
  const measure = async (): Promise<number> => {
    talk();
    await pause(500);
    const [mouth, ear] = [await BurstEar.open('a_mic'), await BurstEar.open('b_ear')];
    const polling = setInterval(() => {
      mouth.poll();
      ear.poll();
    }, 2);
    await cards.feed('a', wav);
    await pause(300);
    clearInterval(polling);
    await Promise.all([mouth.close(), ear.close()]);
    const delays = delaysMs(mouth.onsetsMs, ear.onsetsMs, 260).sort((x, y) => x - y);
    assert.ok(delays.length >= 6, `${delays.length} bursts were heard`);
    return delays[Math.floor(delays.length / 2)];
  };
  const earlier = await measure();
  const underruns = b.engine.status().underruns;
  cards.freeze();
  await pause(150);
  cards.thaw();
  await pause(4000);
  let later = await measure();
  // What a busy machine breaks besides is not the standstill's: more is in front of the sound then, until all was calm for a time.
  for (let i = 0; i < 8 && later > earlier + 15 && b.engine.status().underruns > underruns + 1; i++)
    later = await measure();
  t.diagnostic(
    `${earlier.toFixed(1)} ms, then ${later.toFixed(1)} ms; ${b.engine.status().underruns - underruns} underruns`,
  );
  // It may well be less: the level is still on its way down at first.
  assert.ok(later <= earlier + 15, `${earlier} ms, then ${later} ms`);
  await Promise.all([a.end(), b.end()]);
});

test('a driver that hangs over the opening: the second card speaks, and names are still looked up', {
  skip,
}, async (t) => {
  const { engine } = new Terminal(alsa('stuck', { microphone: 'b', fallback: { speaker: 'b' } }), '127.46.1.7');
  engine.prepare();
  const { reason } = await until('the second card', 4000, () => {
    const status = engine.status();
    return status.speaker === 'open' && status;
  });
  assert.equal(reason, 'Cannot open the speaker "stuck": its driver hangs; "b" takes its place');
  const begin = performance.now();
  await lookup('localhost');
  assert.ok(performance.now() - begin < 500);
  await engine.stop();
  assert.equal(engine.hung, true);
  // Let go of the thread that hangs.
  const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  t.after(() => closeSync(reader));
  await pause(300);
});

for (const [sentence, fallback, reason, heardDbfs] of [
  ['goes on with the second card', { speaker: 'b', microphone: 'b' }, 'A sound driver hangs; "b" takes its place', -16],
  ['goes on without sound', undefined, 'A sound driver hangs: nothing is heard', undefined],
] as const)
  test(`a driver that holds the sound in a call: the call ${sentence}, and the card that is meant comes back`, {
    skip,
  }, async (t) => {
    const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
    t.after(() => closeSync(reader));
    const a = new Terminal(alsa('stuck', { microphone: 'a', fallback }), '127.46.1.8');
    const peer = new Terminal({ driver: 'none' }, '127.46.1.11');
    const group = { host: '239.47.20.8', port: 5004 };
    const common = { group, format: 'rtp', interface: 'lo' } as const;
    a.engine.pages.listen([{ ...common, name: 'g', volume: 100, delayMs: 60, sync: 'arrival', silenceMs: 500 }]);
    a.talk(peer.stream.local);
    peer.talk(a.stream.local);
    await until('the fault', 4000, () => a.engine.status().reason !== '');
    assert.equal(a.engine.status().reason, reason);
    const { packetsReceived } = (await peer.event('statistics', 6000)).statistics;
    assert.ok(packetsReceived >= 100, `${packetsReceived} packets in 5 s`);
    const zone = { ...common, codec: 'g722', hops: 1, chime: false, channel: 1, caller: '', control: group } as const;
    peer.engine.pages.send('p', zone, sine(600, 1, 8000), 8000);
    await a.event('page-begun', 1000);
    await a.event('page-over', 3000);
    peer.stream.audible(false, false);
    if (heardDbfs !== undefined) {
      await until('the second card', 2000, () => a.engine.status().speaker === 'open');
      peer.stream.say(sine(600, 3, 8000), 8000);
      await pause(400);
      const heard = join(path, 'in-place.wav');
      await cards.record('b', 1, heard);
      assert.ok(toneDbfs(readWav(heard), 600) > heardDbfs, `tone ${toneDbfs(readWav(heard), 600)}`);
    } else assert.equal(a.engine.status().speaker, 'fault');
    const drained = Buffer.alloc(1 << 20);
    const draining = setInterval(() => {
      for (let i = 0; i < 20; i++) read(drained);
    }, 1);
    const read = (into: Buffer): void => {
      try {
        readSync(reader, into);
      } catch {
        // nothing in it
      }
    };
    t.after(() => clearInterval(draining));
    await pause(300);
    assert.equal(a.engine.status().reason, reason, 'a talk is not disturbed');
    a.stream.close();
    await until('the sound that is meant', 4000, () => a.engine.status().reason === '');
    clearInterval(draining);
    a.engine.prepare();
    await until('the fault again', 4000, () => a.engine.status().reason !== '');
    const begin = performance.now();
    await a.engine.stop();
    assert.ok(performance.now() - begin < 2000);
    assert.equal(a.engine.hung, true);
    await peer.end();
  });
