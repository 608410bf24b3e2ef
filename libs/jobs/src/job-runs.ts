import { type Database, type Scope, type Tx } from '#database';
import type { StepSummary } from '#execution';
import { type Queue, type JobRef } from '#queue';
import { FrozenPlans } from './frozen-plans.js';
import type { Failure } from './job.js';
import { JobArtifacts, type NewArtifact } from './job-artifacts.js';
import { JobInputRows } from './job-input-rows.js';
import { PlanMissing, StaleLease } from './refusals.js';
import {
  ABANDON_EXPIRED,
  BEGIN_STEP,
  CLAIM_JOBS,
  CLOSE_RUN,
  CLOSE_RUNS,
  END_STEP,
  HOLD_LEASE,
  RENEW_LEASES,
  SETTLE_JOB,
} from './job-runs.sql.js';
import type { ClaimedRun, Lease, RunOrder, RunOutcome } from './run.js';

export interface WorkerIdentity {
  workerId: string;
  build: string;
}

/** How a run ended, and so which move its job makes. */
export type Settlement =
  { outcome: 'succeeded' } | { outcome: 'failed' | 'timed_out'; error: Failure } | { outcome: 'interrupted' };

const MOVE_OF = {
  succeeded: 'succeeded',
  failed: 'failed',
  timed_out: 'failed',
  interrupted: 'queued',
} as const;

/** At most so many lost runs are dealt with in one sweep; the next comes soon. */
const SWEEP_LIMIT = 100;

/**
 * What workers do with jobs: claim, renew, keep outcomes, settle. Each write is fenced by the run and its
 * `lease_no`: a worker that lost its lease changes nothing and gets `STALE_LEASE`.
 */
export class JobRuns {
  private readonly plans = new FrozenPlans();
  private readonly inputs = new JobInputRows();
  private readonly artifacts = new JobArtifacts();

  constructor(
    private readonly database: Database,
    private readonly queue: Queue,
    private readonly scope: Scope,
    private readonly leaseMs: number,
  ) {}

  /**
   * Claims up to `max` queued jobs. Their messages go in the same transaction, so a crash leaves either a
   * message or a lease. A message whose job is not queued any more goes with nothing done.
   */
  async claim(worker: WorkerIdentity, max: number): Promise<ClaimedRun[]> {
    return this.database.acrossTenants(this.scope, async (tx) => {
      const refs = await this.queue.take(tx, 'job.run', max);
      if (refs.length === 0) return [];
      return tx.query<ClaimedRun>(CLAIM_JOBS, [
        ...columns(refs),
        worker.workerId,
        worker.build,
        this.leaseMs,
      ]);
    });
  }

  /** Renews all leases of a process in one statement and answers the run ids whose lease it still holds. */
  async renew(leases: readonly Lease[]): Promise<Set<string>> {
    const rows = await this.database.acrossTenants(this.scope, (tx) =>
      tx.query<{ run_id: string }>(RENEW_LEASES, [
        ...columns(leases),
        leases.map((lease) => lease.runId),
        leases.map((lease) => lease.leaseNo),
        this.leaseMs,
      ]),
    );
    return new Set(rows.map((row) => row.run_id));
  }

  /** The plan that was confirmed and the datasets that it was confirmed for. */
  async order(lease: Lease): Promise<RunOrder> {
    return this.within(lease, async (tx) => {
      const plan = await this.plans.find(tx, lease);
      if (!plan) throw new PlanMissing(lease.jobId);
      return { plan: plan.document, datasets: await this.inputs.list(tx, lease) };
    });
  }

  async beginStep(lease: Lease, step: { stepId: string; position: number; type: string }): Promise<void> {
    await this.fenced(lease, (tx) =>
      tx.query(BEGIN_STEP, [lease.tenantId, lease.jobId, lease.runId, step.stepId, step.position, step.type]),
    );
  }

  /** Keeps how a step ended, together with the artifacts that it made. */
  async endStep(
    lease: Lease,
    stepId: string,
    result: {
      outcome: RunOutcome;
      error?: Failure;
      summary?: StepSummary;
      artifacts: readonly NewArtifact[];
    },
  ): Promise<void> {
    await this.fenced(lease, async (tx) => {
      for (const artifact of result.artifacts) await this.artifacts.keep(tx, lease, artifact);
      await tx.query(END_STEP, [
        lease.tenantId,
        lease.jobId,
        lease.runId,
        stepId,
        result.outcome,
        result.error ? JSON.stringify(result.error) : null,
        result.summary ? JSON.stringify(result.summary) : null,
      ]);
    });
  }

  /** Ends the run and moves the job. Throws `STALE_LEASE` when the run is not the worker's any more. */
  async settle(lease: Lease, settlement: Settlement): Promise<void> {
    const error = 'error' in settlement ? JSON.stringify(settlement.error) : null;
    await this.within(lease, async (tx) => {
      const [job] = await tx.query<{ priority: number }>(SETTLE_JOB, [
        lease.tenantId,
        lease.jobId,
        lease.runId,
        lease.leaseNo,
        MOVE_OF[settlement.outcome],
        error,
      ]);
      if (!job) throw new StaleLease(lease);
      await tx.query(CLOSE_RUN, [lease.tenantId, lease.jobId, lease.runId, settlement.outcome, error]);
      if (settlement.outcome === 'interrupted') await this.queue.wake(tx, 'job.run', lease, job);
    });
  }

  /** Takes runs whose lease has run out from their workers and queues their jobs again. Any process may do it. */
  async sweep(): Promise<Lease[]> {
    return this.database.acrossTenants(this.scope, async (tx) => {
      const lost = await tx.query<Lease & { priority: number }>(ABANDON_EXPIRED, [SWEEP_LIMIT]);
      if (lost.length === 0) return [];
      await tx.query(CLOSE_RUNS, [...columns(lost), lost.map((lease) => lease.runId)]);
      for (const lease of lost) await this.queue.wake(tx, 'job.run', lease, { priority: lease.priority });
      return lost;
    });
  }

  /** Runs `work` if the lease is held, and keeps it held until the transaction ends. */
  private async fenced<T>(lease: Lease, work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.within(lease, async (tx) => {
      const held = await tx.query(HOLD_LEASE, [lease.tenantId, lease.jobId, lease.runId, lease.leaseNo]);
      if (held.length === 0) throw new StaleLease(lease);
      return work(tx);
    });
  }

  private async within<T>(lease: Lease, work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.database.transaction({ ...this.scope, tenantId: lease.tenantId }, work);
  }
}

/** Rows as the two arrays that `unnest` puts together again. */
function columns(refs: readonly JobRef[]): [string[], string[]] {
  return [refs.map((ref) => ref.tenantId), refs.map((ref) => ref.jobId)];
}
