import type { ArtifactStore } from '#artifacts';
import { isUnavailable } from '#database';
import {
  type Execution,
  type ProducedFile,
  StepAborted,
  StepFailed,
  type StepOutcome,
  type TableFile,
} from '#execution';
import {
  type ClaimedRun,
  type Failure,
  type JobRuns,
  type NewArtifact,
  type RunOrder,
  type Settlement,
  StaleLease,
} from '#jobs';
import { isDomainError, type Logger } from '#observability';
import { executionOrder, type Step } from '#plans';
import { createReadStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EndReason, LeaseKeeper } from './lease-keeper.js';

export interface RunSettings {
  workFolder: string;
  stepTimeoutMs: number;
  artifactMaxBytes: number;
}

/** Between tries to write to a database that does not answer. */
const RETRY_MS = 500;

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
    const signal = this.leases.keep(run);
    const log = this.logger.child({
      tenant_id: run.tenantId,
      job_id: run.jobId,
      run_id: run.runId,
      trace_id: run.traceId,
    });
    const workspace = join(this.settings.workFolder, run.runId);
    log.info({ event: 'SS_WORKER_RUN_START', attempt: run.attempt, lease_no: run.leaseNo }, 'run started');
    try {
      const settlement = await this.attempt(run, workspace, signal, log);
      if (settlement) {
        await this.persist(signal, () => this.runs.settle(run, settlement));
        log.info(
          {
            event: 'SS_WORKER_RUN_DONE',
            outcome: settlement.outcome,
            error_code: 'error' in settlement ? settlement.error.code : null,
          },
          'run ended',
        );
      }
    } catch (error) {
      if (!(error instanceof StaleLease)) throw error;
      log.warn({ event: 'SS_WORKER_STALE_LEASE', lease_no: run.leaseNo }, error.message);
    } finally {
      this.leases.release(run);
      await rm(workspace, { recursive: true, force: true });
    }
  }

  /** How the run ended; null when its lease is lost and there is nobody to tell. */
  private async attempt(
    run: ClaimedRun,
    workspace: string,
    signal: AbortSignal,
    log: Logger,
  ): Promise<Settlement | null> {
    try {
      await mkdir(workspace, { recursive: true });
      const order = await this.persist(signal, () => this.runs.order(run));
      await this.carryOutSteps(run, order, workspace, signal, log);
      return { outcome: 'succeeded' };
    } catch (error) {
      if (error instanceof StaleLease) throw error;
      if (signal.aborted) return reasonOf(signal) === 'shutdown' ? { outcome: 'interrupted' } : null;
      if (error instanceof StepRefused) return error.settlement;
      log.error({ event: 'SS_WORKER_RUN_FAULT', err: error }, 'the run failed for no fault of its plan');
      const code = isDomainError(error) ? error.code : 'RUN_INTERNAL_ERROR';
      return { outcome: 'failed', error: { code, message: 'The worker could not carry out the run.' } };
    }
  }

  private async carryOutSteps(
    run: ClaimedRun,
    order: RunOrder,
    workspace: string,
    signal: AbortSignal,
    log: Logger,
  ): Promise<void> {
    const tables: TableFile[] = [];
    for (const [index, step] of executionOrder(order.plan).entries()) {
      const position = index + 1;
      await this.persist(signal, () =>
        this.runs.beginStep(run, { stepId: step.step_id, position, type: step.type }),
      );
      const begun = performance.now();
      const outcome = await this.carryOutStep(run, order, step, tables, workspace, signal);
      const table = outcome.files.find((file) => file.kind === 'table.parquet');
      if (table) tables.push({ stepId: step.step_id, path: table.path });
      const duration = Math.round(performance.now() - begun);
      log.info(
        { event: 'SS_WORKER_STEP_DONE', step_id: step.step_id, type: step.type, duration_ms: duration },
        'step done',
      );
    }
  }

  private async carryOutStep(
    run: ClaimedRun,
    order: RunOrder,
    step: Step,
    tables: TableFile[],
    workspace: string,
    signal: AbortSignal,
  ): Promise<StepOutcome> {
    try {
      const outcome = await this.execution.run({
        step,
        datasets: order.datasets.map((dataset) => ({
          datasetKey: dataset.dataset_key,
          format: dataset.format,
          path: this.store.pathOf({ ...run, storageName: dataset.storage_name }),
        })),
        tables,
        workspace,
        timeoutMs:
          step.timeout_seconds === undefined ? this.settings.stepTimeoutMs : step.timeout_seconds * 1_000,
        signal,
      });
      const artifacts = await this.keepFiles(run, step, outcome.files, signal);
      const { summary } = outcome;
      await this.persist(signal, () =>
        this.runs.endStep(run, step.step_id, { outcome: 'succeeded', summary, artifacts }),
      );
      return outcome;
    } catch (error) {
      if (!(error instanceof StepFailed) || error instanceof StepAborted) throw error;
      const failure: Failure = { code: error.code, message: error.message, step_id: step.step_id };
      const outcome = error.failure === 'STEP_TIMED_OUT' ? 'timed_out' : 'failed';
      const artifacts = await this.keepFiles(run, step, error.files, signal);
      await this.persist(signal, () =>
        this.runs.endStep(run, step.step_id, { outcome, error: failure, artifacts }),
      );
      throw new StepRefused({ outcome, error: failure }, error);
    }
  }

  /** Files go to the store first, under the run's own names; their rows follow with the step's outcome. */
  private async keepFiles(
    run: ClaimedRun,
    step: Step,
    files: readonly ProducedFile[],
    signal: AbortSignal,
  ): Promise<NewArtifact[]> {
    const kept: NewArtifact[] = [];
    for (const file of files) {
      const storageName = `runs/${run.runId}/${file.relPath}`;
      const written = await this.store.write({ ...run, storageName }, createReadStream(file.path), {
        maxBytes: this.settings.artifactMaxBytes,
        signal,
      });
      kept.push({
        rel_path: file.relPath,
        kind: file.kind,
        content_type: file.contentType,
        storage_name: storageName,
        run_id: run.runId,
        step_id: step.step_id,
        ...written,
      });
    }
    return kept;
  }

  /** A database that is away is no failure of the job: tries again until it answers or the lease is lost. */
  private async persist<T>(signal: AbortSignal, write: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await write();
      } catch (error) {
        if (!isUnavailable(error) || signal.aborted) throw error;
        this.logger.warn(
          { event: 'SS_WORKER_WRITE_RETRIED', err: error },
          'the database does not answer; trying again',
        );
        await sleep(RETRY_MS);
      }
    }
  }
}

/** A step failed, that is kept already, and the run ends with it. */
class StepRefused extends Error {
  constructor(
    readonly settlement: Settlement,
    cause: StepFailed,
  ) {
    super(cause.message, { cause });
  }
}

function reasonOf(signal: AbortSignal): EndReason {
  return signal.reason === 'shutdown' ? 'shutdown' : 'lease_lost';
}
