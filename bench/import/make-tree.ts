import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Writes a tree of small jobs as the legacy service would have: sharded, version 3, four shapes in turn. */
export function makeTree(root: string, jobs: number): void {
  const shards = new Set<string>();
  for (let index = 0; index < jobs; index++) {
    const hex = createHash('sha256').update(`job ${index}`).digest('hex');
    const jobId = `job_${hex.slice(0, 16)}`;
    const shard = join(root, hex.slice(0, 2));
    if (!shards.has(shard)) mkdirSync(shard, { recursive: true });
    shards.add(shard);
    mkdirSync(join(shard, jobId));
    writeFileSync(join(shard, jobId, 'job.json'), JSON.stringify(documentOf(jobId, hex, index), null, 2));
  }
}

function documentOf(jobId: string, hex: string, index: number): Record<string, unknown> {
  const at = (second: number): string => `2026-01-${String((index % 27) + 1).padStart(2, '0')}T08:00:${second}.250000+00:00`;
  const bare = {
    artifacts_index: [],
    created_at: at(10),
    inputs: { fingerprint: `sha256:${hex}`, manifest_rel_path: 'inputs/manifest.json' },
    job_id: jobId,
    requirement: `Compare wages between provinces, question ${index}`,
    runs: [],
    schema_version: 3,
    status: 'created',
    tenant_id: 'default',
    trace_id: hex.slice(32),
    version: 1,
  };
  const drafted = {
    ...bare,
    status: 'draft_ready',
    version: 2,
    draft: { created_at: at(12), text: 'A table of means by province.', outcome_var: 'wage', controls: ['age'] },
  };
  const plan = {
    plan_id: hex,
    plan_version: 1,
    rel_path: 'artifacts/plan.json',
    steps: [
      { step_id: 'generate_do', type: 'generate_stata_do', params: { template_id: 'T01' }, produces: ['stata.do'] },
      { step_id: 'run_stata', type: 'run_stata', params: { timeout_seconds: 300 }, depends_on: ['generate_do'] },
    ],
  };
  const run = {
    run_id: hex.slice(0, 32),
    attempt: 1,
    status: 'succeeded',
    started_at: at(20),
    ended_at: at(40),
    artifacts: [{ kind: 'stata.log', rel_path: `runs/${hex.slice(0, 32)}/artifacts/stata.log` }],
  };
  const shapes = [
    bare,
    drafted,
    { ...drafted, status: 'queued', version: 4, scheduled_at: at(15), llm_plan: plan },
    { ...drafted, status: 'succeeded', version: 6, scheduled_at: at(15), llm_plan: plan, runs: [run], artifacts_index: run.artifacts },
  ];
  return shapes[index % shapes.length] ?? bare;
}
