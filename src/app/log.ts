/** The log as it leaves the process: one JSON object per line on standard output, for the journal of the machine. */
import { destination, pino } from 'pino';
import { type LogFields, type Logger, printable } from '../base/index.ts';

export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/** Where lines go. */
interface Sink {
  write(line: string): void;
}

/** What others wrote stands in it, too: one line stays one line, and nothing moves a reader's screen, whoever logs it. */
export function createLogger(level: LogLevel, sink: Sink = destination(1)): Logger {
  const log = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    // JSON escapes the first 32 characters; the others that nobody sees become escapes here, and it is still JSON.
    { write: (line) => sink.write(`${printable(line.trimEnd())}\n`) },
  );
  const write =
    (method: 'debug' | 'info' | 'warn' | 'error') =>
    (message: string, fields?: LogFields): void =>
      fields ? log[method](fields, message) : log[method](message);
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}
