import type { ArtifactStore } from '#artifacts';
import type { Database, TenantScope, Tx } from '#database';
import type { JobRef } from '#queue';
import { getJob } from './explain-refusal.js';
import type { Job } from './job.js';
import { JobNotEnded, JobVersionConflict } from './refusals.js';

/** The database's own function: it alone may delete what belongs to a job, and it writes the audit row with the counts. */
const ERASE = 'SELECT * FROM erase_job_data($1, $2)';

/** Takes the data of a job that has ended away for good; the job, its moves and its audit stay. See docs/erasure.md. */
export class JobErasure {
  constructor(
    private readonly database: Database,
    private readonly store: ArtifactStore,
  ) {}

  /**
   * When this returns, rows and files are gone. A job that is erased already stays as it is, and its files are looked for
   * once more: so a call that broke off is repeated. Throws `JOB_NOT_ENDED`, `JOB_VERSION_CONFLICT`.
   */
  async erase(scope: TenantScope & { reason: string }, jobId: string, version: number | null): Promise<Job> {
    const ref = { tenantId: scope.tenantId, jobId };
    const job = await this.database.transaction(scope, async (tx) => {
      const [erased] = await tx.query<Job>(ERASE, [jobId, version]);
      return erased ?? this.explain(tx, ref, version);
    });
    // Its id is not given again while its row is there: all that lies under it is its own.
    await this.store.removeAll(ref);
    return job;
  }

  private async explain(tx: Tx, ref: JobRef, version: number | null): Promise<Job> {
    const job = await getJob(tx, ref);
    if (job.erased_at !== null) return job;
    if (version !== null && job.version !== version) throw new JobVersionConflict(job, version);
    throw new JobNotEnded(job);
  }
}
