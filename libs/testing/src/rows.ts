import type { AuditEvent } from '#audit';
import type { Artifact, Draft, FrozenPlan, InputDataset, Job, JobStatus } from '#jobs';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import type { TestDatabase } from './test-database.js';

/**
 * Rows as they would be in the state under test, put there without walking. What the caller gives counts; the rest
 * is plausible and satisfies the constraints.
 */
export interface RunRow {
  tenant_id: string;
  job_id: string;
  run_id: string;
  attempt: number;
  lease_no: number;
  worker_id: string;
  worker_build: string;
  started_at: string;
  lease_until: string;
  ended_at: string | null;
  outcome: string | null;
  error: Record<string, unknown> | null;
}

export interface KeyRow {
  tenant_id: string;
  key_id: string;
  name: string;
  scopes: string[];
  expires_at: string | null;
  revoked_at: string | null;
}

const NOOP_STEPS = [{ step_id: 's1', type: 'noop', params: {} }] as const;
export const NOOP_PLAN = { plan_version: 2, steps: NOOP_STEPS };

const PLAN_ID = createHash('sha256').update('the plan of a row builder').digest('hex');
const FROZEN = new Set<JobStatus>(['confirmed', 'queued', 'running', 'succeeded', 'failed']);
const RAN = new Set<JobStatus>(['running', 'succeeded', 'failed']);
const ENDED = new Set<JobStatus>(['succeeded', 'failed', 'cancelled']);

function now(): string {
  return new Date().toISOString();
}

/** A tenant; named by chance when it does not matter. */
export async function aTenant(
  db: TestDatabase,
  tenantId = `tenant-${randomBytes(4).toString('hex')}`,
): Promise<string> {
  await db.put('tenant', { tenant_id: tenantId });
  return tenantId;
}

/** A key whose secret is `secret`, if anyone should ask with it. */
export async function aKey(
  db: TestDatabase,
  tenantId: string,
  given: Partial<KeyRow> & { secret?: string } = {},
): Promise<KeyRow> {
  const { secret = 'secret', ...columns } = given;
  return db.put<KeyRow>('api_key', {
    tenant_id: tenantId,
    key_id: `key_${randomBytes(8).toString('hex')}`,
    name: 'a key',
    secret_hash: `\\x${createHash('sha256').update(secret).digest('hex')}`,
    scopes: ['jobs:read', 'jobs:write', 'jobs:confirm'],
    ...columns,
  });
}

/** A job with what belongs to its status: a draft, the frozen plan, a run that is open or has ended. */
export async function aJob(db: TestDatabase, tenantId: string, given: Partial<Job> = {}): Promise<Job> {
  const status = given.status ?? 'created';
  const drafted = status !== 'created' && status !== 'cancelled';
  const ran = RAN.has(status);
  const job = await db.put<Job>('job', {
    tenant_id: tenantId,
    job_id: `job_${randomBytes(8).toString('hex')}`,
    status,
    version: 7,
    requirement: 'Which species is the heaviest?',
    draft_revision: drafted ? 1 : 0,
    plan_id: FROZEN.has(status) ? PLAN_ID : null,
    lease_no: ran ? 1 : 0,
    run_id: ran ? randomUUID() : null,
    attempts: status === 'failed' ? 1 : 0,
    trace_id: randomBytes(16).toString('hex'),
    confirmed_at: FROZEN.has(status) ? now() : null,
    queued_at: FROZEN.has(status) && status !== 'confirmed' ? now() : null,
    started_at: ran ? now() : null,
    finished_at: ENDED.has(status) ? now() : null,
    ...given,
  });
  await db.sql(`INSERT INTO job_term SELECT $1, term, $2, $3 FROM job_terms($4, $5) AS term`, [
    tenantId,
    job.created_at,
    job.job_id,
    job.requirement,
    JSON.stringify(job.labels),
  ]);
  if (drafted) await aDraft(db, job);
  if (FROZEN.has(status)) await aPlan(db, job);
  if (ran) await aRun(db, job, status === 'running' ? {} : { ended_at: now(), outcome: status });
  return job;
}

export async function aDraft(db: TestDatabase, job: Job, given: Partial<Draft> = {}): Promise<Draft> {
  return db.put<Draft>('draft', {
    tenant_id: job.tenant_id,
    job_id: job.job_id,
    revision: job.draft_revision,
    source: 'client',
    text: 'One step that does nothing.',
    steps: NOOP_STEPS,
    inputs_fingerprint: job.inputs_fingerprint,
    ...given,
  });
}

export async function aPlan(
  db: TestDatabase,
  job: Job,
  given: Partial<FrozenPlan> = {},
): Promise<FrozenPlan> {
  return db.put<FrozenPlan>('plan', {
    tenant_id: job.tenant_id,
    job_id: job.job_id,
    plan_id: job.plan_id,
    plan_version: 2,
    document: NOOP_PLAN,
    draft_revision: job.draft_revision,
    ...given,
  });
}

/** The run that the job's row names: open, its lease good for a minute. */
export async function aRun(db: TestDatabase, job: Job, given: Partial<RunRow> = {}): Promise<RunRow> {
  return db.put<RunRow>('run', {
    tenant_id: job.tenant_id,
    job_id: job.job_id,
    run_id: job.run_id ?? randomUUID(),
    attempt: job.attempts + 1,
    lease_no: Math.max(job.lease_no, 1),
    worker_id: randomUUID(),
    worker_build: 'test',
    lease_until: new Date(Date.now() + 60_000).toISOString(),
    ...given,
  });
}

export async function aDataset(
  db: TestDatabase,
  job: Job,
  given: Partial<InputDataset> = {},
): Promise<InputDataset> {
  return db.put<InputDataset>('input_dataset', {
    tenant_id: job.tenant_id,
    job_id: job.job_id,
    dataset_key: 'penguins',
    role: 'primary_dataset',
    original_name: 'penguins.csv',
    format: 'csv',
    bytes: 42,
    sha256: createHash('sha256').update('penguins').digest('hex'),
    storage_name: `inputs/${randomUUID()}.csv`,
    profile: { rowCount: 0, columns: [], sampleRows: [] },
    ...given,
  });
}

export async function anArtifact(
  db: TestDatabase,
  job: Job,
  given: Partial<Artifact> = {},
): Promise<Artifact> {
  return db.put<Artifact>('artifact', {
    tenant_id: job.tenant_id,
    job_id: job.job_id,
    rel_path: 'tables/s1.csv',
    kind: 'table.csv',
    content_type: 'text/csv',
    bytes: 3,
    sha256: createHash('sha256').update('a,b').digest('hex'),
    storage_name: 'runs/x/tables/s1.csv',
    run_id: job.run_id,
    ...given,
  });
}

/** Brings a time of the job, and of its messages, to now: as if the clock had run on. */
export async function timePasses(
  db: TestDatabase,
  job: Pick<Job, 'tenant_id' | 'job_id'>,
  until: 'scheduled_at' | 'expires_at',
): Promise<void> {
  const key = [job.tenant_id, job.job_id];
  await db.sql('SET session_replication_role = replica');
  await db.sql(`UPDATE job SET ${until} = clock_timestamp() WHERE tenant_id = $1 AND job_id = $2`, key);
  await db.sql('RESET session_replication_role');
  await db.sql(
    `UPDATE pgboss.job SET start_after = least(start_after, pgboss.job_now())
     WHERE data ->> 'tenant_id' = $1 AND data ->> 'job_id' = $2`,
    key,
  );
}

/** How many messages wait for the job, by queue. */
export async function messagesOf(
  db: TestDatabase,
  job: Pick<Job, 'tenant_id' | 'job_id'>,
): Promise<string[]> {
  const rows = await db.sql<{ name: string }>(
    `SELECT name FROM pgboss.job
     WHERE data ->> 'tenant_id' = $1 AND data ->> 'job_id' = $2 AND state < 'completed' ORDER BY name`,
    [job.tenant_id, job.job_id],
  );
  return rows.map((row) => row.name);
}

export interface AuditRow {
  event_id: number;
  actor_kind: string;
  actor_id: string;
  action: string;
  from_status: string | null;
  to_status: string | null;
  version: number | null;
  lease_no: number | null;
  run_id: string | null;
  reason: string | null;
  source: string;
  database_user: string;
  metadata: Record<string, unknown> | null;
}

/** A row of the audit; without `occurred_at` it is of now. */
export async function anAuditEvent(
  db: TestDatabase,
  tenantId: string,
  given: Partial<Omit<AuditEvent, 'event_id'>> & { database_user?: string } = {},
): Promise<AuditEvent> {
  return db.put<AuditEvent & Record<string, unknown>>('audit_event', {
    tenant_id: tenantId,
    actor_kind: 'operator',
    actor_id: 'olga',
    action: 'thing.done',
    resource_type: 'thing',
    resource_id: 'thing-1',
    source: 'ssctl',
    ...given,
  });
}

/** What the audit says of the job, in the order in which it was written. */
export async function auditOf(db: TestDatabase, job: Pick<Job, 'tenant_id' | 'job_id'>): Promise<AuditRow[]> {
  return db.sql<AuditRow>(
    `SELECT * FROM audit_event WHERE tenant_id = $1 AND resource_type = 'job' AND resource_id = $2 ORDER BY event_id`,
    [job.tenant_id, job.job_id],
  );
}
