/**
 * What a call costs the side that is called, on a virtual card, while both talk in turns: processor time and resident memory, beside
 * baresip as shipped. That sends and plays the sound as it is; what more hailpoint does to it is the first row less the second. And
 * beside the least that Node costs: `mover.ts`.
 */
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { voice } from '../audio/kit.ts';
import { BaresipOnCard, baresipLacks } from '../kit/baresip-card.ts';
import { temporaryDirectory } from '../kit/checkout.ts';
import { SoundCards, soundcardsLack } from '../kit/soundcard.ts';
import { residentMb, startTerminal, type Tree } from '../kit/terminal.ts';
import { formatWav } from '../kit/wav.ts';
import { bench, print } from './figures.ts';

const CALLER = '127.44.2.50';
const CALLED = '127.44.2.51';
/** Until most of it is compiled. */
const SETTLE_MS = 14_000;
const MEASURED_MS = 12_000;
/** Each talks so long, then the other. */
const TURN_S = 2;
const VOICE_HZ = 8000;
/** `/proc/PID/stat` counts in these. */
const TICK_MS = 10;

const rows: { name: string; audio: Tree; codec: string }[] = [
  { name: 'G.711', audio: { codecs: ['pcma'] }, codec: 'PCMA/8000/1' },
  { name: 'Opus', audio: { codecs: ['opus'] }, codec: 'opus/48000/2' },
];
/** What baresip 1.0.0 does to sound: nothing. */
const plain: Tree = { echo: 'off', 'noise-suppression': 'off', agc: 'off' };

/** What no program on Node can go below. */
const MOVER = fileURLToPath(new URL('mover.js', import.meta.url));

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function processorMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** Speaks into both cards in turns, for as long as a row takes. */
function talk(cards: SoundCards, directory: string): void {
  const seconds = (SETTLE_MS + MEASURED_MS) / 1000;
  for (const [turn, card] of ['a', 'b'].entries()) {
    const said = voice(seconds * VOICE_HZ);
    for (let i = 0; i < said.length; i++) if (Math.floor(i / VOICE_HZ / TURN_S) % 2 !== turn) said[i] = 0;
    const path = join(directory, `${card}.wav`);
    writeFileSync(path, formatWav(said, VOICE_HZ));
    cards.feed(card, path).catch(() => {}); // it ends with the bench, if not before
  }
}

async function cost(what: string, who: string, pid: number): Promise<void> {
  await wait(SETTLE_MS);
  const before = processorMs(pid);
  await wait(MEASURED_MS);
  const percent = (100 * (processorMs(pid) - before)) / MEASURED_MS;
  print(what, who, `${percent.toFixed(1)} % of a processor, ${residentMb(pid).toFixed(1)} MB resident`);
}

await bench(async (cleaner) => {
  const lack = soundcardsLack() ?? baresipLacks();
  if (lack !== undefined) return console.log(`cost of a call: not measured, ${lack} is missing`);
  const cards = await SoundCards.start('a', 'b');
  cleaner.after(() => cards.stop());
  const { path, remove } = temporaryDirectory();
  cleaner.after(remove);
  const terminal = (address: string, card: string, audio: Tree) =>
    startTerminal(cleaner, {
      address,
      env: cards.env,
      config: {
        device: { profile: 'simulated', sound: { driver: 'alsa', speaker: card, microphone: card } },
        audio,
        incoming: [{ from: '*', answer: 'auto', as: 'intercom' }],
      },
    });
  for (const { name, audio, codec } of rows) {
    for (const [more, settings] of [
      ['', {}],
      [', sound untouched', plain],
    ] as const) {
      const called = await terminal(CALLED, 'b', { ...audio, ...settings });
      const caller = await terminal(CALLER, 'a', { ...audio, ...settings });
      await caller.command('dial', { target: `sip:help-07@${CALLED}` });
      await caller.event({ type: 'call', state: 'connected' }, 5_000);
      talk(cards, path);
      await cost(`a call, ${name}${more}`, 'hailpoint', called.pid);
      await caller.stop();
      await called.stop();
    }
    const phone = await BaresipOnCard.start('b', CALLED, cards.env, { tuning: 'shipped', codec });
    cleaner.after(() => phone.stop());
    const other = { tuning: 'shipped', codec, dial: `sip:phone@${CALLED}` } as const;
    const caller = await BaresipOnCard.start('a', CALLER, cards.env, other);
    cleaner.after(() => caller.stop());
    await caller.connected();
    talk(cards, path);
    await cost(`a call, ${name}`, 'baresip', phone.pid);
    caller.stop();
    phone.stop();
  }
  for (const periodMs of [10, 20]) {
    const mover = spawn(process.execPath, [MOVER, 'b', `${periodMs}`], { env: { ...process.env, ...cards.env } });
    cleaner.after(() => void mover.kill());
    await cost(`sound moved, ${periodMs} ms at a time`, 'a bare Node', mover.pid!);
    mover.kill();
  }
});
