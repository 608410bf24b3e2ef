import type { Tx } from '#database';
import type { JobRef } from '#queue';
import { countCreated, countMove } from './count-moves.js';
import type { Job } from './job.js';
import { type JobMove, type JobStatus, moves } from './job-moves.js';

export interface NewJob {
  tenantId: string;
  jobId: string;
  requirement: string | null;
  priority: number;
  labels: Record<string, string>;
  scheduledAt: string | null;
  expiresAt: string | null;
  traceId: string;
  traceParent: string | null;
  traceState: string | null;
}

/** Columns that a move or a change may set beside the status; the rest is the database's or fixed. */
type Settable =
  | 'inputs_fingerprint'
  | 'draft_revision'
  | 'draft_task'
  | 'plan_id'
  | 'needs'
  | 'attempts'
  | 'lost_runs'
  | 'error'
  | 'scheduled_at'
  | 'expires_at';
export type JobChange = Partial<Pick<Job, Settable>>;

const INSERT_JOB = `
  INSERT INTO job (
    tenant_id, job_id, requirement, priority, labels, scheduled_at, expires_at, trace_id, trace_parent, trace_state
  )
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
  RETURNING *`;

const FIND_JOB = 'SELECT * FROM job WHERE tenant_id = $1 AND job_id = $2';

/** What reaching a status does to the row's times, by the database's clock. */
const STAMPS: Partial<Record<JobStatus, string>> = {
  confirmed: 'confirmed_at = clock_timestamp()',
  queued: 'queued_at = clock_timestamp(), finished_at = NULL',
  running: 'started_at = clock_timestamp()',
  succeeded: 'finished_at = clock_timestamp()',
  failed: 'finished_at = clock_timestamp()',
  cancelled: 'finished_at = clock_timestamp()',
};

/** The rows of `job`, one guarded statement a write. */
export class JobStore {
  async insert(tx: Tx, job: NewJob): Promise<Job> {
    const [row] = await tx.query<Job>(INSERT_JOB, [
      job.tenantId,
      job.jobId,
      job.requirement,
      job.priority,
      JSON.stringify(job.labels),
      job.scheduledAt,
      job.expiresAt,
      job.traceId,
      job.traceParent,
      job.traceState,
    ]);
    if (!row) throw new Error('INSERT … RETURNING gave no row');
    countCreated(tx);
    return row;
  }

  async find(tx: Tx, ref: JobRef): Promise<Job | null> {
    const [row] = await tx.query<Job>(FIND_JOB, [ref.tenantId, ref.jobId]);
    return row ?? null;
  }

  /** Reads the row and keeps everyone else from changing it until the transaction ends. */
  async findLocked(tx: Tx, ref: JobRef): Promise<Job | null> {
    const [row] = await tx.query<Job>(`${FIND_JOB} FOR NO KEY UPDATE`, [ref.tenantId, ref.jobId]);
    return row ?? null;
  }

  /** Moves the job in one guarded UPDATE: of two racing callers one gets the row, the other gets null. */
  async tryMove(
    tx: Tx,
    ref: JobRef,
    move: JobMove,
    version: number | null,
    change: JobChange = {},
  ): Promise<Job | null> {
    const { from, to } = moves[move];
    const sets = [`status = '${to}'`, ...stampsOf(to)];
    const job = await this.update(tx, ref, from, version, change, sets);
    if (job) countMove(tx, move, job);
    return job;
  }

  /** Changes the job without moving it; the same guard, the same single winner. */
  async tryChange(
    tx: Tx,
    ref: JobRef,
    statuses: readonly JobStatus[],
    version: number | null,
    change: JobChange,
  ): Promise<Job | null> {
    return this.update(tx, ref, statuses, version, change, []);
  }

  private async update(
    tx: Tx,
    ref: JobRef,
    statuses: readonly JobStatus[],
    version: number | null,
    change: JobChange,
    sets: readonly string[],
  ): Promise<Job | null> {
    const values: unknown[] = [ref.tenantId, ref.jobId, statuses, version];
    const assignments = Object.entries(change).map(([column, value]) => {
      const json = value !== null && typeof value === 'object' && !Array.isArray(value);
      values.push(json ? JSON.stringify(value) : value);
      return `${column} = $${String(values.length)}`;
    });
    const [row] = await tx.query<Job>(
      `UPDATE job
       SET ${['version = version + 1', ...sets, ...assignments].join(', ')}
       WHERE tenant_id = $1 AND job_id = $2 AND status = ANY($3) AND version = coalesce($4, version)
         AND erased_at IS NULL
       RETURNING *`,
      values,
    );
    return row ?? null;
  }
}

export function stampsOf(status: JobStatus): string[] {
  const stamp = STAMPS[status];
  return stamp === undefined ? [] : [stamp];
}
