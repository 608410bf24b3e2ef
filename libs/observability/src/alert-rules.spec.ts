import { prometheusProgram, promtool } from '#testing';
import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

interface Rule {
  record?: string;
  alert?: string;
  expr: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

const RULES = 'deploy/prometheus/rules.yml';
const file = parse(readFileSync(RULES, 'utf8')) as { groups: { rules: Rule[] }[] };
const rules = file.groups.flatMap((group) => group.rules);
const alerts = rules.filter(({ alert }) => alert !== undefined);
const runbooks = readFileSync('docs/runbooks.md', 'utf8');

describe('deploy/prometheus/rules.yml', () => {
  it('has for every alert a sentence, how urgent it is, and a runbook that is there', () => {
    expect(alerts.length).toBeGreaterThan(10);
    for (const { alert, labels, annotations } of alerts) {
      expect(['page', 'ticket']).toContain(labels?.['severity']);
      expect(annotations?.['summary']).toMatch(/.{20,}/);
      expect(annotations?.['runbook_url']).toBe(`docs/runbooks.md#${alert!.toLowerCase()}`);
    }
    const headings = [...runbooks.matchAll(/^## (\w+)\n.{30,}/gm)].map(([, heading]) => heading);
    expect(headings.sort()).toEqual(alerts.map(({ alert }) => alert).sort());
  });

  it('has a test for every alert', () => {
    const tests = readFileSync('deploy/prometheus/rules.test.yml', 'utf8');
    for (const { alert } of alerts) expect(tests).toContain(`alertname: ${alert!}\n        exp_alerts:`);
  });

  const withPromtool = prometheusProgram('promtool') === null ? it.skip : it;

  withPromtool('is taken by promtool (skipped where it is not installed)', () => {
    expect(promtool(['check', 'rules', RULES])).toMatchObject({ code: 0 });
  });

  withPromtool('fires where it has to and nowhere else (skipped where promtool is not installed)', () => {
    expect(promtool(['test', 'rules', 'deploy/prometheus/rules.test.yml'])).toMatchObject({ code: 0 });
  });
});
