import type { Instant } from '#database';
import type { Pause, PlaceInLine, QueueName } from '#queue';
import type { Job } from './job.js';

/** Every reason why a job does not run, or what it does instead, with what it means. */
export const REASON_CODES = {
  NOT_CONFIRMED: 'Nobody has confirmed a plan of the job yet.',
  HELD: 'The job was confirmed on hold.',
  WAITING_FOR_TIME: 'The job is not to run before its time.',
  RETRY_BACKOFF: 'The last run failed; the next one comes after a pause.',
  QUEUE_PAUSED: 'An operator paused the queue.',
  NO_WORKER_ALIVE: 'No worker has been seen lately.',
  NO_WORKER_WITH: 'No worker that lives can do all that the plan needs.',
  MESSAGE_MISSING: 'The job has no message in the queue; the reconciler sends one.',
  TENANT_AT_LIMIT: 'The tenant has as many jobs running as its quota lets it have.',
  ALL_SLOTS_BUSY: 'Every worker that could take the job had all its slots busy at its last heartbeat.',
  IN_LINE: 'The job waits its turn.',
  EXPIRES_AT: 'A job that still waits at this instant fails.',
  RUNNING_ON: 'A worker runs the job.',
  LEASE_EXPIRED: 'The worker was not heard of in time; the job is queued again with the next sweep.',
  ENDED: 'The job has ended.',
} as const satisfies Record<string, string>;

export type ReasonCode = keyof typeof REASON_CODES;

/** One reason, with the facts behind it beside the sentence. */
export interface Reason {
  code: ReasonCode;
  detail: string;
  [fact: string]: unknown;
}

export interface JobExplanation {
  job_id: string;
  status: Job['status'];
  /** True for a queued job that runs as soon as it is its turn and a slot is free: nothing else is in the way. */
  runnable: boolean;
  reasons: Reason[];
}

/** A worker that lives, and what it lacks for the job. Workers are named by their id alone. */
export interface LivingWorker {
  worker_id: string;
  slots: number;
  busy_slots: number;
  seen_at: Instant;
  missing: string[];
}

export interface OpenRun {
  run_id: string;
  worker_id: string;
  attempt: number;
  lease_no: number;
  started_at: Instant;
  lease_until: Instant;
}

/** All that an explanation is made from, as of one instant of the database's clock. */
export interface Situation {
  now: Instant;
  job: Job;
  /** The queue in which a message of the job has to be; null: none. */
  queue: QueueName | null;
  pause: Pause | null;
  place: PlaceInLine | null;
  /** How many jobs the tenant may have running, and has; null: no limit, or nobody asked. */
  running: { limit: number; current: number } | null;
  workers: readonly LivingWorker[];
  /** When any worker was seen last. */
  lastSeenAt: Instant | null;
  run: OpenRun | null;
}

/** So far the messages ahead are counted. */
export const COUNT_AHEAD_TO = 10_000;
/** So many workers are named. */
const SHOWN_WORKERS = 20;

/** Reasons that are no obstacle: the job only waits its turn. */
const HARMLESS: ReadonlySet<ReasonCode> = new Set(['IN_LINE', 'ALL_SLOTS_BUSY', 'EXPIRES_AT']);

/** Why the job is not running, worst reason first; or where it runs, or how it ended. */
export function explain(situation: Situation): JobExplanation {
  const { job } = situation;
  const reasons = reasonsOf(situation);
  const runnable =
    job.status === 'queued' && !isOver(situation) && reasons.every(({ code }) => HARMLESS.has(code));
  return { job_id: job.job_id, status: job.status, runnable, reasons };
}

function reasonsOf(situation: Situation): Reason[] {
  const { job } = situation;
  switch (job.status) {
    case 'created':
    case 'draft_ready':
      return [notConfirmed(job), ...obstacles(situation)];
    case 'confirmed':
      return [
        reason('HELD', 'It was confirmed on hold: queue it with POST …/run.', { since: job.confirmed_at }),
      ];
    case 'running':
      return running(situation);
    case 'queued':
      return [
        ...waits(situation),
        ...obstacles(situation),
        ...atLimit(situation),
        ...line(situation),
        ...expires(situation),
      ];
    case 'succeeded':
    case 'failed':
    case 'cancelled':
      return [ended(job)];
    default:
      return job.status satisfies never;
  }
}

function reason(code: ReasonCode, detail: string, facts: Readonly<Record<string, unknown>> = {}): Reason {
  return { code, detail, ...facts };
}

function notConfirmed(job: Job): Reason {
  const draft = job.draft_task?.state ?? (job.draft_revision > 0 ? 'ready' : 'none');
  const next = {
    none: 'It has no draft yet: ask for one with POST …/draft.',
    pending: 'Its draft is being made.',
    failed: 'Its draft failed: ask for one again with POST …/draft.',
    ready: 'Its draft waits for somebody to confirm it: POST …/confirm.',
  }[draft];
  return reason('NOT_CONFIRMED', next, { draft_status: draft });
}

function ended(job: Job): Reason {
  const why = job.error ? `: ${job.error.code}` : '';
  return reason('ENDED', `It ended ${job.status}${why}.`, {
    since: job.finished_at,
    error_code: job.error?.code ?? null,
  });
}

function running({ now, run }: Situation): Reason[] {
  if (!run) return [];
  const { worker_id, run_id, lease_no, attempt, started_at: since, lease_until } = run;
  const facts = { worker_id, run_id, lease_no, attempt, since, lease_until };
  const on = reason('RUNNING_ON', `Worker ${worker_id} runs it since ${since}.`, facts);
  if (lease_until >= now) return [on];
  const detail = `Its worker was to be heard of until ${lease_until}. The next sweep queues the job again.`;
  return [on, reason('LEASE_EXPIRED', detail, { worker_id, since: lease_until })];
}

function waits({ now, job }: Situation): Reason[] {
  const { scheduled_at: until, error, attempts } = job;
  if (until === null || until <= now) return [];
  if (error === null) return [reason('WAITING_FOR_TIME', `It is not to run before ${until}.`, { until })];
  const detail = `Run ${String(attempts)} failed with ${error.code}. The next one begins after ${until}.`;
  return [reason('RETRY_BACKOFF', detail, { until, attempt: attempts, error_code: error.code })];
}

/** What keeps the message of the job from being taken. */
function obstacles({ job, queue, pause, place, workers, lastSeenAt }: Situation): Reason[] {
  if (queue === null) return [];
  const reasons: Reason[] = [];
  if (pause) {
    const facts = { queue, since: pause.paused_at, by: pause.paused_by, reason: pause.reason };
    reasons.push(
      reason('QUEUE_PAUSED', `${queue} is paused since ${pause.paused_at}: ${pause.reason}`, facts),
    );
  }
  const able = workers.filter(({ missing }) => missing.length === 0);
  if (workers.length === 0) {
    const seen = lastSeenAt === null ? 'None was ever seen.' : `The last one was seen at ${lastSeenAt}.`;
    reasons.push(reason('NO_WORKER_ALIVE', `No worker lives. ${seen}`, { last_seen_at: lastSeenAt }));
  } else if (able.length === 0 && queue === 'job.run') {
    const missing = job.needs.filter((need) => workers.every((worker) => worker.missing.includes(need)));
    const lacking = missing.length > 0 ? missing : job.needs;
    const detail = `${String(workers.length)} workers live, and none can do all of: ${lacking.join(', ')}.`;
    reasons.push(
      reason('NO_WORKER_WITH', detail, {
        needs: job.needs,
        missing,
        workers: workers
          .slice(0, SHOWN_WORKERS)
          .map(({ worker_id, missing: lacks }) => ({ worker_id, missing: lacks })),
      }),
    );
  }
  if (!place) {
    const since = job.updated_at;
    const detail = 'It has no message in its queue, so no worker looks at it. The reconciler will send one.';
    reasons.push(reason('MESSAGE_MISSING', detail, { queue, since }));
  }
  return reasons;
}

/** A job that is not parked yet will be, by the first worker that comes across it. */
function atLimit({ place, running: jobs }: Situation): Reason[] {
  if (!place || !jobs || jobs.current < jobs.limit) return [];
  const { limit, current } = jobs;
  const detail = `The tenant may have ${String(limit)} jobs running at a time and has ${String(current)}.`;
  const ahead = place.parked ? { ahead: place.ahead, ahead_is_exact: place.ahead < COUNT_AHEAD_TO } : {};
  return [reason('TENANT_AT_LIMIT', detail, { limit, current, ...ahead })];
}

/** What is before the job. Its time may be yet to come, or it is parked: then it stands in no line. */
function line({ now, job, place, running: jobs, workers }: Situation): Reason[] {
  if (!place || (job.scheduled_at !== null && job.scheduled_at > now)) return [];
  if (place.parked && jobs && jobs.current >= jobs.limit) return [];
  const reasons: Reason[] = [];
  const able = workers.filter(({ missing }) => missing.length === 0);
  if (able.length > 0 && able.every(({ slots, busy_slots: busy }) => busy >= slots)) {
    const slots = able.reduce((sum, worker) => sum + worker.slots, 0);
    const detail = `All ${String(slots)} slots of the ${String(able.length)} workers that could take it are busy.`;
    const named = able.slice(0, SHOWN_WORKERS).map(({ missing: _missing, ...worker }) => worker);
    reasons.push(reason('ALL_SLOTS_BUSY', detail, { slots, workers: named }));
  }
  const { ahead } = place;
  const exact = ahead < COUNT_AHEAD_TO;
  const count = exact ? String(ahead) : `at least ${String(COUNT_AHEAD_TO)}`;
  const detail = ahead === 0 ? 'It is next.' : `Before it come ${count} others, by priority and turn.`;
  reasons.push(
    reason('IN_LINE', detail, { ahead, ahead_is_exact: exact, priority: job.priority, since: job.queued_at }),
  );
  return reasons;
}

function expires(situation: Situation): Reason[] {
  const { expires_at: until } = situation.job;
  if (until === null) return [];
  const detail = isOver(situation)
    ? `It waited past ${until}; the next sweep fails it.`
    : `It fails if it still waits at ${until}.`;
  return [reason('EXPIRES_AT', detail, { until })];
}

function isOver({ now, job }: Situation): boolean {
  return job.expires_at !== null && job.expires_at <= now;
}
