/** The wiring of the service. */
export { createLogger, type LogLevel } from './log.ts';
export { Service, type ServiceOptions } from './service.ts';
