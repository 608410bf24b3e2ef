import type { Server } from '../deployment/server.js';
import type { Call } from '../load/call-log.js';
import type { SentJob } from '../load/load.js';

interface JobRow extends Record<string, unknown> {
  tenant_id: string;
  job_id: string;
  call: string;
  status: string;
  code: string | null;
}

const JOBS = `
  SELECT tenant_id, job_id, labels->>'call' AS call, status, error->>'code' AS code
  FROM job
  WHERE labels->>'call' = ANY ($1)`;

/** Every version of these jobs that the audit tells of. $1 tenants, $2 jobs. */
const VERSIONS = `
  SELECT audit.tenant_id, audit.resource_id AS job_id, audit.version::integer AS version, audit.to_status AS status
  FROM audit_event AS audit
  WHERE audit.resource_type = 'job' AND audit.tenant_id = ANY ($1) AND audit.resource_id = ANY ($2)`;

/** I1: every job that a caller was promised is there, once, and ended as its kind may end. */
export async function checkSentJobs(
  server: Pick<Server, 'sql'>,
  sent: readonly SentJob[],
): Promise<string[]> {
  const rows = await server.sql<JobRow>(JOBS, [sent.map(({ label }) => label)]);
  const byLabel = Map.groupBy(rows, ({ call }) => call);
  return sent.flatMap((job) => faultsOf(job, byLabel.get(job.label) ?? []));
}

function faultsOf(job: SentJob, rows: readonly JobRow[]): string[] {
  const name = `${job.kind} ${job.tenantId}/${job.jobId ?? job.label}`;
  const [row, ...others] = rows;
  if (!row) return job.isAcknowledged ? [`I1: ${name} was acknowledged and is gone`] : [];
  if (others.length > 0) return [`I13: ${name} was meant once and is there ${rows.length} times`];
  if (job.isCancelled) {
    return row.status === 'cancelled' ? [] : [`I1: ${name} was cancelled by its caller and is ${row.status}`];
  }
  const end = row.status === 'failed' ? `failed ${String(row.code)}` : row.status;
  const isRight = job.ends.some((right) => right === end) || (job.mayBeCancelled && end === 'cancelled');
  return isRight ? [] : [`P2: ${name} is ${end}; right would be: ${job.ends.join(', ')}`];
}

/** I1: whatever version and status of a job a caller was shown, the audit knows of. */
export async function checkShownMoves(
  server: Pick<Server, 'sql'>,
  calls: readonly Call[],
): Promise<string[]> {
  const shown = calls.filter((call) => call.job !== null && call.verdict === 'acknowledged');
  const tenants = [...new Set(shown.map(({ tenant_id }) => tenant_id))];
  const jobs = [...new Set(shown.map(({ job }) => job?.job_id ?? ''))];
  const rows = await server.sql<{ tenant_id: string; job_id: string; version: number; status: string }>(
    VERSIONS,
    [tenants, jobs],
  );
  const known = new Set(rows.map((row) => keyOf(row.tenant_id, row)));
  return shown
    .filter((call) => call.job && !known.has(keyOf(call.tenant_id, call.job)))
    .map(
      ({ seq, operation, job }) =>
        `I1: call ${String(seq)} (${operation}) was shown ${JSON.stringify(job)}, which the audit does not know`,
    );
}

const keyOf = (tenantId: string, row: { job_id: string; version: number; status: string }): string =>
  JSON.stringify([tenantId, row.job_id, row.version, row.status]);
