#!/usr/bin/env node
// The program's name on the command line. In a checkout the TypeScript beside it is built first when that is newer; the
// installed package has no TypeScript and starts at once.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync, utimesSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const main = join(root, 'build/src/cli/main.js');

const newest = (folder) =>
  Math.max(0, ...readdirSync(folder, { recursive: true }).map((name) => statSync(join(folder, name)).mtimeMs));

if (existsSync(join(root, 'src/cli/main.ts'))) {
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const built = statSync(main, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (newest(join(root, 'src')) > built) {
    if (!existsSync(tsc)) {
      console.error('hailpoint: this checkout is not prepared: run npm ci');
      process.exit(1);
    }
    const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.json')], {
      encoding: 'utf8',
    });
    if (status !== 0) {
      console.error(`hailpoint: the build failed\n${stdout}`);
      process.exit(1);
    }
    utimesSync(main, new Date(), new Date()); // tsc leaves a file alone that has not changed
  }
}
await import(pathToFileURL(main).href);
