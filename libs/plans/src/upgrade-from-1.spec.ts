import { describe, expect, it } from '@jest/globals';
import { parsePlan } from './parse-plan.js';
import { type StepOfVersion1, upgradeFromVersion1 } from './upgrade-from-1.js';

const step = (step_id: string, given: Partial<StepOfVersion1> = {}): StepOfVersion1 => ({
  ...{
    step_id,
    type: 'run_stata',
    params: '{}',
    depends_on: [],
    produces: [],
    purpose: '',
    timeout_seconds: null,
  },
  ...given,
});

describe('a plan of version 1', () => {
  it('becomes commands of the profile stata that this release reads', () => {
    const { plan, cycle } = upgradeFromVersion1([
      step('generate_do', {
        type: 'generate_stata_do',
        params: '{"template_id":"T01"}',
        produces: ['stata.do'],
      }),
      step('run_stata', { depends_on: ['generate_do'], timeout_seconds: 300, purpose: 'the run' }),
    ]);
    expect(cycle).toBeNull();
    expect(parsePlan(plan)).toEqual({
      plan_version: 2,
      steps: [
        {
          step_id: 'generate_do',
          type: 'command',
          params: {
            profile: 'stata',
            args: ['--type', 'generate_stata_do', '--params', '{"template_id":"T01"}'],
          },
          produces: ['stata.do'],
        },
        {
          step_id: 'run_stata',
          type: 'command',
          params: { profile: 'stata', args: ['--type', 'run_stata', '--params', '{}'] },
          depends_on: ['generate_do'],
          timeout_seconds: 300,
          purpose: 'the run',
        },
      ],
    });
  });

  it.each([
    [
      'two steps that wait for each other',
      [step('a', { depends_on: ['b'] }), step('b', { depends_on: ['a'] })],
    ],
    ['a step that waits for itself', [step('a', { depends_on: ['a'] })]],
  ])('tells of %s', (_what, steps) => {
    expect(upgradeFromVersion1(steps).cycle).not.toBeNull();
  });

  it('gives ids that no table can carry a new name, wherever they are named', () => {
    const { plan } = upgradeFromVersion1([step('第一步'), step('step_1', { depends_on: ['第一步'] })]);
    expect(plan.steps.map((item) => [item.step_id, item.depends_on])).toEqual([
      ['legacy_step_1', undefined],
      ['step_1', ['legacy_step_1']],
    ]);
  });
});
