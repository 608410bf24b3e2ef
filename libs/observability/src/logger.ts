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

const MAX_CAUSES = 5;

/**
 * What may be said of an error: type, code, message, stack, and the same of its causes. Not its other fields: drivers
 * keep connections there, and the row that a statement failed on.
 */
function describeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return typeof error;
  const { code } = error as NodeJS.ErrnoException;
  return {
    type: error.constructor.name,
    ...(typeof code === 'string' ? { code } : {}),
    message: error.message,
    stack: error.stack,
    ...(error.cause === undefined || depth >= MAX_CAUSES
      ? {}
      : { cause: describeError(error.cause, depth + 1) }),
  };
}

/** One JSON object a line on standard output: time, level by name, program, event, and the ids that apply. */
export function loggerOptions({ program, level }: LoggerSettings): LoggerOptions {
  return {
    level,
    base: { program },
    messageKey: 'message',
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { err: (error: unknown) => describeError(error) },
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: REDACTED, censor: '[redacted]' },
  };
}

/** A logger of its own, for what has no framework around it. */
export function createLogger(settings: LoggerSettings, destination?: DestinationStream): Logger {
  return destination ? pino(loggerOptions(settings), destination) : pino(loggerOptions(settings));
}
