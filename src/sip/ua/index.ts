/** The user agent, RFC 3261: registration §10, sessions §13 to §15, digest §22. Sans-IO; `types.ts` says what goes in and out. */
export { digestResponse } from './digest.ts';
export * from './types.ts';
export { UserAgent, type UserAgentInterface } from './user-agent.ts';
