import type { Database, Scope } from '#database';
import { Parking } from '#queue';
import { RunningJobsLimit, TRY_KEEP_CLAIMS_OUT } from './running-jobs-limit.js';

/**
 * Lets jobs back into the line that were parked for their tenant's limit of running jobs: all of them when the limit is
 * gone, more of them when it was raised, and those for whom nobody did it when a run ended.
 */
export class ParkedJobs {
  private readonly parking = new Parking();
  private readonly limit = new RunningJobsLimit();

  constructor(
    private readonly database: Database,
    private readonly scope: Scope,
  ) {}

  /** One look at the tenants that have parked jobs; any number of programs may do it. Answers how many were let in. */
  async letIn(): Promise<number> {
    const room = await this.database.acrossTenants(this.scope, async (tx) =>
      this.limit.room(tx, await this.parking.tenants(tx, 'job.run')),
    );
    let all = 0;
    for (const [tenantId, free] of room) {
      if (free !== null && free < 1) continue;
      // A page at a time.
      for (let count = 1; count > 0; all += count) count = await this.letInOne(tenantId);
    }
    return all;
  }

  /** A tenant of whom a claim is under way has its turn with the next look. */
  private async letInOne(tenantId: string): Promise<number> {
    return this.database.acrossTenants(this.scope, async (tx) => {
      const [kept] = await tx.query<{ done: boolean }>(TRY_KEEP_CLAIMS_OUT, [tenantId]);
      if (!kept?.done) return 0;
      const free = (await this.limit.room(tx, [tenantId])).get(tenantId) ?? null;
      return free !== null && free < 1 ? 0 : this.parking.letIn(tx, 'job.run', tenantId, free);
    });
  }
}
