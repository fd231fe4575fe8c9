#!/usr/bin/env -S node --max-semi-space-size=1
// The program's name on the command line. In a checkout the TypeScript beside it is built first when that is newer; the
// installed package has no TypeScript and starts at once.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const main = join(root, 'build/program/main.js');

// Young objects die young here: a small nursery costs no time and saves a board some megabytes. The first line says it to
// Node before it starts, which does more; this is for who starts it as "node hailpoint.mjs".
setFlagsFromString('--max-semi-space-size=1');

const changed = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
const newest = (folder) =>
  Math.max(...readdirSync(folder, { recursive: true }).map((name) => changed(join(folder, name))));

if (existsSync(join(root, 'src/cli/main.ts')) && newest(join(root, 'src')) > changed(main)) {
  const rolldown = join(root, 'node_modules/rolldown/bin/cli.mjs');
  if (!existsSync(rolldown)) {
    console.error('hailpoint: this checkout is not prepared: run npm ci');
    process.exit(1);
  }
  const build = spawnSync(process.execPath, [rolldown, '-c', '.rolldown.config.mjs'], { cwd: root, encoding: 'utf8' });
  if (build.status !== 0) {
    console.error(`hailpoint: the build failed\n${build.stdout}${build.stderr}`);
    process.exit(1);
  }
}
await import(pathToFileURL(main).href);
