// Runs the tests and prints one summary in the form of node:test's own.
//   run.mjs                 unit tests in parallel; then, side by side, those with peers, and those of sound and in the machine
//   run.mjs unit|sound|peer|vm   only that group (several may be named)
//   run.mjs bench           the benches of test/bench, one by one
//   run.mjs FILE.test.ts .. only these
// Sound is judged in real time, and a machine that stands still for a moment is heard: a file of sound, with peers or in the machine
// that fails is run once more when all others are done, and both outcomes are told.
// With CI=true a skipped test is a failure: there nothing may be absent but third-party data.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { relative, resolve } from 'node:path';
import { run } from 'node:test';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';

const root = fileURLToPath(new URL('../../', import.meta.url));
const ci = process.env.CI === 'true';
const minuteMs = 60_000;

const groups = {
  unit: { concurrency: availableParallelism(), timeout: 3 * minuteMs },
  sound: { concurrency: 1, timeout: 5 * minuteMs, realTime: true },
  peer: { concurrency: 1, timeout: 12 * minuteMs, realTime: true, peers: true },
  vm: { concurrency: 1, timeout: 15 * minuteMs, realTime: true, machine: true },
};

/** Of the room media: they reckon, in a time of their own, and would only take the processor from the others. */
const reckoning = ['handsfree', 'latch', 'listener', 'mishaps', 'standing', 'thread'];

function groupOf(path) {
  const [, room, file] = path.split('/');
  if (room === 'peer' || room === 'vm') return room;
  // Sound is judged in real time: nobody else should want the processor.
  if (path === 'test/app/pages.test.ts') return 'sound';
  return room === 'media' && !reckoning.includes(file.split('.')[0]) ? 'sound' : 'unit';
}

/** Sources of the checkout below `directory` whose names end in `end`: a stale file in build/ is never run. */
function sources(directory, end) {
  return readdirSync(root + directory, { recursive: true })
    .map((name) => `${directory}/${name}`)
    .filter((path) => path.endsWith(end))
    .sort();
}

function built(path) {
  const output = `${root}build/${path.replace(/\.ts$/, '.js')}`;
  if (existsSync(output)) return output;
  console.error(`run: ${path} is not built: npx tsc`);
  process.exit(1);
}

function peers(...args) {
  const { status, stderr } = spawnSync(`${root}test/kit/peers/peers`, args, { encoding: 'utf8' });
  if (status !== 0) console.error(stderr);
}

const totals = { tests: 0, suites: 0, pass: 0, fail: 0, cancelled: 0, skipped: 0, todo: 0, duration_ms: 0 };
let failures = [];
/** Tests of a file that failed, those that only repeat it of a part of theirs included. */
const failed = new Map();
/** Failed once, and were run again. */
const moments = [];
const skips = [];
/** More files than these: that is no moment of the machine. */
const mostAgain = 4;

function note(group, event, tally) {
  const { type, data } = event;
  const file = data.file === undefined ? '' : relative(root, data.file).replace(/^build\/(.*)\.js$/, '$1.ts');
  switch (type) {
    case 'test:pass':
    case 'test:fail': {
      const line = `${file}: ${data.name}`;
      if (data.skip !== undefined) skips.push(`${line} # ${data.skip === true ? 'SKIP' : data.skip}`);
      const fails = type === 'test:fail' && data.todo === undefined;
      if (fails) failed.set(file, (failed.get(file) ?? 0) + 1);
      // A parent only repeats that a child failed.
      if (fails && data.details.error?.failureType !== 'subtestsFailed') {
        const reason = data.details.error?.cause ?? data.details.error;
        failures.push({ file, text: `${line}\n${(reason?.stack ?? inspect(reason)).slice(0, 8000)}` });
      }
      const entry = tally.get(file) ?? tally.set(file, { tests: 0, failed: 0, ms: 0 }).get(file);
      entry.tests += 1;
      entry.failed += fails ? 1 : 0;
      if (data.nesting === 0) entry.ms += data.details.duration_ms;
      if (group === 'unit' && !fails) break;
      const mark = fails ? '✖' : data.skip === undefined ? '✔' : '﹣';
      console.log(`${'  '.repeat(data.nesting)}${mark} ${line} (${(data.details.duration_ms / 1000).toFixed(1)} s)`);
      break;
    }
    case 'test:stdout':
    case 'test:stderr':
      process.stdout.write(data.message);
      break;
    case 'test:diagnostic': {
      const [, name, count] = /^(\w+) ([\d.]+)$/.exec(data.message) ?? [];
      if (data.file === undefined && name in totals) totals[name] += Number(count);
      else if (group !== 'unit') console.log(`${'  '.repeat(data.nesting)}ℹ ${data.message}`);
      break;
    }
  }
}

async function runFiles(name, paths, tally) {
  const { concurrency, timeout } = groups[name];
  const events = run({ files: paths.map(built), concurrency, timeout });
  for await (const event of events) note(name, event, tally);
}

/** Runs files once more. What they say now counts; the first outcome is told too. */
async function runAgain(name, paths) {
  console.log(`run: again: ${paths.join(', ')}`);
  const before = { ...totals };
  moments.push(...failures.filter(({ file }) => paths.includes(file)));
  failures = failures.filter(({ file }) => !paths.includes(file));
  const count = () => paths.reduce((sum, path) => sum + (failed.get(path) ?? 0), 0);
  const first = count();
  for (const path of paths) failed.delete(path);
  await runFiles(name, paths, new Map());
  const mended = first - count();
  // Of a file that was ended after its time the failure is called cancelled.
  const fail = before.fail + before.cancelled - mended;
  Object.assign(totals, before, { fail, cancelled: 0, pass: before.pass + mended });
}

/** The files that failed; undefined: there were none to run. */
async function runGroup(name, paths) {
  if (paths.length === 0) return undefined;
  const { peers: usesPeers, machine } = groups[name];
  console.log(`run: ${name} tests, ${paths.length} files`);
  const tally = new Map();
  if (usesPeers) peers('start', 'asterisk');
  // Minutes when nothing is cached, so it is seen; when it fails, the tests say what they miss.
  if (machine && process.arch === 'x64') {
    const build = spawn(`${root}test/kit/vm/vm`, ['build'], { stdio: 'inherit' });
    await new Promise((done) => build.on('error', done).on('close', done));
  }
  await runFiles(name, paths, tally);
  if (name === 'unit')
    for (const [file, { tests, failed, ms }] of [...tally].sort())
      console.log(`${failed > 0 ? '✖' : '✔'} ${file}: ${tests} tests (${(ms / 1000).toFixed(1)} s)`);
  return [...tally].filter(([, entry]) => entry.failed > 0).map(([file]) => file);
}

function bench() {
  // What others import says so by its name: figures.ts prints, *.test.ts is run with the tests.
  const paths = sources('test/bench', '.ts').filter((path) => !/(figures|\.test)\.ts$/.test(path));
  let failed = 0;
  for (const path of paths) {
    console.log(`\nrun: ${path}`);
    const { status } = spawnSync(process.execPath, ['--enable-source-maps', built(path)], {
      cwd: root,
      stdio: 'inherit',
    });
    if (status !== 0) failed += 1;
  }
  peers('stop');
  return failed === 0 ? 0 : 1;
}

/** Third-party data may be absent: then, and only then, tests may be skipped everywhere that say it is not `here`. */
function mayBeSkipped(line) {
  const data = process.env.HAILPOINT_TEST_DATA ?? `${root}../shared/data`;
  // A set of its own that is not among the data, by its folder's name.
  const [, set] = /\$HAILPOINT_TEST_DATA\/([\w-]+)/.exec(line) ?? [];
  if (!ci || (set !== undefined && !existsSync(`${data}/${set}`))) return true;
  return !existsSync(data) && /HAILPOINT_TEST_DATA|\bhere$/.test(line);
}

function report() {
  for (const line of skips) console.log(`﹣ skipped: ${line}`);
  for (const { text } of moments) console.log(`\n↻ once, then run again: ${text}`);
  for (const { text } of failures) console.log(`\n✖ ${text}`);
  console.log();
  for (const [name, count] of Object.entries(totals)) console.log(`ℹ ${name} ${count}`);
  const skipped = skips.filter((line) => !mayBeSkipped(line)).length;
  if (skipped > 0) console.log(`run: CI=true and ${skipped} tests were skipped: that is a failure`);
  return failures.length + skipped > 0 || totals.tests === 0 ? 1 : 0;
}

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    peers('stop');
    process.exit(1);
  });
}

const args = process.argv.slice(2);
if (args[0] === 'bench') {
  process.exit(bench());
}
const files = args.filter((arg) => arg.endsWith('.ts')).map((arg) => relative(root, resolve(arg)));
const named = args.filter((arg) => !arg.endsWith('.ts'));
if (named.some((name) => !Object.hasOwn(groups, name))) {
  console.error(`usage: run.mjs [${Object.keys(groups).join('|')}].. | bench | FILE.test.ts..`);
  process.exit(2);
}
process.execArgv.push('--enable-source-maps'); // what the test files' processes are started with
// Tests leave the peers running for those that follow; they are stopped here.
process.env.HAILPOINT_KIT_KEEP = '1';
const all = files.length > 0 ? files : sources('test', '.test.ts');
const wanted = named.length > 0 ? named : Object.keys(groups);
const failing = {};
async function lane(...names) {
  for (const name of names.filter((one) => files.length > 0 || wanted.includes(one)))
    failing[name] = await runGroup(
      name,
      all.filter((path) => groupOf(path) === name),
    );
}
await lane('unit');
// Each is one file at a time, and waits for most of it: together they need no more than the two processors of a small machine.
await Promise.all([lane('peer'), lane('sound', 'vm')]);
const again = Object.entries(failing).filter(([name, paths]) => groups[name].realTime && paths?.length > 0);
if (again.flatMap(([, paths]) => paths).length <= mostAgain) for (const entry of again) await runAgain(...entry);
if (failing.peer !== undefined) peers('stop');
process.exit(report());
