/** One call, where signalling meets media. */
export { type Asked, askedToAnswer } from './asked.ts';
export type { CallsConfig } from './call.ts';
export { type CallOutput, Calls } from './calls.ts';
export { incomingOf } from './incoming.ts';
