import { describe, expect, it } from '@jest/globals';
import type { Step } from '#plans';
import { dropFaulty, queriesOf } from './bound-steps.js';

const sql = (id: string, dependsOn: string[] = []): Step => ({
  ...{ step_id: id, type: 'sql', params: { sql: `SELECT '${id}'` } },
  ...(dependsOn.length > 0 ? { depends_on: dependsOn } : {}),
});
const chart = (id: string, step: string): Step => ({
  step_id: id,
  type: 'chart',
  params: { step, spec: {} },
});

describe('the steps of a draft', () => {
  it('are checked in the order in which they would run', () => {
    const steps = [chart('c', 'b'), sql('b', ['a']), sql('a')];
    expect(queriesOf(steps).map(({ stepId }) => stepId)).toEqual(['a', 'b']);
  });

  it('that cannot run are dropped with all that needs them, each with its reason', () => {
    const steps = [chart('c', 'b'), sql('b', ['a']), sql('a'), sql('d'), chart('e', 'd')];
    const { kept, dropped } = dropFaulty(steps, [{ stepId: 'a', message: 'no such column' }]);
    expect(kept.map(({ step_id }) => step_id)).toEqual(['d', 'e']);
    expect(dropped).toEqual([
      { stepId: 'c', message: 'It needs step b, which was dropped.' },
      { stepId: 'b', message: 'It needs step a, which was dropped.' },
      { stepId: 'a', message: 'no such column' },
    ]);
  });
});
