import type { ArtifactStore } from '#artifacts';
import {
  CommitUnknown,
  type Database,
  type Instant,
  isUniqueViolation,
  type TenantScope,
  type Tx,
} from '#database';
import { span, toTraceparent, type TraceContext } from '#observability';
import type { JobRef, Queue } from '#queue';
import { type Plan, planNeeds } from '#plans';
import { once, orRepeated, type RepeatableScope, type RepeatKey, transactOnce } from '#tenancy';
import { randomUUID } from 'node:crypto';
import { type Draft, type DraftEdit, Drafts, draftSha256 } from './drafts.js';
import { explainRefusal, getJob, getJobWithData } from './explain-refusal.js';
import { type Job, traceOf } from './job.js';
import { assertNewJobId, newJobId } from './job-id.js';
import { JobInputRows } from './job-input-rows.js';
import { announceEnd, closeRun } from './close-run.js';
import { countDraftReady } from './count-moves.js';
import { JobStore } from './job-store.js';
import { PlanFreezer, type PreparedPlan } from './plan-freezer.js';
import { assertQueuedJobsFit } from './queued-jobs-limit.js';
import {
  DraftNotFound,
  DraftOutOfDate,
  DraftRevisionConflict,
  JobAlreadyExists,
  JobDataErased,
  JobLocked,
  JobVersionConflict,
  PrimaryDatasetMissing,
} from './refusals.js';
import { RunningJobsLimit } from './running-jobs-limit.js';

export interface NewJobRequest {
  jobId?: string | undefined;
  requirement?: string | undefined;
  priority?: number | undefined;
  labels?: Record<string, string> | undefined;
  /** A plan of the client's own: then nothing is drafted. */
  plan?: unknown;
  /** Confirm the plan at once, without a second look. */
  confirm?: boolean | undefined;
  /** Confirmed, but not queued. */
  hold?: boolean | undefined;
  runAfter?: Instant | undefined;
  /** A job that still waits in the queue then is failed. */
  expiresAt?: Instant | undefined;
  traceId: string;
  /** The span that asks for the job, in that trace. */
  traceParent?: TraceContext | null | undefined;
}

export interface ConfirmRequest {
  version: number | null;
  /** The revision that was read; whichever is the latest when absent. */
  draftRevision?: number | undefined;
  notes?: string | undefined;
  hold?: boolean | undefined;
}

const EDITABLE = ['created', 'draft_ready'] as const;

/** Somebody asked for another try, so it gets all that a first one has; a time to wait that is over binds no more. */
export const FRESH_START = {
  attempts: 0,
  lost_runs: 0,
  error: null,
  scheduled_at: null,
  expires_at: null,
} as const;

/**
 * What clients do with a job, each verb a whole decision in one transaction. The audit rows are written by the
 * database, in the same transaction. `version` is the one that the caller has seen; null: whichever it is.
 */
export class JobLifecycle {
  private readonly jobs = new JobStore();
  private readonly drafts = new Drafts();
  private readonly inputs = new JobInputRows();
  private readonly freezer: PlanFreezer;
  private readonly limit = new RunningJobsLimit();

  constructor(
    private readonly database: Database,
    private readonly queue: Queue,
    store: ArtifactStore,
    commandProfiles: readonly string[],
  ) {
    this.freezer = new PlanFreezer(store, commandProfiles);
  }

  async get(scope: TenantScope, jobId: string): Promise<Job> {
    return this.database.transaction(scope, (tx) => getJob(tx, refIn(scope, jobId)));
  }

  /** Makes a job: `created`; with a plan `draft_ready`; with a plan and `confirm` `queued` (or `confirmed` on hold). */
  async create(
    scope: TenantScope,
    request: NewJobRequest,
    repeat: RepeatKey | null,
  ): Promise<{ job: Job; replayed: boolean }> {
    const jobId = request.jobId ?? newJobId();
    assertNewJobId(jobId);
    const ref = refIn(scope, jobId);
    return span('job submit', { attributes: { 'ss.job_id': jobId } }, () =>
      this.submit(scope, ref, request, repeat),
    );
  }

  private async submit(
    scope: TenantScope,
    ref: JobRef,
    request: NewJobRequest,
    repeat: RepeatKey | null,
  ): Promise<{ job: Job; replayed: boolean }> {
    const plan = request.plan === undefined ? null : this.freezer.check(request.plan);
    const prepared =
      plan && request.confirm ? await this.freezer.prepare(ref, asDrafted(plan), null, []) : null;
    const isQueuedAtOnce = prepared !== null && !request.hold && request.runAfter === undefined;
    const turn = isQueuedAtOnce ? await this.takeTurn(ref, request.priority ?? 0) : null;
    try {
      const made = await this.database.transaction(scope, async (tx) => {
        const insert = (): Promise<Job> => this.insert(tx, ref, request, plan, prepared, turn);
        if (!repeat) return { job: await insert(), replayed: false };
        const { answer, replayed } = await once(tx, repeat, insert);
        return { job: answer, replayed };
      });
      if (made.replayed && prepared) await this.freezer.discard(ref, prepared);
      return made;
    } catch (error) {
      if (prepared) await this.discard(ref, prepared, error);
      if (isUniqueViolation(error, 'job_pkey')) throw new JobAlreadyExists(ref.jobId);
      throw error;
    }
  }

  /** Asks for a draft; a worker makes it. Asking again while one is being made changes no row. */
  async requestDraft(scope: RepeatableScope, jobId: string, version: number | null): Promise<Job> {
    const ref = refIn(scope, jobId);
    return transactOnce(this.database, scope, async (tx) => {
      const job = await this.lockEditable(tx, ref, version, 'The draft');
      if ((await this.inputs.list(tx, ref)).length === 0) throw new PrimaryDatasetMissing(jobId);
      if (job.draft_task?.state === 'pending') {
        // One that waits is enough; but a message that was given up is sent again.
        await this.queue.wake(tx, 'job.draft', ref, { trace: traceOf(job) });
        return job;
      }
      await tx.describe('job.draft_requested');
      const asked = await this.jobs.tryChange(tx, ref, EDITABLE, job.version, {
        draft_task: { task_id: randomUUID(), state: 'pending' },
      });
      await this.queue.wake(tx, 'job.draft', ref, { trace: traceOf(job) });
      return asked ?? explainRefusal(tx, ref, 'draft', version);
    });
  }

  async getDraft(scope: TenantScope, jobId: string): Promise<{ job: Job; draft: Draft | null }> {
    const ref = refIn(scope, jobId);
    return this.database.transaction(scope, async (tx) => {
      return { job: await getJobWithData(tx, ref), draft: await this.drafts.findLatest(tx, ref) };
    });
  }

  /** Edits the latest draft. New steps are checked like a plan. */
  async editDraft(
    scope: TenantScope,
    jobId: string,
    version: number,
    edit: Omit<DraftEdit, 'steps'> & { steps?: unknown[] },
  ): Promise<{ job: Job; draft: Draft }> {
    const ref = refIn(scope, jobId);
    const { steps, ...rest } = edit;
    const checked: DraftEdit = steps
      ? { ...rest, steps: this.freezer.check({ plan_version: 2, steps }).steps }
      : rest;
    return this.database.transaction(scope, async (tx) => {
      const job = await this.lockEditable(tx, ref, version, 'The draft');
      const latest = await this.drafts.findLatest(tx, ref);
      if (!latest) throw new DraftNotFound(jobId);
      const draft = await this.drafts.edit(tx, ref, latest.revision, checked);
      await tx.describe('job.draft_edited', { revision: latest.revision, fields: Object.keys(edit) });
      const changed = await this.jobs.tryChange(tx, ref, EDITABLE, job.version, {});
      return { job: changed ?? (await explainRefusal(tx, ref, 'confirm', version)), draft };
    });
  }

  /** Freezes the draft into the plan and queues the job, unless it is to be held. */
  async confirm(scope: RepeatableScope, jobId: string, request: ConfirmRequest): Promise<Job> {
    return span('job confirm', { attributes: { 'ss.job_id': jobId } }, () =>
      orRepeated(this.database, scope, () => this.confirmLatest(scope, refIn(scope, jobId), request)),
    );
  }

  private async confirmLatest(scope: RepeatableScope, ref: JobRef, request: ConfirmRequest): Promise<Job> {
    const { jobId } = ref;
    const seen = await this.database.transaction(scope, async (tx) => {
      const job = await getJob(tx, ref);
      const expected = request.version ?? job.version;
      if (job.version !== expected || job.status !== 'draft_ready') {
        return explainRefusal(tx, ref, 'confirm', request.version);
      }
      const draft = await this.drafts.findLatest(tx, ref);
      if (!draft) throw new DraftNotFound(jobId);
      const datasets = await this.inputs.list(tx, ref);
      return { job, draft, datasetKeys: datasets.map((dataset) => dataset.dataset_key) };
    });
    const { job, draft, datasetKeys } = seen;
    if (request.draftRevision !== undefined && request.draftRevision !== draft.revision) {
      throw new DraftRevisionConflict(jobId, request.draftRevision, draft.revision);
    }
    if (draft.source !== 'client' && draft.inputs_fingerprint !== job.inputs_fingerprint) {
      throw new DraftOutOfDate(jobId);
    }
    const prepared = await this.freezer.prepare(ref, draft, job.inputs_fingerprint, datasetKeys);
    const turn = request.hold ? null : await this.takeTurn(ref, job.priority);
    try {
      const made = { isNew: false };
      const answer = await transactOnce(this.database, scope, async (tx) => {
        made.isNew = true;
        // The version that was read above: the plan that is frozen is the draft that was seen.
        await tx.describe('job.confirmed', {
          draft_revision: draft.revision,
          draft_sha256: draftSha256(draft),
        });
        const confirmed = await this.confirmPrepared(tx, ref, job.version, prepared, draft.revision, {
          ...request,
          turn,
        });
        if (!confirmed) return explainRefusal(tx, ref, 'confirm', job.version);
        countDraftReady(tx, draft.created_at, confirmed);
        return confirmed;
      });
      if (!made.isNew) await this.freezer.discard(ref, prepared);
      return answer;
    } catch (error) {
      await this.discard(ref, prepared, error);
      throw error;
    }
  }

  /** Queues a job that was confirmed on hold. */
  async enqueue(scope: RepeatableScope, jobId: string, version: number | null): Promise<Job> {
    return this.toQueue(scope, jobId, 'enqueue', version);
  }

  /** Queues a failed job once more, with all its attempts before it. */
  async retry(scope: RepeatableScope, jobId: string, version: number | null): Promise<Job> {
    return this.toQueue(scope, jobId, 'retry', version);
  }

  /** Ends the job. The worker that runs it loses its lease, and hears of it at once or with its next heartbeat. */
  async cancel(scope: RepeatableScope, jobId: string, version: number | null): Promise<Job> {
    const ref = refIn(scope, jobId);
    return transactOnce(this.database, scope, async (tx) => {
      const cancelled = await this.jobs.tryMove(tx, ref, 'cancel', version, { draft_task: null });
      if (!cancelled) return explainRefusal(tx, ref, 'cancel', version);
      await this.queue.forget(tx, [ref]);
      if (cancelled.run_id !== null) {
        await closeRun(tx, ref, cancelled.run_id, { outcome: 'cancelled', error: null });
        await announceEnd(tx, cancelled.run_id);
        await this.limit.letIn(tx, [ref.tenantId]);
      }
      return cancelled;
    });
  }

  /** The rows did not come, so the file goes; but for rows of which nobody knows, somebody may be looking for it. */
  private async discard(ref: JobRef, prepared: PreparedPlan, error: unknown): Promise<void> {
    if (!(error instanceof CommitUnknown)) await this.freezer.discard(ref, prepared);
  }

  private async toQueue(
    scope: RepeatableScope,
    jobId: string,
    move: 'enqueue' | 'retry',
    version: number | null,
  ): Promise<Job> {
    const ref = refIn(scope, jobId);
    return transactOnce(this.database, scope, async (tx) => {
      const change = move === 'retry' ? FRESH_START : {};
      const queued = await this.jobs.tryMove(tx, ref, move, version, change);
      if (!queued) return explainRefusal(tx, ref, move, version);
      await assertQueuedJobsFit(tx, ref.tenantId);
      await this.wake(tx, queued);
      return queued;
    });
  }

  private async insert(
    tx: Tx,
    ref: JobRef,
    request: NewJobRequest,
    plan: Plan | null,
    prepared: PreparedPlan | null,
    turn: number | null,
  ): Promise<Job> {
    const created = await this.jobs.insert(tx, {
      ...ref,
      requirement: request.requirement ?? null,
      priority: request.priority ?? 0,
      labels: request.labels ?? {},
      scheduledAt: request.runAfter ?? null,
      expiresAt: request.expiresAt ?? null,
      traceId: request.traceId,
      ...parentOf(request),
    });
    if (!plan) return created;
    await this.drafts.insert(tx, ref, {
      revision: 1,
      source: 'client',
      text: 'The client sent this plan with the job.',
      ...asDrafted(plan),
      questions: [],
      assumptions: [],
      warnings: [],
      inputs_fingerprint: null,
    });
    const drafted = await this.jobs.tryMove(tx, ref, 'draft', created.version, { draft_revision: 1 });
    if (!drafted || !prepared) return drafted ?? created;
    return (
      (await this.confirmPrepared(tx, ref, drafted.version, prepared, 1, { ...request, turn })) ?? drafted
    );
  }

  private async confirmPrepared(
    tx: Tx,
    ref: JobRef,
    version: number,
    prepared: PreparedPlan,
    draftRevision: number,
    request: { notes?: string | undefined; hold?: boolean | undefined; turn: number | null },
  ): Promise<Job | null> {
    const confirmed = await this.jobs.tryMove(tx, ref, 'confirm', version, {
      plan_id: prepared.planId,
      needs: planNeeds(prepared.plan),
      draft_task: null,
    });
    if (!confirmed) return null;
    await this.freezer.freeze(tx, ref, prepared, draftRevision, request.notes ?? null);
    if (request.hold) return confirmed;
    const queued = await this.jobs.tryMove(tx, ref, 'enqueue', confirmed.version);
    if (!queued) return null;
    await assertQueuedJobsFit(tx, ref.tenantId);
    await this.wake(tx, queued, request.turn);
    return queued;
  }

  /** Before the transaction that queues the job, so that a tenant's submits do not wait for each other's commits. */
  private async takeTurn({ tenantId }: JobRef, priority: number): Promise<number> {
    return this.queue.takeTurn('job.run', { tenantId, priority });
  }

  private async wake(tx: Tx, job: Job, turn: number | null = null): Promise<void> {
    await this.queue.wake(
      tx,
      'job.run',
      { tenantId: job.tenant_id, jobId: job.job_id },
      {
        priority: job.priority,
        notBefore: job.scheduled_at,
        turn,
        trace: traceOf(job),
      },
    );
  }

  private async lockEditable(tx: Tx, ref: JobRef, version: number | null, what: string): Promise<Job> {
    const job = await this.jobs.findLocked(tx, ref);
    if (!job) return getJob(tx, ref);
    if (job.erased_at !== null) throw new JobDataErased(job);
    if (version !== null && job.version !== version) throw new JobVersionConflict(job, version);
    if (!EDITABLE.some((status) => status === job.status)) throw new JobLocked(job, what);
    return job;
  }
}

function refIn(scope: TenantScope, jobId: string): JobRef {
  return { tenantId: scope.tenantId, jobId };
}

/** Only a span of the job's own trace: the row refuses any other. */
export function parentOf({ traceId, traceParent }: NewJobRequest): {
  traceParent: string | null;
  traceState: string | null;
} {
  if (traceParent?.traceId !== traceId) return { traceParent: null, traceState: null };
  return { traceParent: toTraceparent(traceParent), traceState: traceParent.state };
}

export function asDrafted({
  plan_version: _version,
  steps,
  ...plan_options
}: Plan): Pick<Draft, 'steps' | 'plan_options'> {
  return { steps, plan_options };
}
