/** The maps beside the code name what is there: every file they speak of exists, and none of the user agent is left out. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '../..');
const read = (map: string): string => readFileSync(join(root, map), 'utf8');
const maps = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('README.md'))
  .map((name) => `src/${name}`);

const folders = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true, encoding: 'utf8' })
  .filter((entry) => entry.isDirectory())
  .map((entry) => relative(root, join(entry.parentPath, entry.name)));

for (const map of ['README.md', 'src/MANUAL.md', ...maps])
  test(`${map} names no file that is not there`, () => {
    const named = [...read(map).matchAll(/`(\w[\w./-]+\.(?:ts|mjs|yaml))`|\]\(([^)#:]+)\)/g)].map(
      ([, file, link]) => file ?? link,
    );
    // From the top, from src, or from any folder at or below the map.
    const places = ['', dirname(map), 'src', ...folders.filter((folder) => folder.startsWith(`${dirname(map)}/`))];
    assert.deepEqual(
      named.filter((file) => !places.some((place) => existsSync(join(root, place, file)))),
      [],
    );
  });

test('src/README.md has a row for every room', () => {
  const rooms = readdirSync(join(root, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const rows = read('src/README.md');
  assert.deepEqual(
    rooms.map(({ name }) => name).filter((name) => !rows.includes(`\`${name}/\``)),
    [],
  );
});

test('src/sip/README.md names every file of the user agent', () => {
  const files = readdirSync(join(root, 'src/sip/ua')).filter((file) => file !== 'index.ts');
  assert.deepEqual(
    files.filter((file) => !read('src/sip/README.md').includes(`\`ua/${file}\``)),
    [],
  );
});

test('imports point down: no two rooms need each other', () => {
  const needs = new Map<string, Set<string>>();
  for (const name of readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts')) continue;
    const from = name.split('/')[0];
    for (const [, path] of read(`src/${name}`).matchAll(/(?:from|import\() ?'(\.[^']+)'/g)) {
      const to = join(dirname(name), path).split('/')[0];
      if (to !== from) needs.set(from, (needs.get(from) ?? new Set()).add(to));
    }
  }
  // A room that needs none of those left is at the bottom; taken away one after the other, none stays.
  for (let left = -1; left !== needs.size; ) {
    left = needs.size;
    for (const [room, below] of needs) if (![...below].some((one) => needs.has(one))) needs.delete(room);
  }
  assert.deepEqual([...needs.keys()], []);
});
