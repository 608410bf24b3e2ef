import type { Database, Scope, TenantScope, Tx } from '#database';
import type { Drafter, DraftProposal, DraftRequest } from '#drafting';
import { LlmBudgetExceeded, LlmCallFailed, LlmCallPostponed, type ToldExchange } from '#llm';
import { type CarriedTrace, metrics } from '#observability';
import type { HeldMessage, JobRef, Queue } from '#queue';
import { findTenantDrafting, StorageExceeded, type TenantDrafting } from '#tenancy';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DraftExchanges } from './draft-exchanges.js';
import { Drafts } from './drafts.js';
import type { DraftFailure, DraftTask, Job } from './job.js';
import { type InputDataset, JobInputRows } from './job-input-rows.js';
import type { NewArtifact } from './job-artifacts.js';
import { JobStore } from './job-store.js';

const DRAFTABLE = ['created', 'draft_ready'] as const;

/** While the drafter worked, somebody changed the job; so often the draft is made anew before that is a failure. */
const MAX_ROUNDS = 3;

/** How soon a drafter hears that nobody wants its draft any more. */
const WATCH_MS = 1_000;

export type DraftingResult = 'drafted' | 'failed' | 'postponed' | 'nothing_to_do';

interface Seen {
  job: Job;
  task: DraftTask;
  datasets: InputDataset[];
  settings: TenantDrafting;
}

/** What became of one round of drafting. */
type Made =
  | { kind: 'proposal'; proposal: DraftProposal; artifacts: NewArtifact[] }
  | { kind: 'failure'; failure: DraftFailure; artifacts: NewArtifact[] }
  | { kind: 'postponed'; postponed: LlmCallPostponed }
  | { kind: 'not_wanted' };

/** The drafting worker's side of a job: read, let the drafter think outside any transaction, keep the draft. */
export class JobDrafting {
  private readonly jobs = new JobStore();
  private readonly drafts = new Drafts();
  private readonly inputs = new JobInputRows();

  constructor(
    private readonly database: Database,
    private readonly queue: Queue,
    private readonly scope: Scope,
    private readonly drafter: Drafter,
    private readonly exchanges: DraftExchanges,
    private readonly watchMs = WATCH_MS,
  ) {}

  /** Makes the draft that the message asks for, if one is still asked for. The message is gone afterwards. */
  async carryOut(message: HeldMessage, signal: AbortSignal): Promise<DraftingResult> {
    const scope = { ...this.scope, tenantId: message.tenantId };
    let task: DraftTask | null = null;
    for (let round = 1; round <= MAX_ROUNDS; round++) {
      const seen = await this.database.transaction(scope, (tx) => this.read(tx, message));
      if (!seen) return this.dropMessage(scope, message, task);
      task = seen.task;
      const made = await this.make(scope, message, seen, signal);
      const result = await this.keepWithin(scope, message, seen, made);
      if (result) return result;
    }
    // The message stays, and comes back when it expires: by then the job may have come to rest.
    throw new Error(
      `the inputs of job ${message.jobId} changed during every one of ${String(MAX_ROUNDS)} drafts`,
    );
  }

  /** Gives the message back, so that nobody has to wait until it expires. */
  async handBack(message: HeldMessage): Promise<void> {
    await this.database.transaction({ ...this.scope, tenantId: message.tenantId }, async (tx) => {
      await this.queue.settle(tx, 'job.draft', message);
      await this.queue.wake(tx, 'job.draft', message, carriedBy(message));
    });
  }

  private async read(tx: Tx, ref: JobRef): Promise<Seen | null> {
    const job = await this.jobs.find(tx, ref);
    const task = job?.draft_task;
    if (task?.state !== 'pending' || !DRAFTABLE.some((status) => status === job?.status)) return null;
    const settings = await findTenantDrafting(tx, ref.tenantId);
    return job ? { job, task, datasets: await this.inputs.list(tx, ref), settings } : null;
  }

  private async make(scope: TenantScope, ref: JobRef, seen: Seen, signal: AbortSignal): Promise<Made> {
    const told: ToldExchange[] = [];
    const written = async (): Promise<NewArtifact[]> =>
      seen.settings.keep_prompts ? this.exchanges.write(ref, seen.task.task_id, told) : [];
    const notWanted = new AbortController();
    const done = new AbortController();
    const watching = this.watch(scope, ref, seen.task, notWanted, done.signal);
    try {
      const proposal = await this.drafter.draft(
        toRequest(seen),
        AbortSignal.any([signal, notWanted.signal]),
        contextOf(ref, seen, told),
      );
      return { kind: 'proposal', proposal, artifacts: await written() };
    } catch (error) {
      // Shutting down is no fault of the draft: whoever gets the message next makes it.
      if (signal.aborted) throw error;
      if (notWanted.signal.aborted) return { kind: 'not_wanted' };
      if (error instanceof LlmCallPostponed) return { kind: 'postponed', postponed: error };
      return { kind: 'failure', failure: failureOf(error), artifacts: await written() };
    } finally {
      done.abort();
      await watching;
    }
  }

  /** Tells the drafter to stop when the job was cancelled or the task is another: a call to a model costs money. */
  private async watch(
    scope: TenantScope,
    ref: JobRef,
    { task_id: taskId }: DraftTask,
    notWanted: AbortController,
    done: AbortSignal,
  ): Promise<void> {
    for (;;) {
      await sleep(this.watchMs, undefined, { signal: done }).catch(() => undefined);
      if (done.aborted) return;
      try {
        const job = await this.database.transaction(scope, (tx) => this.jobs.find(tx, ref));
        if (job?.draft_task?.task_id === taskId && job.draft_task.state === 'pending') continue;
        notWanted.abort(new Error('the draft is not wanted any more'));
        return;
      } catch {
        // A database that is away for a moment: whether the draft is wanted is told when it is kept.
      }
    }
  }

  /** Keeps the result; without its exchanges, and so without the draft, where the tenant has no room for them. */
  private async keepWithin(
    scope: TenantScope,
    message: HeldMessage,
    seen: Seen,
    made: Made,
  ): Promise<DraftingResult | null> {
    try {
      return await this.keep(scope, message, seen, made);
    } catch (error) {
      if (!(error instanceof StorageExceeded) || !('artifacts' in made)) throw error;
      metrics.quotaRefusals.inc({ code: error.code });
      await this.exchanges.discard(message, made.artifacts);
      const failure = made.kind === 'failure' ? made.failure : failureOf(error);
      return this.keep(scope, message, seen, { kind: 'failure', failure, artifacts: [] });
    }
  }

  /** Keeps the result if the job is still as it was read; null when it is not. */
  private async keep(
    scope: TenantScope,
    message: HeldMessage,
    seen: Seen,
    made: Made,
  ): Promise<DraftingResult | null> {
    if (made.kind === 'not_wanted') return null;
    return this.database.transaction(scope, async (tx): Promise<DraftingResult | null> => {
      if (made.kind === 'postponed') return this.postpone(tx, message, seen, made.postponed);
      const job =
        made.kind === 'proposal'
          ? await this.keepDraft(tx, message, seen.job, made.proposal)
          : await this.fail(tx, message, seen.job, made.failure);
      if (!job) return null;
      await this.exchanges.keep(tx, message, seen.task.task_id, made.artifacts);
      await this.queue.settle(tx, 'job.draft', message);
      return made.kind === 'proposal' ? 'drafted' : 'failed';
    });
  }

  private async keepDraft(tx: Tx, ref: JobRef, seen: Job, proposal: DraftProposal): Promise<Job | null> {
    const revision = seen.draft_revision + 1;
    const change = { draft_revision: revision, draft_task: null };
    await tx.describe('job.drafted_again', { revision, source: proposal.source });
    const job =
      seen.status === 'created'
        ? await this.jobs.tryMove(tx, ref, 'draft', seen.version, change)
        : await this.jobs.tryChange(tx, ref, DRAFTABLE, seen.version, change);
    if (job) {
      await this.drafts.insert(tx, ref, {
        ...proposal,
        revision,
        inputs_fingerprint: seen.inputs_fingerprint,
      });
    }
    return job;
  }

  private async fail(tx: Tx, ref: JobRef, seen: Job, error: DraftFailure): Promise<Job | null> {
    const taskId = seen.draft_task?.task_id ?? '';
    const { code, attempts } = error;
    await tx.describe('job.draft_failed', attempts === undefined ? { code } : { code, attempts });
    return this.jobs.tryChange(tx, ref, DRAFTABLE, seen.version, {
      draft_task: { task_id: taskId, state: 'failed', error },
    });
  }

  /** Back into the queue with a time: in one transaction this message goes and another waits. */
  private async postpone(
    tx: Tx,
    message: HeldMessage,
    { job, task }: Seen,
    { notBefore, reason }: LlmCallPostponed,
  ): Promise<DraftingResult | null> {
    // That somebody else is at it just now is no news; that nothing will come for a while is.
    if (reason === 'retry_after') {
      await tx.describe('job.draft_postponed', { not_before: notBefore });
      const change = { draft_task: { ...task, not_before: notBefore } };
      if (!(await this.jobs.tryChange(tx, message, DRAFTABLE, job.version, change))) return null;
    }
    await this.queue.settle(tx, 'job.draft', message);
    await this.queue.wake(tx, 'job.draft', message, { notBefore, ...carriedBy(message) });
    return 'postponed';
  }

  private async dropMessage(
    scope: TenantScope,
    message: HeldMessage,
    task: DraftTask | null,
  ): Promise<DraftingResult> {
    await this.database.transaction(scope, async (tx) => {
      if (task) await this.exchanges.forget(tx, message, task.task_id);
      await this.queue.settle(tx, 'job.draft', message);
    });
    return 'nothing_to_do';
  }
}

/** What the message that is sent again carries on. */
function carriedBy({ trace }: HeldMessage): { trace: CarriedTrace | null } {
  return { trace: trace ?? null };
}

function contextOf(
  ref: JobRef,
  { job, task, settings }: Seen,
  told: ToldExchange[],
): Parameters<Drafter['draft']>[2] {
  return {
    tenantId: ref.tenantId,
    jobId: ref.jobId,
    traceId: job.trace_id,
    taskId: task.task_id,
    budget: {
      calls: settings.calls_per_day,
      tokens: settings.tokens_per_day,
      costMicros: settings.cost_micros_per_day,
    },
    ruleFallback: settings.rule_fallback,
    onExchange: (exchange) => void told.push(exchange),
  };
}

function failureOf(error: unknown): DraftFailure {
  if (error instanceof LlmCallFailed) {
    return { code: error.code, message: error.message, attempts: error.attempts };
  }
  if (error instanceof LlmBudgetExceeded) {
    return { code: error.code, message: error.message, resets_at: error.resetsAt };
  }
  if (error instanceof StorageExceeded) return { code: error.code, message: error.message };
  return { code: 'DRAFT_FAILED', message: error instanceof Error ? error.message : 'The drafter failed.' };
}

function toRequest({ job, datasets, settings }: Seen): DraftRequest {
  return {
    requirement: job.requirement ?? '',
    datasets: datasets.map((dataset) => ({
      datasetKey: dataset.dataset_key,
      role: dataset.role,
      originalName: dataset.original_name,
      rowCount: dataset.profile.rowCount,
      columns: dataset.profile.columns,
      ...(settings.sample_rows ? { sampleRows: dataset.profile.sampleRows } : {}),
    })),
  };
}
