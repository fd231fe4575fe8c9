/** What two rooms need and has no opinion of its own. Imports nothing. */
export { CodedError } from './errors.ts';
export { type LogFields, type Logger, silentLogger } from './log.ts';
export { printable, withoutPasswords } from './printable.ts';
export type { Random } from './random.ts';
export { earliest, Timers } from './timers.ts';
export { uint16, uint16Diff, uint32, uint32Diff } from './uint.ts';
export { unreachable } from './unreachable.ts';
