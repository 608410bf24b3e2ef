import type { Database, Scope, Tx } from '#database';
import { columnsOf } from './ref-columns.js';
import type { Lease, RunOutcome } from './run.js';

/** One start of a worker: a new id each time, so that nobody is taken for who was there before. */
export interface WorkerIdentity {
  workerId: string;
  build: string;
  /** Step types, and `command:<profile>` of each profile: jobs that need more are left to others. */
  abilities: string[];
  slots: number;
}

/** Whether a lease is still held; if not, how its run ended, when somebody ended it. */
export interface RenewedLease {
  runId: string;
  held: boolean;
  outcome: RunOutcome | null;
}

const BE_SEEN = `
  INSERT INTO worker (worker_id, build, abilities, slots, busy_slots)
  VALUES ($1, $2, $3, $4, $5)
  ON CONFLICT ON CONSTRAINT worker_pkey DO UPDATE
  SET seen_at = clock_timestamp(), busy_slots = excluded.busy_slots`;

/** More than these are told by `busy_slots` alone. */
const TOLD_RUNS = 100;

/** What it runs, for who looks at the whole platform. $1 worker, $2 tenants, $3 jobs, $4 runs, $5 at most so many. */
const TELL_RUNS = `
  INSERT INTO worker_activity (worker_id, runs)
  SELECT $1::uuid, coalesce(jsonb_agg(told.run ORDER BY told.started_at), '[]')
  FROM (
    SELECT run.started_at, jsonb_build_object(
        'tenant_id', run.tenant_id, 'job_id', run.job_id, 'run_id', run.run_id, 'attempt', run.attempt,
        'started_at', to_char(run.started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
      ) AS run
    FROM unnest($2::text[], $3::text[], $4::uuid[]) AS held (tenant_id, job_id, run_id)
    JOIN run USING (tenant_id, job_id, run_id)
    ORDER BY run.started_at
    LIMIT $5
  ) AS told
  ON CONFLICT ON CONSTRAINT worker_activity_pkey DO UPDATE SET runs = excluded.runs
  WHERE worker_activity.runs <> excluded.runs`;

const LEAVE =
  'UPDATE worker SET stopped_at = clock_timestamp(), seen_at = clock_timestamp() WHERE worker_id = $1';

const FORGET_THE_DEAD = `
  WITH dead AS (
    DELETE FROM worker WHERE seen_at < clock_timestamp() - interval '7 days' RETURNING worker_id
  )
  DELETE FROM worker_activity WHERE worker_id IN (SELECT worker_id FROM dead)`;

/**
 * Prolongs every lease that is still held, also one that has run out and that nobody took yet. $1 tenants, $2 jobs,
 * $3 runs, $4 lease numbers, $5 the lease in milliseconds.
 */
const RENEW_LEASES = `
  WITH held AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::uuid[], $4::bigint[]) AS held (tenant_id, job_id, run_id, lease_no)
  ), renewed AS (
    UPDATE run
    SET lease_until = clock_timestamp() + make_interval(secs => $5::double precision / 1000)
    FROM held
    WHERE run.tenant_id = held.tenant_id AND run.job_id = held.job_id AND run.run_id = held.run_id
      AND run.lease_no = held.lease_no AND run.ended_at IS NULL
    RETURNING run.run_id
  )
  SELECT held.run_id AS "runId", renewed.run_id IS NOT NULL AS held, run.outcome
  FROM held
  LEFT JOIN renewed ON renewed.run_id = held.run_id
  LEFT JOIN run ON run.tenant_id = held.tenant_id AND run.job_id = held.job_id AND run.run_id = held.run_id`;

/** The workers that there are, and the heartbeat by which they keep what they hold. */
export class Workers {
  constructor(
    private readonly database: Database,
    private readonly scope: Scope,
    private readonly leaseMs: number,
  ) {}

  /** The worker is seen and all its leases are renewed, in one transaction. Answers one line a lease. */
  async beat(worker: WorkerIdentity, leases: readonly Lease[]): Promise<RenewedLease[]> {
    return this.database.acrossTenants(this.scope, async (tx) => {
      const { workerId, build, abilities, slots } = worker;
      await tx.query(BE_SEEN, [workerId, build, abilities, slots, leases.length]);
      const runIds = leases.map((lease) => lease.runId);
      await tx.query(TELL_RUNS, [workerId, ...columnsOf(leases), runIds, TOLD_RUNS]);
      return leases.length === 0 ? [] : this.renew(tx, leases);
    });
  }

  /** The worker stops on purpose. */
  async leave(workerId: string): Promise<void> {
    await this.database.acrossTenants(this.scope, (tx) => tx.query(LEAVE, [workerId]));
  }

  /** Forgets workers that nobody has seen for a week. */
  async forgetTheDead(): Promise<void> {
    await this.database.acrossTenants(this.scope, (tx) => tx.query(FORGET_THE_DEAD));
  }

  private renew(tx: Tx, leases: readonly Lease[]): Promise<RenewedLease[]> {
    return tx.query<RenewedLease & Record<string, unknown>>(RENEW_LEASES, [
      ...columnsOf(leases),
      leases.map((lease) => lease.runId),
      leases.map((lease) => lease.leaseNo),
      this.leaseMs,
    ]);
  }
}
