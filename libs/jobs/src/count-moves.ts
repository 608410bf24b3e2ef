import type { Instant, Tx } from '#database';
import { metrics } from '#observability';
import type { Job } from './job.js';
import { type JobMove, type JobStatus, moves } from './job-moves.js';
import type { RunOutcome } from './run.js';

/** What is counted here is counted when its transaction has committed, whichever way the job took. */

export function countCreated(tx: Tx): void {
  count(tx, 'created');
}

/** A move of one row; `job` as it is now. */
export function countMove(tx: Tx, move: JobMove, job: Job): void {
  count(tx, eventOf(move));
  const left = leftBy(move, job);
  if (left?.since) countTime(tx, left.status, secondsBetween(left.since, job.updated_at));
}

/** A job that was claimed: how long it was queued, and of that how long it could have run. */
export interface Waited {
  queuedSeconds: number;
  waitedSeconds: number;
}

export function countStarted(tx: Tx, { queuedSeconds, waitedSeconds }: Waited): void {
  count(tx, eventOf('start'));
  countTime(tx, 'queued', queuedSeconds);
  tx.afterCommit(() => {
    metrics.jobStartDelaySeconds.observe(Math.max(0, waitedSeconds));
  });
}

/** A run moved its job on; `attempts` where it has ended the job. */
export function countRunning(
  tx: Tx,
  move: 'succeed' | 'fail' | 'requeue',
  ranSeconds: number,
  attempts: number | null,
): void {
  count(tx, eventOf(move));
  countTime(tx, 'running', ranSeconds);
  if (attempts === null) return;
  tx.afterCommit(() => {
    metrics.jobAttempts.observe(attempts);
  });
}

export function countExpired(tx: Tx, queuedSeconds: number): void {
  count(tx, eventOf('expire'));
  countTime(tx, 'queued', queuedSeconds);
}

/** The draft of a job was confirmed: it has been ready since it was made. */
export function countDraftReady(tx: Tx, draftedAt: Instant, confirmed: Job): void {
  countTime(tx, 'draft_ready', secondsBetween(draftedAt, confirmed.updated_at));
}

export function countRun(tx: Tx, outcome: RunOutcome, seconds: number): void {
  tx.afterCommit(() => {
    metrics.runSeconds.observe({ outcome }, Math.max(0, seconds));
  });
}

function count(tx: Tx, event: string): void {
  tx.afterCommit(() => {
    metrics.jobs.inc({ event });
  });
}

function countTime(tx: Tx, status: JobStatus, seconds: number): void {
  tx.afterCommit(() => {
    metrics.jobStateSeconds.observe({ status }, Math.max(0, seconds));
  });
}

/** As the audit calls the move; but a job that has failed has failed, whatever the cause. */
function eventOf(move: JobMove): string {
  return moves[move === 'expire' ? 'fail' : move].action.slice('job.'.length);
}

/** The state that the move has left, and since when it was that; null: not told by the row. */
function leftBy(move: JobMove, job: Job): { status: JobStatus; since: Instant | null } | null {
  if (move !== 'cancel') {
    const [status] = moves[move].from;
    return { status, since: SINCE[status](job) };
  }
  const status = stateBeforeEnd(job);
  return { status, since: SINCE[status](job) };
}

/** Nobody notes when a draft became ready, or a job that is retried failed: its row has forgotten it by then. */
const SINCE: Readonly<Record<JobStatus, (job: Job) => Instant | null>> = {
  created: (job) => job.created_at,
  draft_ready: () => null,
  confirmed: (job) => job.confirmed_at,
  queued: (job) => job.queued_at,
  running: (job) => job.started_at,
  succeeded: () => null,
  failed: () => null,
  cancelled: () => null,
};

function stateBeforeEnd(job: Job): JobStatus {
  const { queued_at: queuedAt, started_at: startedAt } = job;
  // Both stay when a run has ended and the job was queued again.
  if (startedAt !== null && queuedAt !== null && startedAt >= queuedAt) return 'running';
  if (queuedAt !== null) return 'queued';
  if (job.confirmed_at !== null) return 'confirmed';
  return job.draft_revision > 0 ? 'draft_ready' : 'created';
}

function secondsBetween(from: Instant, to: Instant): number {
  return (Date.parse(to) - Date.parse(from)) / 1_000;
}
