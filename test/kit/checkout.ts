/** Where things are: the checkout, the third-party test data outside it, a directory for one test. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout's root, with a slash at its end; this file runs as `build/test/kit/checkout.js`. */
export const checkout = fileURLToPath(new URL('../../../', import.meta.url));

/** Third-party data is not part of the project: `$HAILPOINT_TEST_DATA`, else `../shared/data`, else absent. */
export function testData(name: string): string | undefined {
  const path = join(process.env.HAILPOINT_TEST_DATA ?? join(checkout, '../shared/data'), name);
  return existsSync(path) ? path : undefined;
}

/** A new empty directory and how to be rid of it. Short, because Unix socket paths end at 107 octets. */
export function temporaryDirectory(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'hail-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
