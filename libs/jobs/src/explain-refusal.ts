import type { Tx } from '#database';
import type { JobRef } from '#queue';
import type { Job } from './job.js';
import type { JobMove } from './job-moves.js';
import { JobStore } from './job-store.js';
import { JobDataErased, JobNotFound, JobVersionConflict, TransitionRefused } from './refusals.js';

const jobs = new JobStore();

/** The job, or `JOB_NOT_FOUND`. */
export async function getJob(tx: Tx, ref: JobRef): Promise<Job> {
  const job = await jobs.find(tx, ref);
  if (!job) throw new JobNotFound(ref.jobId);
  return job;
}

/** The job, for who is about to see or change what belongs to it: `JOB_NOT_FOUND`, or `JOB_DATA_ERASED`. */
export async function getJobWithData(tx: Tx, ref: JobRef): Promise<Job> {
  const job = await getJob(tx, ref);
  if (job.erased_at !== null) throw new JobDataErased(job);
  return job;
}

/** A guarded statement touched no row: reads why and throws it. Never returns. */
export async function explainRefusal(
  tx: Tx,
  ref: JobRef,
  move: JobMove,
  version: number | null,
): Promise<never> {
  const job = await getJobWithData(tx, ref);
  if (version !== null && job.version !== version) throw new JobVersionConflict(job, version);
  throw new TransitionRefused(job, move);
}
