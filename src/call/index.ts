/** One call, where signalling meets media. */
export type { CallsConfig } from './call.ts';
export { Calls } from './calls.ts';
export { incomingOf } from './incoming.ts';
export type { CallOutput } from './output.ts';
