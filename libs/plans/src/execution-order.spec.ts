import { describe, expect, it } from '@jest/globals';
import { dependenciesOf, executionOrder } from './execution-order.js';
import { parsePlan } from './parse-plan.js';
import { PlanInvalid } from './plan-invalid.js';
import type { ChartStep, NoopStep, Step } from './plan.js';

const noop = (step_id: string, ...depends_on: string[]): NoopStep => ({
  step_id,
  type: 'noop',
  params: {},
  depends_on,
});
const chart = (step_id: string, step: string, ...depends_on: string[]): ChartStep => ({
  step_id,
  type: 'chart',
  params: { step, spec: {} },
  depends_on,
});
const orderOf = (...steps: Step[]): string =>
  executionOrder({ plan_version: 2, steps })
    .map((step) => step.step_id)
    .join(' ');

describe('executionOrder', () => {
  it('keeps the written order where nothing forbids it', () => {
    expect(orderOf(noop('b'), noop('a'), noop('c', 'b'))).toBe('b a c');
  });

  it('puts a step behind everything that it depends on, and nothing else out of place', () => {
    expect(orderOf(noop('c', 'b'), noop('d'), noop('b', 'a'), noop('a'), noop('e'))).toBe('d a b c e');
  });

  it('puts a chart behind the step that it draws', () => {
    expect(orderOf(chart('drawing', 'means'), noop('means'))).toBe('means drawing');
  });

  it('orders a chain of 200 steps that was written backwards', () => {
    const steps = Array.from({ length: 200 }, (_, n) =>
      n < 199 ? noop(`s${n}`, `s${n + 1}`) : noop(`s${n}`),
    );
    const plan = parsePlan({ plan_version: 2, steps });
    expect(executionOrder(plan).map((step) => step.step_id)).toEqual(
      steps.map((step) => step.step_id).reverse(),
    );
  });

  it('refuses steps that wait for each other', () => {
    expect(() => orderOf(noop('a', 'b'), noop('b', 'a'))).toThrow(PlanInvalid);
  });
});

describe('dependenciesOf', () => {
  it('counts the step that a chart draws once, named or not', () => {
    expect(dependenciesOf(chart('d', 'a'))).toEqual(['a']);
    expect(dependenciesOf(chart('d', 'a', 'b', 'a'))).toEqual(['b', 'a']);
    expect(dependenciesOf({ step_id: 'n', type: 'noop', params: {} })).toEqual([]);
  });
});
