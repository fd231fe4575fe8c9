/**
 * The terminal's file and its device profile: schema, defaults, loading. The only reader of files and environment.
 * Parser and schema (`load.ts` and what it imports) are only ever loaded on the thread of `apart.ts`.
 */

export { checkConfig, loadConfig } from './apart.ts';
export { packageFolder, packageVersion } from './package.ts';
export { formatProblem } from './problems.ts';
export type { CheckedConfig, Config, MqttConfig, NightConfig, Problem, WebConfig } from './types.ts';
