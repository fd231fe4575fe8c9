/**
 * How soon something is heard at the loudspeaker of a virtual card, the few ms from there to the kit included: the prompt after a
 * press, and an announcement after its first RTP packet, at once after the answer and a second later.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { alaw } from '../../src/audio/g711.ts';
import { BurstEar } from '../kit/bursts.ts';
import { temporaryDirectory } from '../kit/checkout.ts';
import { header, offer, request, udpSender } from '../kit/sip.ts';
import { SoundCards, soundcardsLack } from '../kit/soundcard.ts';
import { startTerminal } from '../kit/terminal.ts';
import { formatWav } from '../kit/wav.ts';
import { bench, keepOthersOut, print, spread } from './figures.ts';

const RUNS = 12;
const ADDRESS = '127.44.1.50';
const CALLER = '127.44.1.51';
const RATE_HZ = 8000;
const PACKET = 160;
const SOUND_MS = 600;
const LIMIT_MS = 2000;

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const tone = Int16Array.from({ length: (SOUND_MS * RATE_HZ) / 1000 }, (_, i) =>
  Math.round(20000 * Math.cos((2 * Math.PI * 1000 * i) / RATE_HZ)),
);

await bench(async (cleaner) => {
  const lack = soundcardsLack();
  if (lack !== undefined) return console.log(`first sound: not measured, ${lack} is missing`);
  keepOthersOut();
  const { path, remove } = temporaryDirectory();
  cleaner.after(remove);
  const prompt = join(path, 'prompt.wav');
  writeFileSync(prompt, formatWav(tone, RATE_HZ));
  const cards = (await SoundCards.start('a')).enter();
  cleaner.after(() => cards.stop());
  const terminal = await startTerminal(cleaner, {
    address: ADDRESS,
    env: cards.env,
    config: {
      device: { profile: 'simulated', sound: { driver: 'alsa', speaker: 'a', microphone: 'a' } },
      audio: { codecs: ['pcma'] },
      calls: { desk: { steps: [{ ring: [`sip:desk@${CALLER}:5999`], for: '10s' }], cycles: 1, prompt } },
      buttons: { help: { press: { call: 'desk' } } },
      incoming: [{ from: '*', source: [CALLER], answer: 'auto', as: 'intercom' }],
    },
  });
  const ear = await BurstEar.open('a_ear');
  const polling = setInterval(() => ear.poll(), 2);
  cleaner.after(async () => {
    clearInterval(polling);
    await ear.close();
  });
  await wait(500);
  /** From `begin` to the first sound after it. */
  const heard = async (begin: number): Promise<number> => {
    while (performance.now() < begin + LIMIT_MS) {
      const onset = ear.onsetsMs.find((at) => at > begin);
      if (onset !== undefined) return onset - begin;
      await wait(5);
    }
    return Number.POSITIVE_INFINITY;
  };

  const control = connect(join(terminal.directory, 'control.sock'));
  cleaner.after(() => void control.destroy());
  await once(control, 'connect');
  const say = (line: object): boolean => control.write(`${JSON.stringify(line)}\n`);
  const prompts: number[] = [];
  for (let i = 0; i < RUNS; i++) {
    const begin = performance.now();
    say({ command: 'press', button: 'help', forMs: 20 });
    prompts.push(await heard(begin));
    say({ command: 'hangup' });
    await terminal.shows('the call to be over', 5_000, ({ calls }) => calls.length === 0);
    await wait(SOUND_MS + 400);
  }
  print('press -> prompt at the loudspeaker', 'hailpoint', spread(prompts));

  const sip = await udpSender(CALLER, { address: ADDRESS, port: 5060 });
  cleaner.after(() => sip.close());
  const rtp = createSocket('udp4');
  cleaner.after(() => void rtp.close());
  rtp.bind(0, CALLER);
  await once(rtp, 'listening');
  for (const [when, afterMs] of [
    ['at once', 0],
    ['1 s later', 1000],
  ] as const) {
    const sounds: number[] = [];
    for (let i = 0; i < RUNS; i++) {
      const uri = `sip:help-07@${ADDRESS}`;
      const headers = ['Content-Type: application/sdp'];
      const invite = request(sip, 'INVITE', uri, { headers, body: offer(CALLER, rtp.address().port) });
      const callId = header({ text: invite }, 'Call-ID')!;
      sip.send(invite);
      const mine = (status: number) => (item: { status: number; text: string }) =>
        item.status === status && header(item, 'Call-ID') === callId;
      const answer = await sip.inbox.take('the 200', 5_000, mine(200));
      const to = `To: ${header(answer, 'To')}`;
      const target = /<([^>]+)>/.exec(header(answer, 'Contact')!)![1];
      const inside = (method: string, sequence: number): string =>
        request(sip, method, target, { callId, sequence }).replace(/^To: .*$/m, to);
      sip.send(inside('ACK', 1));
      await wait(afterMs);
      const port = Number(/^m=audio (\d+)/m.exec(answer.text)![1]);
      const begin = performance.now();
      for (let at = 0, n = 0; at + PACKET <= tone.length; at += PACKET, n++) {
        const packet = Buffer.alloc(12 + PACKET);
        packet.writeUInt16BE(0x8008, 0);
        packet.writeUInt16BE(n, 2);
        packet.writeUInt32BE(at, 4);
        packet.writeUInt32BE(i + 1, 8);
        alaw.encode(tone, at, PACKET, packet, 12);
        await wait(begin + (1000 * at) / RATE_HZ - performance.now());
        rtp.send(packet, port, ADDRESS);
      }
      sounds.push(await heard(begin));
      sip.send(inside('BYE', 2));
      await terminal.shows('the call to be over', 5_000, ({ calls }) => calls.length === 0);
      await wait(600);
    }
    print(`first RTP ${when} -> first sound`, 'hailpoint', spread(sounds));
  }
  await terminal.stop();
});
