import { describe, expect, it } from '@jest/globals';
import { fingerprint } from './fingerprint.js';
import { planId } from './plan-id.js';
import type { Plan } from './plan.js';

const plan: Plan = {
  plan_version: 2,
  steps: [{ step_id: 'means', type: 'sql', params: { sql: 'SELECT 1' }, purpose: 'moyenne générale' }],
};
const a = { datasetKey: 'a', role: 'primary_dataset', sha256: '1'.repeat(64) };
const b = { datasetKey: 'b', role: 'other', sha256: '2'.repeat(64) };

describe('planId', () => {
  it('is the SHA-256 that any RFC 8785 program would find', () => {
    // printf '%s' '{"inputs_fingerprint":null,"plan":{"plan_version":2,"steps":[{"params":{"sql":"SELECT 1"},"purpose":"moyenne générale","step_id":"means","type":"sql"}]}}' | sha256sum
    expect(planId(plan, null)).toBe('13cdefa62c360e40b54be421ec59f04e33fc798985f1efbf2478cf38a2a43732');
  });

  it('does not depend on the order of keys', () => {
    const turned: Plan = {
      steps: [{ purpose: 'moyenne générale', params: { sql: 'SELECT 1' }, type: 'sql', step_id: 'means' }],
      plan_version: 2,
    };
    expect(planId(turned, 'sha256:0')).toBe(planId(plan, 'sha256:0'));
  });

  it('depends on the inputs', () => {
    expect(planId(plan, 'sha256:0')).not.toBe(planId(plan, null));
  });
});

describe('fingerprint', () => {
  it('is null for no datasets', () => {
    expect(fingerprint([])).toBeNull();
  });

  it('does not depend on the order of upload', () => {
    expect(fingerprint([a, b])).toBe(fingerprint([b, a]));
    expect(fingerprint([a, b])).toBe(
      'sha256:4f5836f04e9c82718225144633d11d46361d0170f5bcc560a1fa73e81afd9dc0',
    );
  });

  it('sees other bytes, another role, and contents that changed places', () => {
    const seen = [
      fingerprint([a, b]),
      fingerprint([a]),
      fingerprint([{ ...a, role: 'other' }, b]),
      fingerprint([
        { ...a, sha256: b.sha256 },
        { ...b, sha256: a.sha256 },
      ]),
    ];
    expect(new Set(seen).size).toBe(4);
  });
});
