import type { Tx } from '#database';
import type { JobRef, Queue } from '#queue';
import type { RunningPolicy } from '../rows/to-rows.js';
import type { PreparedJob } from './prepare.js';
import { insertStaged, JOB_TABLES, stageJobs } from './staging.js';

/** In the order of their keys, so that two batches at once wait for each other and do not lock each other out. */
const INSERT_JOBS = `
  INSERT INTO job (${JOB_TABLES.job.columns.join(', ')})
  SELECT ${JOB_TABLES.job.columns.join(', ')} FROM stage_job ORDER BY tenant_id, job_id
  ON CONFLICT DO NOTHING
  RETURNING tenant_id AS "tenantId", job_id AS "jobId"`;

/** What another batch has written meanwhile is its own: nothing of ours goes beside it. */
const DROP_OTHERS = (table: string): string => `
  DELETE FROM stage_${table} AS s
  WHERE NOT EXISTS (
    SELECT FROM unnest($1::text[], $2::text[]) AS mine (tenant_id, job_id)
    WHERE mine.tenant_id = s.tenant_id AND mine.job_id = s.job_id
  )`;

/**
 * A worker died with these; the move is the one that a sweep would make. Their runs are closed already. The largest
 * version there is cannot rise.
 */
const END_RUNNING = `
  UPDATE job
  SET status = $3::text, version = version + 1, attempts = attempts + ($3::text = 'failed')::integer,
    finished_at = CASE WHEN $3::text = 'failed' THEN coalesce(finished_at, updated_at) END,
    error = CASE WHEN $3::text = 'failed'
      THEN '{"code": "INTERRUPTED", "message": "The legacy worker ended while the job was running."}'::jsonb END
  FROM unnest($1::text[], $2::text[]) AS mine (tenant_id, job_id)
  WHERE job.tenant_id = mine.tenant_id AND job.job_id = mine.job_id AND job.status = 'running'
    AND job.version < 9223372036854775807
  RETURNING job.tenant_id AS "tenantId", job.job_id AS "jobId"`;

/**
 * Writes the jobs with all that belongs to them, a statement a table, and wakes workers for those that wait. Answers
 * which were written: the others were there already. The audit rows are the database's doing.
 */
export async function writeJobs(
  tx: Tx,
  queue: Queue,
  jobs: readonly PreparedJob[],
  running: RunningPolicy,
): Promise<Set<string>> {
  if (jobs.length === 0) return new Set();
  const staged = await stageJobs(tx, jobs);
  const inserted = await tx.query<JobRef & Record<string, unknown>>(INSERT_JOBS);
  const written = new Set(inserted.map(keyOf));
  const children = staged.filter((table) => table !== 'job');
  if (written.size < jobs.length) {
    for (const table of children) await tx.query(DROP_OTHERS(table), columns(inserted));
  }
  for (const table of children) await insertStaged(tx, table);
  const mine = jobs.filter((job) => written.has(keyOf(job.found)));
  await endRunning(tx, mine, running);
  await queue.wakeAll(
    tx,
    'job.run',
    mine.filter((job) => isToWake(job, running)).map((job) => job.found),
  );
  return written;
}

async function endRunning(tx: Tx, mine: readonly PreparedJob[], running: RunningPolicy): Promise<void> {
  const left = mine.filter((job) => job.rows.job.status === 'running');
  if (left.length === 0 || running === 'keep') return;
  await tx.query(`SELECT set_config('ss.reason', 'the legacy worker was interrupted', true)`);
  await tx.query(END_RUNNING, [
    ...columns(left.map((job) => job.found)),
    running === 'fail' ? 'failed' : 'queued',
  ]);
  await tx.query(`SELECT set_config('ss.reason', '', true)`);
}

/** A plan whose steps wait for each other is kept, and nobody is called for it. */
function isToWake({ rows, isRunnable }: PreparedJob, running: RunningPolicy): boolean {
  const { status } = rows.job;
  return isRunnable && (status === 'queued' || (status === 'running' && running === 'requeue'));
}

export function keyOf({ tenantId, jobId }: JobRef): string {
  return JSON.stringify([tenantId, jobId]);
}

/** Jobs as the two arrays that `unnest` puts together again. */
export function columns(refs: readonly JobRef[]): [string[], string[]] {
  return [refs.map((ref) => ref.tenantId), refs.map((ref) => ref.jobId)];
}
