import type { Database, Instant, TenantScope, Tx } from '#database';
import { type JobRef, Messages, Pauses, type QueueName } from '#queue';
import { getJob } from './explain-refusal.js';
import type { Job } from './job.js';
import {
  COUNT_AHEAD_TO,
  explain,
  type JobExplanation,
  type LivingWorker,
  type OpenRun,
  type Situation,
} from './job-explanation.js';

/** Seen within $1 milliseconds; what each lacks of $2. More than a few hundred change no answer. */
const LIVING_WORKERS = `
  SELECT worker_id, slots, busy_slots, seen_at,
    ARRAY(SELECT unnest($2::text[]) EXCEPT SELECT unnest(abilities) ORDER BY 1) AS missing
  FROM worker
  WHERE stopped_at IS NULL AND seen_at > clock_timestamp() - make_interval(secs => $1::double precision / 1000)
  ORDER BY worker_id
  LIMIT 500`;

const NOW_AND_LAST_SEEN =
  'SELECT clock_timestamp() AS now, (SELECT max(seen_at) FROM worker) AS "lastSeenAt"';

const FIND_OPEN_RUN = `
  SELECT run_id, worker_id, attempt, lease_no, started_at, lease_until
  FROM run
  WHERE tenant_id = $1 AND job_id = $2 AND ended_at IS NULL`;

/** No row: no limit. */
const FIND_RUNNING = `
  SELECT running_jobs AS "limit",
    (SELECT count(*) FROM run WHERE run.tenant_id = $1 AND run.ended_at IS NULL) AS current
  FROM tenant_quota
  WHERE tenant_id = $1 AND running_jobs IS NOT NULL`;

/** The job may move between two looks; so often all of it is looked at again. */
const LOOKS = 5;

/** Tells why a job is not running. Reads only. */
export class JobExplanations {
  private readonly messages = new Messages();
  private readonly pauses = new Pauses();

  constructor(
    private readonly database: Database,
    /** A worker that was not seen for so long is taken for dead, as the sweep takes its runs. */
    private readonly leaseMs: number,
  ) {}

  /** Throws `JOB_NOT_FOUND` for a job that the tenant does not have. */
  async of(scope: TenantScope, jobId: string): Promise<JobExplanation> {
    const ref = { tenantId: scope.tenantId, jobId };
    return this.database.transaction(scope, async (tx) => {
      let job = await getJob(tx, ref);
      for (let look = 1; ; look++) {
        const situation = await this.look(tx, ref, job);
        const after = await getJob(tx, ref);
        // Rows and messages were read one after the other: they belong together if the job stood still meanwhile.
        if (after.version === job.version || look === LOOKS) return explain(situation);
        job = after;
      }
    });
  }

  private async look(tx: Tx, ref: JobRef, job: Job): Promise<Situation> {
    const queue = queueOf(job);
    const pause = queue && (await this.pauses.find(tx, queue));
    const place = queue && (await this.messages.place(tx, queue, ref, COUNT_AHEAD_TO));
    const running = queue === 'job.run' ? await this.findRunning(tx, ref) : null;
    const workers = queue
      ? await tx.query<LivingWorker & Record<string, unknown>>(LIVING_WORKERS, [this.leaseMs, job.needs])
      : [];
    const [run] =
      job.status === 'running'
        ? await tx.query<OpenRun & Record<string, unknown>>(FIND_OPEN_RUN, [ref.tenantId, ref.jobId])
        : [];
    const [times] = await tx.query<{ now: Instant; lastSeenAt: Instant | null }>(NOW_AND_LAST_SEEN);
    if (!times) throw new Error('SELECT without FROM gave no row');
    return { ...times, job, queue, pause, place, running, workers, run: run ?? null };
  }

  private async findRunning(tx: Tx, { tenantId }: JobRef): Promise<Situation['running']> {
    const [running] = await tx.query<{ limit: number; current: number }>(FIND_RUNNING, [tenantId]);
    return running ?? null;
  }
}

/** Where a message of the job has to be. */
function queueOf(job: Job): QueueName | null {
  if (job.status === 'queued') return 'job.run';
  const drafts = job.status === 'created' || job.status === 'draft_ready';
  return drafts && job.draft_task?.state === 'pending' ? 'job.draft' : null;
}
