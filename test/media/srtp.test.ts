/** Encrypted streams: two engines hear each other, and nobody else is heard. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { after } from 'node:test';
import {
  isRtcp,
  parseRtcp,
  SRTP_SUITES,
  type SrtpKeys,
  SrtpReceiver,
  SrtpSender,
  type SrtpSuite,
} from '../../src/rtp/index.ts';
import { temporaryDirectory } from '../kit/checkout.ts';
import { until } from '../kit/wait.ts';
import { formatWav, judge, readWav } from '../kit/wav.ts';
import { babble, Terminal } from './pair.ts';

const { path, remove } = temporaryDirectory();
after(remove);
const file = (name: string): string => join(path, `${name}.wav`);
const said = (name: string, samples: Int16Array): string => {
  writeFileSync(file(name), formatWav(samples, 16000));
  return file(name);
};
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const sound = (speaker: string, microphone?: string) =>
  ({ driver: 'file', speaker: file(speaker), microphone, rateHz: 16000, periodMs: 10 }) as const;

const keys = (suite: SrtpSuite, seed: number): SrtpKeys => {
  const { keyBytes, saltBytes } = SRTP_SUITES[suite];
  return { suite, secret: Uint8Array.from({ length: keyBytes + saltBytes }, (_, i) => (i * 31 + seed * 7) & 0xff) };
};

const speech = said('speech', babble(2, 16000));
/** The first half second is theirs to get going. */
const microphone = said('microphone', Int16Array.from([...new Int16Array(8000), ...babble(2, 16000)]));
/** No jitter is judged here. */
const buffer = { kind: 'fixed', delayMs: 100 } as const;

for (const [index, suite] of (Object.keys(SRTP_SUITES) as SrtpSuite[]).entries())
  test(`${suite}: two terminals hear each other`, async () => {
    const a = new Terminal(sound(`a-${index}`, microphone), `127.42.3.${index + 1}`);
    const b = new Terminal(sound(`b-${index}`, microphone), `127.42.4.${index + 1}`);
    await Promise.all([a.ready(), b.ready()]);
    const [ofA, ofB] = [keys(suite, 1), keys(suite, 2)];
    a.talk(b.stream.local, 'sendrecv', { buffer, srtp: { send: ofA, receive: ofB } });
    b.talk(a.stream.local, 'sendrecv', { buffer, srtp: { send: ofB, receive: ofA } });
    await Promise.all([a.event('first-sound'), b.event('first-sound')]);
    a.stream.sendDigits('5');
    assert.equal((await b.event('digit')).digit, '5');
    await pause(2600);
    a.stream.close();
    await b.event('rtcp-bye', 1000); // so the reports are understood too
    await Promise.all([a.engine.stop(), b.end()]);
    // The digit takes the place of some sound that A says.
    const verdict = judge(readWav(file(`a-${index}`)), readWav(speech));
    assert.ok(verdict.match > 0.95 && verdict.gapMs < 20, JSON.stringify(verdict));
    for (const { statistics } of [await a.event('statistics'), await b.event('statistics')]) {
      assert.equal(statistics.packetsRejected, 0);
      assert.ok(statistics.packetsReceived > 80, JSON.stringify(statistics));
    }
  });

const suite: SrtpSuite = 'AES_CM_128_HMAC_SHA1_80';

/** A peer that is only a socket: what it was sent, and what it sends. */
async function peer(host: string) {
  const socket = createSocket('udp4').bind(0, host);
  await once(socket, 'listening');
  const got: Uint8Array[] = [];
  socket.on('message', (bytes) => got.push(Uint8Array.from(bytes)));
  return { socket, got, local: { host, port: socket.address().port } };
}

test('what leaves the sockets is encrypted and authentic, sound, keep-alive and reports', async () => {
  const [ours, theirs] = [keys(suite, 1), keys(suite, 2)];
  const rtp = await peer('127.42.5.2');
  const rtcp = await peer('127.42.5.2');
  const a = new Terminal({ driver: 'none' }, '127.42.5.1');
  a.talk(rtp.local, 'sendrecv', { srtp: { send: ours, receive: theirs }, remoteRtcp: rtcp.local });
  await until('some packets', 3000, () => rtp.got.length > 20 && rtcp.got.length > 0);
  a.talk(rtp.local, 'recvonly', { srtp: { send: ours, receive: theirs }, remoteRtcp: rtcp.local });
  await pause(100);
  await a.end();
  await pause(50);
  rtp.socket.close();
  rtcp.socket.close();
  const receiver = new SrtpReceiver(ours);
  const open = rtp.got.map((bytes) => bytes.slice(0, receiver.unprotect(bytes.slice(), bytes.length)));
  assert.equal(receiver.packetsRejected, 0);
  // Silence in A-law is one octet again and again: on the wire no two neighbours are alike for long.
  for (const bytes of rtp.got) assert.doesNotMatch(Buffer.from(bytes.subarray(12)).toString('latin1'), /(.)\1{5}/s);
  assert.equal(open.at(-1)![1] & 0x7f, 13, 'the keep-alive is the last');
  for (const bytes of rtcp.got) {
    assert.ok(isRtcp(bytes, bytes.length));
    const plain = bytes.slice();
    const length = receiver.unprotectRtcp(plain, plain.length);
    assert.notEqual(parseRtcp(plain, length)?.cname, undefined);
  }
  assert.equal(receiver.packetsRejected, 0);
});

test('what is not authentic is dropped and counted, and moves nothing', async () => {
  const [ours, theirs] = [keys(suite, 1), keys(suite, 2)];
  const talker = await peer('127.42.6.2');
  const stranger = await peer('127.42.6.3');
  const a = new Terminal({ driver: 'none' }, '127.42.6.1');
  a.talk(talker.local, 'sendrecv', { srtp: { send: ours, receive: theirs } });
  await until('the stream to be at work', 3000, () => talker.got.length > 0); // before that everything is thrown away
  const { host, port } = a.stream.local;
  const packet = (sequence: number): Uint8Array => {
    const bytes = new Uint8Array(172 + 20).fill(0xd5);
    bytes.set([0x80, 8, sequence >> 8, sequence & 0xff, 0, 0, 0, sequence, 9, 9, 9, 9]);
    return bytes;
  };
  const wrong = new SrtpSender(keys(suite, 3));
  for (let i = 0; i < 10; i++) {
    const plain = packet(i); // from where SDP says it comes, but readable
    talker.socket.send(plain, 0, 172, port, host);
    const forged = packet(i);
    stranger.socket.send(forged, 0, wrong.protect(forged, 172), port, host);
    await pause(10);
  }
  await pause(100);
  const none = a.events.items.filter(({ type }) => type === 'first-packet');
  assert.deepEqual(none, []);
  const right = new SrtpSender(theirs);
  for (let i = 0; i < 10; i++) {
    const bytes = packet(i);
    const length = right.protect(bytes, 172);
    talker.socket.send(bytes, 0, length, port, host);
    talker.socket.send(bytes, 0, length, port, host); // and once more: a replay
    await pause(10);
  }
  await a.event('first-packet');
  await pause(50);
  await a.end();
  talker.socket.close();
  stranger.socket.close();
  assert.equal(stranger.got.length, 0, 'the stranger is sent nothing');
  const { statistics } = await a.event('statistics');
  assert.deepEqual([statistics.packetsReceived, statistics.packetsRejected], [10, 30]);
});

test('a new key in the middle of a call: both go on, and a key that stays is not begun anew', async () => {
  const a = new Terminal({ driver: 'none' }, '127.42.7.1');
  const b = new Terminal({ driver: 'none' }, '127.42.7.2');
  const [ofA, ofB, nextOfB] = [keys(suite, 1), keys(suite, 2), keys('AEAD_AES_256_GCM', 4)];

  const settle = (key: SrtpKeys): void => {
    a.talk(b.stream.local, 'sendrecv', { srtp: { send: { ...ofA, secret: ofA.secret.slice() }, receive: key } });
    b.talk(a.stream.local, 'sendrecv', { srtp: { send: key, receive: { ...ofA, secret: ofA.secret.slice() } } });
  };
  settle(ofB);
  await Promise.all([a.event('first-packet'), b.event('first-packet')]);
  await pause(300);
  settle(nextOfB);
  await pause(300);
  await Promise.all([a.end(), b.end()]);
  const [heard, hears] = [await a.event('statistics'), await b.event('statistics')];
  // B's key changes between two ticks of two threads: a packet or two may still be under the old one.
  assert.ok(heard.statistics.packetsRejected <= 2, `${heard.statistics.packetsRejected}`);
  assert.ok(heard.statistics.packetsReceived > 20, `${heard.statistics.packetsReceived}`);
  assert.equal(hears.statistics.packetsRejected, 0);
});
