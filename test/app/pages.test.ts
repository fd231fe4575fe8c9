/** Whole terminals page each other through a switch, in network namespaces: nothing leaves this machine. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { checkout } from '../kit/checkout.ts';

const possible =
  spawnSync('unshare', ['-n', 'ip', 'link', 'add', 'br0', 'type', 'bridge', 'mcast_snooping', '1']).status === 0 &&
  ['nsenter', 'bridge'].every((program) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0);

test('pages of three terminals', {
  timeout: 120_000,
  skip: !possible && 'no switch of network namespaces can be made: not root, or no unshare, ip, bridge or nsenter',
}, async (t) => {
  const program = `${checkout}build/test/app/pages-in-namespace.js`;
  const { stdout } = await promisify(execFile)('unshare', ['-n', process.execPath, '--enable-source-maps', program]);
  const steps = stdout.trim().split('\n');
  assert.ok(steps.length >= 15, stdout);
  for (const line of steps) {
    const { name, ok, detail, tookMs } = JSON.parse(line) as {
      name: string;
      ok: boolean;
      detail: string;
      tookMs: number;
    };
    await t.test(name, (step) => {
      step.diagnostic(`${tookMs} ms: ${detail}`);
      assert.ok(ok, detail);
    });
  }
});
