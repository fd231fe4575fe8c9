/** What the kernel says of a network that changes, and what a whole terminal makes of it, in a network namespace of its own. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { readNetlink, type Word } from '../../src/io/network.ts';
import { checkout } from '../kit/checkout.ts';

/** One netlink message: nlmsghdr and, for links, the flags of its ifinfomsg. */
function said(type: number, flags = 0x40): Buffer {
  const bytes = Buffer.alloc(32);
  bytes.writeUInt32LE(bytes.length, 0);
  bytes.writeUInt16LE(type, 4);
  bytes.writeUInt32LE(flags, 24);
  return bytes;
}

for (const [name, bytes, expected] of [
  ['nothing', Buffer.alloc(0), undefined],
  ['half a header', said(20).subarray(0, 9), undefined],
  ['a length of nothing', Buffer.alloc(16), undefined],
  ['a length beyond the end', said(21).subarray(0, 20), undefined],
  ['an address that came', said(20), 'something'],
  ['an address that went', said(21), 'lost'],
  ['a link that runs', said(16), 'something'],
  ['a link without carrier', said(16, 0x1003), 'lost'],
  ['a link that went', said(17), 'lost'],
  ['a route that came', said(24), 'something'],
  ['an address that went among others', Buffer.concat([said(24), said(21), said(20)]), 'lost'],
] as [string, Buffer, Word | undefined][]) {
  test(`netlink says ${name}`, () => assert.equal(readNetlink(bytes), expected));
}

const possible =
  spawnSync('unshare', ['-n', 'ip', 'link', 'add', 'v0', 'type', 'veth', 'peer', 'name', 'v1']).status === 0;

test('addresses and links that come and go', {
  timeout: 60_000,
  skip: !possible && 'no network namespace can be made: not root, or no unshare, ip or veth',
}, async (t) => {
  const program = `${checkout}build/test/io/network-in-namespace.js`;
  const { stdout } = await promisify(execFile)('unshare', ['-n', process.execPath, '--enable-source-maps', program]);
  for (const line of stdout.trim().split('\n')) {
    const { name, ok, detail, tookMs } = JSON.parse(line) as {
      name: string;
      ok: boolean;
      detail: string;
      tookMs: number;
    };
    await t.test(name, (step) => {
      step.diagnostic(`${tookMs} ms`);
      assert.ok(ok, detail);
    });
  }
});
