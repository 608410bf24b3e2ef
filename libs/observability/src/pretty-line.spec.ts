import { describe, expect, it } from '@jest/globals';
import { createLogger } from './logger.js';
import { logLookOf, prettyLine } from './pretty-line.js';

const LINE = JSON.stringify({
  ...{ level: 'warn', time: '2026-11-23T14:45:03.120Z', program: 'worker', event: 'SS_WORKER_RUN_LOST' },
  ...{ job_id: 'a job', lease_no: 2, code: null, message: 'gone' },
});

describe('a line for people', () => {
  it('tells time, level, program, event, message and then the fields by their names', () => {
    expect(prettyLine(LINE, false)).toBe(
      '14:45:03.120 WARN  worker SS_WORKER_RUN_LOST gone job_id="a job" lease_no=2 code=null\n',
    );
  });

  it('says the same in colours', () => {
    const coloured = prettyLine(LINE, true);
    expect(coloured).toContain('\u001b[33mWARN \u001b[0m');
    // eslint-disable-next-line no-control-regex -- they are what is taken away
    expect(coloured.replaceAll(/\u001b\[\d+m/g, '')).toBe(prettyLine(LINE, false));
  });

  it('shows an error with its stack and its causes on lines below', () => {
    const written: string[] = [];
    const settings = { program: 'test', level: 'info', look: 'plain' } as const;
    const logger = createLogger(settings, { write: (line: string) => void written.push(line) });
    logger.error({ event: 'X', err: new Error('outside', { cause: new Error('inside') }) }, 'failed');
    const lines = written.join('').split('\n');
    expect(lines[0]).toMatch(/ ERROR test X failed$/);
    expect(lines[1]).toBe('    Error: outside');
    expect(lines).toContain('  caused by');
    expect(lines).toContain('    Error: inside');
  });

  it('lets nothing from outside move the cursor, or begin a line of its own', () => {
    const told = { event: 'X', path: '/\u001b[2J\u009b2J', message: 'one\ntwo', a: { b: '\u001b[2J' } };
    const line = prettyLine(JSON.stringify(told), false);
    for (const one of ['\n', '\u001b', '\u009b']) expect(line.slice(0, -1)).not.toContain(one);
    expect(line).toContain('one\\x0atwo');
  });

  it('leaves alone what is no object', () => {
    for (const line of ['not json\n', '[1]\n', '7\n']) expect(prettyLine(line, true)).toBe(line);
  });
});

it.each([
  ['auto', false, {}, 'json'],
  ['auto', true, {}, 'coloured'],
  ['auto', true, { NO_COLOR: '1' }, 'plain'],
  ['auto', true, { NO_COLOR: '' }, 'coloured'],
  ['json', true, { FORCE_COLOR: '1' }, 'json'],
  ['pretty', false, {}, 'plain'],
  ['pretty', false, { FORCE_COLOR: '1' }, 'coloured'],
  ['pretty', false, { FORCE_COLOR: '1', NO_COLOR: '1' }, 'plain'],
] as const)('%s, on a terminal: %s, with %j: %s', (format, isTerminal, environment, look) => {
  expect(logLookOf(format, isTerminal, environment)).toBe(look);
});
