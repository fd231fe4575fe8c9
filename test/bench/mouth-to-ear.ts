/**
 * Mouth to ear of a call between two terminals on virtual cards: bursts of 10 ms are spoken into one's microphone and timed at
 * the other's loudspeaker, less the way through the kit. No room, no converters; PCMA, the adaptive jitter buffer of calls.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatWav } from '../../src/audio/index.ts';
import { BurstEar, burstSamples, delaysMs } from '../kit/bursts.ts';
import { temporaryDirectory } from '../kit/checkout.ts';
import { SoundCards, soundcardsLack } from '../kit/soundcard.ts';
import { startTerminal } from '../kit/terminal.ts';
import { bench, print, spread } from './figures.ts';

const RATE_HZ = 48000;
const BURSTS = 24;
const EVERY_MS = 410; // no multiple of a packet, so that all phases occur
const SETTLE_MS = 3000;
const LIMIT_MS = 400;
const MOUTH = '127.0.0.50';
const EAR = '127.0.0.51';

await bench(async (cleaner) => {
  const lack = soundcardsLack();
  if (lack !== undefined) {
    console.log(`mouth to ear: not measured, ${lack} is missing`);
    return;
  }
  const cards = (await SoundCards.start('a', 'b')).enter();
  cleaner.after(() => cards.stop());
  const { path, remove } = temporaryDirectory();
  cleaner.after(remove);
  const wav = join(path, 'bursts.wav');
  writeFileSync(wav, formatWav(burstSamples(BURSTS, EVERY_MS, RATE_HZ), RATE_HZ));

  const device = (card: string) => ({
    profile: 'simulated',
    sound: { driver: 'alsa', speaker: card, microphone: card },
  });
  const caller = await startTerminal(cleaner, { address: MOUTH, env: cards.env, config: { device: device('a') } });
  const called = await startTerminal(cleaner, {
    address: EAR,
    env: cards.env,
    config: { device: device('b'), incoming: [{ from: '*', source: [MOUTH], answer: 'auto', as: 'intercom' }] },
  });
  await caller.command('dial', { target: `sip:help-07@${EAR}` });
  await caller.event({ type: 'call', state: 'connected' }, 5_000);
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));

  const [mouth, ear] = [await BurstEar.open('a_mic'), await BurstEar.open('b_ear')];
  const polling = setInterval(() => {
    mouth.poll();
    ear.poll();
  }, 2);
  await cards.feed('a', wav);
  await new Promise((resolve) => setTimeout(resolve, LIMIT_MS));
  clearInterval(polling);
  await Promise.all([mouth.close(), ear.close()]);
  const delays = delaysMs(mouth.onsetsMs, ear.onsetsMs, LIMIT_MS);
  if (delays.length < BURSTS / 2) throw new Error(`only ${delays.length} of ${BURSTS} bursts were heard`);
  print('mouth to ear of a call', 'hailpoint', spread(delays));
  await caller.stop();
  await called.stop();
});
