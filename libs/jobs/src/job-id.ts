import { randomBytes } from 'node:crypto';
import { JobIdUnsafe } from './refusals.js';

/** 64 random bits, in the form that ids of this service always had. */
export function newJobId(): string {
  return `job_${randomBytes(8).toString('hex')}`;
}

/** Checks an id that a client chose for a new job. Jobs from legacy trees may have others; those can be read. */
export function assertNewJobId(jobId: string): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(jobId) || jobId.includes('..')) throw new JobIdUnsafe();
}
