#!/usr/bin/env -S node --max-semi-space-size=1
// The program's name on the command line. In a checkout the TypeScript beside it is built first when that is newer; the
// installed package has no TypeScript and starts at once.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const main = join(root, 'build/program/main.js');

// Young objects die young here: a small young generation saves 2 MB in a call. Flags that make the whole heap collect sooner
// save nothing and cost a quarter of the time an INVITE takes in a flood. The first line says it to Node before it
// starts, which does more; this is for "node hailpoint.mjs" too.
setFlagsFromString('--max-semi-space-size=1');

const changed = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
const newest = (folder) =>
  Math.max(...readdirSync(folder, { recursive: true }).map((name) => changed(join(folder, name))));
const stale = () =>
  Math.max(
    newest(join(root, 'src')),
    ...['.rolldown.config.mjs', 'package-lock.json'].map((name) => changed(join(root, name))),
  ) > changed(main);

/** Several may start at once in a fresh checkout: one builds, the others wait for it. */
function buildAlone() {
  const lock = join(root, 'build', '.building');
  mkdirSync(join(root, 'build'), { recursive: true });
  while (existsSync(lock) || stale()) {
    if (Date.now() - changed(lock) > 60_000) rmSync(lock, { recursive: true, force: true }); // who built was killed
    try {
      mkdirSync(lock);
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
      continue;
    }
    try {
      if (stale()) build();
      return; // once, whatever the clock says of the sources
    } finally {
      rmSync(lock, { recursive: true, force: true });
    }
  }
}

function build() {
  const rolldown = join(root, 'node_modules/rolldown/bin/cli.mjs');
  if (!existsSync(rolldown)) throw new Error('this checkout is not prepared: run npm ci');
  const made = spawnSync(process.execPath, [rolldown, '-c', '.rolldown.config.mjs'], { cwd: root, encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`the build failed\n${made.stdout}${made.stderr}`);
}

if (existsSync(join(root, 'src/cli/main.ts'))) {
  try {
    buildAlone();
  } catch (error) {
    console.error(`hailpoint: ${error.message}`);
    process.exit(1);
  }
}
await import(pathToFileURL(main).href);
