/**
 * A thread takes the place of one that hangs in the middle of an encrypted call: to the other side it is the same source under the
 * same keys, and no packet has a number that another one had. Two streams of this thread, virtual time.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { Mixer } from '../../src/audio/index.ts';
import type { Random } from '../../src/base/index.ts';
import type { DtlsConfig, StreamConfig } from '../../src/media/index.ts';
import { Numbers } from '../../src/media/numbers.ts';
import { type Keyed, Shield } from '../../src/media/shield.ts';
import { Stream } from '../../src/media/stream.ts';
import { missingDtls } from '../../src/rtp/dtls-library.ts';
import {
  fingerprintOf,
  formatRtcp,
  makeIdentity,
  SRTP_SUITES,
  type SrtpKeys,
  SrtpReceiver,
  SrtpSender,
  type SrtpSuite,
} from '../../src/rtp/index.ts';
import { bindPair } from '../../src/rtp/socket.ts';
import { sine, streamConfig } from './pair.ts';

const RATE_HZ = 16_000;
const tone = sine(600, 1, RATE_HZ);
const random: Random = {
  token: () => randomBytes(12).toString('hex'),
  uint32: () => randomBytes(4).readUInt32LE(),
};
const keys = (suite: SrtpSuite): SrtpKeys => {
  const { keyBytes, saltBytes } = SRTP_SUITES[suite];
  return { suite, secret: Uint8Array.from(randomBytes(keyBytes + saltBytes)) };
};

/** One end, as the main thread keeps it, and the stream of the thread it has. */
class End {
  readonly #pair;
  readonly #numbers = Numbers.buffer();
  readonly local;
  readonly #mixer = new Mixer(RATE_HZ, RATE_HZ / 100);
  readonly #loudspeaker = new Int16Array(RATE_HZ / 100);
  #before: Keyed | undefined;
  #stream: Stream | undefined;
  #ticks = 0;
  events = '';
  /** The tone is heard, in ticks. */
  heard = 0;

  /** Its sequence number wraps soon. */
  constructor(host: string, ssrc: number) {
    this.#pair = bindPair(host);
    this.local = { host, port: this.#pair.port };
    new Numbers(this.#numbers).session.set([ssrc, 1, 2, 3, 65_400, 12_345, 0, 0]);
  }

  /** A thread begins, or takes the place of the one there was. */
  begin(config: StreamConfig, now: number): void {
    const { rtpFd, rtcpFd } = this.#pair;
    const open = { kind: 'open', stream: 's', rtpFd, rtcpFd, numbers: this.#numbers } as const;
    this.#stream = new Stream(
      { ...open, before: structuredClone(this.#before) },
      RATE_HZ,
      random,
      ({ type }) => (this.events += `${type} `),
      (keyed) => (this.#before = structuredClone(keyed)),
    );
    this.#stream.configure(structuredClone(config), now);
    this.#stream.audible(true, true, false);
    this.heard = 0;
  }

  tick(now: number): void {
    const stream = this.#stream!;
    const at = (this.#ticks++ % 100) * 160;
    stream.receive(now);
    stream.hear(this.#mixer, 1, now);
    this.#mixer.finish(this.#loudspeaker);
    if (Math.max(...stream.heard!) > 4000) this.heard++;
    stream.speak(tone.subarray(at, at + 160), now);
    stream.report(now);
  }

  /** Of its next packet. */
  get rtpTimestamp(): number {
    return new Numbers(this.#numbers).session[5];
  }

  get statistics() {
    return this.#stream!.statistics();
  }

  close(now: number): void {
    this.#stream!.close(now);
  }
}

const [ofA, ofB] = [0, 1].map(() => makeIdentity(randomBytes(12)));
const dtls = (mine: typeof ofA, other: typeof ofA, role: 'client' | 'server', muxed: boolean) => ({
  muxed,
  dtls: { identity: mine, role, muxed, fingerprints: [fingerprintOf(other)] } satisfies DtlsConfig,
});
const sdes = (suite: SrtpSuite): [Partial<StreamConfig>, Partial<StreamConfig>] => {
  const [send, receive] = [keys(suite), keys(suite)];
  return [{ srtp: { send, receive } }, { srtp: { send: receive, receive: send } }];
};
const byDtls = (muxed: boolean): [Partial<StreamConfig>, Partial<StreamConfig>] => [
  dtls(ofA, ofB, 'client', muxed),
  dtls(ofB, ofA, 'server', muxed),
];
const missing = missingDtls() ?? false;

for (const [sentence, [ofOne, ofOther], skip] of [
  ['in the clear', [{}, {}], false],
  ['keys of SDP, counter mode', sdes('AES_CM_128_HMAC_SHA1_80'), false],
  ['keys of SDP, GCM', sdes('AEAD_AES_256_GCM'), false],
  ['keys by DTLS, one port', byDtls(true), missing],
  ['keys by DTLS, a port and a handshake for RTCP', byDtls(false), missing],
] as [string, [Partial<StreamConfig>, Partial<StreamConfig>], string | false][])
  test(`${sentence}: either end's thread is replaced, long after a wrap, and both hear each other on`, { skip }, () => {
    const [a, b] = [new End('127.51.1.1', 7), new End('127.51.1.2', 8)];
    let now = 1000;
    const run = (ms: number, ...ends: End[]): void => {
      for (const until = now + ms; now < until; now += 10) for (const end of ends) end.tick(now);
    };
    const [configA, configB] = [streamConfig(b.local, 'sendrecv', ofOne), streamConfig(a.local, 'sendrecv', ofOther)];
    b.begin(configB, now);
    a.begin(configA, now);
    run(12_000, a, b);
    assert.ok(a.heard > 1100 && b.heard > 1100, `${a.heard}, ${b.heard}`);
    for (const [end, other, config] of [
      [a, b, configA],
      [b, a, configB],
    ] as const) {
      const sent = end.statistics.packetsSent;
      const { rtpTimestamp } = end;
      const received = other.statistics.packetsReceived;
      other.heard = 0;
      end.events = other.events = '';
      run(2000, other); // who hangs neither hears nor says anything
      const before = other.heard;
      end.begin(config, now);
      run(10_000, a, b);
      assert.ok(end.heard > 950 && other.heard - before > 950, `${end.heard}, ${other.heard - before} of 1000 ticks`);
      assert.equal(end.statistics.packetsSent, sent + 500);
      assert.ok(Math.abs(end.rtpTimestamp - rtpTimestamp - 12_000 * 8) <= 160, 'its time has gone on');
      assert.equal(other.statistics.packetsReceived, received + 500);
      assert.deepEqual([end.statistics.packetsRejected, other.statistics.packetsRejected], [0, 0]);
      // Reports are understood in both directions: what was asked in one was answered in the other.
      assert.ok(end.statistics.roundTripMs !== undefined && other.statistics.roundTripMs !== undefined);
      assert.doesNotMatch(end.events + other.events, /secured|rtcp-bye/);
    }
    a.close(now);
    b.close(now);
  });

test('other keys than the ones another thread had: from the beginning', () => {
  const [first, second] = [keys('AES_CM_128_HMAC_SHA1_80'), keys('AES_CM_128_HMAC_SHA1_80')];
  const numbers = new Numbers(Numbers.buffer());
  numbers.rtp.send[0] = 3 * 0x10000;
  numbers.rtp.receive.set([9, 3 * 0x10000, 0, 0]);
  const shield = new Shield(numbers, { keys: { send: first, receive: first } });
  shield.configure({ send: second, receive: second });
  const packet = new Uint8Array(64);
  packet.set([0x80, 8, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9]);
  const length = shield.protect(packet, 32);
  assert.equal(new SrtpReceiver(second).unprotect(packet, length), 32);
  assert.equal(shield.unprotect(packet, new SrtpSender(second).protect(packet, 32)), 32);
});

test('a key that is left and taken again: no report of it has a number that another one had', () => {
  const shield = new Shield(new Numbers(Numbers.buffer()));
  const receive = keys('AES_CM_128_HMAC_SHA1_80');
  const [first, second] = [keys('AES_CM_128_HMAC_SHA1_80'), keys('AEAD_AES_128_GCM')];
  const hearing = new SrtpReceiver(first);
  for (const send of [first, first, second, first, undefined, first]) {
    shield.configure(send && { send, receive });
    const report = formatRtcp({ ssrc: 9, cname: 'x' });
    const bytes = new Uint8Array(report.length + 64);
    bytes.set(report);
    const length = shield.protectRtcp(bytes, report.length);
    if (send === first) assert.equal(hearing.unprotectRtcp(bytes, length), report.length);
  }
});
