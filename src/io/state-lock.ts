/**
 * One service alone in a state directory: two would write into each other's journal. `flock` on its file `lock`, which the
 * kernel lets go of however the process ends, so nothing that is left over blocks a start. An edge.
 */
import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import koffi from 'koffi';
import { CodedError, type Logger } from '../base/index.ts';

class StateLockError extends CodedError {}

const LOCK_EX = 2;
const LOCK_NB = 4;

/**
 * Takes `directory` for this process until it ends, and makes it where need be. Throws `StateLockError` while another process has
 * it. Where locking itself is not possible (a disk that is read-only or full, a file system without locks) a press must still
 * get out: that is only said.
 */
export function lockState(directory: string, logger: Logger): void {
  const file = join(directory, 'lock');
  const unlocked = (reason: string): void => logger.warn('The state directory is not locked', { file, reason });
  let fd: number;
  try {
    mkdirSync(directory, { recursive: true, mode: 0o750 });
    fd = openSync(file, 'a+', 0o640);
  } catch (error) {
    return unlocked((error as Error).message);
  }
  const { EAGAIN } = koffi.os.errno;
  if (koffi.load(null).func('int flock(int fd, int operation)')(fd, LOCK_EX | LOCK_NB) !== 0) {
    const number = koffi.errno();
    const holder = /^\d{1,10}$/m.exec(readFileSync(file, 'latin1').slice(0, 16))?.[0] ?? 'unknown';
    closeSync(fd);
    if (number !== EAGAIN) return unlocked(`errno ${number}`);
    throw new StateLockError(
      'state-busy',
      `Cannot use the state directory ${directory}: another hailpoint (process ${holder}) works in it; give this one its own by --state`,
    );
  }
  try {
    ftruncateSync(fd);
    writeSync(fd, `${process.pid}\n`);
  } catch {
    // Only the name of the holder is missing from what a second one says.
  }
}
