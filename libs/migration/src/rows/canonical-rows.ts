import { createHash } from 'node:crypto';
import type { JobRows } from './job-rows.js';
import { sortedJson } from './sorted-json.js';
import type { StoredJob } from './stored-job.js';

/**
 * One text for the rows of a job as lifting makes them, by table. What depends on where the tree lies, or on the clock,
 * is left out: `updated_at`, the bytes of files, and what only the manifest of the inputs names.
 */
export function canonicalRows(rows: JobRows | StoredJob): Record<Exclude<keyof JobRows, 'datasets'>, string> {
  const { updated_at: _, ...job } = rows.job;
  const draft = rows.draft && {
    text: rows.draft.text,
    steps: rows.draft.steps,
    created_at: rows.draft.created_at,
    legacy: rows.draft.legacy,
  };
  const listed = rows.artifacts.filter((artifact) => artifact.legacy !== null && !isFromManifest(artifact));
  return {
    job: sortedJson(job),
    runs: sortedJson(rows.runs),
    draft: sortedJson(draft),
    plan: sortedJson(rows.plan),
    artifacts: sortedJson(
      listed
        .map(({ rel_path, kind, run_id, legacy }) => ({ rel_path, kind, run_id, legacy }))
        .sort((a, b) => (a.rel_path < b.rel_path ? -1 : 1)),
    ),
  };
}

function isFromManifest({
  kind,
  run_id,
  legacy,
}: {
  kind: string;
  run_id: string | null;
  legacy: unknown;
}): boolean {
  return kind.startsWith('inputs.') && run_id === null && Array.isArray(legacy) && legacy.length === 0;
}

/** A checksum over many jobs that does not depend on their order: the sum of their hashes. */
export class RowsChecksum {
  private sum = 0n;
  jobs = 0;

  add(canonical: Record<string, string>): void {
    const hash = createHash('sha256').update(JSON.stringify(canonical)).digest('hex');
    this.sum = (this.sum + BigInt(`0x${hash}`)) % 2n ** 256n;
    this.jobs++;
  }

  toString(): string {
    return this.sum.toString(16).padStart(64, '0');
  }
}
