import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Writes a tree of small jobs as the legacy service would have: sharded, version 3, made, drafted and finished ones in turn. */
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
  const at = (second: number): string =>
    `2026-01-${String((index % 27) + 1).padStart(2, '0')}T08:00:${second}.250000+00:00`;
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
    draft: {
      created_at: at(12),
      text: 'A table of means by province.',
      outcome_var: 'wage',
      controls: ['age'],
    },
  };
  const run = {
    run_id: hex.slice(0, 32),
    attempt: 1,
    status: 'succeeded',
    started_at: at(20),
    ended_at: at(40),
    artifacts: [],
  };
  // As the legacy service's own smoke suites leave them: finished, with a run and nothing else.
  const ran = {
    ...bare,
    inputs: null,
    requirement: 'smoke_suite:core:T01',
    status: 'succeeded',
    version: 4,
    runs: [run],
  };
  const shapes = [bare, drafted, ran, bare];
  return shapes[index % shapes.length] ?? bare;
}
