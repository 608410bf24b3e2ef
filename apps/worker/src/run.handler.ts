import type { ArtifactStore } from '#artifacts';
import type { Execution } from '#execution';
import {
  type ClaimedRun,
  type Failure,
  type JobRuns,
  retryDelay,
  type RetryDefaults,
  type RunFailureCode,
  type Settlement,
  StaleLease,
} from '#jobs';
import {
  annotate,
  continuing,
  isDomainError,
  type Logger,
  markFailed,
  messagingAttributes,
  span,
} from '#observability';
import type { Plan } from '#plans';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { untilCertain } from './certain-writes.js';
import type { EndReason, LeaseKeeper } from './lease-keeper.js';
import { FilesUnavailable, RunFiles } from './run-files.js';
import { StepRefused, StepWalk } from './step-walk.js';

export interface RunSettings {
  workFolder: string;
  stepTimeoutMs: number;
  runTimeoutMs: number;
  retry: RetryDefaults;
}

/** Carries out one claimed run: every step in the order of its dependencies, each outcome kept, then settled. */
export class RunHandler {
  constructor(
    private readonly runs: JobRuns,
    private readonly execution: Execution,
    private readonly store: ArtifactStore,
    private readonly leases: LeaseKeeper,
    private readonly settings: RunSettings,
    private readonly logger: Logger,
  ) {}

  async carryOut(run: ClaimedRun): Promise<void> {
    const attributes = {
      ...messagingAttributes('job.run', 'process'),
      ...{ 'ss.tenant_id': run.tenantId, 'ss.job_id': run.jobId, 'ss.run_id': run.runId },
      ...{ 'ss.attempt': run.attempt, 'ss.lease_no': run.leaseNo },
    };
    const options = { kind: 'consumer', ...continuing(run.trace), attributes } as const;
    await span('process job.run', options, () => this.carryOutWithin(run));
  }

  private async carryOutWithin(run: ClaimedRun): Promise<void> {
    const signal = this.leases.keep(run);
    const { tenantId, jobId, runId, traceId, attempt, leaseNo } = run;
    const ids = { tenant_id: tenantId, job_id: jobId, run_id: runId, trace_id: traceId };
    const log = this.logger.child(ids);
    const workspace = join(this.settings.workFolder, runId);
    log.info({ event: 'SS_WORKER_RUN_START', attempt, lease_no: leaseNo }, 'run started');
    try {
      const settlement = await this.attempt(run, workspace, signal, log);
      if (settlement) await this.settle(run, settlement, signal, log);
    } catch (error) {
      if (!(error instanceof StaleLease)) throw error;
      log.warn({ event: 'SS_WORKER_STALE_LEASE', lease_no: leaseNo }, `stale_lease: ${error.message}`);
    } finally {
      this.leases.release(run);
      await rm(workspace, { recursive: true, force: true });
    }
  }

  /** How the run ended; null when somebody else ended it and there is nothing to tell. */
  private async attempt(
    run: ClaimedRun,
    workspace: string,
    signal: AbortSignal,
    log: Logger,
  ): Promise<Settlement | null> {
    let plan: Plan | null = null;
    let limit: AbortSignal | null = null;
    try {
      await mkdir(workspace, { recursive: true });
      const order = await untilCertain(
        () => this.runs.order(run),
        () => signal.aborted,
        log,
      );
      ({ plan } = order);
      const seconds = plan.timeout_seconds;
      limit = AbortSignal.timeout(seconds === undefined ? this.settings.runTimeoutMs : seconds * 1_000);
      await new StepWalk(this.runs, this.execution, new RunFiles(this.store, run, workspace), {
        run,
        order,
        workspace,
        stepTimeoutMs: this.settings.stepTimeoutMs,
        signal: AbortSignal.any([signal, limit]),
        log,
      }).carryOut();
      return { outcome: 'succeeded' };
    } catch (error) {
      if (error instanceof StaleLease) throw error;
      if (signal.aborted) return isOver(reasonOf(signal)) ? null : { outcome: 'interrupted' };
      return this.judge(error, limit?.aborted ?? false, run, plan, log);
    }
  }

  /** What a failure means for the job: another run after a pause, or the end. */
  private judge(
    error: unknown,
    tookTooLong: boolean,
    run: ClaimedRun,
    plan: Plan | null,
    log: Logger,
  ): Settlement {
    const { outcome, failure } = tookTooLong ? RUN_TIMED_OUT : failureOf(error);
    if (!tookTooLong && !(error instanceof StepRefused)) {
      log.error({ event: 'SS_WORKER_RUN_FAULT', err: error }, 'the run failed for no fault of its plan');
    }
    const failed = { code: failure.code, attempt: run.attempt };
    return {
      outcome,
      error: failure,
      retryAfterMs: retryDelay(failed, plan?.retry ?? {}, this.settings.retry),
    };
  }

  /** Tries until the database has answered, for as long as the answer matters. */
  private async settle(
    run: ClaimedRun,
    settlement: Settlement,
    signal: AbortSignal,
    log: Logger,
  ): Promise<void> {
    await untilCertain(
      () => this.runs.settle(run, settlement),
      () => signal.aborted && isOver(reasonOf(signal)),
      log,
    );
    const failed = 'error' in settlement ? settlement : null;
    const facts = { code: failed?.error.code ?? null, retry_ms: failed?.retryAfterMs ?? null };
    annotate({ 'ss.outcome': settlement.outcome });
    if (failed) markFailed(failed.error.code);
    log.info({ event: 'SS_WORKER_RUN_DONE', outcome: settlement.outcome, ...facts }, 'run ended');
  }
}

interface FailedRun {
  outcome: 'failed' | 'timed_out';
  failure: Failure;
}

const RUN_TIMED_OUT: FailedRun = {
  outcome: 'timed_out',
  failure: runFailure('RUN_TIMED_OUT', 'The run took longer than its plan may.'),
};

function failureOf(error: unknown): FailedRun {
  if (error instanceof StepRefused) return error;
  const message = 'The worker could not carry out the run.';
  if (error instanceof FilesUnavailable) {
    return { outcome: 'failed', failure: runFailure('RUN_FILES_UNAVAILABLE', error.message) };
  }
  if (isDomainError(error)) return { outcome: 'failed', failure: { code: error.code, message } };
  return { outcome: 'failed', failure: runFailure('RUN_INTERNAL_ERROR', message) };
}

function runFailure(code: RunFailureCode, message: string): Failure {
  return { code, message };
}

function reasonOf(signal: AbortSignal): EndReason {
  // Only LeaseKeeper aborts this signal.
  return signal.reason as EndReason;
}

/** Somebody else ended the run, and the row says so. */
function isOver(reason: EndReason): boolean {
  return reason === 'cancelled' || reason === 'lease_lost';
}
