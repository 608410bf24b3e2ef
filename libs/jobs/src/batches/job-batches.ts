import type { ArtifactStore } from '#artifacts';
import { CommitUnknown, type Database, type TenantScope, type Tx } from '#database';
import { DomainError, span } from '#observability';
import { planNeeds } from '#plans';
import type { Queue } from '#queue';
import { once, QueuedJobsExceeded, type RepeatKey } from '#tenancy';
import { asDrafted, parentOf } from '../job-lifecycle.js';
import { assertNewJobId, newJobId } from '../job-id.js';
import { type Job, traceOf } from '../job.js';
import { PlanFreezer } from '../plan-freezer.js';
import { takeQueueRoom } from '../queued-jobs-limit.js';
import { BatchRefused, JobAlreadyExists } from '../refusals.js';
import { assertStorageFits } from '../storage-limit.js';
import {
  type BatchItem,
  type BatchMode,
  type BatchResult,
  faultsOf,
  isQueued,
  type PreparedItem,
  type Refusal,
  toRefusal,
} from './batch-item.js';
import { BatchRows } from './batch-rows.js';
import { JobSets } from './job-sets.js';

/** So many plans are written to the store at a time. */
const FILES_AT_A_TIME = 16;

/** What a client's plan is called as a draft: as in a single submit. */
const DRAFT_TEXT = 'The client sent this plan with the job.';

type Turns = ReadonlyMap<string, number>;

/** Makes many jobs in one transaction, a statement a table and a move: what each of them gets is what a single one gets. */
export class JobBatches {
  private readonly rows = new BatchRows();
  private readonly sets = new JobSets();
  private readonly freezer: PlanFreezer;

  constructor(
    private readonly database: Database,
    private readonly queue: Queue,
    store: ArtifactStore,
    commandProfiles: readonly string[],
  ) {
    this.freezer = new PlanFreezer(store, commandProfiles);
  }

  /** One result an item, in their order. `all` throws `BATCH_REFUSED` when any is refused. */
  async create(
    scope: TenantScope,
    mode: BatchMode,
    items: readonly BatchItem[],
    repeat: RepeatKey | null,
  ): Promise<{ results: BatchResult[]; replayed: boolean }> {
    return span('job submit batch', { attributes: { 'ss.batch_size': items.length } }, () =>
      this.submit(scope, mode, items, repeat),
    );
  }

  private async submit(
    scope: TenantScope,
    mode: BatchMode,
    items: readonly BatchItem[],
    repeat: RepeatKey | null,
  ): Promise<{ results: BatchResult[]; replayed: boolean }> {
    const refused = new Map<number, Refusal>();
    const prepared = await this.prepareAll(scope.tenantId, items, refused);
    const kept = new Set<PreparedItem>();
    try {
      assertAll(mode, items, refused);
      const turns = await this.takeTurns(prepared);
      const made = await this.database.transaction(scope, async (tx) => {
        // The transaction may be tried again.
        kept.clear();
        const insert = (): Promise<BatchResult[]> =>
          this.insert(tx, scope.tenantId, mode, { items, prepared, turns, refused: new Map(refused) }, kept);
        if (!repeat) return { results: await insert(), replayed: false };
        const { answer, replayed } = await once(tx, repeat, insert);
        return { results: answer, replayed };
      });
      await this.discard(prepared.filter((item) => !kept.has(item)));
      return made;
    } catch (error) {
      // Of rows of which nobody knows, somebody may be looking for the file.
      if (!(error instanceof CommitUnknown)) await this.discard(prepared);
      throw error;
    }
  }

  /** Before the transaction, all at once: so they share a round, and nobody waits for the commit. By job_id. */
  private async takeTurns(items: readonly PreparedItem[]): Promise<Turns> {
    const atOnce = items.filter((item) => isQueued(item) && item.request.runAfter === undefined);
    const turns = atOnce.map(async ({ ref: { tenantId, jobId }, request: { priority = 0 } }) => {
      return [jobId, await this.queue.takeTurn('job.run', { tenantId, priority })] as const;
    });
    return new Map(await Promise.all(turns));
  }

  /** Checks each, and writes the plans that are to be frozen; what is refused is noted. */
  private async prepareAll(
    tenantId: string,
    items: readonly BatchItem[],
    refused: Map<number, Refusal>,
  ): Promise<PreparedItem[]> {
    const prepared: PreparedItem[] = [];
    const seen = new Set<string>();
    const waiting = [...items.entries()];
    const work = async (): Promise<void> => {
      for (let next = waiting.shift(); next; next = waiting.shift()) {
        const [index, item] = next;
        try {
          prepared.push(await this.prepare(tenantId, index, item, seen));
        } catch (error) {
          refused.set(index, toRefusal(error));
        }
      }
    };
    const done = await Promise.allSettled(Array.from({ length: FILES_AT_A_TIME }, work));
    const failed = done.find((one) => one.status === 'rejected');
    if (failed) {
      await this.discard(prepared);
      throw failed.reason;
    }
    return prepared.sort((one, other) => one.index - other.index);
  }

  private async prepare(
    tenantId: string,
    index: number,
    item: BatchItem,
    seen: Set<string>,
  ): Promise<PreparedItem> {
    if (item instanceof DomainError) throw item;
    const jobId = item.jobId ?? newJobId();
    assertNewJobId(jobId);
    if (seen.has(jobId)) throw new JobAlreadyExists(jobId);
    seen.add(jobId);
    const ref = { tenantId, jobId };
    const plan = item.plan === undefined ? null : this.freezer.check(item.plan);
    const prepared = plan && item.confirm ? await this.freezer.prepare(ref, asDrafted(plan), null, []) : null;
    return { index, ref, request: item, plan, prepared };
  }

  private async insert(
    tx: Tx,
    tenantId: string,
    mode: BatchMode,
    {
      items,
      prepared,
      turns,
      refused,
    }: {
      items: readonly BatchItem[];
      prepared: PreparedItem[];
      turns: Turns;
      refused: Map<number, Refusal>;
    },
    kept: Set<PreparedItem>,
  ): Promise<BatchResult[]> {
    const wanted = await this.withinLimit(tx, tenantId, mode, prepared, refused);
    const made = await this.rows.insertJobs(tx, tenantId, wanted.map(toNewJob));
    for (const { index, ref } of wanted.filter((item) => !made.has(item.ref.jobId))) {
      refused.set(index, toRefusal(new JobAlreadyExists(ref.jobId)));
    }
    assertAll(mode, items, refused);
    const own = wanted.filter(({ ref }) => made.has(ref.jobId));
    const jobs = await this.advance(tx, tenantId, own, turns);
    for (const item of own) kept.add(item);
    const byIndex = new Map(own.map((item) => [item.index, item.ref.jobId]));
    return items.map((_, index) => {
      const refusal = refused.get(index);
      if (refusal) return { refusal };
      const job_id = byIndex.get(index) ?? '';
      const { version, status } = jobs.get(job_id) ?? { version: 1, status: 'created' };
      return { job: { job_id, version, status } };
    });
  }

  /** Those that the tenant may have in the queue, the first ones first. Throws when it is all or none. */
  private async withinLimit(
    tx: Tx,
    tenantId: string,
    mode: BatchMode,
    prepared: readonly PreparedItem[],
    refused: Map<number, Refusal>,
  ): Promise<PreparedItem[]> {
    const queued = prepared.filter(isQueued);
    const room = queued.length > 0 ? await takeQueueRoom(tx, tenantId) : null;
    if (!room) return [...prepared];
    const past = new Set(queued.slice(Math.max(0, room.limit - room.current)));
    if (past.size === 0) return [...prepared];
    const exceeded = new QueuedJobsExceeded(room.limit, room.current);
    if (mode === 'all') throw exceeded;
    for (const { index } of past) refused.set(index, toRefusal(exceeded));
    return prepared.filter((item) => !past.has(item));
  }

  /** Drafts, plans and places in the line, for those that ask for it. Answers the jobs that have moved. */
  private async advance(
    tx: Tx,
    tenantId: string,
    items: readonly PreparedItem[],
    turns: Turns,
  ): Promise<Map<string, Job>> {
    const moved = new Map<string, Job>();
    const note = (jobs: readonly Job[], expected: number): void => {
      if (jobs.length !== expected) throw new Error('a job that was just made could not be moved');
      for (const job of jobs) moved.set(job.job_id, job);
    };
    const drafts = items.flatMap(({ ref, plan }) =>
      plan ? [{ job_id: ref.jobId, ...asDrafted(plan) }] : [],
    );
    if (drafts.length === 0) return moved;
    await this.rows.insertDrafts(tx, tenantId, drafts, DRAFT_TEXT);
    const named = drafts.map(({ job_id }) => ({ job_id }));
    const drafted = { rows: named, sets: ['draft_revision = 1'] };
    note(await this.sets.move(tx, tenantId, 'draft', drafted), drafts.length);

    const plans = items.flatMap(({ ref, prepared }) => (prepared ? [{ jobId: ref.jobId, prepared }] : []));
    if (plans.length === 0) return moved;
    const confirmed = {
      rows: plans.map(({ jobId, prepared: { planId, plan } }) => ({
        ...{ job_id: jobId, plan_id: planId, needs: planNeeds(plan) },
      })),
      of: 'plan_id text, needs text[]',
      sets: ['plan_id = set.plan_id', 'needs = set.needs'],
    };
    note(await this.sets.move(tx, tenantId, 'confirm', confirmed), plans.length);
    await this.rows.insertPlans(tx, tenantId, plans);
    const bytes = plans.reduce((sum, { prepared }) => sum + prepared.bytes, 0);
    await assertStorageFits(tx, tenantId, bytes);

    const queued = items.filter(isQueued);
    const rows = queued.map(({ ref }) => ({ job_id: ref.jobId }));
    const jobs = await this.sets.move(tx, tenantId, 'enqueue', { rows });
    note(jobs, queued.length);
    const wishes = jobs.map((job) => ({
      ...{ tenantId, jobId: job.job_id, priority: job.priority, notBefore: job.scheduled_at },
      ...{ turn: turns.get(job.job_id) ?? null, trace: traceOf(job) },
    }));
    await this.queue.wakeAll(tx, 'job.run', wishes);
    return moved;
  }

  private async discard(items: readonly PreparedItem[]): Promise<void> {
    for (const { ref, prepared } of items) if (prepared) await this.freezer.discard(ref, prepared);
  }
}

function assertAll(
  mode: BatchMode,
  items: readonly BatchItem[],
  refused: ReadonlyMap<number, Refusal>,
): void {
  if (mode !== 'all' || refused.size === 0) return;
  const inOrder = [...refused].sort(([one], [other]) => one - other);
  const faults = inOrder.flatMap(([index, refusal]) => faultsOf(index, refusal));
  throw new BatchRefused(refused.size, items.length, faults);
}

function toNewJob({ ref, request }: PreparedItem): Parameters<BatchRows['insertJobs']>[2][number] {
  return {
    ...ref,
    requirement: request.requirement ?? null,
    priority: request.priority ?? 0,
    labels: request.labels ?? {},
    scheduledAt: request.runAfter ?? null,
    expiresAt: request.expiresAt ?? null,
    traceId: request.traceId,
    ...parentOf(request),
  };
}
