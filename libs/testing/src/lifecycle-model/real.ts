import type { Job, JobDrafting, JobStatus, Lease, WorkerIdentity } from '#jobs';
import { newTraceId } from '#observability';
import { STEP_TYPES } from '#plans';
import { deepStrictEqual } from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { JobPrograms } from '../job-programs.js';
import { aDataset, aTenant, NOOP_PLAN } from '../rows.js';
import type { TestDatabase } from '../test-database.js';
import type { Model, ModelJob } from './model.js';

/** A worker: who it is, and the leases that it remembers. */
export interface RealWorker {
  identity: WorkerIdentity;
  held: Lease[];
}

export interface GivenLease {
  job: number;
  worker: number;
  lease: Lease;
}

const WORKERS = 3;

const LOOK = `
  SELECT job_id, status, version, attempts, lost_runs, lease_no,
    coalesce(draft_task ->> 'state' = 'pending', false) AS draft_pending,
    coalesce(scheduled_at > clock_timestamp(), false) AS waits,
    (
      SELECT coalesce(jsonb_agg(jsonb_build_object(
        'lease_no', run.lease_no, 'outcome', run.outcome, 'step', coalesce(step.outcome, step.status)
      ) ORDER BY run.lease_no), '[]')
      FROM run
      LEFT JOIN (SELECT *, 'running' AS status FROM run_step) AS step ON step.run_id = run.run_id
      WHERE run.tenant_id = job.tenant_id AND run.job_id = job.job_id
    ) AS runs,
    (
      SELECT count(*)::integer FROM pgboss.job AS message
      WHERE name = 'job.run' AND state < 'completed' AND data ->> 'job_id' = job.job_id
    ) AS messages
  FROM job
  WHERE tenant_id = $1`;

interface Row extends Record<string, unknown> {
  job_id: string;
  status: JobStatus;
  waits: boolean;
  messages: number;
}

/** The system under test: a tenant of its own, three workers, and what each side was told. */
export class Real {
  readonly jobIds: string[] = [];
  readonly leases: GivenLease[] = [];
  readonly workers: RealWorker[] = Array.from({ length: WORKERS }, () => ({
    identity: { workerId: randomUUID(), build: 'test', abilities: [...STEP_TYPES], slots: 2 },
    held: [],
  }));
  readonly drafting: JobDrafting;

  private constructor(
    readonly db: TestDatabase,
    readonly programs: JobPrograms,
    readonly tenantId: string,
  ) {
    this.drafting = programs.drafting({
      draft: () =>
        Promise.resolve({
          ...{ source: 'rules', text: 'One step.', steps: [...NOOP_PLAN.steps] },
          ...{ assumptions: [], questions: [], warnings: [] },
        }),
    });
  }

  /** With no row of an earlier run: claims and sweeps would find them. */
  static async fresh(db: TestDatabase, programs: JobPrograms): Promise<Real> {
    await db.sql('SET session_replication_role = replica');
    for (const table of [
      'run_step',
      'run',
      'artifact',
      'plan',
      'draft',
      'input_dataset',
      'audit_event',
      'job',
    ]) {
      await db.sql(`DELETE FROM ${table}`);
    }
    await db.sql('RESET session_replication_role');
    await db.sql('DELETE FROM pgboss.job');
    return new Real(db, programs, await aTenant(db));
  }

  get scope(): ReturnType<JobPrograms['client']> {
    return this.programs.client(this.tenantId);
  }

  async create(request: {
    plan: boolean;
    confirm: boolean;
    hold: boolean;
    later: boolean;
    expires: boolean;
  }): Promise<void> {
    const soon = new Date(Date.now() + 3_600_000).toISOString();
    const { job } = await this.programs.lifecycle.create(
      this.scope,
      {
        traceId: newTraceId(),
        requirement: 'Which?',
        confirm: request.confirm,
        hold: request.hold,
        ...(request.plan ? { plan: NOOP_PLAN } : {}),
        ...(request.later ? { runAfter: soon } : {}),
        ...(request.expires ? { expiresAt: soon } : {}),
      },
      null,
    );
    this.jobIds.push(job.job_id);
    await aDataset(this.db, job);
  }

  jobNo(jobId: string): number {
    return this.jobIds.indexOf(jobId);
  }

  ref(job: number): Pick<Job, 'tenant_id' | 'job_id'> {
    return { tenant_id: this.tenantId, job_id: this.jobIds[job]! };
  }

  given(worker: number, lease: Lease): void {
    this.workers[worker]!.held.push(lease);
    this.leases.push({ job: this.jobNo(lease.jobId), worker, lease });
  }

  /** Throws with the difference unless the table says of every job what the model says. */
  async compare(model: Model): Promise<void> {
    const rows = await this.db.sql<Row>(LOOK, [this.tenantId]);
    const table = new Map(rows.map((row) => [row.job_id, row]));
    const found = model.jobs.map((job, n) => {
      const row = table.get(this.jobIds[n]!);
      if (!row) return undefined;
      const { job_id: _id, waits, messages, ...rest } = row;
      return {
        ...rest,
        // When it may run is a question for a queued job only; the message of one that is over may be gone.
        waits: row.status === 'queued' && waits,
        messages: job.status === 'queued' && job.expires === 'now' ? 'any' : messages,
      };
    });
    deepStrictEqual(found, model.jobs.map(expected));
    deepStrictEqual(rows.length, model.jobs.length);
  }
}

function expected(job: ModelJob): object {
  const queued = job.status === 'queued';
  return {
    status: job.status,
    version: job.version,
    attempts: job.attempts,
    lost_runs: job.lostRuns,
    lease_no: job.leaseNo,
    draft_pending: job.draftPending,
    runs: job.runs.map((run) => ({
      step: run.step === undefined ? null : (run.step ?? 'running'),
      outcome: run.outcome,
      lease_no: run.leaseNo,
    })),
    waits: queued && job.waits,
    messages: queued && job.expires === 'now' ? 'any' : Number(queued),
  };
}
