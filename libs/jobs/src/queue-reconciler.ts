import type { Database, Scope, Tx } from '#database';
import {
  DeadLetters,
  FIRST_MESSAGE,
  type JobRef,
  Messages,
  type Queue,
  type QueueName,
  QUEUES,
} from '#queue';
import { DRAFT_GIVEN_UP } from './draft-failures.js';
import { JobStore } from './job-store.js';
import { QueueAgreement, type WaitingJob } from './queue-agreement.js';

/** What was mended: a job had no message, a message had no job, a draft's message was given up. */
export type RepairKind = 'woken' | 'dropped' | 'given_up';

export interface Repair {
  queue: QueueName;
  kind: RepairKind;
  count: number;
}

export interface ReconcileRound {
  /** Only what there was. */
  repairs: Repair[];
  /** False: there was more to mend than one round may. */
  complete: boolean;
}

/** At most so many repairs in one round, so that a round never holds much for long. */
const MAX_REPAIRS = 500;
/** Rows that one transaction looks at: some tens of milliseconds. */
const PAGE = 5_000;

const BEFORE_ALL: JobRef = { tenantId: '', jobId: '' };
const DRAFTABLE = ['created', 'draft_ready'] as const;

/** One process at a time is enough; any number will do, so long as every SS uses the same. */
const TAKE_TURN = 'SELECT pg_try_advisory_xact_lock(5302029) AS mine';

/** Another process is at it. */
class NotMyTurn extends Error {}

/**
 * Brings messages and jobs to agree. Where both are changed in one transaction they do; this is for what a restored
 * backup, a hand in psql, pg-boss' own retention, or a fault of ours left behind. Walks through both sides page by
 * page, each page a transaction; suspects are locked and looked at once more before anything is done about them.
 */
export class QueueReconciler {
  private readonly agreement = new QueueAgreement();
  private readonly messages = new Messages();
  private readonly deadLetters = new DeadLetters();
  private readonly jobs = new JobStore();

  constructor(
    private readonly database: Database,
    private readonly queue: Queue,
    private readonly scope: Scope,
    private readonly limits: { repairs: number; page: number } = { repairs: MAX_REPAIRS, page: PAGE },
  ) {}

  /** One walk through all queues. Any number of processes may call it at any time; one of them walks. */
  async round(): Promise<ReconcileRound> {
    const tally = new Tally(this.limits.repairs);
    try {
      // The names are those of the table itself.
      for (const name of Object.keys(QUEUES) as QueueName[]) {
        await this.dropUnwanted(name, tally);
        await this.wakeForgotten(name, tally);
      }
    } catch (error) {
      if (!(error instanceof NotMyTurn)) throw error;
    }
    return { repairs: tally.repairs, complete: tally.left > 0 };
  }

  /** Messages of jobs that want none. */
  private async dropUnwanted(name: QueueName, tally: Tally): Promise<void> {
    let after: string | undefined = FIRST_MESSAGE;
    while (after !== undefined && tally.left > 0) {
      const from: string = after;
      const { last, dropped } = await this.page(async (tx) => {
        const page = await this.messages.waiting(tx, name, { after: from, limit: this.limits.page });
        const suspects = (await this.agreement.unwanted(tx, name, page)).slice(0, tally.left);
        const full = page.length === this.limits.page;
        const done = await this.dropSuspects(tx, name, suspects);
        return { last: full ? page.at(-1)?.messageId : undefined, dropped: done };
      });
      tally.add(name, 'dropped', dropped);
      after = last;
    }
  }

  /**
   * A message that is locked stays as it is, and whoever wakes its job waits for this transaction; a job that counted
   * on its message before keeps it from being locked. So what the rows say now is what counts.
   */
  private async dropSuspects(tx: Tx, name: QueueName, suspects: readonly string[]): Promise<number> {
    if (suspects.length === 0) return 0;
    const locked = await this.messages.lock(tx, name, suspects);
    const unwanted = await this.agreement.unwanted(tx, name, locked);
    await this.messages.drop(tx, name, unwanted);
    return unwanted.length;
  }

  /** Jobs that want a message and have none. */
  private async wakeForgotten(name: QueueName, tally: Tally): Promise<void> {
    let after: JobRef | undefined = BEFORE_ALL;
    while (after !== undefined && tally.left > 0) {
      const from: JobRef = after;
      const { last, woken, givenUp } = await this.page(async (tx) => {
        const page = await this.agreement.waitingJobs(tx, name, { after: from, limit: this.limits.page });
        const suspects = (await this.messages.missing(tx, name, page)).slice(0, tally.left);
        const full = page.length === this.limits.page;
        return { last: full ? page.at(-1) : undefined, ...(await this.wakeSuspects(tx, name, suspects)) };
      });
      tally.add(name, 'woken', woken);
      tally.add(name, 'given_up', givenUp);
      after = last;
    }
  }

  /** The lock on the job comes first: no move of it can send or take a message between the look and the repair. */
  private async wakeSuspects(
    tx: Tx,
    name: QueueName,
    suspects: readonly JobRef[],
  ): Promise<{ woken: number; givenUp: number }> {
    if (suspects.length === 0) return { woken: 0, givenUp: 0 };
    const locked = await this.agreement.lockWaitingJobs(tx, name, suspects);
    const forgotten = await this.messages.missing(tx, name, locked);
    const dead = name === 'job.draft' ? await this.deadLetters.diedSince(tx, name, forgotten) : [];
    for (const job of dead) await this.giveUpDraft(tx, job);
    const woken = await this.queue.wakeAll(
      tx,
      name,
      forgotten.filter((job) => !dead.includes(job)),
    );
    return { woken, givenUp: dead.length };
  }

  /** Several workers tried, and none came to an end: that is the answer to who waits for the draft. */
  private async giveUpDraft(tx: Tx, job: WaitingJob): Promise<void> {
    await tx.describe('job.draft_failed', { code: DRAFT_GIVEN_UP.code });
    await this.jobs.tryChange(tx, job, DRAFTABLE, job.version, {
      draft_task: { task_id: job.taskId ?? '', state: 'failed', error: DRAFT_GIVEN_UP },
    });
  }

  private async page<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.database.acrossTenants(this.scope, async (tx) => {
      const [turn] = await tx.query<{ mine: boolean }>(TAKE_TURN);
      if (!turn?.mine) throw new NotMyTurn();
      return work(tx);
    });
  }
}

/** What a round has mended, and how much it still may. */
class Tally {
  readonly repairs: Repair[] = [];

  constructor(public left: number) {}

  add(queue: QueueName, kind: RepairKind, count: number): void {
    if (count === 0) return;
    this.left -= count;
    const known = this.repairs.find((repair) => repair.queue === queue && repair.kind === kind);
    if (known) known.count += count;
    else this.repairs.push({ queue, kind, count });
  }
}
