import type { Instant } from '#database';

/** What clients are told of a job: that it moved or was changed, or how a run of it comes along. Never its content. */
export interface JobEvent {
  /** Rises, with gaps; the number of the audit where it is a row of the audit. */
  event_id: number;
  /** As the audit calls it (`job.started`), or `step.started`, `step.resumed`, `step.ended`. */
  type: string;
  occurred_at: Instant;
  job_id: string;
  /** What the job is now, and what it was before; null for what happens within a run. */
  status: string | null;
  from_status: string | null;
  version: number | null;
  run_id: string | null;
  step_id: string | null;
  detail: Readonly<Record<string, unknown>>;
}

/** An event with what it is chosen by. */
export interface ToldEvent extends JobEvent {
  tenant_id: string;
  labels: Readonly<Record<string, string>> | null;
}

/** Which events are wanted: those that fit everything that is said. */
export interface EventFilter {
  /** Of one job. */
  jobId?: string | undefined;
  /** `job.failed`, or all of a kind: `step.*`. */
  types?: readonly string[] | undefined;
  /** Only moves into one of these. */
  statuses?: readonly string[] | undefined;
  labels?: Readonly<Record<string, string>> | undefined;
  /** With what programs print; else without. */
  withLogs?: boolean | undefined;
}

/** What programs print may quote the data: it is for who may read the artifacts. */
const LOG_TYPE = 'step.log';

export function isWanted(
  event: ToldEvent,
  { jobId, types, statuses, labels, withLogs }: EventFilter,
): boolean {
  return (
    (event.type !== LOG_TYPE || withLogs === true) &&
    (jobId === undefined || event.job_id === jobId) &&
    (types === undefined || types.some((type) => isOfType(event, type))) &&
    (statuses === undefined || (event.status !== null && statuses.includes(event.status))) &&
    Object.entries(labels ?? {}).every(([name, value]) => event.labels?.[name] === value)
  );
}

function isOfType(event: JobEvent, type: string): boolean {
  return type.endsWith('.*') ? event.type.startsWith(type.slice(0, -1)) : event.type === type;
}

/** As clients get it. */
export function shown({ tenant_id: _tenant, labels: _labels, ...event }: ToldEvent): JobEvent {
  return event;
}
