/** Streams whose keys are agreed on by DTLS: two engines hear each other, nothing leaves in the clear, and nobody else is let in. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { after } from 'node:test';
import type { DtlsConfig } from '../../src/media/index.ts';
import { DtlsAssociation } from '../../src/rtp/dtls.ts';
import { missingDtls } from '../../src/rtp/dtls-library.ts';
import { type DtlsIdentity, fingerprintOf, makeIdentity } from '../../src/rtp/index.ts';
import { temporaryDirectory } from '../kit/checkout.ts';
import { until } from '../kit/wait.ts';
import { formatWav, judge, readWav } from '../kit/wav.ts';
import { babble, Terminal } from './pair.ts';

const skip = missingDtls() ?? false;
const { path, remove } = temporaryDirectory();
after(remove);
const file = (name: string): string => join(path, `${name}.wav`);
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const speech = file('speech');
writeFileSync(speech, formatWav(babble(2, 16000), 16000));
/** The first second is theirs to agree on keys. */
const microphone = file('microphone');
writeFileSync(microphone, formatWav(Int16Array.from([...new Int16Array(16_000), ...babble(2, 16_000)]), 16_000));
const sound = (speaker: string) =>
  ({ driver: 'file', speaker: file(speaker), microphone, rateHz: 16000, periodMs: 10 }) as const;
/** No jitter is judged here. */
const buffer = { kind: 'fixed', delayMs: 100 } as const;

const [ofA, ofB, stranger] = [0, 1, 2].map(() => makeIdentity(randomBytes(12)));
const dtls = (identity: DtlsIdentity, other: DtlsIdentity, more: Partial<DtlsConfig> = {}) => ({
  dtls: { identity, role: 'client', muxed: true, fingerprints: [fingerprintOf(other)], ...more } as DtlsConfig,
});

for (const [index, [sentence, muxed, passiveFirst]] of (
  [
    ['one port for RTP and RTCP', true, true],
    ['a port and a handshake for each', false, true],
    ['who calls first is not heard yet', false, false],
  ] as const
).entries())
  test(`${sentence}: they hear each other, and each other's reports`, { skip }, async (t) => {
    const a = new Terminal(sound(`a-${index}`), `127.41.1.${index + 1}`);
    const b = new Terminal(sound(`b-${index}`), `127.41.2.${index + 1}`);
    await Promise.all([a.ready(), b.ready()]);
    const passive = (): void =>
      b.talk(a.stream.local, 'sendrecv', { buffer, ...dtls(ofB, ofA, { role: 'server', muxed }) });
    if (passiveFirst) passive();
    a.talk(b.stream.local, 'sendrecv', { buffer, ...dtls(ofA, ofB, { muxed }) });
    if (!passiveFirst) {
      await pause(100); // its answer is still on the way
      passive();
    }
    const secured = await Promise.all([a.event('secured'), b.event('secured')]);
    assert.deepEqual(
      secured.map(({ suite }) => suite),
      ['AEAD_AES_256_GCM', 'AEAD_AES_256_GCM'],
    );
    t.diagnostic(`keys after ${secured.map(({ afterMs }) => afterMs).join(' and ')} ms`);
    await Promise.all([a.event('first-sound'), b.event('first-sound')]);
    a.stream.sendDigits('5');
    assert.equal((await b.event('digit')).digit, '5');
    await pause(3000);
    a.stream.close();
    await b.event('rtcp-bye', 1000);
    await Promise.all([a.engine.stop(), b.end()]);
    const verdict = judge(readWav(file(`a-${index}`)), readWav(speech));
    assert.ok(verdict.match > 0.95, JSON.stringify(verdict));
    for (const { statistics } of [await a.event('statistics'), await b.event('statistics')]) {
      assert.equal(statistics.packetsRejected, 0);
      assert.ok(statistics.packetsReceived > 80, JSON.stringify(statistics));
    }
  });

/** A peer that is only a socket: what it was sent. */
async function peer(host: string) {
  const socket = createSocket('udp4').bind(0, host);
  await once(socket, 'listening');
  const got: Uint8Array[] = [];
  socket.on('message', (bytes) => got.push(Uint8Array.from(bytes)));
  return { socket, got, local: { host, port: socket.address().port } };
}

const isDtls = ([first]: Uint8Array): boolean => first >= 20 && first <= 63;

test('before there are keys nothing but the handshake leaves, and whatever comes is not heard', { skip }, async () => {
  const b = await peer('127.41.3.2');
  const rtcp = await peer('127.41.3.2');
  const a = new Terminal({ driver: 'none' }, '127.41.3.1');
  a.talk(b.local, 'sendrecv', { ...dtls(ofA, ofB, { muxed: false }), remoteRtcp: rtcp.local });
  await until('a repeated handshake', 3000, () => b.got.length >= 2 && rtcp.got.length >= 1);
  for (let sequence = 0; sequence < 10; sequence++) {
    const plain = new Uint8Array(172).fill(0xd5);
    plain.set([0x80, 8, 0, sequence, 0, 0, 0, sequence, 9, 9, 9, 9]);
    b.socket.send(plain, a.stream.local.port, a.stream.local.host);
    await pause(10);
  }
  a.talk(b.local, 'recvonly', { ...dtls(ofA, ofB, { muxed: false }), remoteRtcp: rtcp.local });
  await pause(100);
  await a.end();
  b.socket.close();
  rtcp.socket.close();
  assert.ok([...b.got, ...rtcp.got].every(isDtls));
  assert.deepEqual(
    a.events.items.filter(({ type }) => type === 'first-packet' || type === 'secured'),
    [],
  );
});

test('somebody else answers: said so, and not a packet of sound leaves', { skip }, async () => {
  const b = await peer('127.41.4.2');
  const impostor = new DtlsAssociation({ identity: stranger, role: 'server', fingerprints: [fingerprintOf(ofA)] });
  const a = new Terminal({ driver: 'none' }, '127.41.4.1');
  b.socket.on('message', (bytes) => {
    for (const answer of impostor.receive(Uint8Array.from(bytes), bytes.length, performance.now()))
      b.socket.send(answer, a.stream.local.port, a.stream.local.host);
  });
  a.talk(b.local, 'sendrecv', dtls(ofA, ofB));
  const { reason } = await a.event('insecure', 3000);
  assert.match(reason, /not the one its a=fingerprint names/);
  await a.end();
  b.socket.close();
  impostor.close();
  assert.ok(b.got.every(isDtls));
});

test('nobody answers: said after six seconds', { skip }, async () => {
  const b = await peer('127.41.5.2');
  const a = new Terminal({ driver: 'none' }, '127.41.5.1');
  a.talk(b.local, 'sendrecv', dtls(ofA, ofB));
  assert.match((await a.event('insecure', 8000)).reason, /no DTLS handshake within 6 s/);
  await a.end();
  b.socket.close();
});

test('in a call: the same again goes on, a hold by address goes on, another certificate begins anew', {
  skip,
}, async () => {
  const a = new Terminal({ driver: 'none' }, '127.41.6.1');
  const b = new Terminal({ driver: 'none' }, '127.41.6.2');
  const secured = (of: Terminal): number => of.events.items.filter(({ type }) => type === 'secured').length;
  const settle = (identity: DtlsIdentity, tlsId?: string): void => {
    b.talk(a.stream.local, 'sendrecv', dtls(identity, ofA, { role: 'server', ...(tlsId && { tlsId }) }));
    a.talk(b.stream.local, 'sendrecv', dtls(ofA, identity, tlsId ? { tlsId } : {}));
  };
  settle(ofB);
  await Promise.all([a.event('first-packet'), b.event('first-packet')]);
  settle(ofB);
  a.talk({ host: '0.0.0.0', port: b.stream.local.port }, 'inactive', dtls(ofA, ofB));
  await pause(100);
  settle(ofB);
  await pause(200);
  assert.deepEqual([secured(a), secured(b)], [1, 1]);
  settle(stranger);
  await until('new keys', 3000, () => secured(a) === 2 && secured(b) === 2);
  settle(stranger, 'another-association-of-the-same-two');
  await until('newer keys', 3000, () => secured(a) === 3 && secured(b) === 3);
  await pause(300);
  await Promise.all([a.end(), b.end()]);
  for (const { statistics } of [await a.event('statistics'), await b.event('statistics')]) {
    assert.ok(statistics.packetsReceived > 20, JSON.stringify(statistics));
    // Packets of the one whose new keys came first, at the other who still has the old ones.
    assert.ok(statistics.packetsRejected < 10, JSON.stringify(statistics));
  }
});
