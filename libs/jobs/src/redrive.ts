import { record } from '#audit';
import type { Database, Scope, Tx } from '#database';
import { type DeadLetter, DeadLetters, Messages, type Queue, type QueueName } from '#queue';
import { PLATFORM } from '#tenancy';
import { randomUUID } from 'node:crypto';
import { DRAFT_GIVEN_UP } from './draft-failures.js';
import { type Job, traceOf } from './job.js';
import { JobStore } from './job-store.js';

/** Why a dead letter is left where it is. */
export type SkipCode = 'JOB_MISSING' | 'NOT_WANTED' | 'WAITS_ALREADY';

/** What became of one dead letter, or would become of it. */
export interface Redriven extends DeadLetter {
  outcome: 'resent' | 'skipped';
  skipped: SkipCode | null;
  /** The job's status; null when there is no such job. */
  jobStatus: Job['status'] | null;
}

export interface RedriveRequest {
  queue: QueueName | null;
  limit: number;
  dryRun: boolean;
}

const DRAFTABLE = ['created', 'draft_ready'] as const;

/** Sends messages that were given up once more, those that their job still wants. */
export class Redrive {
  private readonly deadLetters = new DeadLetters();
  private readonly messages = new Messages();
  private readonly jobs = new JobStore();

  constructor(
    private readonly database: Database,
    private readonly queue: Queue,
  ) {}

  async list(scope: Scope, filter: { queue: QueueName | null; limit: number }): Promise<DeadLetter[]> {
    return this.database.acrossTenants(scope, (tx) => this.deadLetters.list(tx, filter));
  }

  /**
   * All of it in one transaction. What is sent leaves the dead letters; what is skipped stays among them until their
   * time is over. A dry run only tells.
   */
  async redrive(scope: Scope, request: RedriveRequest): Promise<Redriven[]> {
    return this.database.acrossTenants(scope, async (tx) => {
      const letters = await this.deadLetters.lock(tx, request);
      const done: Redriven[] = [];
      for (const letter of letters) done.push(await this.judge(tx, letter, request.dryRun));
      const sent = done.filter(({ outcome }) => outcome === 'resent');
      if (request.dryRun || sent.length === 0) return done;
      await this.deadLetters.remove(
        tx,
        sent.map(({ messageId }) => messageId),
      );
      for (const queue of new Set(sent.map((letter) => letter.queue))) {
        const resent = sent.filter((letter) => letter.queue === queue).length;
        const metadata = { resent, skipped: done.filter((letter) => letter.queue === queue).length - resent };
        const act = { action: 'queue.redriven', resourceType: 'queue', resourceId: queue };
        await record(tx, { ...act, metadata, tenantId: PLATFORM });
      }
      return done;
    });
  }

  /** The job is locked first: what it wants holds until the message is sent. */
  private async judge(tx: Tx, letter: DeadLetter, dryRun: boolean): Promise<Redriven> {
    const job = await this.jobs.findLocked(tx, letter);
    const skipped = job ? await this.reasonToSkip(tx, letter, job) : 'JOB_MISSING';
    if (job && skipped === null && !dryRun) await this.send(tx, letter, job);
    return {
      ...letter,
      outcome: skipped === null ? 'resent' : 'skipped',
      skipped,
      jobStatus: job?.status ?? null,
    };
  }

  private async reasonToSkip(tx: Tx, letter: DeadLetter, job: Job): Promise<SkipCode | null> {
    if (!wants(job, letter.queue)) return 'NOT_WANTED';
    const missing = await this.messages.missing(tx, letter.queue, [letter]);
    return missing.length === 0 ? 'WAITS_ALREADY' : null;
  }

  private async send(tx: Tx, letter: DeadLetter, job: Job): Promise<void> {
    if (letter.queue === 'job.run') {
      await this.queue.wake(tx, letter.queue, letter, {
        priority: job.priority,
        notBefore: job.scheduled_at,
        trace: traceOf(job),
      });
      return;
    }
    if (job.draft_task?.state !== 'pending') {
      await tx.describe('job.draft_requested', { redriven: letter.messageId });
      const draft_task = { task_id: randomUUID(), state: 'pending' } as const;
      await this.jobs.tryChange(tx, letter, DRAFTABLE, job.version, { draft_task });
    }
    await this.queue.wake(tx, letter.queue, letter, { trace: traceOf(job) });
  }
}

/** Whether the work that the message stood for is still to be done. */
function wants(job: Job, queue: QueueName): boolean {
  if (queue === 'job.run') return job.status === 'queued';
  if (!DRAFTABLE.some((status) => status === job.status)) return false;
  const task = job.draft_task;
  return task?.state === 'pending' || task?.error?.code === DRAFT_GIVEN_UP.code;
}
