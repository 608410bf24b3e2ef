import type { Tx } from '#database';
import type { JobRef } from '#queue';
import { countRun } from './count-moves.js';
import type { Failure } from './job.js';
import type { RunOutcome } from './run.js';

const RUN_SECONDS = 'extract(epoch FROM run.ended_at - run.started_at)::float8 AS seconds';

const CLOSE_RUN = `
  UPDATE run
  SET ended_at = clock_timestamp(), outcome = $4, error = $5
  WHERE tenant_id = $1 AND job_id = $2 AND run_id = $3 AND ended_at IS NULL
  RETURNING ${RUN_SECONDS}`;

/** A statement of its own: it has to see a step that its worker began while the one above waited for the run. */
const CLOSE_STEPS = `
  UPDATE run_step
  SET ended_at = clock_timestamp(), outcome = $4
  WHERE tenant_id = $1 AND job_id = $2 AND run_id = $3 AND ended_at IS NULL`;

/** Ends the run, if it is open, and the steps under way with it. */
export async function closeRun(
  tx: Tx,
  ref: JobRef,
  runId: string,
  { outcome, error }: { outcome: RunOutcome; error: Failure | null },
): Promise<void> {
  const run = [ref.tenantId, ref.jobId, runId, outcome];
  const closed = await tx.query<{ seconds: number }>(CLOSE_RUN, [
    ...run,
    error ? JSON.stringify(error) : null,
  ]);
  for (const { seconds } of closed) countRun(tx, outcome, seconds);
  await tx.query(CLOSE_STEPS, run);
}

const CLOSE_LOST_RUNS = `
  UPDATE run
  SET ended_at = clock_timestamp(), outcome = 'lost'
  FROM unnest($1::text[], $2::text[], $3::uuid[]) AS lost (tenant_id, job_id, run_id)
  WHERE run.tenant_id = lost.tenant_id AND run.job_id = lost.job_id AND run.run_id = lost.run_id
    AND run.ended_at IS NULL
  RETURNING ${RUN_SECONDS}`;

const CLOSE_LOST_STEPS = `
  UPDATE run_step
  SET ended_at = clock_timestamp(), outcome = 'lost'
  FROM unnest($1::text[], $2::text[], $3::uuid[]) AS lost (tenant_id, job_id, run_id)
  WHERE run_step.tenant_id = lost.tenant_id AND run_step.job_id = lost.job_id AND run_step.run_id = lost.run_id
    AND run_step.ended_at IS NULL`;

/** The same for all runs that were lost, as three columns: tenants, jobs, runs. */
export async function closeLostRuns(tx: Tx, columns: [string[], string[], string[]]): Promise<void> {
  const closed = await tx.query<{ seconds: number }>(CLOSE_LOST_RUNS, columns);
  for (const { seconds } of closed) countRun(tx, 'lost', seconds);
  await tx.query(CLOSE_LOST_STEPS, columns);
}

/** Where workers hear that a run of theirs was ended by somebody else. A hint: the heartbeat finds out in any case. */
export const RUN_ENDED_CHANNEL = 'ss_run_ended';

/** Tells the worker of the run, when the transaction commits. */
export async function announceEnd(tx: Tx, runId: string): Promise<void> {
  await tx.query('SELECT pg_notify($1, $2)', [RUN_ENDED_CHANNEL, runId]);
}
