import { type Database, type Instant, type Scope, type Tx } from '#database';
import type { PrintedLines, StepSummary } from '#execution';
import { metrics } from '#observability';
import { FRONT, type JobRef, type Queue } from '#queue';
import { tellClaim, withMessageTraces } from './claim-traces.js';
import { closeRun } from './close-run.js';
import { countRunning, countStarted, type Waited } from './count-moves.js';
import { FrozenPlans } from './frozen-plans.js';
import type { Failure } from './job.js';
import { JobArtifacts, type NewArtifact } from './job-artifacts.js';
import { JobInputRows } from './job-input-rows.js';
import {
  BEGIN_STEP,
  CLAIM_JOBS,
  END_STEP,
  FIND_DONE_STEPS,
  FIND_OUTCOME,
  FIND_UNKNOWN_RUNS,
  HOLD_LEASE,
  RESUME_STEP,
  SETTLE_JOB,
  STILL_WAITING,
  TELL_PRINTED,
} from './job-runs.sql.js';
import { columnsOf } from './ref-columns.js';
import { PlanMissing, StaleLease } from './refusals.js';
import { RunningJobsLimit } from './running-jobs-limit.js';
import type { ClaimedRun, DoneStep, Lease, RunOrder, RunOutcome } from './run.js';
import type { WorkerIdentity } from './workers.js';

/** How a run ended. A failure with `retryAfterMs` is tried again after that pause; without, it is the job's end. */
export type Settlement =
  | { outcome: 'succeeded' }
  | { outcome: 'failed' | 'timed_out'; error: Failure; retryAfterMs: number | null }
  | { outcome: 'interrupted' };

type SettledStatus = 'succeeded' | 'failed' | 'queued';

const MOVES = { succeeded: 'succeed', failed: 'fail', queued: 'requeue' } as const;

/** The move that the job makes, and whether the run counts as an attempt. */
function effectOf(settlement: Settlement): { status: SettledStatus; counts: boolean; pauseMs: number } {
  switch (settlement.outcome) {
    case 'succeeded':
      return { status: 'succeeded', counts: false, pauseMs: 0 };
    case 'interrupted':
      return { status: 'queued', counts: false, pauseMs: 0 };
    case 'failed':
    case 'timed_out': {
      const { retryAfterMs } = settlement;
      const status = retryAfterMs === null ? 'failed' : 'queued';
      return { status, counts: true, pauseMs: retryAfterMs ?? 0 };
    }
    default:
      return settlement satisfies never;
  }
}

/** How a step ended, and what it made. */
export interface StepResult {
  outcome: RunOutcome;
  error?: Failure;
  summary?: StepSummary;
  artifacts: readonly NewArtifact[];
}

interface SettledJob {
  priority: number;
  notBefore: Instant | null;
  attempts: number;
  ranSeconds: number;
}

/** A job that no worker here can carry out: how soon another one may look at it. */
const OTHER_WORKER_MS = 5_000;

/**
 * What a worker does with jobs: claim, keep outcomes, settle. Each write is fenced by the run and its `lease_no`: a
 * worker that lost its lease changes nothing and gets `STALE_LEASE`. Every write may be repeated after an answer that
 * was lost: what happened already happens no second time.
 */
export class JobRuns {
  private readonly plans = new FrozenPlans();
  private readonly inputs = new JobInputRows();
  private readonly artifacts = new JobArtifacts();
  private readonly limit = new RunningJobsLimit();

  constructor(
    private readonly database: Database,
    private readonly queue: Queue,
    private readonly scope: Scope,
    private readonly leaseMs: number,
  ) {}

  /**
   * Claims up to `max` queued jobs that the worker can carry out. Their messages go in the same transaction, so a
   * crash leaves either a message or a lease. A message whose job is not queued any more goes with nothing done; one
   * that came too early, or to the wrong worker, comes again; one whose tenant may have no more running is parked.
   */
  async claim(worker: WorkerIdentity, max: number): Promise<ClaimedRun[]> {
    for (;;) {
      const begun = new Date();
      const begunAt = performance.now();
      const { claimed, parked } = await this.claimOnce(worker, max);
      if (claimed.length > 0) metrics.claimSeconds.observe((performance.now() - begunAt) / 1_000);
      tellClaim(claimed, begun);
      // Behind those that were parked there may be others, and nobody else tells of them.
      if (claimed.length > 0 || !parked) return claimed;
    }
  }

  /** Runs that this worker was given without hearing of it, because the answer to a claim was lost. */
  async findUnknown(worker: WorkerIdentity, known: readonly string[]): Promise<ClaimedRun[]> {
    return this.database.acrossTenants(this.scope, (tx) =>
      tx.query<ClaimedRun>(FIND_UNKNOWN_RUNS, [worker.workerId, known]),
    );
  }

  /** The plan that was confirmed, the datasets that it was confirmed for, and what earlier runs have done of it. */
  async order(lease: Lease): Promise<RunOrder> {
    return this.within(lease, async (tx) => {
      const plan = await this.plans.find(tx, lease);
      if (!plan) throw new PlanMissing(lease.jobId);
      return {
        plan: plan.document,
        datasets: await this.inputs.list(tx, lease),
        done: await tx.query<DoneStep>(FIND_DONE_STEPS, [lease.tenantId, lease.jobId]),
      };
    });
  }

  async beginStep(lease: Lease, step: { stepId: string; position: number; type: string }): Promise<void> {
    await this.fenced(lease, (tx) =>
      tx.query(BEGIN_STEP, [lease.tenantId, lease.jobId, lease.runId, step.stepId, step.position, step.type]),
    );
  }

  /** Tells those who follow what the program of a step printed. */
  async tellPrinted(lease: Lease, stepId: string, { stream, lines, isCut }: PrintedLines): Promise<void> {
    const detail = JSON.stringify({ stream, lines, is_cut: isCut });
    await this.fenced(lease, (tx) =>
      tx.query(TELL_PRINTED, [lease.tenantId, lease.jobId, lease.runId, stepId, detail]),
    );
  }

  /** Takes over the outcome of a step that an earlier run has done. */
  async resumeStep(
    lease: Lease,
    step: { stepId: string; position: number; type: string },
    doneBy: string,
  ): Promise<void> {
    const { stepId, position, type } = step;
    await this.fenced(lease, (tx) =>
      tx.query(RESUME_STEP, [lease.tenantId, lease.jobId, lease.runId, stepId, position, type, doneBy]),
    );
  }

  /**
   * Keeps how a step ended, together with the artifacts that it made. Throws `QUOTA_STORAGE_EXCEEDED`, with nothing kept,
   * when they are more than the tenant may store.
   */
  async endStep(lease: Lease, stepId: string, result: StepResult): Promise<void> {
    await this.fenced(lease, async (tx) => {
      const ended = await tx.query(END_STEP, [
        lease.tenantId,
        lease.jobId,
        lease.runId,
        stepId,
        result.outcome,
        result.error ? JSON.stringify(result.error) : null,
        result.summary ? JSON.stringify(result.summary) : null,
      ]);
      // It ended before, and its artifacts are kept: told again after an answer that was lost.
      if (ended.length > 0) await this.artifacts.keep(tx, lease, result.artifacts);
    });
  }

  /**
   * Ends the run and moves the job. May be called again until it answers: what was settled like this already is.
   * Throws `STALE_LEASE` when somebody else ended the run.
   */
  async settle(lease: Lease, settlement: Settlement): Promise<void> {
    const error = 'error' in settlement ? settlement.error : null;
    const { status, counts, pauseMs } = effectOf(settlement);
    const key = [lease.tenantId, lease.jobId, lease.runId, lease.leaseNo];
    await this.within(lease, async (tx) => {
      const [job] = await tx.query<SettledJob>(SETTLE_JOB, [
        ...key,
        status,
        error ? JSON.stringify(error) : null,
        counts,
        pauseMs,
      ]);
      if (!job) {
        const [run] = await tx.query<{ outcome: RunOutcome | null }>(FIND_OUTCOME, key);
        if (run?.outcome === settlement.outcome) return;
        throw new StaleLease(lease);
      }
      // Those that count have failed; the one that did not is the last.
      const attempts = status === 'queued' ? null : job.attempts + (counts ? 0 : 1);
      countRunning(tx, MOVES[status], job.ranSeconds, attempts);
      await closeRun(tx, lease, lease.runId, { outcome: settlement.outcome, error });
      if (status === 'queued') {
        // An interruption was not the job's doing: it goes on where it was.
        const when = settlement.outcome === 'interrupted' ? { turn: FRONT } : { notBefore: job.notBefore };
        await this.queue.wake(tx, 'job.run', lease, { priority: job.priority, ...when });
      }
      await this.limit.runEnded(tx, lease.tenantId);
    });
  }

  private async claimOnce(
    worker: WorkerIdentity,
    max: number,
  ): Promise<{ claimed: ClaimedRun[]; parked: boolean }> {
    return this.database.acrossTenants(this.scope, async (tx) => {
      const past = { parked: false };
      const refs = await this.queue.take(tx, 'job.run', max, async (fetched) => {
        const pastLimit = await this.limit.findPast(tx, fetched);
        past.parked = pastLimit.size > 0;
        return pastLimit;
      });
      if (refs.length === 0) return { claimed: [], ...past };
      const rows = await tx.query<ClaimedRun & Waited>(CLAIM_JOBS, [
        ...columnsOf(refs),
        worker.workerId,
        worker.build,
        this.leaseMs,
        worker.abilities,
      ]);
      const claimed = rows.map(({ queuedSeconds, waitedSeconds, ...run }) => {
        countStarted(tx, { queuedSeconds, waitedSeconds });
        return run;
      });
      if (claimed.length < refs.length) {
        await this.wakeAgain(tx, refs);
        await this.limit.notClaimed(tx, refs);
      }
      return { claimed: withMessageTraces(claimed, refs), ...past };
    });
  }

  /** Jobs whose message was taken and that still wait get another one, for when their time comes. */
  private async wakeAgain(tx: Tx, refs: readonly JobRef[]): Promise<void> {
    const waiting = await tx.query<JobRef & { priority: number; notBefore: Instant }>(STILL_WAITING, [
      ...columnsOf(refs),
      OTHER_WORKER_MS,
    ]);
    for (const { priority, notBefore, ...ref } of waiting) {
      await this.queue.wake(tx, 'job.run', ref, { priority, notBefore });
    }
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
