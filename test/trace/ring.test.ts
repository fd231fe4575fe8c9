/** How much is kept of what passed, and of whom. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Ring } from '../../src/trace/index.ts';
import { KEPT_MS, KNOWN_MAX_BYTES, MESSAGE_MAX_BYTES, type Passed } from '../../src/trace/ring.ts';

const passed = (text: string, from = '127.38.4.2'): Passed => ({
  direction: 'in',
  transport: 'udp',
  local: { host: '127.38.4.1', port: 5060 },
  remote: { host: from, port: 5060 },
  bytes: Buffer.from(text, 'latin1'),
});
const texts = (ring: Ring, now = 0): string[] =>
  ring.read(now).map(({ message }) => Buffer.from(message, 'base64').toString('latin1'));

test('what came is read in its order, whatever the clock did, and for some minutes', () => {
  const ring = new Ring();
  ring.put(passed('one'), 'known', 1_000);
  ring.put(passed('two'), 'strangers', 500);
  ring.put(passed('three'), 'known', KEPT_MS);
  assert.deepEqual(texts(ring, 1_000), ['one', 'two', 'three']);
  assert.deepEqual(texts(ring, KEPT_MS + 700), ['one', 'three']);
});

test('the octets are copied, credentials are not handed out', () => {
  const ring = new Ring();
  const message = passed('Authorization: Basic S3cr3t');
  const heard: string[] = [];
  const leave = ring.follow(({ message }) => heard.push(Buffer.from(message, 'base64').toString()));
  ring.put(message, 'known', 0);
  leave();
  ring.put(message, 'known', 0);
  message.bytes.fill(0);
  assert.deepEqual(texts(ring), Array(2).fill('Authorization: xxxxx xxxxxx'));
  assert.deepEqual(heard, ['Authorization: xxxxx xxxxxx']);
});

test('a flood of strangers pushes out no call, a flood of calls the oldest ones; neither takes more than its room', () => {
  const ring = new Ring();
  ring.put(passed('the call'), 'known', 0);
  for (let i = 0; i < 20_000; i++) ring.put(passed('x'.repeat(400), '127.38.4.66'), 'strangers', 0);
  assert.equal(texts(ring)[0], 'the call');
  const octets = () => ring.read(0).reduce((sum, { message }) => sum + Buffer.from(message, 'base64').length, 0);
  assert.ok(octets() < 128 * 1024);
  for (let i = 0; i < 20_000; i++) ring.put(passed('y'.repeat(400)), 'known', 0);
  assert.notEqual(texts(ring)[0], 'the call');
  assert.ok(octets() < KNOWN_MAX_BYTES + 128 * 1024);
});

for (const [what, octets] of [
  ['long', 5000],
  ['short', 600],
] as const)
  test(`of ${what} messages nothing more is held on to than is shown`, () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const held = (): number => {
      // What the first one found to be garbage is freed beside the program, at the latest when the next one begins.
      collect();
      collect();
      return process.memoryUsage().arrayBuffers;
    };
    const ring = new Ring();
    const before = held();
    const message = passed('x'.repeat(octets));
    let most = 0;
    for (let i = 0; i < 3000; i++) {
      ring.put(message, 'known', 0);
      Buffer.allocUnsafe(4000); // what else the program does meanwhile
      if (i % 50 === 0) most = Math.max(most, held() - before);
    }
    assert.ok(most < KNOWN_MAX_BYTES * 1.5, `${most} octets`);
  });

test('of a very long message the beginning is kept, and its length', () => {
  const ring = new Ring();
  ring.put(passed('z'.repeat(60_000)), 'known', 0);
  assert.equal(texts(ring)[0].length, MESSAGE_MAX_BYTES);
  assert.equal(ring.read(0)[0].length, 60_000);
});
