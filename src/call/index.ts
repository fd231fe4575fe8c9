/** One call, where signalling meets media. */
export type { CallsConfig } from './call.ts';
export { type CallOutput, Calls } from './calls.ts';
export { incomingOf } from './incoming.ts';
