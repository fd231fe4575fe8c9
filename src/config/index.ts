/** The terminal's file and its device profile: schema, defaults, loading. The only reader of files and environment. */

export type { ReferenceRow } from './explain.ts';
export { type CheckedConfig, checkConfig, configReference, loadConfig } from './load.ts';
export { packageFolder, packageVersion } from './package.ts';
export { ConfigError, formatProblem } from './problems.ts';
export type {
  CodecName,
  Config,
  DeviceConfig,
  HostPort,
  LineConfig,
  MqttConfig,
  Problem,
  SipConfig,
  WebConfig,
} from './types.ts';
