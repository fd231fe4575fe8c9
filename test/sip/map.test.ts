/** The table of what SIP we speak names each file of the user agent, and no file that is not there. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

const root = join(import.meta.dirname, '../../..');
const map = readFileSync(join(root, 'src/sip/README.md'), 'utf8');

test('every file that the table names exists', () => {
  const named = [...map.matchAll(/`((?:\.\.\/)?[\w./-]+\.ts)`/g)].map(([, file]) => file);
  const places = named.map((file) => join(root, file.startsWith('test/') ? '' : 'src/sip', file));
  assert.deepEqual(
    places.filter((place) => !existsSync(place)),
    [],
  );
});

test('the table names every file of the user agent', () => {
  const files = readdirSync(join(root, 'src/sip/ua')).filter((file) => file !== 'index.ts');
  assert.deepEqual(
    files.filter((file) => !map.includes(`\`ua/${file}\``)),
    [],
  );
});
