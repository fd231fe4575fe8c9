/** A server that is off, on our own network: nobody answers for its address, and the kernel says so. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import test from 'node:test';
import { promisify } from 'node:util';
import { checkout } from '../../kit/checkout.ts';

const possible =
  spawnSync('unshare', ['-n', 'ip', 'link', 'add', 'v0', 'type', 'veth', 'peer', 'name', 'v1']).status === 0;

for (const [us, server] of [
  ['10.44.0.1', '10.44.0.9'],
  ['fd44::1', 'fd44::9'],
])
  test(`from ${us} to an address that nobody has: what was asked is named, nothing failed, and the loop sleeps`, {
    timeout: 30_000,
    skip: !possible && 'no network namespace can be made: not root, or no unshare, ip or veth',
  }, async (t) => {
    const program = `${checkout}build/test/sip/transport/unreachable-in-namespace.js`;
    const args = ['-n', process.execPath, '--enable-source-maps', program, us, server];
    const { stdout } = await promisify(execFile)('unshare', args);
    const { refused, failed, tookMs, busyMs } = JSON.parse(stdout);
    t.diagnostic(`${Math.round(tookMs)} ms; then ${Math.round(busyMs)} ms of processor time in a second`);
    assert.deepEqual(
      refused,
      ['one', 'two', 'three'].map((name) => `${name}: UDP: EHOSTUNREACH`),
    );
    assert.deepEqual(failed, []);
    assert.ok(busyMs < 300, `${busyMs} ms of processor time in a second of waiting`);
  });
