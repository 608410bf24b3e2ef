import { describe, expect, it } from '@jest/globals';
import { planNeeds } from './plan-needs.js';
import type { Step } from './plan.js';

describe('planNeeds', () => {
  it('names each type of step once, and the profile of every command', () => {
    const steps: Step[] = [
      { step_id: 'a', type: 'sql', params: { sql: 'SELECT 1' } },
      { step_id: 'b', type: 'command', params: { profile: 'stata', args: [] } },
      { step_id: 'c', type: 'command', params: { profile: 'python', args: ['x'] } },
      { step_id: 'd', type: 'sql', params: { sql: 'SELECT 2' } },
    ];
    expect(planNeeds({ steps })).toEqual(['command', 'command:python', 'command:stata', 'sql']);
  });
});
