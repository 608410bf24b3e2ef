/** The most severe first; `silent` lets nothing through. */
export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** As pino counts them. */
const SEVERITY: Readonly<Record<LogLevel, number>> = {
  trace: 10,
  debug: 20,
  info: 30,
  warn: 40,
  error: 50,
  fatal: 60,
  silent: 1_000,
};

export function isLogLevel(text: string): text is LogLevel {
  return Object.hasOwn(SEVERITY, text);
}

/** From which level on a program logs: one for all its loggers and threads, and changed for all of them at once. */
export class LogThreshold {
  /** For another thread of the program, which makes a threshold of its own over it. */
  readonly shared: SharedArrayBuffer;
  private readonly severity: Int32Array;

  constructor(from: LogLevel | SharedArrayBuffer) {
    this.shared = typeof from === 'string' ? new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT) : from;
    this.severity = new Int32Array(this.shared);
    if (typeof from === 'string') this.level = from;
  }

  get level(): LogLevel {
    const now = Atomics.load(this.severity, 0);
    return LOG_LEVELS.find((level) => SEVERITY[level] === now) ?? 'info';
  }

  set level(level: LogLevel) {
    Atomics.store(this.severity, 0, SEVERITY[level]);
  }

  /** Whether something of this level, or of this severity as pino counts, is written now. */
  lets(what: LogLevel | number): boolean {
    return (typeof what === 'number' ? what : SEVERITY[what]) >= Atomics.load(this.severity, 0);
  }
}
