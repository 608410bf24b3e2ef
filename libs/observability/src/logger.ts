import { type DestinationStream, type Logger, type LoggerOptions, pino } from 'pino';

export type { Logger };

export interface LoggerSettings {
  program: string;
  level: string;
}

/** Whatever is logged under these names is a secret or a tenant's data. */
const REDACTED = [
  'authorization',
  'key',
  'secret',
  'password',
  'requirement',
  'prompt',
  '*.authorization',
  '*.key',
  '*.secret',
  '*.password',
  '*.requirement',
  '*.prompt',
  'req.headers.authorization',
  'req.headers.cookie',
  // PostgreSQL quotes the whole row that it refused, and the statement that it was in.
  ...['detail', 'where', 'internalQuery'].flatMap((name) => [`err.${name}`, `err.*.${name}`]),
];

/** One JSON object a line on standard output: time, level by name, program, event, and the ids that apply. */
export function loggerOptions({ program, level }: LoggerSettings): LoggerOptions {
  return {
    level,
    base: { program },
    messageKey: 'message',
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: REDACTED, censor: '[redacted]' },
  };
}

/** A logger of its own, for what has no framework around it. */
export function createLogger(settings: LoggerSettings, destination?: DestinationStream): Logger {
  return destination ? pino(loggerOptions(settings), destination) : pino(loggerOptions(settings));
}
