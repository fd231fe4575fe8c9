/** Pages by multicast as they are heard: in step at the sound card, and how they come and go. All on loopback. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { silentLogger } from '../../src/base/index.ts';
import {
  createMediaEngine,
  type MediaConfig,
  type MediaEngine,
  type PageGroup,
  type Zone,
} from '../../src/media/index.ts';
import type { MediaEvent } from '../../src/media/types.ts';
import { temporaryDirectory } from '../kit/checkout.ts';
import { median, type Recording, skews } from '../kit/skew.ts';
import { SoundCards, soundcardsLack } from '../kit/soundcard.ts';
import { Inbox } from '../kit/wait.ts';
import { cut, levelDbfs, readWav } from '../kit/wav.ts';

const RATE_HZ = 48_000;

class Box {
  readonly engine: MediaEngine;
  readonly events = new Inbox<MediaEvent>();

  constructor(sound: MediaConfig['sound'], group?: PageGroup) {
    this.engine = createMediaEngine({ sound, volume: 100 }, silentLogger);
    this.engine.onEvent((event) => this.events.put(event));
    if (group !== undefined) this.engine.pages.listen([group]);
  }

  async begun(): Promise<string> {
    const event = await this.events.take('a page', 5000, ({ type }) => type === 'page-begun');
    return event.type === 'page-begun' ? event.page : '';
  }

  over(): Promise<MediaEvent> {
    return this.events.take('the end of the page', 20_000, ({ type }) => type === 'page-over');
  }
}

const listening = (group: PageGroup['group']): PageGroup => ({
  ...{ name: 'g', group, format: 'rtp', volume: 100, delayMs: 60, sync: 'arrival', silenceMs: 1000, interface: 'lo' },
});
const paging = (group: Zone['group'], codec: Zone['codec']): Zone => ({
  ...{ group, format: 'rtp', codec, hops: 1, interface: 'lo', chime: false, channel: 1, caller: '', control: group },
});

/** Something whose place in time can be told from any of its parts. */
function noise(seconds: number): Int16Array {
  let seed = 1;
  let low = 0;
  return Int16Array.from({ length: 16_000 * seconds }, () => {
    seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff;
    low = 0.7 * low + 0.3 * (seed / 0x7fffffff - 0.5);
    return 26_000 * low;
  });
}

/** Two cards of one clock, left and right of a recording: their time is the same by nature. */
function twins(cards: SoundCards): [left: string, right: string] {
  const load = (...module: string[]): void => void execFileSync('pactl', ['load-module', ...module]);
  const channels = ['front-left', 'front-right'];
  const form = [`rate=${RATE_HZ}`, 'format=s16le', 'channels=2', `channel_map=${channels}`];
  load('module-null-sink', 'sink_name=both', 'norewinds=1', ...form);
  for (const channel of channels) {
    const map = [`master_channel_map=${channel}`, `channel_map=${channel}`, 'channels=1', 'remix=no'];
    load('module-remap-sink', `sink_name=${channel}`, 'master=both', ...map);
    const pcm = `pcm.${channel} { type pulse device "${channel}" server "${cards.env.PULSE_SERVER}" }\n`;
    appendFileSync(cards.env.ALSA_CONFIG_PATH, pcm);
  }
  return ['front-left', 'front-right'];
}

/** Records both from now on; what came of it is there when it is ended. */
async function record(): Promise<() => Promise<[left: Recording, right: Recording]>> {
  // Left to itself it hands out two seconds at a time, and the last of them never.
  const form = ['--latency-msec=20', '--channels=2', `--rate=${RATE_HZ}`, '--format=s16le', '--raw'];
  const recorder = spawn('parec', ['-d', 'both.monitor', ...form], { stdio: ['ignore', 'pipe', 'ignore'] });
  const parts: Buffer[] = [];
  recorder.stdout.on('data', (part: Buffer) => parts.push(part));
  await once(recorder.stdout, 'data');
  return async () => {
    recorder.kill();
    await once(recorder, 'close');
    const bytes = Buffer.concat(parts);
    const side = (offset: number): Recording => ({
      rateHz: RATE_HZ,
      samples: Float64Array.from({ length: bytes.length >> 2 }, (_, i) => bytes.readInt16LE(4 * i + offset) / 32_768),
      unixMs: 0,
    });
    return [side(0), side(2)];
  };
}

test('two terminals play one page in step, at the sound card', { skip: soundcardsLack() }, async (t: TestContext) => {
  const cards = await SoundCards.start('a');
  t.after(() => cards.stop());
  cards.enter();
  const group = { host: '239.47.20.1', port: 5004 };
  const boxes = twins(cards).map((speaker, index) => {
    const rateHz = index === 0 ? 16_000 : 48_000;
    return new Box({ driver: 'alsa', speaker, microphone: 'none', rateHz, periodMs: 10 }, listening(group));
  });
  const sender = new Box({ driver: 'none' });
  t.after(async () => void (await Promise.all([...boxes, sender].map(({ engine }) => engine.stop()))));
  const recorded = await record();
  sender.engine.pages.send('p', paging(group, 'g722'), noise(6), 16_000);
  for (const box of boxes) box.engine.pages.level(await box.begun(), 'full');
  for (const box of boxes) await box.over();
  const [left, right] = await recorded();
  const found = skews(left, right, 0, (left.samples.length * 1000) / RATE_HZ).map(Math.abs);
  t.diagnostic(
    `${found.length} windows, median ${median(found).toFixed(2)} ms, most ${Math.max(...found).toFixed(2)} ms`,
  );
  assert.ok(found.length >= 15, `${found.length} windows`);
  assert.ok(median(found) <= 1, `median ${median(found)} ms`);
  assert.ok(Math.max(...found) <= 5, `${found}`);
});

test('a page is heard at once, goes 20 dB lower, fades away and comes again within 125 ms', async (t) => {
  const { path, remove } = temporaryDirectory();
  const speaker = join(path, 'heard.wav');
  const group = { host: '239.47.20.2', port: 5004 };
  const box = new Box({ driver: 'file', speaker, rateHz: 16_000, periodMs: 10 }, listening(group));
  const sender = new Box({ driver: 'none' });
  t.after(remove);
  t.after(async () => void (await sender.engine.stop()));
  const tone = Int16Array.from({ length: 16_000 * 5 }, (_, i) => 10_000 * Math.sin((2 * Math.PI * 500 * i) / 16_000));
  sender.engine.pages.send('p', paging(group, 'pcma'), tone, 16_000);
  const page = await box.begun();
  for (const level of ['full', 'ducked', 'off', 'full'] as const) {
    box.engine.pages.level(page, level);
    await new Promise((resolve) => setTimeout(resolve, 800));
  }
  await box.engine.stop();
  const heard = readWav(speaker);
  const levels = Array.from({ length: Math.floor(heard.samples.length / 160) }, (_, i) =>
    levelDbfs(cut(heard, i * 10, i * 10 + 10)),
  );
  const full = Math.max(...levels);
  const steps = levels.map((level) =>
    level > full - 1 ? 'full' : level < -70 ? 'off' : Math.abs(level - full + 20) < 1 ? 'ducked' : 'between',
  );
  const runs = steps.reduce<[string, number][]>((all, step) => {
    if (all.at(-1)?.[0] === step) all.at(-1)![1]++;
    else all.push([step, 1]);
    return all;
  }, []);
  const long = runs.filter(([step, count]) => step === 'between' || count > 20);
  t.diagnostic(long.map(([step, count]) => `${step} ${count * 10} ms`).join(', '));
  assert.deepEqual(
    long.map(([step]) => step).filter((step, i) => step !== 'between' && (i > 0 || step !== 'off')),
    ['full', 'ducked', 'off', 'full'],
  );
  const between = long.filter(([step]) => step === 'between').map(([, count]) => count * 10);
  assert.ok(
    between.every((ms) => ms <= 130),
    `${between}`,
  );
});

test('a page that was announced is heard at once, too', async (t) => {
  const { path, remove } = temporaryDirectory();
  const speaker = join(path, 'heard.wav');
  const group = { host: '239.47.20.3', port: 5001 };
  const box = new Box(
    { driver: 'file', speaker, rateHz: 16_000, periodMs: 10 },
    { ...listening(group), format: 'poly' },
  );
  const sender = new Box({ driver: 'none' });
  t.after(remove);
  t.after(async () => void (await sender.engine.stop()));
  const tone = Int16Array.from({ length: 8000 }, (_, i) => 10_000 * Math.sin((2 * Math.PI * 500 * i) / 16_000));
  sender.engine.pages.send('p', { ...paging(group, 'pcmu'), format: 'poly' }, tone, 16_000);
  box.engine.pages.level(await box.begun(), 'full');
  await box.over();
  await box.engine.stop();
  const heard = readWav(speaker);
  const first = (heard.samples.findIndex((sample) => Math.abs(sample) > 0.03) * 1000) / heard.rateHz;
  const [beginning, later] = [first, first + 200].map((ms) => levelDbfs(cut(heard, ms, ms + 50)));
  assert.ok(later - beginning < 1, `${beginning.toFixed(1)} dBFS at first, then ${later.toFixed(1)}`);
});

test('what cannot be heard begins no page, and pauses and digits of who is heard do not end it', async (t) => {
  const group = { host: '239.47.20.4', port: 5004 };
  const box = new Box({ driver: 'none' }, listening(group));
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  t.after(() => socket.close());
  t.after(() => box.engine.stop());
  await once(socket, 'listening');
  socket.setMulticastInterface('127.0.0.1');
  let sequence = 0;
  const say = async (payloadType: number, packets: number, everyMs: number): Promise<void> => {
    for (let i = 0; i < packets; i++) {
      const packet = Buffer.alloc(172, 0xff);
      packet.writeUInt16BE(0x8000 | payloadType);
      packet.writeUInt16BE(++sequence, 2);
      packet.writeUInt32BE(160 * sequence, 4);
      packet.writeUInt32BE(7, 8);
      socket.send(packet, group.port, group.host);
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  };
  await say(33, 5, 20); // video
  await say(0, 10, 20);
  await say(13, 8, 200); // comfort noise
  await say(0, 10, 20);
  await box.over();
  const heard = box.events.items.filter(({ type }) => type.startsWith('page'));
  assert.deepEqual(
    heard.map(({ type }) => type),
    ['page-refused', 'page-begun', 'page-over'],
  );
});

test('two pages that come from one address at once: the first is heard, whole', async (t) => {
  const { path, remove } = temporaryDirectory();
  const speaker = join(path, 'heard.wav');
  const group = { host: '239.47.20.7', port: 5004 };
  const box = new Box({ driver: 'file', speaker, rateHz: 16_000, periodMs: 10 }, listening(group));
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  t.after(remove);
  t.after(() => socket.close());
  await once(socket, 'listening');
  socket.setMulticastInterface('127.0.0.1');
  for (let n = 0; n < 60; n++) {
    for (const [ssrc, octet] of [
      [7, 0x80], // the loudest of µ-law, in turn up and down
      [8, 0xff],
    ]) {
      const packet = Buffer.alloc(172, octet);
      if (ssrc === 7) for (let i = 12; i < 172; i += 2) packet[i] = 0x00;
      packet.writeUInt16BE(0x8000);
      packet.writeUInt16BE(n, 2);
      packet.writeUInt32BE(160 * n + ssrc * 1e6, 4);
      packet.writeUInt32BE(ssrc, 8);
      socket.send(packet, group.port, group.host);
    }
    if (n === 0) box.engine.pages.level(await box.begun(), 'full');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await box.over();
  await box.engine.stop();
  const heard = readWav(speaker);
  const loud = Array.from({ length: Math.floor(heard.samples.length / 160) }, (_, i) =>
    levelDbfs(cut(heard, i * 10, i * 10 + 10)),
  ).filter((level) => level > -20).length;
  t.diagnostic(`${loud * 10} of 1200 ms`);
  assert.ok(loud >= 60, `${loud * 10} ms`); // the first packets are over before it is let be heard
});

test('a sender that begins anew all the time is told of some times, not without end', async (t) => {
  const group = { host: '239.47.20.5', port: 5006 };
  const control = { host: '239.47.20.6', port: 6061 };
  const box = new Box({ driver: 'none' }, { ...listening(group), format: 'linksys', control });
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  t.after(() => socket.close());
  t.after(() => box.engine.stop());
  await once(socket, 'listening');
  socket.setMulticastInterface('127.0.0.1');
  for (let i = 0; i < 120; i++) {
    const packet = Buffer.alloc(16);
    packet.writeUInt32BE(6 + (i % 2), 4); // start, stop
    packet.set(group.host.split('.').map(Number), 8);
    packet.writeUInt32BE(group.port, 12);
    socket.send(packet, control.port, control.host);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  const count = (kind: string): number => box.events.items.filter(({ type }) => type === kind).length;
  const [begun, over, refused] = ['page-begun', 'page-over', 'page-refused'].map(count);
  t.diagnostic(`${begun} pages begun, ${over} over, ${refused} refused`);
  assert.ok(begun >= 3 && begun <= 12 && over <= begun && refused === 1, `${begun}, ${over}, ${refused}`);
});
