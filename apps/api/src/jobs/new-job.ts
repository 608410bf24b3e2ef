import type { NewJobRequest } from '#jobs';
import type { Fault } from '#observability';
import { PlanInvalid } from '#plans';
import type { Asking } from '../http/asking.js';
import type { CreateJobRequest } from './job.request.js';

/** What no single field tells. */
export function faultsBetween(body: CreateJobRequest): Fault[] {
  return [
    ...(body.confirm && !body.plan
      ? [{ pointer: '/confirm', detail: 'needs a plan; a draft is confirmed later' }]
      : []),
    ...(body.hold && !body.confirm
      ? [{ pointer: '/hold', detail: 'holds what is confirmed; send confirm: true' }]
      : []),
  ];
}

export function toNewJob(body: CreateJobRequest, asking: Asking): NewJobRequest {
  return {
    jobId: body.job_id,
    requirement: body.requirement,
    priority: body.priority,
    labels: body.labels,
    plan: body.plan,
    confirm: body.confirm,
    hold: body.hold,
    runAfter: body.run_after,
    expiresAt: body.expires_at,
    traceId: asking.trace.traceId,
    traceParent: asking.trace.parent,
  };
}

/** The faults of a plan point from its root; here the plan is a field of the body. */
export function pointIntoPlan(error: unknown): never {
  if (!(error instanceof PlanInvalid)) throw error;
  const faults = error.errors.map(({ pointer, detail }) => ({ pointer: `/plan${pointer}`, detail }));
  throw new PlanInvalid(faults, Number(error.facts['fault_count']));
}
