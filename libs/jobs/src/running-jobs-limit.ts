import type { Tx } from '#database';
import { type JobRef, Parking } from '#queue';

/**
 * Claims of one tenant go one after the other, from their look at what runs to their commit. Whoever takes several takes
 * them in the order of their numbers, so that none waits for another in a ring. Any number will do for the first.
 */
const LOCK_LIMITED = `
  SELECT tenant_id AS "tenantId", pg_advisory_xact_lock(5302042, number)
  FROM (
    SELECT tenant_id, hashtext(tenant_id) AS number
    FROM tenant_quota
    WHERE tenant_id = ANY ($1::text[]) AND running_jobs IS NOT NULL
    ORDER BY number
    OFFSET 0
  ) AS limited`;

/** Waits for claims of the tenant that are under way; not for others who do the same. Tells whether it has a limit still. */
const WAIT_FOR_CLAIMS = `
  SELECT pg_advisory_xact_lock_shared(5302042, hashtext($1)), EXISTS (
    SELECT FROM tenant_quota WHERE tenant_id = $1 AND running_jobs IS NOT NULL
  ) AS "isLimited"`;

/** Whether no claim of the tenant is under way; none begins before the transaction ends. */
export const TRY_KEEP_CLAIMS_OUT = `SELECT pg_try_advisory_xact_lock_shared(5302042, hashtext($1)) AS done`;

/** How many more jobs each of the tenants may have running; NULL: as many as there are. The index run_one_open_a_job. */
const FIND_ROOM = `
  SELECT wanted.tenant_id AS "tenantId", quota.running_jobs - (
    SELECT count(*) FROM run WHERE run.tenant_id = wanted.tenant_id AND run.ended_at IS NULL
  ) AS room
  FROM unnest($1::text[]) AS wanted (tenant_id)
  LEFT JOIN tenant_quota AS quota ON quota.tenant_id = wanted.tenant_id`;

/** For each tenant how many more jobs may run; null: no limit. */
export type Room = ReadonlyMap<string, number | null>;

/**
 * Keeps `running_jobs` of the quota, exactly, whichever workers claim: what is past it is parked, and let into the line
 * again when a run of the tenant ends.
 */
export class RunningJobsLimit {
  private readonly parking = new Parking();
  /** Of which tenants a claim of this program has seen that they have a limit. */
  private readonly limited = new Set<string>();

  /**
   * Which of the jobs, all of tenants with a limit, may not run now; in the transaction that claims the others. Until it
   * ends, no other claims any of these tenants.
   */
  async findPast(tx: Tx, refs: readonly JobRef[]): Promise<ReadonlySet<JobRef>> {
    const tenants = [...new Set(refs.map(({ tenantId }) => tenantId))];
    const limited = (await tx.query<{ tenantId: string }>(LOCK_LIMITED, [tenants])).map(
      ({ tenantId }) => tenantId,
    );
    for (const tenantId of limited) this.limited.add(tenantId);
    // A statement of its own: it has to see what was committed while the one above waited.
    const left = new Map(await this.room(tx, limited));
    return new Set(
      refs.filter(({ tenantId }) => {
        const room = left.get(tenantId) ?? null;
        if (room === null) return false;
        left.set(tenantId, room - 1);
        return room < 1;
      }),
    );
  }

  /**
   * A run of the tenant has ended in this transaction. Costs nothing for a tenant of whom no claim has seen a limit.
   * Waits for claims of it: one that parks at this moment would not see that there is room, nor this what it parks.
   */
  async runEnded(tx: Tx, tenantId: string): Promise<void> {
    if (!this.limited.has(tenantId)) return;
    const [waited] = await tx.query<{ isLimited: boolean }>(WAIT_FOR_CLAIMS, [tenantId]);
    if (!waited?.isLimited) this.limited.delete(tenantId);
    await this.letIn(tx, [tenantId]);
  }

  /** Some of the jobs that `findPast` let through were not claimed after all: there is room for others. */
  async notClaimed(tx: Tx, refs: readonly JobRef[]): Promise<void> {
    await this.letIn(
      tx,
      refs.map(({ tenantId }) => tenantId).filter((tenantId) => this.limited.has(tenantId)),
    );
  }

  /**
   * Lets in as many of each tenant's parked jobs as there is room for. Without waiting for claims: for who holds rows that
   * a claim may wait for. What is missed in that moment is made good by `ParkedJobs`.
   */
  async letIn(tx: Tx, tenants: readonly string[]): Promise<void> {
    const parked = await this.parking.among(tx, 'job.run', [...new Set(tenants)]);
    for (const [tenantId, room] of await this.room(tx, parked)) {
      if (room === null || room > 0) await this.parking.letIn(tx, 'job.run', tenantId, room);
    }
  }

  async room(tx: Tx, tenants: readonly string[]): Promise<Room> {
    if (tenants.length === 0) return new Map();
    const rows = await tx.query<{ tenantId: string; room: number | null }>(FIND_ROOM, [tenants]);
    return new Map(rows.map(({ tenantId, room }) => [tenantId, room]));
  }
}
