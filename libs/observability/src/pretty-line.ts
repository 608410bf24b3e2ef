import { isLogLevel, type LogLevel } from './log-threshold.js';

/** How a log looks: an object a line for collectors, or a line for people, with colours or without. */
export type LogLook = 'json' | 'plain' | 'coloured';

/** What the setting and the surroundings of the program come to; see https://no-color.org for the first variable. */
export function logLookOf(
  format: 'auto' | 'json' | 'pretty',
  isTerminal: boolean,
  environment: Readonly<Record<string, string | undefined>>,
): LogLook {
  if (format === 'json' || (format === 'auto' && !isTerminal)) return 'json';
  const isSet = (name: string): boolean => (environment[name] ?? '') !== '';
  return !isSet('NO_COLOR') && (isTerminal || isSet('FORCE_COLOR')) ? 'coloured' : 'plain';
}

/** By SGR: red, yellow, green, grey. */
const COLOURS: Readonly<Record<LogLevel, number>> = {
  fatal: 91,
  error: 31,
  warn: 33,
  info: 32,
  debug: 90,
  trace: 90,
  silent: 90,
};
const DIM = 2;
const CYAN = 36;

/** A line of JSON as a line for people, an error with its stack below. What is no JSON object stays as it is. */
export function prettyLine(line: string, hasColours: boolean): string {
  const told = parse(line);
  if (!told) return line;
  const paint = (text: string, colour: number): string =>
    hasColours ? `\u001b[${String(colour)}m${text}\u001b[0m` : text;
  const { level, time, program, event, message, err, ...fields } = told;
  const name = typeof level === 'string' && isLogLevel(level) ? level : 'info';
  const words = [
    paint(textOf(time).slice(11, 23), DIM),
    paint(textOf(level).toUpperCase().padEnd(5), COLOURS[name]),
    textOf(program),
    paint(textOf(event), CYAN),
    textOf(message),
    ...Object.entries(fields).map(([field, value]) => `${paint(`${field}=`, DIM)}${valueOf(value)}`),
  ];
  return [words.filter((word) => word !== '').join(' '), ...errorLines(err), ''].join('\n');
}

function parse(line: string): Record<string, unknown> | null {
  try {
    const told: unknown = JSON.parse(line);
    // An object of unknown members is all that is asked of it.
    return typeof told === 'object' && told !== null && !Array.isArray(told) ? { ...told } : null;
  } catch {
    return null;
  }
}

// eslint-disable-next-line no-control-regex -- they are what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g;

/** What came from outside must not move the cursor, nor look like another line. */
function textOf(value: unknown): string {
  const text = typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value);
  return text.replaceAll(CONTROL, (one) => `\\x${one.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

function valueOf(value: unknown): string {
  const isPlain = typeof value === 'string' && /^[^\s"=]+$/.test(value);
  return textOf(isPlain ? value : JSON.stringify(value));
}

function errorLines(error: unknown): string[] {
  if (typeof error !== 'object' || error === null) return [];
  const { stack, message, cause } = error as { stack?: unknown; message?: unknown; cause?: unknown };
  const text = typeof stack === 'string' && stack !== '' ? stack : textOf(message);
  const own = text.split('\n').map((one) => `    ${textOf(one)}`);
  return cause === undefined ? own : [...own, '  caused by', ...errorLines(cause)];
}
