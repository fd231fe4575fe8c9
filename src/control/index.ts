/** The Unix socket on which the commands reach the running service. */
export { ask, NotRunningError, talk } from './client.ts';
export type { ControlAnswer, ControlRequest } from './protocol.ts';
export { type ControlReply, ControlServer, type Follow } from './server.ts';
