/** The log as it leaves the process: one JSON object per line on standard output, for the journal of the machine. */
import { pino } from 'pino';
import type { LogFields, Logger } from '../base/index.ts';

export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

export function createLogger(level: LogLevel): Logger {
  const log = pino({
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  });
  const write =
    (method: 'debug' | 'info' | 'warn' | 'error') =>
    (message: string, fields?: LogFields): void =>
      fields ? log[method](fields, message) : log[method](message);
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}
