/** The self-test of loudspeaker and microphone: when, how often, and what a chirp says of them. Plays nothing itself. */
export { type Heard, type Outcome, SelfTest, type SelfTestConfig, type SelfTestOutput } from './machine.ts';
export type { Baseline } from './verdict.ts';
