/**
 * DTLS for SRTP keys: two of our associations over a network in memory. OpenSSL repeats by a clock of its own, so what is lost
 * here takes real time; all such tests run at once.
 */
import assert from 'node:assert/strict';
import { createHash, randomBytes, X509Certificate } from 'node:crypto';
import { describe, test } from 'node:test';
import { DTLS_SUITES, DtlsAssociation, type DtlsOptions } from '../../src/rtp/dtls.ts';
import { missingDtls } from '../../src/rtp/dtls-library.ts';
import { type Fingerprint, fingerprintOf, makeIdentity, SRTP_SUITES, sameKeys } from '../../src/rtp/index.ts';
import { SeededRandom } from '../sdp/kit.ts';

const skip = missingDtls() ?? false;
const [ours, theirs, other] = [0, 1, 2].map(() => makeIdentity(randomBytes(12)));

const digestOf = (hash: Fingerprint['hash'], certificate: Uint8Array): Fingerprint => ({
  hash,
  digest: Uint8Array.from(createHash(hash.replace('-', '')).update(certificate).digest()),
});

function pair(client: Partial<DtlsOptions> = {}, server: Partial<DtlsOptions> = {}) {
  return {
    client: new DtlsAssociation({ identity: ours, role: 'client', fingerprints: [fingerprintOf(theirs)], ...client }),
    server: new DtlsAssociation({ identity: theirs, role: 'server', fingerprints: [fingerprintOf(ours)], ...server }),
  };
}

type Pair = ReturnType<typeof pair>;

/** Everything said until both are silent; no time passes. `seen`: each datagram on its way. */
function talk({ client, server }: Pair, seen: (datagram: Uint8Array) => void = () => {}): void {
  let toServer = client.start(0);
  while (toServer.length > 0) {
    toServer.forEach(seen);
    const toClient = toServer.flatMap((datagram) => server.receive(datagram, datagram.length, 0));
    toClient.forEach(seen);
    toServer = toClient.flatMap((datagram) => client.receive(datagram, datagram.length, 0));
  }
}

function end({ client, server }: Pair): void {
  client.close();
  server.close();
}

/** `established`, or why not. */
const outcome = ({ state, reason }: DtlsAssociation): string => (state === 'failed' ? reason : state);

test('our certificate is one: for ever, P-256, signed by itself', () => {
  const certificate = new X509Certificate(ours.certificate);
  assert.equal(certificate.verify(certificate.publicKey), true);
  assert.equal(certificate.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1');
  assert.match(certificate.validFrom, /2000/);
  assert.match(certificate.validTo, /9999/);
  assert.equal(
    certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    Buffer.from(fingerprintOf(ours).digest).toString('hex'),
  );
  assert.notDeepEqual(fingerprintOf(ours), fingerprintOf(theirs));
});

describe('two sides', { skip }, () => {
  test('agree on keys, each the other way round, and no datagram is longer than a path is wide', () => {
    const both = pair();
    let longest = 0;
    talk(both, ({ length }) => {
      longest = Math.max(longest, length);
    });
    const { client, server } = both;
    assert.deepEqual([outcome(client), outcome(server)], ['established', 'established']);
    assert.ok(sameKeys(client.keys!.send, server.keys!.receive) && sameKeys(client.keys!.receive, server.keys!.send));
    assert.ok(!sameKeys(client.keys!.send, client.keys!.receive));
    assert.ok(longest > 100 && longest <= 1200, `${longest}`);
    assert.equal(client.deadline, undefined);
    end(both);
    end(both); // twice is once
  });

  for (const suite of DTLS_SUITES)
    test(`agree on ${suite}, where one of them has no other`, () => {
      for (const both of [pair({ suites: [suite] }), pair({}, { suites: [suite] })]) {
        talk(both);
        const { keyBytes, saltBytes } = SRTP_SUITES[suite];
        assert.equal(both.client.keys?.send.suite, suite);
        assert.equal(both.client.keys?.send.secret.length, keyBytes + saltBytes);
        assert.ok(sameKeys(both.client.keys?.send, both.server.keys?.receive));
        end(both);
      }
    });

  test('agree on the strongest of both', () => {
    const both = pair({ suites: ['AES_CM_128_HMAC_SHA1_32', 'AEAD_AES_128_GCM'] });
    talk(both);
    assert.equal(both.server.keys?.send.suite, 'AEAD_AES_128_GCM');
    end(both);
  });

  const impostor = /not the one its a=fingerprint names/;
  for (const [sentence, client, server, expected] of [
    ['the client is somebody else', {}, { fingerprints: [fingerprintOf(other)] }, ['established', impostor]],
    ['the server is somebody else', { fingerprints: [fingerprintOf(other)] }, {}, [impostor, 'established']],
    ['nobody is named', { fingerprints: [] }, {}, [impostor, 'established']],
    ['one of two digests', { fingerprints: [fingerprintOf(other), fingerprintOf(theirs)] }, {}, []],
    ['SHA-384', { fingerprints: [digestOf('sha-384', theirs.certificate)] }, {}, []],
    ['SHA-512', { fingerprints: [digestOf('sha-512', theirs.certificate)] }, {}, []],
    ['another SHA-512', { fingerprints: [digestOf('sha-512', ours.certificate)] }, {}, [impostor]],
    [
      'a digest that is too short',
      { fingerprints: [{ hash: 'sha-256', digest: fingerprintOf(theirs).digest.slice(0, 8) }] },
      {},
      [impostor],
    ],
    [
      'no profile in common',
      { suites: ['AEAD_AES_256_GCM'] },
      { suites: ['AES_CM_128_HMAC_SHA1_80'] },
      ['no SRTP profile in common', 'no SRTP profile in common'],
    ],
  ] as [string, Partial<DtlsOptions>, Partial<DtlsOptions>, (string | RegExp)[]][])
    test(`${sentence}: ${expected.length === 0 ? 'believed' : 'no keys'}`, () => {
      const both = pair(client, server);
      talk(both);
      for (const [index, side] of [both.client, both.server].entries()) {
        const wanted = expected[index] ?? 'established';
        if (typeof wanted === 'string') assert.equal(outcome(side), wanted);
        else assert.match(outcome(side), wanted);
        assert.equal(side.keys === undefined, outcome(side) !== 'established');
      }
      end(both);
    });
});

// ---------------------------------------------------------------- networks that lose, double and shuffle

interface Weather {
  lost: number;
  doubled: number;
  shuffled: number;
}

/** Both until they have keys, or `limitMs` is over; what they say passes through the weather. */
async function through(both: Pair, { lost, doubled, shuffled }: Weather, seed: number, limitMs: number): Promise<void> {
  const random = new SeededRandom(seed);
  const now = (): number => performance.now();
  const begin = now();
  const onTheWay: { to: DtlsAssociation; datagram: Uint8Array; atMs: number }[] = [];
  const say = (to: DtlsAssociation, datagrams: readonly Uint8Array[]): void => {
    for (const datagram of datagrams) {
      for (let copies = random.below(100) < doubled ? 2 : 1; copies > 0; copies--) {
        const delayMs = random.below(100) < shuffled ? 30 : 1;
        if (random.below(100) >= lost) onTheWay.push({ to, datagram, atMs: now() + delayMs });
      }
    }
  };
  const otherOf = (one: DtlsAssociation): DtlsAssociation => (one === both.client ? both.server : both.client);
  say(both.server, both.client.start(now()));
  while (now() - begin < limitMs && (both.client.keys === undefined || both.server.keys === undefined)) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    for (const item of onTheWay.filter(({ atMs }) => atMs <= now())) {
      onTheWay.splice(onTheWay.indexOf(item), 1);
      say(otherOf(item.to), item.to.receive(item.datagram, item.datagram.length, now()));
    }
    for (const side of [both.client, both.server])
      if (side.deadline !== undefined && now() >= side.deadline) say(otherOf(side), side.timeout(now()));
  }
}

describe('bad weather', { skip, concurrency: true }, () => {
  for (const [sentence, weather] of [
    ['a tenth is lost', { lost: 10, doubled: 0, shuffled: 0 }],
    ['a third is lost', { lost: 33, doubled: 0, shuffled: 0 }],
    ['all is doubled', { lost: 0, doubled: 100, shuffled: 0 }],
    ['half is late', { lost: 0, doubled: 0, shuffled: 50 }],
    ['all of it', { lost: 20, doubled: 30, shuffled: 30 }],
  ] as const)
    for (const seed of [1, 2, 3])
      test(`${sentence} (${seed}): they agree all the same`, async () => {
        const both = pair();
        await through(both, weather, seed, 12_000);
        assert.deepEqual([outcome(both.client), outcome(both.server)], ['established', 'established']);
        assert.ok(sameKeys(both.client.keys!.send, both.server.keys!.receive));
        end(both);
      });

  test('nobody answers: repeated after 200 ms, then after twice as long', async () => {
    const { client, server } = pair();
    const begin = performance.now();
    assert.equal(client.start(begin).length, 1);
    const waits: number[] = [];
    for (let i = 0; i < 2; i++) {
      const since = performance.now();
      while (performance.now() < client.deadline!) await new Promise((resolve) => setTimeout(resolve, 5));
      waits.push(Math.round((performance.now() - since) / 100));
      assert.equal(client.timeout(performance.now()).length, 1);
    }
    assert.deepEqual(waits, [2, 4]);
    end({ client, server });
  });
});

// ---------------------------------------------------------------- strangers

test('garbage, torn and forged datagrams: no crash, no keys, and the right ones are still heard', { skip }, () => {
  const random = new SeededRandom(7);
  const real: Uint8Array[] = [];
  const first = pair();
  talk(first, (datagram) => real.push(datagram));
  end(first);
  for (let round = 0; round < 60; round++) {
    const both = pair();
    let toServer = both.client.start(0);
    let toClient: Uint8Array[] = [];
    const disturb = (side: DtlsAssociation): void => {
      for (let i = 0; i < 10; i++) {
        const junk = Uint8Array.from(real[random.below(real.length)]);
        const kind = random.below(4);
        if (kind === 0)
          for (let n = 0; n < 1 + random.below(8); n++) junk[random.below(junk.length)] = random.below(256);
        if (kind === 1) junk.fill(random.below(256), random.below(junk.length));
        if (kind === 2) for (let n = 13; n < junk.length; n++) junk[n] = random.below(256);
        side.receive(junk, kind === 3 ? random.below(junk.length + 1) : junk.length, 0);
      }
    };
    // Before, between and after the real ones; what it spoils fails, and never gives keys to two that differ.
    while (toServer.length > 0 || toClient.length > 0) {
      if (round % 3 === 0) disturb(both.server);
      toClient = toServer.flatMap((datagram) => both.server.receive(datagram, datagram.length, 0));
      if (round % 3 === 1) disturb(both.client);
      toServer = toClient.flatMap((datagram) => both.client.receive(datagram, datagram.length, 0));
    }
    disturb(both.client);
    disturb(both.server);
    if (both.client.keys && both.server.keys) assert.ok(sameKeys(both.client.keys.send, both.server.keys.receive));
    if (round % 3 === 2) assert.deepEqual([both.client.state, both.server.state], ['established', 'established']);
    end(both);
    assert.deepEqual(both.client.receive(real[0], real[0].length, 0), [], 'after its end nothing is read');
  }
});

test('how long a step takes, at the longest: the media thread has 10 ms for everything', { skip }, (t) => {
  const steps: number[] = [];
  const timed = <T>(step: () => T): T => {
    const begin = process.cpuUsage(); // what it costs, not what others on a busy machine take from it
    const result = step();
    const { user, system } = process.cpuUsage(begin);
    steps.push((user + system) / 1000);
    return result;
  };
  for (let i = 0; i < 50; i++) {
    const { client, server } = timed(() => pair());
    let toServer = timed(() => client.start(0));
    while (toServer.length > 0) {
      const toClient = toServer.flatMap((bytes) => timed(() => server.receive(bytes, bytes.length, 0)));
      toServer = toClient.flatMap((bytes) => timed(() => client.receive(bytes, bytes.length, 0)));
    }
    end({ client, server });
  }
  steps.sort((a, b) => a - b);
  const at = (part: number): string => steps[Math.floor(steps.length * part)].toFixed(2);
  t.diagnostic(`half of the steps take ${at(0.5)} ms at most, 95 % ${at(0.95)} ms, all ${at(0.9999)} ms`);
  assert.ok(Number(at(0.5)) < 5, `${at(0.5)} ms`);
});

test('a length beyond the datagram, or none at all, is not believed', { skip }, () => {
  const { client, server } = pair();
  assert.deepEqual(server.receive(new Uint8Array(20), 4000, 0), []);
  assert.deepEqual(server.receive(new Uint8Array(20), 0, 0), []);
  assert.equal(server.state, 'handshake');
  end({ client, server });
});

test('hundreds of handshakes, finished, failed and left in the middle, leave nothing behind', { skip }, () => {
  const shake = (count: number): void => {
    for (let i = 0; i < count; i++) {
      const both = pair(i % 5 === 0 ? { fingerprints: [] } : {});
      if (i % 4 === 0) both.client.start(0);
      else talk(both);
      end(both);
    }
  };
  shake(150);
  const before = process.memoryUsage.rss();
  shake(300);
  const grownKb = (process.memoryUsage.rss() - before) / 1024;
  // Two sides take some 100 KB: a leak would be 30 MB.
  assert.ok(grownKb < 6000, `${Math.round(grownKb)} KB more after 300 handshakes`);
});
