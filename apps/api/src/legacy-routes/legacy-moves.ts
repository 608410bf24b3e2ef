import { type Draft, type FrozenPlan, type Job, JobLifecycle, JobReads, type JobStatus } from '#jobs';
import type { TenantScope } from '#database';
import { DomainError, isDomainError } from '#observability';
import { Injectable } from '@nestjs/common';
import { isDeepStrictEqual } from 'node:util';

/** What is said with a confirm or a freeze. */
export interface Said {
  answers: Record<string, unknown>;
  notes?: string | undefined;
}

const NOTHING_SAID: Said = { answers: {} };

/**
 * What "run it" is for a job in each state. `confirm` and `retry` are refused by the lifecycle where they are not
 * possible; the legacy service took a repeat for what is already so.
 */
const ON_RUN: Readonly<Record<JobStatus, 'confirm' | 'enqueue' | 'retry' | 'is so'>> = {
  created: 'confirm',
  draft_ready: 'confirm',
  confirmed: 'enqueue',
  queued: 'is so',
  running: 'is so',
  succeeded: 'is so',
  failed: 'retry',
  cancelled: 'retry',
};

/** Another got there first, so that the job may be where it is wanted. */
const RACED: ReadonlySet<string> = new Set(['JOB_ILLEGAL_TRANSITION', 'JOB_VERSION_CONFLICT', 'JOB_LOCKED']);

export class PlanFreezeNotAllowed extends DomainError {
  constructor({ job_id, status }: Job) {
    super('PLAN_FREEZE_NOT_ALLOWED', `A plan is frozen of a job that is draft_ready; it is ${status}.`, {
      ...{ job_id, status },
    });
  }
}

export class PlanAlreadyFrozenConflict extends DomainError {
  constructor({ job_id, plan_id }: FrozenPlan) {
    super('PLAN_ALREADY_FROZEN_CONFLICT', 'The plan is frozen, and not with these answers.', {
      ...{ job_id, plan_id },
    });
  }
}

/** The verbs of the legacy service, each a verb of today's lifecycle: this only chooses which. */
@Injectable()
export class LegacyMoves {
  constructor(
    private readonly lifecycle: JobLifecycle,
    private readonly reads: JobReads,
  ) {}

  /** Brings the job into the queue from wherever it is. One that is there, runs or has succeeded stays as it is. */
  async run(scope: TenantScope, jobId: string, said: Said = NOTHING_SAID): Promise<Job> {
    const job = await this.lifecycle.get(scope, jobId);
    try {
      switch (ON_RUN[job.status]) {
        case 'is so':
          return job;
        case 'confirm':
          return await this.confirm(scope, job, said, false);
        case 'enqueue':
          return await this.lifecycle.enqueue(scope, jobId, null);
        case 'retry':
          return await this.lifecycle.retry(scope, jobId, null);
      }
    } catch (error) {
      const now = await this.wonByAnother(error, scope, jobId);
      if (now && ON_RUN[now.status] === 'is so') return now;
      throw error;
    }
  }

  /** Freezes the plan and holds it. The same again is answered with the plan; other answers come too late. */
  async freeze(scope: TenantScope, jobId: string, said: Said): Promise<FrozenPlan> {
    const job = await this.lifecycle.get(scope, jobId);
    if (job.plan_id === null) {
      if (job.status !== 'draft_ready') throw new PlanFreezeNotAllowed(job);
      try {
        await this.confirm(scope, job, said, true);
      } catch (error) {
        if (!(await this.wonByAnother(error, scope, jobId))?.plan_id) throw error;
      }
    }
    const plan = await this.reads.plan(scope, jobId);
    const { draft } = await this.reads.getDraft(scope, jobId, plan.draft_revision);
    if (!holds(draft, said.answers)) throw new PlanAlreadyFrozenConflict(plan);
    return plan;
  }

  /** At the version that was seen, so that what is frozen has these answers and no others. */
  private async confirm(scope: TenantScope, job: Job, said: Said, hold: boolean): Promise<Job> {
    const { answers, notes } = said;
    const isAnswered = job.status === 'draft_ready' && Object.keys(answers).length > 0;
    const { version } = isAnswered
      ? (await this.lifecycle.editDraft(scope, job.job_id, job.version, { answers })).job
      : job;
    return this.lifecycle.confirm(scope, job.job_id, { version, notes, hold });
  }

  private async wonByAnother(error: unknown, scope: TenantScope, jobId: string): Promise<Job | null> {
    if (!isDomainError(error) || !RACED.has(error.code)) return null;
    return this.lifecycle.get(scope, jobId);
  }
}

function holds({ answers }: Draft, given: Readonly<Record<string, unknown>>): boolean {
  return Object.entries(given).every(([name, value]) => isDeepStrictEqual(answers[name], value));
}
