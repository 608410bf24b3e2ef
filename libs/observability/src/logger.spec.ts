import { describe, expect, it } from '@jest/globals';
import { FrameworkLogger } from './framework-logger.js';
import { type LogLevel, LogThreshold } from './log-threshold.js';
import { createLogger, type Logger } from './logger.js';

/** A logger, and the lines that it wrote. */
function listening(level: LogLevel | LogThreshold = 'info'): {
  logger: Logger;
  lines: () => Record<string, unknown>[];
  text: () => string;
} {
  const written: string[] = [];
  const logger = createLogger(
    { program: 'test', level },
    { write: (line: string) => void written.push(line) },
  );
  // A line is one JSON object: that is what is tested.
  const lines = (): Record<string, unknown>[] =>
    written.map((line) => JSON.parse(line) as Record<string, unknown>);
  return { logger, lines, text: () => written.join('') };
}

const PLANTED = 'planted-secret-7f3a';
const NAMES = ['authorization', 'key', 'secret', 'password', 'requirement', 'prompt'];

describe('a log line', () => {
  it('is one JSON object with time, level by name, program, event and the ids that were given', () => {
    const { logger, lines } = listening();
    logger.child({ tenant_id: 't', job_id: 'j' }).warn({ event: 'SS_TEST', run_id: 'r' }, 'one\nmessage');
    expect(lines()).toEqual([
      {
        ...{ level: 'warn', time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/), program: 'test' },
        ...{ tenant_id: 't', job_id: 'j', run_id: 'r', event: 'SS_TEST', message: 'one\nmessage' },
      },
    ]);
  });

  it('below the level is not written', () => {
    const { logger, text } = listening('warn');
    logger.info('quiet');
    expect(text()).toBe('');
  });

  it('is written or not by what the threshold is now, for a child that was there before as well', () => {
    const threshold = new LogThreshold('warn');
    const { logger, lines } = listening(threshold);
    const child = logger.child({ run_id: 'r' });
    child.info('quiet');
    // As another thread sees it.
    new LogThreshold(threshold.shared).level = 'debug';
    child.debug('heard');
    threshold.level = 'silent';
    child.fatal('quiet again');
    expect(lines().map(({ message, run_id }) => [message, run_id])).toEqual([['heard', 'r']]);
  });

  it('does not tell what looks like a secret in an error, its causes, or a message', () => {
    const { logger, text } = listening();
    const address = `postgresql://ss:${PLANTED}@db/ss`;
    const cause = new Error(`could not reach ${address}`);
    logger.error(
      { event: 'X', err: new Error(`Bearer ${PLANTED} was refused`, { cause }) },
      `gave up on ${address}`,
    );
    expect(text()).not.toContain(PLANTED);
    expect(text()).toContain('postgresql://ss:[redacted]@db/ss');
  });

  it.each(NAMES)('does not tell what stands under %s, here or one below', (name) => {
    const { logger, text } = listening();
    logger.info({ [name]: PLANTED, body: { [name]: PLANTED } }, 'x');
    logger.child({ [name]: PLANTED }).info('x');
    logger.child({ body: { [name]: PLANTED } }).info('x');
    expect(text()).toContain('[redacted]');
    expect(text()).not.toContain(PLANTED);
  });

  it('does not tell the key and the cookies of a request', () => {
    const { logger, text } = listening();
    logger.info(
      { req: { method: 'GET', headers: { authorization: PLANTED, cookie: PLANTED, accept: 'x' } } },
      'request',
    );
    expect(text()).not.toContain(PLANTED);
    expect(text()).toContain('"accept":"x"');
  });

  it('does not tell the row that a failed statement of the database carries', () => {
    const { logger, text } = listening();
    const fault = Object.assign(new Error('new row violates check constraint "job_labels_are_an_object"'), {
      ...{ code: '23514', constraint: 'job_labels_are_an_object' },
      ...{
        detail: `Failing row contains (${PLANTED})`,
        where: `COPY job, line 1: ${PLANTED}`,
        internalQuery: PLANTED,
      },
    });
    logger.error({ event: 'X', err: fault }, 'a statement failed');
    logger.error(
      { event: 'X', err: Object.assign(new Error('wrapped'), { original: fault }) },
      'a statement failed',
    );
    logger.error({ event: 'X', err: new Error('wrapped', { cause: fault }) }, 'a statement failed');
    logger.error(fault);
    expect(text()).not.toContain(PLANTED);
    expect(text()).toContain('job_labels_are_an_object');
  });

  it('keeps the cause of an error, so that it can be found', () => {
    const { logger, text } = listening();
    logger.error({ err: new Error('outside', { cause: new Error('inside') }) }, 'x');
    expect(text()).toContain('outside');
    expect(text()).toContain('inside');
  });
});

describe('what Nest says', () => {
  it('is heard when it is a warning or worse, in our format', () => {
    const { logger, lines } = listening();
    const framework = new FrameworkLogger(logger);
    framework.log();
    framework.warn('careful', 'Router');
    framework.error('broken', 'stack', 'Router');
    framework.fatal('gone', 'Router');
    expect(lines().map(({ level, event, message }) => [level, event, message])).toEqual([
      ['warn', 'SS_FRAMEWORK', 'careful'],
      ['error', 'SS_FRAMEWORK', 'broken'],
      ['fatal', 'SS_FRAMEWORK', 'gone'],
    ]);
  });
});
