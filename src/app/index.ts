/** The wiring of the service. */
export { createLogger, type LogLevel, logLevels } from './log.ts';
export { Service } from './service.ts';
