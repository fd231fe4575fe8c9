import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import test, { after } from 'node:test';
import { missingOpus } from '../../src/audio/index.ts';
import type { MediaEvent } from '../../src/media/index.ts';
import { temporaryDirectory } from '../kit/checkout.ts';
import { until } from '../kit/wait.ts';
import { cut, formatWav, judge, levelDbfs, readWav, type Sound, toneDbfs } from '../kit/wav.ts';
import { babble, g722, l16, opus, pcma, pcmu, sine, streamConfig, Terminal } from './pair.ts';

const noOpus = missingOpus() ?? false;
const { path, remove } = temporaryDirectory();
after(remove);
const file = (name: string): string => join(path, `${name}.wav`);
const write = (name: string, samples: Int16Array, rateHz: number): string => {
  writeFileSync(file(name), formatWav(samples, rateHz));
  return file(name);
};
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const sound = (speaker: string, microphone?: string) =>
  ({ driver: 'file', speaker: file(speaker), microphone, rateHz: 16000, periodMs: 10 }) as const;

const speech = write('speech', babble(4, 22050), 22050);
const tone = write('tone', sine(700, 10, 8000), 8000);

for (const [codec, octet, packetMs] of [
  [pcma, 1, 20],
  [pcmu, 2, 10],
  [g722, 11, 60],
  [opus, 12, 20],
  [l16, 13, 30],
] as const)
  test(`${codec.encoding}, packets of ${packetMs} ms: two terminals hear each other, whole and at full level`, {
    skip: codec === opus && noOpus,
  }, async () => {
    const a = new Terminal(sound(`a-${octet}`, speech), `127.24.3.${octet}`);
    const b = new Terminal(sound(`b-${octet}`, tone), `127.24.4.${octet}`);
    await Promise.all([a.ready(), b.ready()]);
    a.talk(b.stream.local, 'sendrecv', { codec, packetMs });
    b.talk(a.stream.local, 'sendrecv', { codec, packetMs });
    await Promise.all([a.event('first-sound'), b.event('first-sound')]);
    await pause(4300);
    await Promise.all([a.end(), b.end()]);

    const verdict = judge(readWav(file(`b-${octet}`)), readWav(speech));
    assert.ok(verdict.match > 0.95, `match ${verdict.match}`);
    assert.ok(verdict.gapMs < 20 && verdict.clipped === 0, JSON.stringify(verdict));
    const heard = readWav(file(`a-${octet}`));
    const steady = cut(heard, heard.samples.length / 16 - 3500, heard.samples.length / 16 - 500);
    // The tone is a quarter of full scale, -12 dBFS; nothing else is there.
    assert.ok(Math.abs(toneDbfs(steady, 700) + 12) < 1.5, `tone ${toneDbfs(steady, 700)}`);
    assert.ok(Math.abs(levelDbfs(steady) + 15) < 1.5, `level ${levelDbfs(steady)}`);
    const { statistics } = await b.event('statistics');
    assert.equal(statistics.packetsLost, 0);
    assert.ok(
      statistics.packetsReceived > 4000 / packetMs && statistics.packetsSent > 4000 / packetMs,
      JSON.stringify(statistics),
    );
  });

test('digits cross once each, in order', async () => {
  const a = new Terminal({ driver: 'none' }, '127.24.3.3');
  const b = new Terminal({ driver: 'none' }, '127.24.4.3');
  a.talk(b.stream.local);
  b.talk(a.stream.local);
  await b.event('first-packet');
  a.stream.sendDigits('1a*#5');
  const digits = (): string => b.events.items.map((event) => (event.type === 'digit' ? event.digit : '')).join('');
  await until('five digits', 5000, () => digits().length >= 5);
  await pause(200);
  assert.equal(digits(), '1A*#5');
  await Promise.all([a.end(), b.end()]);
});

test('a flood of digits and ends is told of in small portions', async (t) => {
  const terminal = new Terminal({ driver: 'none', rateHz: 16_000 }, '127.24.3.33');
  const { port } = terminal.stream.local;
  const socket = createSocket('udp4').bind(0, '127.24.4.33');
  await Promise.all([once(socket, 'listening'), terminal.ready()]);
  terminal.talk({ host: '127.24.4.33', port: socket.address().port });
  await pause(100);
  for (let i = 0; i < 20; i++) {
    const digits = Array.from({ length: 300 }, (_, n) => [n % 10, 0x80, 0, 160]).flat();
    const rtp = Buffer.from([0x80, 101, 0, i, 0, i, 0, 0, 0, 0, 0, 7, ...digits]);
    const bye = Buffer.from([0x80, 201, 0, 1, 0, 0, 0, 7, 0x81, 203, 0, 1, 0, 0, 0, 7]);
    socket.send(rtp, port, '127.24.3.33');
    socket.send(bye, port, '127.24.3.33');
  }
  await pause(300);
  socket.close();
  const told = terminal.events.items.filter(({ type }) => type === 'digit' || type === 'rtcp-bye').length;
  t.diagnostic(`${told} of 6020`);
  assert.ok(told >= 8 && told <= 160, `${told}`);
  await terminal.end();
});

test('the codec changes in the middle of a call: both go on', { skip: noOpus }, async () => {
  const a = new Terminal(sound('changer', speech), '127.43.3.4');
  const b = new Terminal(sound('changed', tone), '127.43.4.4');
  for (const codec of [pcma, opus, g722]) {
    a.talk(b.stream.local, 'sendrecv', { codec });
    b.talk(a.stream.local, 'sendrecv', { codec });
    await a.event('first-sound');
    await pause(1200);
  }
  await Promise.all([a.end(), b.end()]);
  const heard = readWav(file('changer'));
  const endMs = heard.samples.length / 16;
  for (const at of [2600, 1400, 300])
    assert.ok(toneDbfs(cut(heard, endMs - at - 300, endMs - at), 700) > -15, `${at} ms before the end`);
  const { statistics } = (await a.events.take('the last figures', 1000, (e) => e.type === 'statistics' && e.final)) as {
    statistics: { codec?: string };
  };
  assert.equal(statistics.codec, 'G722');
});

test('the other side changes to another codec of its answer, without a word: it is followed, both ways', async () => {
  const a = new Terminal(sound('follower', speech), '127.43.3.5');
  const b = new Terminal(sound('leader', tone), '127.43.4.5');
  const others = [{ codec: g722, packetMs: 20, received: 9 }];
  a.talk(b.stream.local, 'sendrecv', { codec: pcma, others });
  b.talk(a.stream.local, 'sendrecv', { codec: pcma });
  await a.event('first-sound');
  b.talk(a.stream.local, 'sendrecv', { codec: g722 });
  await pause(1500);
  await Promise.all([a.end(), b.end()]);
  const last = (heard: Sound): Sound => cut(heard, heard.samples.length / 16 - 800, heard.samples.length / 16 - 300);
  assert.ok(toneDbfs(last(readWav(file('follower'))), 700) > -15);
  assert.ok(levelDbfs(last(readWav(file('leader')))) > -50);
});

test('digits cross as tones where there are no telephone-events', async () => {
  const a = new Terminal({ driver: 'none' }, '127.43.3.3');
  const b = new Terminal({ driver: 'none' }, '127.43.4.3');
  const more = { dtmfPayloadType: undefined, digits: { durationMs: 100, gapMs: 80, tones: 'fallback' } } as const;
  a.talk(b.stream.local, 'sendrecv', more);
  b.talk(a.stream.local, 'sendrecv', more);
  await b.event('first-packet');
  a.stream.sendDigits('1a*#5');
  const digits = (): string => b.events.items.map((event) => (event.type === 'digit' ? event.digit : '')).join('');
  await until('five digits', 5000, () => digits().length >= 5);
  await pause(200);
  assert.equal(digits(), '1A*#5');
  await Promise.all([a.end(), b.end()]);
});

test('what is said to the other side is heard there while our microphone is mute, and ends when it opens', async () => {
  const a = new Terminal(sound('teller', tone), '127.24.3.9');
  const b = new Terminal(sound('told'), '127.24.4.9');
  a.stream.configure(streamConfig(b.stream.local));
  a.stream.audible(false, false);
  b.talk(a.stream.local);
  await b.event('first-packet');
  a.stream.say(sine(1900, 30, 8000), 8000);
  await pause(1500);
  a.stream.audible(true, true);
  await pause(1500);
  await Promise.all([a.end(), b.end()]);
  const heard = readWav(file('told'));
  const endMs = heard.samples.length / 16;
  const told = cut(heard, endMs - 2600, endMs - 1900);
  const talked = cut(heard, endMs - 1000, endMs - 300);
  assert.ok(toneDbfs(told, 1900) > -14 && toneDbfs(told, 700) < -40, `told ${toneDbfs(told, 1900)}`);
  assert.ok(toneDbfs(talked, 700) > -14 && toneDbfs(talked, 1900) < -40, `talked ${toneDbfs(talked, 700)}`);
});

test('over IPv6', async () => {
  const a = new Terminal({ driver: 'none' }, '::1');
  const b = new Terminal(sound('six', tone), '::1');
  a.talk(b.stream.local);
  b.talk(a.stream.local);
  await Promise.all([a.event('first-packet'), b.event('first-packet')]);
  await Promise.all([a.end(), b.end()]);
});

test('a page never opens the microphone, and keeps the way back open with one packet', async () => {
  const caller = new Terminal(sound('caller', speech), '127.24.3.4');
  const paged = new Terminal(sound('paged', tone), '127.24.4.4');
  caller.talk(paged.stream.local, 'sendonly');
  paged.talk(caller.stream.local, 'recvonly', { buffer: { kind: 'fixed', delayMs: 60 } });
  await paged.event('first-sound');
  await pause(1500);
  assert.equal(paged.engine.status().microphoneOpened, 0);
  assert.equal(paged.engine.status().microphone, 'closed');
  await Promise.all([caller.end(), paged.end()]);
  const { statistics } = await paged.event('statistics');
  assert.equal(statistics.packetsSent, 1);
  assert.equal(statistics.packetsLost, 0);
});

test('mute by default: no sound is played and silence is sent until it is made audible', async () => {
  const a = new Terminal(sound('mute-a', tone), '127.24.3.5');
  const b = new Terminal(sound('mute-b', tone), '127.24.4.5');
  a.talk(b.stream.local);
  b.talk(a.stream.local);
  a.stream.audible(true, false);
  await a.event('first-sound');
  await b.event('first-packet');
  await pause(1000);
  assert.equal(a.engine.status().microphoneOpened, 0);
  a.stream.audible(false, true);
  await until('the microphone', 1000, () => a.engine.status().microphone === 'open');
  await pause(1000);
  await Promise.all([a.end(), b.end()]);
  const heardByB = readWav(file('mute-b'));
  const ends = heardByB.samples.length / 16;
  assert.ok(levelDbfs(cut(heardByB, 0, ends - 1400)) < -60, 'silence while the microphone is closed');
  assert.ok(toneDbfs(cut(heardByB, ends - 700, ends - 200), 700) > -14, 'then the tone');
  const heardByA = readWav(file('mute-a'));
  const endsA = heardByA.samples.length / 16;
  assert.ok(toneDbfs(cut(heardByA, endsA - 1700, endsA - 1300), 700) > -14, 'the tone while audible');
  assert.ok(levelDbfs(cut(heardByA, endsA - 700, endsA - 200)) < -60, 'then nothing');
});

test('hold: neither side sends audio, and both go on afterwards', async () => {
  const a = new Terminal(sound('hold-a', tone), '127.24.3.6');
  const b = new Terminal({ driver: 'none' }, '127.24.4.6');
  a.talk(b.stream.local);
  b.talk(a.stream.local);
  await b.event('first-packet');
  a.talk(b.stream.local, 'inactive');
  b.talk(a.stream.local, 'inactive');
  await until('the closed microphone', 1000, () => a.engine.status().microphone === 'closed');
  await pause(600);
  a.talk(b.stream.local);
  b.talk(a.stream.local);
  await until('the microphone', 1000, () => a.engine.status().microphone === 'open');
  await pause(600);
  await Promise.all([a.end(), b.end()]);
  assert.equal(a.engine.status().microphoneOpened, 2);
  const { statistics } = await b.event('statistics');
  // Some 600 ms of audio at the end and a little at the beginning; the hold itself must not count as loss.
  assert.ok(statistics.packetsReceived >= 25 && statistics.packetsReceived < 60, JSON.stringify(statistics));
  assert.ok(statistics.packetsLost <= 2, JSON.stringify(statistics));
});

test('two calls at once are both heard, and one may be muted', async () => {
  const low = new Terminal({ ...sound('low'), microphone: tone }, '127.24.3.10');
  const high = new Terminal(
    { ...sound('high'), microphone: write('1900', sine(1900, 10, 16000), 16000) },
    '127.24.3.11',
  );
  const both = new Terminal(sound('both'), '127.24.4.10');
  const second = both.engine.open('127.24.4.11');
  low.talk(both.stream.local);
  high.talk(second.local);
  both.talk(low.stream.local);
  second.configure(streamConfig(high.stream.local));
  second.audible(true, false);
  const first = (stream: string) => (event: MediaEvent) => event.type === 'first-sound' && event.stream === stream;
  await both.events.take('the first call', 3000, first(both.stream.id));
  await both.events.take('the second call', 3000, first(second.id));
  await pause(700);
  second.audible(false, false);
  await pause(700);
  await Promise.all([low.end(), high.end(), both.end()]);
  const heard = readWav(file('both'));
  const end = heard.samples.length / 16;
  const together = cut(heard, end - 1250, end - 850);
  assert.ok(toneDbfs(together, 700) > -14 && toneDbfs(together, 1900) > -14, 'both');
  const alone = cut(heard, end - 550, end - 150);
  assert.ok(toneDbfs(alone, 700) > -14 && toneDbfs(alone, 1900) < -60, 'only the first');
});

test('tones and prompts are mixed, end by themselves and say so', async () => {
  const { engine, events } = new Terminal(sound('prompts'), '127.24.3.7');
  engine.tone('ringback', true);
  const prompt = engine.play(sine(1000, 0.5, 22050), 22050);
  const endless = engine.play(sine(1500, 60, 8000), 8000);
  await events.take('played', 3000, (event) => event.type === 'played' && event.sound === prompt);
  engine.tone('ringback', false);
  engine.stopPlaying(endless);
  await events.take('stopped', 1000, (event) => event.type === 'played' && event.sound === endless);
  await pause(300);
  await engine.stop();
  const heard = readWav(file('prompts'));
  const end = heard.samples.length / 16;
  const both = cut(heard, end - 650, end - 400);
  for (const hz of [425, 1000, 1500]) assert.ok(toneDbfs(both, hz) > -22, `${hz} Hz: ${toneDbfs(both, hz)}`);
  assert.ok(levelDbfs(cut(heard, end - 200, end - 20)) < -70, 'nothing is left');
});

test('a port that is taken, an address that is not ours: an error at once', async () => {
  const { engine } = new Terminal({ driver: 'none' }, '127.24.3.8');
  assert.throws(() => engine.open('192.0.2.77'), { name: 'MediaError', code: 'eaddrnotavail' });
  const before = performance.now();
  await engine.stop();
  assert.ok(performance.now() - before < 1000);
  assert.throws(() => engine.open('127.24.3.8'), { code: 'stopped' });
});

test('with nothing open the media thread sleeps', async () => {
  const { engine, stream } = new Terminal({ driver: 'none' }, '127.24.3.9');
  stream.close();
  await pause(500);
  const before = process.cpuUsage();
  await pause(1000);
  const { user, system } = process.cpuUsage(before);
  assert.ok(user + system < 20_000, `${user + system} µs of CPU in an idle second`);
  await engine.stop();
});
