/** Who allocates: for what must not, each tick. */
import { type HeapProfiler, Session } from 'node:inspector';

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
