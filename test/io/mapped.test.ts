import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { letGoOfFiles, untouched } from '../../src/io/mapped.ts';

const smaps = (head: string, anonymousKb: number): string =>
  [head, 'Size:   4 kB', 'Rss:    4 kB', `Anonymous:             ${anonymousKb} kB`, 'VmFlags: rd ex', ''].join('\n');

for (const [name, head, anonymousKb, expected] of [
  ['code of a file', '00400000-00b6f000 r-xp 00000000 fe:00 1 /usr/bin/node', 0, 1],
  ['constants of a file', '7f00-8f00 r--p 00000000 fe:00 1                  /usr/lib/libnode.so.115', 0, 1],
  ['what has been written to, and then closed', '7f00-8f00 r--p 00000000 fe:00 1 /usr/lib/libnode.so.115', 8, 0],
  ['what may be written to', '7f00-8f00 rw-p 00000000 fe:00 1 /usr/bin/node', 0, 0],
  ['what is shared', '7f00-8f00 r--s 00000000 fe:00 1 /usr/bin/node', 0, 0],
  ['what is out of reach', '7f00-8f00 ---p 00000000 fe:00 1 /usr/bin/node', 0, 0],
  ['a file that is no longer there', '7f00-8f00 r-xp 00000000 fe:00 1 /usr/bin/node (deleted)', 0, 0],
  ['memory of no file', '7f00-8f00 r-xp 00000000 00:00 0', 0, 0],
  ['the kernel’s own', '7f00-8f00 r-xp 00000000 00:00 0 [vdso]', 0, 0],
] as const)
  test(name, () => assert.equal(untouched(smaps(head, anonymousKb)).length, expected));

test('the program goes on with less of its files', () => {
  const fileMb = (): number =>
    Number(/^RssFile:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'latin1'))![1]) / 1024;
  const before = fileMb();
  letGoOfFiles();
  const after = fileMb();
  assert.ok(after < before - 15, `${before} MB, then ${after} MB`);
});
