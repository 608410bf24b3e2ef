import type { Database, Scope, Tx } from '#database';
import type { JobStatus } from '#jobs';
import { executionOrder, type Plan } from '#plans';
import type { JobRef } from '#queue';
import { realpath } from 'node:fs/promises';
import type { BatchOptions } from '../import/batch-options.js';
import type { MigrationItem } from '../import/item.js';
import { isItem, prepare, read } from '../import/prepare.js';
import { columns, keyOf } from '../import/write-jobs.js';
import type { RecordReason } from '../reasons.js';
import { findJob } from '../tree/find-job.js';
import { readRecord, type ReadRecord } from './read-record.js';
import { walkRecords } from './walk-records.js';

const CHUNK = 500;

interface JobState {
  status: JobStatus;
  /** A legacy worker left it running. */
  wasInterrupted: boolean;
  isRunnable: boolean;
}

/** Jobs by their rows. The last run of one that was left running was closed as interrupted when it was lifted. */
const FIND_STATES = `
  SELECT job.tenant_id AS "tenantId", job.job_id AS "jobId", job.status, plan.document,
    coalesce(run.outcome = 'interrupted' AND run.worker_build = 'legacy', false) AS "wasInterrupted"
  FROM unnest($1::text[], $2::text[]) AS wanted (tenant_id, job_id)
  JOIN job ON job.tenant_id = wanted.tenant_id AND job.job_id = wanted.job_id
  LEFT JOIN plan ON plan.tenant_id = job.tenant_id AND plan.job_id = job.job_id
  LEFT JOIN run ON run.tenant_id = job.tenant_id AND run.job_id = job.job_id AND run.run_id = job.run_id`;

/**
 * Says what became of every record of the legacy queue. The status of a job is the truth and its message was sent when
 * it was lifted, with or without a record; a record alone starts nothing.
 */
export async function* reconcileQueue(
  database: Database,
  scope: Scope,
  options: BatchOptions & { queue: string },
): AsyncGenerator<MigrationItem[]> {
  const queue = await realpath(options.queue);
  const told = new Set<string>();
  let chunk: ReadRecord[] = [];
  const flush = async (): Promise<MigrationItem[]> => {
    const records = chunk;
    chunk = [];
    const states = await statesOf(database, scope, records, options);
    return records.map((record) => itemOf(record, states, told));
  };
  for await (const found of walkRecords(queue)) {
    if (options.tenants && !options.tenants.includes(found.tenantId)) continue;
    const record = readRecord(found, queue);
    if (record) chunk.push(record);
    if (chunk.length >= CHUNK) yield await flush();
  }
  if (chunk.length > 0) yield await flush();
}

function itemOf(record: ReadRecord, states: ReadonlyMap<string, JobState>, told: Set<string>): MigrationItem {
  const { found, jobId, fault, sha256, bytes } = record;
  const item = (
    outcome: MigrationItem['outcome'],
    reason: RecordReason | null,
    detail?: string,
  ): MigrationItem => ({
    ...{ kind: 'queue_record', path: found.path, tenant_id: found.tenantId, job_id: jobId ?? found.jobId },
    ...{ outcome, reasons: reason ? [reason] : [], sha256, bytes },
    ...{ from_version: null, to_version: null, steps: [] },
    details: reason ? [{ reason, ...(detail === undefined ? {} : { detail }) }] : [],
  });
  if (jobId === null) return item('quarantined', 'RECORD_INVALID', fault ?? '');
  const key = keyOf({ tenantId: found.tenantId, jobId });
  const state = states.get(key);
  if (!state) return item('ignored', 'JOB_MISSING');
  if (state.status === 'running') return item('ignored', 'JOB_RUNNING');
  if (['succeeded', 'failed', 'cancelled'].includes(state.status)) return item('ignored', 'JOB_FINISHED');
  if (state.status !== 'queued' || !state.isRunnable) return item('ignored', 'JOB_NOT_READY');
  if (told.has(key)) return item('ignored', 'DUPLICATE_RECORD');
  told.add(key);
  return item('enqueue', state.wasInterrupted ? 'INTERRUPTED' : null);
}

async function statesOf(
  database: Database,
  scope: Scope,
  records: readonly ReadRecord[],
  options: BatchOptions,
): Promise<Map<string, JobState>> {
  const refs = records.flatMap(({ found, jobId }) =>
    jobId === null ? [] : [{ tenantId: found.tenantId, jobId }],
  );
  const states = await database.acrossTenants(scope, (tx) => statesInRows(tx, refs));
  if (!options.dryRun) return states;
  for (const ref of refs) {
    const state = states.has(keyOf(ref)) ? null : stateInTree(ref, options);
    if (state) states.set(keyOf(ref), state);
  }
  return states;
}

async function statesInRows(tx: Tx, refs: readonly JobRef[]): Promise<Map<string, JobState>> {
  const rows = await tx.query<Omit<JobState, 'isRunnable'> & JobRef & { document: Plan | null }>(
    FIND_STATES,
    columns(refs),
  );
  return new Map(
    rows.map(({ status, wasInterrupted, document, ...ref }) => [
      keyOf(ref),
      { status, wasInterrupted, isRunnable: document === null || canBeOrdered(document) },
    ]),
  );
}

/** What lifting the job would make of it. */
function stateInTree(ref: JobRef, options: BatchOptions): JobState | null {
  const found = findJob(options.root, ref.tenantId, ref.jobId);
  const file = found ? read(found, options.root) : null;
  const job = file && !isItem(file) ? prepare(file, options) : null;
  if (!job || isItem(job)) return null;
  const { status } = job.rows.job;
  const { isRunnable } = job;
  if (status !== 'running' || options.running === 'keep')
    return { status, wasInterrupted: false, isRunnable };
  return { status: options.running === 'fail' ? 'failed' : 'queued', wasInterrupted: true, isRunnable };
}

function canBeOrdered(plan: Plan): boolean {
  try {
    executionOrder(plan);
    return true;
  } catch {
    return false;
  }
}
