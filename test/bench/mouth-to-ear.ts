/**
 * Mouth to ear of a call between two terminals on virtual cards: bursts of 10 ms are spoken into one's microphone and timed at
 * the other's loudspeaker, less the way through the kit. No room, no converters; PCMA, the adaptive jitter buffer of calls.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatWav } from '../../src/audio/index.ts';
import { silentLogger } from '../../src/base/index.ts';
import { createMediaEngine, type MediaEngine, type MediaStream, type StreamConfig } from '../../src/media/index.ts';
import { BurstEar, burstSamples, delaysMs } from '../kit/bursts.ts';
import { temporaryDirectory } from '../kit/checkout.ts';
import { SoundCards, soundcardsLack } from '../kit/soundcard.ts';
import { bench, print, spread } from './figures.ts';

const RATE_HZ = 48000;
const BURSTS = 24;
const EVERY_MS = 410; // no multiple of a packet, so that all phases occur
const SETTLE_MS = 3000;
const LIMIT_MS = 400;

function terminal(card: string): MediaEngine {
  const sound = { driver: 'alsa' as const, speaker: card, microphone: card, rateHz: 16000, periodMs: 10 };
  return createMediaEngine({ sound, volume: 100 }, silentLogger);
}

function talk(stream: MediaStream, peer: MediaStream, packetMs: number): void {
  const config: StreamConfig = {
    direction: 'sendrecv',
    remote: peer.local,
    codec: { encoding: 'PCMA', payloadType: 8, clockRateHz: 8000, channels: 1 },
    packetMs,
    buffer: { kind: 'adaptive', minMs: 20, maxMs: 200 },
  };
  stream.configure(config);
  stream.audible(true, true);
}

async function measure(cards: SoundCards, wav: string, packetMs: number): Promise<void> {
  const [a, b] = [terminal('a'), terminal('b')];
  let bufferMs = 0;
  b.onEvent((event) => {
    if (event.type === 'statistics') bufferMs = event.statistics.bufferMs;
  });
  const [from, to] = [a.open('127.24.9.1'), b.open('127.24.9.2')];
  talk(from, to, packetMs);
  talk(to, from, packetMs);
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const [mouth, ear] = [await BurstEar.open('a_mic'), await BurstEar.open('b_ear')];
  const polling = setInterval(() => {
    mouth.poll();
    ear.poll();
  }, 2);
  await cards.feed('a', wav);
  await new Promise((resolve) => setTimeout(resolve, LIMIT_MS));
  clearInterval(polling);
  const delays = delaysMs(mouth.onsetsMs, ear.onsetsMs, LIMIT_MS);
  if (delays.length < BURSTS / 2) throw new Error(`only ${delays.length} of ${BURSTS} bursts were heard`);
  print(
    `mouth to ear, ${packetMs} ms packets`,
    'hailpoint',
    `${spread(delays)}; ${bufferMs.toFixed(0)} in the jitter buffer`,
  );
  await Promise.all([mouth.close(), ear.close(), a.stop(), b.stop()]);
}

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
  for (const packetMs of [20, 10]) await measure(cards, wav, packetMs);
});
