/**
 * Mouth to ear of a call between two terminals on virtual cards: bursts of 10 ms are spoken into one's microphone and timed at
 * the other's loudspeaker, less the way through the kit. No room, no converters; everything that a call does to sound is on.
 * Beside it two baresips of the host's Debian on the same cards. `mouth-to-ear.js WORD` takes only the rows with that word.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BaresipOnCard, baresipLacks, type Tuning } from '../kit/baresip-card.ts';
import { BurstEar, burstSamples, delaysMs } from '../kit/bursts.ts';
import { temporaryDirectory } from '../kit/checkout.ts';
import { Detour } from '../kit/detour.ts';
import { SoundCards, soundcardsLack } from '../kit/soundcard.ts';
import { startTerminal, type Tree } from '../kit/terminal.ts';
import { formatWav } from '../kit/wav.ts';
import { bench, keepOthersOut, print, spread } from './figures.ts';

const RATE_HZ = 48000;
const BURSTS = 24;
const EVERY_MS = 410; // no multiple of a packet, so that all phases occur
/** The jitter buffer is more careful for so long. */
const SETTLE_MS = 10_000;
const LIMIT_MS = 400;
const STANDSTILL_MS = 500;
const MOUTH = '127.44.0.50';
const EAR = '127.44.0.51';
const FACES: [string, string] = ['127.44.0.52', '127.44.0.53'];

interface Row {
  name: string;
  audio: Tree;
  jitterMs?: number;
  standstill?: boolean;
}

const rows: Row[] = [
  { name: 'G.711, 20 ms packets', audio: { codecs: ['pcma'], ptime: '20ms' } },
  { name: 'G.711, 10 ms packets', audio: { codecs: ['pcma'], ptime: '10ms' } },
  { name: 'G.711, 20 ms of jitter', audio: { codecs: ['pcma'], ptime: '20ms' }, jitterMs: 20 },
  { name: 'G.711, after a standstill', audio: { codecs: ['pcma'], ptime: '20ms' }, standstill: true },
  { name: 'Opus, 20 ms packets', audio: { codecs: ['opus'], ptime: '20ms' } },
  { name: 'Opus, 10 ms packets', audio: { codecs: ['opus'], ptime: '10ms' } },
];

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

await bench(async (cleaner) => {
  const lack = soundcardsLack();
  if (lack !== undefined) {
    console.log(`mouth to ear: not measured, ${lack} is missing`);
    return;
  }
  keepOthersOut();
  const wanted = (name: string): boolean => name.includes(process.argv[2] ?? '');
  const cards = (await SoundCards.start('a', 'b')).enter();
  cleaner.after(() => cards.stop());
  const { path, remove } = temporaryDirectory();
  cleaner.after(remove);
  const wav = join(path, 'bursts.wav');
  writeFileSync(wav, formatWav(burstSamples(BURSTS, EVERY_MS, RATE_HZ), RATE_HZ));

  const measure = async (what: string, who: string): Promise<void> => {
    const [mouth, ear] = [await BurstEar.open('a_mic'), await BurstEar.open('b_ear')];
    const polling = setInterval(() => {
      mouth.poll();
      ear.poll();
    }, 2);
    await cards.feed('a', wav);
    await wait(LIMIT_MS);
    clearInterval(polling);
    await Promise.all([mouth.close(), ear.close()]);
    const delays = delaysMs(mouth.onsetsMs, ear.onsetsMs, LIMIT_MS);
    const heard = delays.length < BURSTS / 2 ? `only ${delays.length} of ${BURSTS} bursts were heard; ` : '';
    print(what, who, heard + (delays.length > 0 ? spread(delays) : ''));
  };

  const device = (card: string) => ({
    profile: 'simulated',
    sound: { driver: 'alsa', speaker: card, microphone: card },
  });
  for (const { name, audio, jitterMs, standstill } of rows.filter((row) => wanted(row.name))) {
    const config = (card: string): Tree => ({ device: device(card), audio });
    const caller = await startTerminal(cleaner, { address: MOUTH, env: cards.env, config: config('a') });
    const incoming = [{ from: '*', answer: 'auto', as: 'intercom' }];
    const called = await startTerminal(cleaner, {
      address: EAR,
      env: cards.env,
      config: { ...config('b'), incoming },
    });
    const detour = jitterMs === undefined ? undefined : await Detour.open(MOUTH, EAR, FACES, jitterMs);
    await caller.command('dial', { target: `sip:help-07@${detour ? FACES[0] : EAR}` });
    await caller.event({ type: 'call', state: 'connected' }, 5_000);
    await wait(SETTLE_MS);
    if (standstill) {
      cards.freeze();
      await wait(STANDSTILL_MS);
      cards.thaw();
      await wait(SETTLE_MS);
    }
    await measure(`mouth to ear, ${name}`, 'hailpoint');
    await caller.stop();
    await called.stop();
    detour?.close();
  }

  if (baresipLacks() !== undefined) return console.log('mouth to ear of baresip: not measured, it is not installed');
  for (const tuning of ['shipped', 'tuned'] satisfies Tuning[]) {
    if (!wanted(`baresip ${tuning}`)) continue;
    const called = await BaresipOnCard.start('b', EAR, cards.env, { tuning });
    cleaner.after(() => called.stop());
    const dial = `sip:phone@${EAR}`;
    const caller = await BaresipOnCard.start('a', MOUTH, cards.env, { tuning, dial });
    cleaner.after(() => caller.stop());
    await caller.connected();
    await wait(SETTLE_MS);
    await measure(
      `mouth to ear, G.711, ${tuning === 'tuned' ? '10 ms packets, no jitter buffer' : 'as shipped'}`,
      'baresip',
    );
    caller.stop();
    called.stop();
  }
});
