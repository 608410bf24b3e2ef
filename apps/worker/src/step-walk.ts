import {
  type Execution,
  type ProducedFile,
  StepAborted,
  StepFailed,
  type StepOutcome,
  type StepRequest,
  type TableFile,
} from '#execution';
import type { ClaimedRun, Failure, JobRuns, RunOrder, StepResult } from '#jobs';
import {
  isDomainError,
  type Logger,
  markFailed,
  metrics,
  parseTraceContext,
  span,
  traceVariables,
} from '#observability';
import { executionOrder, type Step } from '#plans';
import { StorageExceeded } from '#tenancy';
import { untilCertain } from './certain-writes.js';
import { PrintedTeller } from './printed-teller.js';
import type { RunFiles } from './run-files.js';

export interface WalkOptions {
  run: ClaimedRun;
  order: RunOrder;
  workspace: string;
  stepTimeoutMs: number;
  signal: AbortSignal;
  log: Logger;
}

/** A step failed; its outcome is kept already, and the run ends with it. */
export class StepRefused extends Error {
  constructor(
    readonly outcome: 'failed' | 'timed_out',
    readonly failure: Failure,
    cause: StepFailed | StorageExceeded,
  ) {
    super(cause.message, { cause });
  }
}

/** Carries out the steps of one run in the order of their dependencies, after those that an earlier run has done. */
export class StepWalk {
  private readonly tables: TableFile[] = [];

  constructor(
    private readonly runs: JobRuns,
    private readonly execution: Execution,
    private readonly files: RunFiles,
    private readonly options: WalkOptions,
  ) {}

  async carryOut(): Promise<void> {
    for (const [index, step] of executionOrder(this.options.order.plan).entries()) {
      const position = index + 1;
      if (!(await this.tryResume(step, position))) await this.begin(step, position);
    }
  }

  /** Takes over what an earlier run has done, if all of its files are still there. */
  private async tryResume(step: Step, position: number): Promise<boolean> {
    const { run, order, log } = this.options;
    const done = order.done.findLast((candidate) => candidate.stepId === step.step_id);
    if (!done) return false;
    try {
      const table = await this.files.tableOfDone(done);
      if (table) this.tables.push(table);
    } catch (error) {
      if (!isDomainError(error)) throw error;
      log.warn(
        { event: 'SS_WORKER_STEP_FILES_GONE', step_id: step.step_id, done_by: done.runId },
        'the files of a step that was done are gone; doing it again',
      );
      return false;
    }
    const { step_id: stepId, type } = step;
    await this.persist(() => this.runs.resumeStep(run, { stepId, position, type }, done.runId));
    log.info(
      { event: 'SS_WORKER_STEP_RESUMED', step_id: stepId, done_by: done.runId },
      'step was done before',
    );
    return true;
  }

  private async begin(step: Step, position: number): Promise<void> {
    const { step_id: stepId, type } = step;
    const attributes = { 'ss.step_id': stepId, 'ss.step_type': type, 'ss.step_position': position };
    await span(`step ${type}`, { attributes }, () => this.beginWithin(step, position));
  }

  private async beginWithin(step: Step, position: number): Promise<void> {
    const { run, log } = this.options;
    const { step_id: stepId, type } = step;
    await this.persist(() => this.runs.beginStep(run, { stepId, position, type }));
    const begunAt = performance.now();
    const outcome = await this.carryOutStep(step);
    const table = this.files.tableOf(stepId, outcome.files);
    if (table) this.tables.push(table);
    const duration = Math.round(performance.now() - begunAt);
    log.info({ event: 'SS_WORKER_STEP_DONE', step_id: stepId, type, duration_ms: duration }, 'step done');
  }

  private async carryOutStep(step: Step): Promise<StepOutcome> {
    const { workspace, stepTimeoutMs, signal } = this.options;
    const begunAt = performance.now();
    const told = (outcome: 'succeeded' | 'failed' | 'timed_out'): void => {
      metrics.stepSeconds.observe({ type: step.type, outcome }, (performance.now() - begunAt) / 1_000);
    };
    const printed = new PrintedTeller(this.runs, this.options.run, step.step_id);
    try {
      const outcome = await this.execution.run({
        step,
        onPrinted: (lines) => {
          printed.take(lines);
        },
        datasets: await this.datasetsFor(step),
        tables: this.tables,
        workspace,
        traceVariables: this.traceVariables(),
        timeoutMs: step.timeout_seconds === undefined ? stepTimeoutMs : step.timeout_seconds * 1_000,
        signal,
      });
      const { summary } = outcome;
      await printed.settled();
      await this.end(step, { outcome: 'succeeded', summary }, outcome.files);
      told('succeeded');
      return outcome;
    } catch (error) {
      const isRefusal = error instanceof StepFailed || error instanceof StorageExceeded;
      if (!isRefusal || error instanceof StepAborted) throw error;
      const failure: Failure = { code: error.code, message: error.message, step_id: step.step_id };
      await printed.settled();
      const outcome = error.code === 'STEP_TIMED_OUT' ? 'timed_out' : 'failed';
      const result = { outcome, error: failure } as const;
      await this.end(step, result, error instanceof StepFailed ? error.files : []).catch(
        (refusal: unknown) => {
          // What there is no room for is only what a failed step had to say.
          if (!(refusal instanceof StorageExceeded)) throw refusal;
          return this.end(step, result, []);
        },
      );
      told(outcome);
      markFailed(failure.code);
      throw new StepRefused(outcome, failure, error);
    }
  }

  private async datasetsFor({ type }: Step): Promise<StepRequest['datasets']> {
    if (type === 'noop' || type === 'chart') return [];
    return Promise.all(
      this.options.order.datasets.map(async ({ dataset_key: datasetKey, format, storage_name, sha256 }) => ({
        datasetKey,
        format,
        path: await this.files.localPath(storage_name, sha256),
      })),
    );
  }

  /** Keeps how the step ended with its files: the files first, and all of them or none. */
  private async end(
    { step_id: stepId }: Step,
    result: Omit<StepResult, 'artifacts'>,
    files: readonly ProducedFile[],
  ): Promise<void> {
    const { run, signal } = this.options;
    const artifacts = await this.files.keep(stepId, files, signal);
    try {
      await this.persist(() => this.runs.endStep(run, stepId, { ...result, artifacts }));
    } catch (error) {
      if (error instanceof StorageExceeded) {
        metrics.quotaRefusals.inc({ code: error.code });
        await this.files.discard(artifacts);
      }
      throw error;
    }
  }

  /** For programs that trace as well: the step's span, or what the job came with. */
  private traceVariables(): Record<string, string> {
    const { trace } = this.options.run;
    const own = traceVariables();
    return 'TRACEPARENT' in own
      ? own
      : traceVariables(parseTraceContext(trace.traceparent, trace.tracestate));
  }

  /** A database that is away is no failure of the step: tries again until it answers or the run has to end. */
  private persist<T>(write: () => Promise<T>): Promise<T> {
    return untilCertain(write, () => this.options.signal.aborted, this.options.log);
  }
}
