/** Configurations written for one test, and their problems in one line each. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { CheckedConfig, Problem } from '../../src/config/index.ts';
import { checkConfig } from '../../src/config/load.ts';

/** Checks `text` as `terminal.yaml`, with `files` around it. */
export function checkText(
  text: string,
  files: Record<string, string> = {},
  env: NodeJS.ProcessEnv = {},
): CheckedConfig {
  const directory = mkdtempSync(join(tmpdir(), 'hailpoint-config-'));
  try {
    for (const [name, content] of Object.entries({ ...files, 'terminal.yaml': text })) {
      mkdirSync(dirname(join(directory, name)), { recursive: true });
      writeFileSync(join(directory, name), content);
    }
    const given = Object.entries(env).map(([name, value]) => [name, value?.replace('$HERE', directory)]);
    return checkConfig(join(directory, 'terminal.yaml'), Object.fromEntries(given));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** `terminal.yaml:3 terminal.id: ...` */
export const brief = ({ file, line, path, message }: Problem): string =>
  `${basename(file)}:${line} ${path}: ${message}`;

export const MINIMAL = 'terminal: { id: t }\ndevice: simulated\n';
