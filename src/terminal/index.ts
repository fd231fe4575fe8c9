/** What the box does: one-touch dial, auto-answer, paging, priorities, lamps. Events in, actions out. */
export { inPrefix } from './address.ts';
export { parseCommand } from './command.ts';
export { explainButton, explainIncoming } from './explain.ts';
export { foreseen } from './press.ts';
export { Terminal } from './terminal.ts';
export { challenges, letsAnybody, names } from './trust.ts';
export type * from './types.ts';
