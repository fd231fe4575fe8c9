/** How figures are printed, and how a bench is run. */
import { spawnSync } from 'node:child_process';

/** `1.2 (p90 1.9, max 3.0) ms of 30`. */
export function spread(valuesMs: readonly number[]): string {
  const sorted = [...valuesMs].sort((a, b) => a - b);
  const at = (share: number): string =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))].toFixed(2);
  return `${at(0.5)} ms (p90 ${at(0.9)}, max ${at(1)}; ${sorted.length} runs)`;
}

export function print(what: string, who: string, figure: string): void {
  console.log(`${what.padEnd(46)} ${who.padEnd(16)} ${figure}`);
}

/** Sound is measured in real time: where we may, other programs wait for this one and for all that it starts. */
export function keepOthersOut(): void {
  spawnSync('chrt', ['--rr', '--all-tasks', '--pid', '20', `${process.pid}`]);
}

/** Runs a bench and puts away what it used; a failure ends the process with 1. */
export async function bench(
  body: (cleaner: { after(done: () => Promise<void> | void): void }) => Promise<void>,
): Promise<void> {
  const cleanups: (() => Promise<void> | void)[] = [];
  try {
    await body({ after: (done) => void cleanups.push(done) });
  } catch (error) {
    console.error(error);
    process.exitCode = 1;
  }
  for (const cleanup of cleanups.reverse()) await cleanup();
}
