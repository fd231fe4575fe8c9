/** Who allocates: for what must not, each tick. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { type HeapProfiler, Session } from 'node:inspector';
import { test } from 'node:test';

/** What our own functions allocate while `run` runs, garbage included, by the sampling heap profiler. */
export function allocations(run: () => void, ours = /build\/(src|test)\//): { name: string; bytes: number }[] {
  const session = new Session();
  session.connect();
  const byName = new Map<string, number>();
  const collect = (node: HeapProfiler.SamplingHeapProfileNode): void => {
    const { url, functionName, lineNumber } = node.callFrame;
    const name = `${functionName}:${lineNumber}`;
    if (ours.test(url || '(native)') && node.selfSize > 0) byName.set(name, (byName.get(name) ?? 0) + node.selfSize);
    node.children.forEach(collect);
  };
  session.post('HeapProfiler.startSampling', {
    samplingInterval: 256,
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: true,
  });
  run();
  session.post('HeapProfiler.stopSampling', (_, { profile }) => collect(profile.head));
  session.disconnect();
  return [...byName].map(([name, bytes]) => ({ name, bytes })).sort((a, b) => b.bytes - a.bytes);
}

const settled = '--no-concurrent-recompilation';

/**
 * A test of `file` in a process of its own, in which V8 waits for what it translates: what it inlines, and so which numbers it boxes,
 * would hang on the moment when a thread beside it comes to its end.
 */
export function testSettled(file: string, name: string, body: () => void): void {
  test(name, () => {
    if (process.execArgv.includes(settled)) return body();
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const args = [settled, '--enable-source-maps', '--test-reporter=tap', `--test-name-pattern=^${name}$`, file];
    const { stdout } = spawnSync(process.execPath, args, { env, encoding: 'utf8' });
    assert.match(stdout, new RegExp(`^ok \\d+ - ${name}$`, 'm'), stdout);
  });
}
