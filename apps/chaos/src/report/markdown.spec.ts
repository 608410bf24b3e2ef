import { describe, expect, it } from '@jest/globals';
import type { TrialResult } from '../conduct.js';
import { inMarkdown, withSection } from './markdown.js';
import { type Report, reportOf, spreadOf } from './report.js';

const trial = (more: Partial<TrialResult>): TrialResult => ({
  fault: '6',
  name: 'the database crashes',
  does: 'd',
  holds: 'h',
  recovery: 'r',
  verdict: 'survived',
  reason: null,
  seconds: 1,
  counts: { crashes: 2, jobs: 5, 'jobs acknowledged': 4, calls: 9, 'calls unknown': 1 },
  recovery_ms: [300, 100],
  violations: [],
  ...more,
});

function report(...results: TrialResult[]): Report {
  const machine = { cpus: 2, cpu: 'c', memory_gib: 4, os: 'o', node: 'v24', postgresql: '18' };
  return reportOf(
    { machine, results, seed: '7', beganAt: '2026-11-23T07:00:00.000Z', minutes: 1.234 },
    'npm run chaos -- --seed 7',
  );
}

describe('the report', () => {
  it('takes the trials of one fault together', () => {
    const text = inMarkdown(report(trial({}), trial({ recovery_ms: [900] })));
    expect(text).toContain(
      '| 6 the database crashes | 2 | survived | crashes 4 | 10 | 2 | 300 / 900 ms (3) |',
    );
    expect(text).toContain('npm run chaos -- --seed 7');
    expect(text).not.toContain('Violations');
  });

  it('calls a fault violated when one of its trials was, and lists what', () => {
    const made = report(trial({}), trial({ verdict: 'violated', violations: ['I1: a|b is gone'] }));
    expect(made.totals).toEqual({ passed: 1, failed: 1, not_run: 0 });
    expect(inMarkdown(made)).toContain('| **violated** |');
    expect(inMarkdown(made)).toContain('- 6: I1: a\\|b is gone');
  });

  it('says of a fault that could not be done why, and never that it was survived', () => {
    const text = inMarkdown(report(trial({ verdict: 'not run', reason: 'needs root', recovery_ms: [] })));
    expect(text).toContain('**not run**');
    expect(text).toContain('needs root');
    expect(text).not.toContain('| survived |');
  });

  it('tells the median and the longest recovery', () => {
    expect(spreadOf([])).toBeNull();
    expect(spreadOf([5, 1, 9])).toEqual({ times: 3, median_ms: 5, max_ms: 9 });
  });

  it('replaces its own section and nothing else', () => {
    const once = withSection('# Reliability\n\nbefore\n', 'one');
    const text = `${once}\nafter\n`;
    expect(withSection(text, 'two')).toBe(text.replace('one', 'two'));
    expect(withSection('', 'one').startsWith('<!--')).toBe(true);
  });
});
