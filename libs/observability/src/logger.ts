import { type DestinationStream, type Logger, type LoggerOptions, pino } from 'pino';
import { type LogLevel, LogThreshold } from './log-threshold.js';
import { type LogLook, prettyLine } from './pretty-line.js';
import { redact } from './redact.js';

export type { Logger };

export interface LoggerSettings {
  program: string;
  /** A threshold may change while the program runs. */
  level: LogLevel | LogThreshold;
  /** JSON when absent. */
  look?: LogLook;
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
/** By its number: in a thread `process.stdout` has none. */
const STANDARD_OUTPUT = 1;

/**
 * What may be said of an error: type, code, message, stack, and the same of its causes. Not its other fields: drivers
 * keep connections there, and the row that a statement failed on. What looks like a secret goes from the texts as well:
 * libraries quote the address that they could not reach.
 */
function describeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return typeof error;
  const { code } = error as NodeJS.ErrnoException;
  return {
    type: error.constructor.name,
    ...(typeof code === 'string' ? { code } : {}),
    message: redact(error.message),
    stack: redact(error.stack ?? ''),
    ...(error.cause === undefined || depth >= MAX_CAUSES
      ? {}
      : { cause: describeError(error.cause, depth + 1) }),
  };
}

/** One JSON object a line on standard output: time, level by name, program, event, and the ids that apply. */
export function loggerOptions({ program, level }: LoggerSettings): LoggerOptions {
  const threshold = level instanceof LogThreshold ? level : new LogThreshold(level);
  return {
    // A child keeps for ever the level that its parent had: so the threshold decides, which all of them share.
    level: 'trace',
    hooks: {
      logMethod(args, method, severity) {
        if (threshold.lets(severity)) Reflect.apply(method, this, args.map(withoutSecrets));
      },
    },
    base: { program },
    messageKey: 'message',
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { err: (error: unknown) => describeError(error) },
    formatters: { level: (label) => ({ level: label }) },
    redact: { paths: REDACTED, censor: '[redacted]' },
  };
}

/** Messages are texts of ours, and some of them quote what another program said. */
function withoutSecrets(arg: unknown): unknown {
  return typeof arg === 'string' ? redact(arg) : arg;
}

/** A logger of its own, for what has no framework around it. It writes to standard output unless told otherwise. */
export function createLogger(settings: LoggerSettings, destination?: DestinationStream): Logger {
  const out = destination ?? pino.destination({ dest: STANDARD_OUTPUT, sync: true });
  const look = settings.look ?? 'json';
  if (look === 'json') return pino(loggerOptions(settings), out);
  return pino(loggerOptions(settings), {
    write: (line) => {
      out.write(prettyLine(line, look === 'coloured'));
    },
  });
}
