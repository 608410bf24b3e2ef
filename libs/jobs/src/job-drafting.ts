import { type Database, type Scope, type TenantScope, type Tx } from '#database';
import type { Drafter, DraftProposal, DraftRequest } from '#drafting';
import type { HeldMessage, JobRef, Queue } from '#queue';
import { Drafts } from './drafts.js';
import type { Failure, Job } from './job.js';
import { type InputDataset, JobInputRows } from './job-input-rows.js';
import { JobStore } from './job-store.js';

const DRAFTABLE = ['created', 'draft_ready'] as const;

/** While the drafter worked, somebody changed the job; so often the draft is made anew before that is a failure. */
const MAX_ROUNDS = 3;

export type DraftingResult = 'drafted' | 'failed' | 'nothing_to_do';

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
  ) {}

  /** Makes the draft that the message asks for, if one is still asked for. The message is gone afterwards. */
  async carryOut(message: HeldMessage, signal: AbortSignal): Promise<DraftingResult> {
    const scope = { ...this.scope, tenantId: message.tenantId };
    for (let round = 1; round <= MAX_ROUNDS; round++) {
      const seen = await this.database.transaction(scope, (tx) => this.read(tx, message));
      if (!seen) return this.dropMessage(scope, message);
      const result = await this.draft(seen, signal);
      if (await this.keep(scope, message, seen.job, result)) return 'source' in result ? 'drafted' : 'failed';
    }
    // The message stays, and comes back when it expires: by then the job may have come to rest.
    throw new Error(
      `the inputs of job ${message.jobId} changed during every one of ${String(MAX_ROUNDS)} drafts`,
    );
  }

  private async read(tx: Tx, ref: JobRef): Promise<{ job: Job; datasets: InputDataset[] } | null> {
    const job = await this.jobs.find(tx, ref);
    if (job?.draft_task?.state !== 'pending' || !DRAFTABLE.some((status) => status === job.status))
      return null;
    return { job, datasets: await this.inputs.list(tx, ref) };
  }

  private async draft(
    seen: { job: Job; datasets: InputDataset[] },
    signal: AbortSignal,
  ): Promise<DraftProposal | Failure> {
    try {
      return await this.drafter.draft(toRequest(seen.job, seen.datasets), signal);
    } catch (error) {
      // Shutting down is no fault of the draft: whoever gets the message next makes it.
      if (signal.aborted) throw error;
      return {
        code: 'DRAFT_FAILED',
        message: error instanceof Error ? error.message : 'The drafter failed.',
      };
    }
  }

  /** Keeps the result if the job is still as it was read. */
  private async keep(
    scope: TenantScope,
    message: HeldMessage,
    seen: Job,
    result: DraftProposal | Failure,
  ): Promise<boolean> {
    return this.database.transaction(scope, async (tx) => {
      const job =
        'source' in result
          ? await this.keepDraft(tx, message, seen, result)
          : await this.fail(tx, message, seen, result);
      if (!job) return false;
      await this.queue.settle(tx, 'job.draft', message);
      return true;
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

  private async fail(tx: Tx, ref: JobRef, seen: Job, error: Failure): Promise<Job | null> {
    const taskId = seen.draft_task?.task_id ?? '';
    await tx.describe('job.draft_failed', { code: error.code });
    return this.jobs.tryChange(tx, ref, DRAFTABLE, seen.version, {
      draft_task: { task_id: taskId, state: 'failed', error },
    });
  }

  private async dropMessage(scope: TenantScope, message: HeldMessage): Promise<DraftingResult> {
    await this.database.transaction(scope, (tx) => this.queue.settle(tx, 'job.draft', message));
    return 'nothing_to_do';
  }
}

function toRequest(job: Job, datasets: readonly InputDataset[]): DraftRequest {
  return {
    requirement: job.requirement ?? '',
    datasets: datasets.map((dataset) => ({
      datasetKey: dataset.dataset_key,
      role: dataset.role,
      originalName: dataset.original_name,
      rowCount: dataset.profile.rowCount,
      columns: dataset.profile.columns,
    })),
  };
}
