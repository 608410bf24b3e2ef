import type { Instant } from '#database';
import { createHash } from 'node:crypto';
import { ExactNumber } from '../format/exact-number.js';
import { legacyInstant } from '../format/instant-text.js';
import { type Json, type JsonObject, without } from '../format/json.js';
import type { LegacyJob, LegacyRun } from '../format/legacy-job.js';
import type { RunRow } from './job-rows.js';
import type { TypedInstants } from './typed-instants.js';

/** Outcomes that a run can have here, and so the statuses that an exported run can have. */
const OUTCOMES = ['succeeded', 'failed', 'interrupted', 'lost', 'cancelled', 'timed_out'];
const MAX_ATTEMPT = 2 ** 31 - 1;

/**
 * The runs of a job. A run is open only while its job is running and is to stay so (`keepOpen`); any other that says
 * `running` was left by a worker that died, and is interrupted.
 */
export function toRunRows(
  job: LegacyJob,
  keepOpen: boolean,
  fileTime: Instant,
  instants: TypedInstants,
): RunRow[] {
  const taken = new Set<string>();
  return job.runs.map((run, index) => {
    const at = `/runs/${String(index)}`;
    const startedAt = instants.readNullable(run.started_at, `${at}/started_at`);
    const endedAt = instants.readNullable(run.ended_at, `${at}/ended_at`);
    const stays = keepOpen && job.status === 'running' && index === job.runs.length - 1 && isOpen(run);
    const outcome = stays ? null : outcomeOf(run);
    const row: Omit<RunRow, 'legacy'> = {
      run_id: runIdOf(job, run, index, taken),
      attempt: attemptOf(run),
      lease_no: index + 1,
      started_at: startedAt ?? endedAt ?? fileTime,
      ended_at: stays ? null : (endedAt ?? fileTime),
      outcome,
    };
    // An open run was closed: its status and end are the column's to say from now on.
    const superseded = isOpen(run) && !stays ? ['status', 'ended_at'] : [];
    return { ...row, legacy: without(restOf(run, sayOf(row)), superseded) };
  });
}

/** The run as its columns alone would tell it. */
export function sayOf(row: Omit<RunRow, 'legacy'>): JsonObject {
  return {
    run_id: row.run_id.replaceAll('-', ''),
    attempt: row.attempt,
    status: row.outcome ?? 'running',
    started_at: legacyInstant(row.started_at),
    ended_at: row.ended_at === null ? null : legacyInstant(row.ended_at),
  };
}

/** What of `whole` is not in `said` already. */
export function restOf(whole: JsonObject, said: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(whole).filter(([key, value]) => !same(said[key], value)));
}

function same(a: Json | undefined, b: Json): boolean {
  return a === b;
}

function isOpen(run: LegacyRun): boolean {
  return run.status === 'running' && run.ended_at === null;
}

/** The legacy format takes any text for a status; what is none of ours ended somehow, and not well. */
function outcomeOf(run: LegacyRun): string {
  if (run.status === 'running') return 'interrupted';
  return OUTCOMES.includes(run.status) ? run.status : 'failed';
}

function attemptOf(run: LegacyRun): number {
  const attempt = run.attempt instanceof ExactNumber ? Number(run.attempt.text) : run.attempt;
  return Math.max(-MAX_ATTEMPT, Math.min(MAX_ATTEMPT, attempt));
}

/** The run's own id where it is one of 128 bits; else one made of whose run it is. */
function runIdOf(job: LegacyJob, run: LegacyRun, index: number, taken: Set<string>): string {
  let hex = run.run_id;
  if (!/^[0-9a-f]{32}$/.test(hex) || taken.has(hex)) {
    hex = createHash('sha256')
      .update(JSON.stringify(['legacy run', job.tenant_id, job.job_id, index, run.run_id]))
      .digest('hex')
      .slice(0, 32);
  }
  taken.add(hex);
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
