import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import { silentLogger } from '../../src/base/index.ts';
import { Journal, type JournalOptions, readEvents } from '../../src/journal/index.ts';
import type { TerminalEvent } from '../../src/terminal/types.ts';

const rooms: string[] = [];
afterEach(() => {
  for (const room of rooms.splice(0)) rmSync(room, { recursive: true, force: true });
});

function directory(): string {
  const room = mkdtempSync(join(tmpdir(), 'hailpoint-journal-'));
  rooms.push(room);
  return join(room, 'state');
}

const open = (at: string, more: Partial<JournalOptions> = {}): Journal =>
  new Journal({ directory: at, logger: silentLogger, ...more });

const press = (button: string): TerminalEvent => ({ type: 'press', button, source: 'button', result: 'calling' });
const lamp = (output: string): TerminalEvent => ({ type: 'output', output, on: true });
/** `help` of a press, `lamp3` of an output. */
const names = (events: readonly object[]): string[] =>
  events.map((event) => String((event as { button?: string }).button ?? (event as { output?: string }).output));
const files = (at: string): string[] => readdirSync(at).filter((file) => file.endsWith('.jsonl'));

test('an event is stamped and stands in the file as one line when append returns', () => {
  const at = directory();
  const journal = open(at, {
    epoch: 'e',
    clock: { wallMs: () => Date.UTC(2026, 0, 2, 3, 4, 5, 6), monotonicMs: () => 77 },
  });
  const event = journal.append(press('help'));
  assert.deepEqual(event, { id: 'e-1', time: '2026-01-02T03:04:05.006Z', monotonicMs: 77, ...press('help') });
  assert.equal(readFileSync(join(at, files(at)[0]), 'utf8'), `${JSON.stringify(event)}\n`);
  journal.close();
});

test('events and the place of a consumer survive a restart, ids are never repeated', () => {
  const at = directory();
  const first = open(at);
  const before = ['a', 'b', 'c'].map((name) => first.append(press(name)));
  const cursor = first.cursor('mqtt');
  cursor.acknowledge(cursor.next()!.id);
  first.close();

  const second = open(at, { clock: { wallMs: () => 0, monotonicMs: () => 0 } });
  const after = second.append(press('d'));
  assert.deepEqual(names(second.read()), ['a', 'b', 'c', 'd']);
  assert.equal(new Set([...before, after].map(({ id }) => id)).size, 4);
  assert.equal(second.cursor('mqtt').next()?.id, before[1].id);
  assert.deepEqual(names(second.read({ after: before[1].id })), ['c', 'd']);
  assert.deepEqual(names(second.read({ last: 2 })), ['c', 'd']);
  assert.deepEqual(names(second.read({ after: 'elsewhere-2' })), ['a', 'b', 'c', 'd']);
  second.close();
  assert.deepEqual(names(readEvents(at, 3)), ['b', 'c', 'd']);
});

test('a consumer gets each event until it acknowledges it, then the next', () => {
  const journal = open(directory());
  const cursor = journal.cursor('mqtt');
  assert.equal(cursor.next(), undefined);
  for (const name of ['a', 'b']) journal.append(press(name));
  assert.deepEqual(names([cursor.next()!, cursor.next()!]), ['a', 'a']);
  cursor.acknowledge(cursor.next()!.id);
  assert.deepEqual(names([cursor.next()!]), ['b']);
  cursor.acknowledge(cursor.next()!.id);
  assert.equal(cursor.next(), undefined);
  journal.append(press('c'));
  assert.deepEqual(names([cursor.next()!]), ['c']);
  journal.close();
});

test('after the loss of the state directory ids are still new', () => {
  const at = directory();
  const first = open(at);
  const before = first.append(press('a')).id;
  first.close();
  rmSync(at, { recursive: true });
  const second = open(at);
  assert.notEqual(second.append(press('a')).id, before);
  second.close();
});

test('a place that outlived its event (power cut) hides no later event', () => {
  const at = directory();
  const first = open(at);
  const cursor = first.cursor('mqtt');
  for (const name of ['a', 'b']) cursor.acknowledge(first.append(press(name)).id);
  first.close();
  const [file] = files(at);
  const [whole] = readFileSync(join(at, file), 'utf8').split('\n');
  writeFileSync(join(at, file), `${whole}\n`);
  const second = open(at);
  const event = second.append(press('c'));
  assert.equal(second.cursor('mqtt').next()?.id, event.id);
  second.close();
});

for (const [sentence, damage] of [
  ['a line cut short at the end', '{"id":"x-9","time":"2026'],
  ['a tail of zeros', '\0\0\0\0\0\0'],
  ['a line that is no event', 'null\n[]\n"x"\n{"id":"x-77"}\n'],
  ['a cut line inside', '{"id":"x-9","ti\n'],
] as const) {
  test(`${sentence} is passed over, and the next event starts afresh`, () => {
    const at = directory();
    const first = open(at);
    first.append(press('a'));
    first.close();
    appendFileSync(join(at, files(at)[0]), damage);
    const second = open(at);
    second.append(press('b'));
    assert.deepEqual(names(second.read()), ['a', 'b']);
    second.close();
    const third = open(at);
    third.append(press('c'));
    assert.deepEqual(names(third.read()), ['a', 'b', 'c']);
    third.close();
  });
}

test('a cut place file gives the last whole place', () => {
  const at = directory();
  const first = open(at);
  const cursor = first.cursor('mqtt');
  for (const name of ['a', 'b', 'c']) first.append(press(name));
  for (let i = 0; i < 2; i++) cursor.acknowledge(cursor.next()!.id);
  first.close();
  appendFileSync(join(at, 'cursor-mqtt'), '99');
  const second = open(at);
  assert.deepEqual(names([second.cursor('mqtt').next()!]), ['c']);
  second.cursor('mqtt').acknowledge(second.cursor('mqtt').next()!.id);
  second.close();
  const third = open(at);
  assert.equal(third.cursor('mqtt').next(), undefined);
  third.close();
});

test('over the cap the oldest go, presses last, and the files shrink with them', () => {
  const at = directory();
  const journal = open(at, { cap: 1500 });
  for (let i = 0; i < 5; i++) journal.append(press(`early${i}`));
  for (let i = 0; i < 5200; i++) journal.append(lamp(`lamp${i}`));
  assert.equal(journal.size, 1500);
  const kept = names(journal.read());
  assert.deepEqual(kept.slice(0, 6), ['early0', 'early1', 'early2', 'early3', 'early4', 'lamp3705']);
  assert.equal(kept.at(-1), 'lamp5199');
  journal.close();
  const lines = files(at).flatMap((file) => readFileSync(join(at, file), 'utf8').trim().split('\n'));
  assert.ok(lines.length < 1500 + 2 * 1000, `${lines.length} lines on disk`);

  const again = open(at, { cap: 1500 });
  assert.deepEqual(names(again.read()), kept);
  const cursor = again.cursor('mqtt');
  const heard: string[] = [];
  for (let event = cursor.next(); event; event = cursor.next()) {
    heard.push(...names([event]));
    cursor.acknowledge(event.id);
  }
  assert.deepEqual(heard, kept);
  again.close();
});

test('a power cut while files are joined leaves each event once', () => {
  const at = directory();
  const journal = open(at, { cap: 1200, epoch: 'e' });
  journal.append(press('early'));
  for (let i = 0; i < 1999; i++) journal.append(lamp(`lamp${i}`));
  journal.close();
  const [first, second] = files(at).map((file) => join(at, file));
  const early = readFileSync(first, 'utf8').split('\n')[0];
  writeFileSync(second, `${early}\n${readFileSync(second, 'utf8')}`);
  const again = open(at, { cap: 5000 });
  assert.equal(names(again.read()).filter((name) => name === 'early').length, 1);
  again.close();
});

test('a listener hears each event at once, until it no longer wants to', () => {
  const journal = open(directory());
  const heard: string[] = [];
  const stop = journal.follow((event) => heard.push(...names([event])));
  journal.append(press('a'));
  stop();
  journal.append(press('b'));
  assert.deepEqual(heard, ['a']);
  journal.close();
});

test('a disk that takes nothing is a fault, not an exception; memory keeps the events until it does', async () => {
  const at = directory();
  // A file where the directory should be: as good as a read-only card.
  writeFileSync(at, '');
  const faults: boolean[] = [];
  const journal: Journal = open(at, {
    onFault: (raised) => {
      faults.push(raised);
      journal.append({ type: 'fault', fault: 'journal', state: raised ? 'raised' : 'cleared', reason: '' });
    },
  });
  const cursor = journal.cursor('mqtt');
  journal.append(press('a'));
  journal.append(press('b'));
  assert.deepEqual(faults, [true]);
  assert.deepEqual(names([cursor.next()!]), ['a']);
  cursor.acknowledge(cursor.next()!.id);

  rmSync(at);
  mkdirSync(at);
  journal.append(press('c'));
  assert.deepEqual(faults, [true, false]);
  journal.close();
  const onDisk = readEvents(at).map((event) => ('button' in event ? event.button : event.type));
  assert.deepEqual(onDisk, ['a', 'fault', 'b', 'c', 'fault']);
});

test('a place that cannot be kept is told once, and once more after it could', () => {
  const at = directory();
  const told: string[] = [];
  const journal = open(at, { logger: { ...silentLogger, warn: (message) => told.push(message) } });
  const cursor = journal.cursor('mqtt');
  const place = join(at, 'cursor-mqtt');
  const heard = (times: number): void => {
    for (let i = 0; i < times; i++) cursor.acknowledge(journal.append(press('a')).id);
  };
  for (const round of [1, 2]) {
    // A directory where the file should be: as good as a read-only card.
    mkdirSync(place);
    heard(20);
    assert.deepEqual(told, Array(round).fill('journal: a place is not kept'));
    rmSync(place, { recursive: true });
    heard(1);
    assert.match(readFileSync(place, 'latin1'), /^\d+\n$/);
    rmSync(place);
  }
  journal.close();
});

test('files that are taken away under it take no later event with them', () => {
  const at = directory();
  const journal = open(at);
  const before = journal.append(press('before'));
  const cursor = journal.cursor('mqtt');
  cursor.acknowledge(before.id);
  journal.append(press('lost'));
  for (const round of ['first', 'second']) {
    rmSync(at, { recursive: true });
    journal.append(press(round));
    assert.deepEqual(names(journal.read()), [round]);
    const next = cursor.next()!;
    assert.deepEqual(names([next]), [round]);
    cursor.acknowledge(next.id);
    assert.equal(cursor.next(), undefined);
  }
  journal.close();
  const again = open(at);
  assert.deepEqual(names(again.read()), ['second']);
  assert.equal(again.cursor('mqtt').next(), undefined);
  again.close();
});

test('a really full disk: nothing is torn, and what waited follows when there is room', (context) => {
  const at = directory();
  mkdirSync(at);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'hailpoint-test', at]);
  if (mounted.status !== 0) return context.skip('no right to mount a small disk');
  try {
    const faults: boolean[] = [];
    const journal = open(at, { onFault: (raised) => faults.push(raised) });
    const filler = join(at, 'filler');
    journal.append(press('a'));
    // One page stays: it fills up with a part of a line.
    writeFileSync(filler, Buffer.alloc(56 * 1024));
    const count = 60;
    for (let i = 0; i < count; i++) journal.append(press(`b${i}-${'x'.repeat(100)}`));
    assert.deepEqual(faults, [true]);
    rmSync(filler);
    journal.append(press('c'));
    assert.deepEqual(faults, [true, false]);
    assert.equal(journal.read().length, count + 2);
    journal.close();
    const onDisk = names(readEvents(at)).map((name) => name.split('-')[0]);
    assert.deepEqual(onDisk, ['a', ...Array.from({ length: count }, (_, i) => `b${i}`), 'c']);
  } finally {
    spawnSync('umount', ['-l', at]);
  }
});

test('kill -9 right after append loses nothing', async () => {
  const at = directory();
  const door = new URL('../../src/journal/index.js', import.meta.url).href;
  const program = `
    import { Journal } from ${JSON.stringify(door)};
    const quiet = () => {};
    const journal = new Journal({ directory: ${JSON.stringify(at)}, logger: { debug: quiet, info: quiet, warn: quiet, error: quiet } });
    for (;;) process.stdout.write(journal.append({ type: 'press', button: 'help', source: 'button', result: 'calling' }).id + '\\n');
  `;
  const child: ChildProcess = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout!.on('data', (chunk) => {
    said += chunk;
    if (said.length > 2000) child.kill('SIGKILL');
  });
  await once(child, 'close');
  assert.equal(child.signalCode, 'SIGKILL');
  const ids = said.split('\n').slice(0, -1);
  assert.ok(ids.length > 20);
  const kept = new Set(readEvents(at).map(({ id }) => id));
  assert.deepEqual(
    ids.filter((id) => !kept.has(id)),
    [],
  );
});
