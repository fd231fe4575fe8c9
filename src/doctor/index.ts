/** `hailpoint doctor`: what a terminal needs, looked at piece by piece, each with what would mend it. */
export { diagnose } from './diagnose.ts';
export type { Finding } from './types.ts';
