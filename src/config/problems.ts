/** How the configuration says no: every problem at once, each with its file, line, path and what was expected. */
import { CodedError } from '../base/index.ts';
import type { Problem } from './types.ts';

/** `code`: `config`. The message lists every problem, one a line. */
export class ConfigError extends CodedError {
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];

  constructor(file: string, problems: readonly Problem[], warnings: readonly Problem[] = []) {
    const count = problems.length === 1 ? 'one problem' : `${problems.length} problems`;
    super('config', [`${file} has ${count}:`, ...problems.map(formatProblem)].join('\n'));
    this.problems = problems;
    this.warnings = warnings;
  }
}

/** `terminal.yaml:12: calls.control-room.steps[0].for: 20 has no unit (expected a duration such as 20s)` */
export function formatProblem(problem: Problem): string {
  const path = problem.path === '' ? '' : ` ${problem.path}:`;
  const expected = problem.expected === undefined ? '' : ` (expected ${problem.expected})`;
  return `${problem.file}:${problem.line}:${path} ${problem.message}${expected}`;
}

/** `calls.control-room.steps[0].for` */
export function formatPath(path: readonly PropertyKey[]): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else text += text === '' ? String(part) : `.${String(part)}`;
  }
  return text;
}

/** The candidate that `word` was most likely meant to be: at most a third of its letters are wrong. */
export function closest(word: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** Letters to insert, remove, replace or swap with their neighbour to make `b` of `a`. */
function editDistance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = rows[i - 1][j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      row[j] = Math.min(replaced, rows[i - 1][j] + 1, row[j - 1] + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        row[j] = Math.min(row[j], rows[i - 2][j - 2] + 1);
    }
    rows.push(row);
  }
  return rows[a.length][b.length];
}
