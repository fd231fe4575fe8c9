/** The name of this device among others, RFC 5626 §4.1: made once, kept in the state directory for its whole life. */
import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '../base/index.ts';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A UUID; where the directory cannot be written, one that lasts until the next start. */
export function instanceOf(stateDirectory: string, logger: Logger): string {
  const file = join(stateDirectory, 'instance');
  try {
    const known = readFileSync(file, 'latin1').trim();
    if (UUID.test(known)) return known;
  } catch {
    // The first start.
  }
  const made = randomUUID();
  try {
    mkdirSync(stateDirectory, { recursive: true });
    writeFileSync(file, `${made}\n`, { flush: true });
  } catch (error) {
    logger.warn('The identity of this device cannot be kept', { file, reason: (error as Error).message });
  }
  return made;
}
