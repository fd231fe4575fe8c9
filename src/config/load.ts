/** Reads the terminal's file and everything it names. */
import { ConfigError } from './problems.ts';
import type { Config, Problem } from './types.ts';

/** The configuration in `file`, frozen. Throws `ConfigError` with every problem found. */
export function loadConfig(file: string, env: NodeJS.ProcessEnv = process.env): Config {
  const { config, problems, warnings } = checkConfig(file, env);
  if (config === undefined) throw new ConfigError(file, problems, warnings);
  return config;
}

/** The same without throwing: `config` is absent when there are problems. */
export function checkConfig(
  file: string,
  _env: NodeJS.ProcessEnv = process.env,
): { config?: Config; problems: readonly Problem[]; warnings: readonly Problem[] } {
  return { problems: [{ file, line: 1, path: '', message: 'cannot be read yet' }], warnings: [] };
}
