import { type DomainError, type Fault, isDomainError, isErrorCode } from '#observability';
import { type Plan, PlanInvalid } from '#plans';
import type { JobRef } from '#queue';
import type { Job } from '../job.js';
import type { NewJobRequest } from '../job-lifecycle.js';
import type { PreparedPlan } from '../plan-freezer.js';

/** `all`: one that is refused, and none is made. `each`: each for itself. */
export const BATCH_MODES = ['all', 'each'] as const;
export type BatchMode = (typeof BATCH_MODES)[number];

/** What an item asks for, or why it cannot even be asked. */
export type BatchItem = NewJobRequest | DomainError;

/** Why an item made no job. */
export interface Refusal {
  code: DomainError['code'];
  detail: string;
  facts: Readonly<Record<string, unknown>>;
  errors: readonly Fault[];
}

/** What became of an item. No text of the job is in it: it is kept with the Idempotency-Key, where no erasure would find it. */
export type BatchResult = { job: Pick<Job, 'job_id' | 'version' | 'status'> } | { refusal: Refusal };

/** An item that is checked and whose file, if it has a plan to freeze, is written. */
export interface PreparedItem {
  index: number;
  ref: JobRef;
  request: NewJobRequest;
  plan: Plan | null;
  prepared: PreparedPlan | null;
}

export function isQueued({ prepared, request }: PreparedItem): boolean {
  return prepared !== null && !request.hold;
}

export function toRefusal(error: unknown): Refusal {
  if (!isDomainError(error) || !isErrorCode(error.code)) throw error;
  // The faults of a plan point from its root; here the plan is a field of the item.
  const root = error instanceof PlanInvalid ? '/plan' : '';
  const errors = error.errors.map(({ pointer, detail }) => ({ pointer: `${root}${pointer}`, detail }));
  return { code: error.code, detail: error.message, facts: error.facts, errors };
}

/** The faults of an item, from the root of the batch. */
export function faultsOf(index: number, { code, detail, errors }: Refusal): Fault[] {
  const place = `/items/${String(index)}`;
  if (errors.length === 0) return [{ pointer: place, detail: `${code}: ${detail}` }];
  return errors.map((fault) => ({ pointer: `${place}${fault.pointer}`, detail: `${code}: ${fault.detail}` }));
}
