/** Each case is a process that takes the directory, says so, and waits for its end. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { checkout, temporaryDirectory } from '../kit/checkout.ts';

const room = join(checkout, 'build/src/io/state-lock.js');

function folder(t: TestContext): string {
  const { path, remove } = temporaryDirectory();
  t.after(remove);
  return path;
}

/** What it says: `alone`, `warned`, or the error. */
async function takes(t: TestContext, directory: string): Promise<{ child: ChildProcess; said: string }> {
  const script = `import { lockState } from ${JSON.stringify(room)};
    let said = 'alone';
    const logger = { warn: () => { said = 'warned'; } };
    try { lockState(${JSON.stringify(directory)}, logger); } catch (error) { said = error.message; }
    console.log(said);
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const said = await new Promise<string>((resolve) =>
    child.stdout!.once('data', (text) => resolve(String(text).trim())),
  );
  return { child, said };
}

async function kill({ child }: { child: ChildProcess }): Promise<void> {
  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('exit', resolve));
}

test('the second one hears who is there; after a crash the next one is alone at once', async (t) => {
  const directory = join(folder(t), 'made', 'for it');
  const first = await takes(t, directory);
  assert.equal(first.said, 'alone');
  const second = await takes(t, directory);
  assert.match(second.said, new RegExp(`another hailpoint \\(process ${first.child.pid}\\) works in it`));
  await kill(first);
  assert.equal((await takes(t, directory)).said, 'alone');
});

test('another directory is another matter', async (t) => {
  const directory = folder(t);
  assert.equal((await takes(t, join(directory, 'a'))).said, 'alone');
  assert.equal((await takes(t, join(directory, 'b'))).said, 'alone');
});

test('what a dead process has left in the file blocks nothing', async (t) => {
  const directory = folder(t);
  writeFileSync(join(directory, 'lock'), '1\n');
  assert.equal((await takes(t, directory)).said, 'alone');
});

test('where no lock can be made it goes on, and says so', async (t) => {
  const directory = folder(t);
  mkdirSync(join(directory, 'lock'));
  assert.equal((await takes(t, directory)).said, 'warned');
});
