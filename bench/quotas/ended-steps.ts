import { JobRuns, type Lease } from '#jobs';
import { Queue } from '#queue';
import { randomUUID } from 'node:crypto';
import { type BenchDatabase, onError, SCOPE } from '../place.js';

const LEASE_MS = 600_000;
const BYTES = 100;

/** $1 tenant, $2 job, $3 run. */
const PUT_JOB = `
  INSERT INTO job (
    tenant_id, job_id, status, version, requirement, draft_revision, plan_id, trace_id, confirmed_at, queued_at,
    started_at, lease_no, run_id
  )
  VALUES ($1, $2, 'running', 5, 'Nothing.', 1, repeat('a', 64), md5($2), now(), now(), now(), 1, $3::uuid)`;
const PUT_RUN = `
  INSERT INTO run (tenant_id, job_id, run_id, attempt, lease_no, worker_id, worker_build, lease_until)
  VALUES ($1, $2, $3, 1, 1, gen_random_uuid(), 'bench', now() + interval '1 hour')`;
/** $4 how many. */
const PUT_STEPS = `
  INSERT INTO run_step (tenant_id, job_id, run_id, step_id, position, type)
  SELECT $1, $2, $3, 's' || n, n, 'sql' FROM generate_series(1, $4::integer) AS n`;

/** Steps of one tenant that are done, each with an artifact: a run for each of so many workers. */
export class EndedSteps {
  private constructor(
    private readonly place: BenchDatabase,
    private readonly leases: readonly Lease[],
    private readonly steps: number,
  ) {}

  static async prepare(
    place: BenchDatabase,
    tenantId: string,
    { steps, connections }: { steps: number; connections: number },
  ): Promise<EndedSteps> {
    const { owner } = place;
    const leases: Lease[] = [];
    await owner.query('SET session_replication_role = replica');
    for (let n = 0; n < connections; n++) {
      const key = [tenantId, `job-${randomUUID()}`, randomUUID()] as const;
      await owner.query(PUT_JOB, [...key]);
      await owner.query(PUT_RUN, [...key]);
      await owner.query(PUT_STEPS, [...key, steps]);
      leases.push({ tenantId, jobId: key[1], runId: key[2], leaseNo: 1 });
    }
    await owner.query('RESET session_replication_role');
    return new EndedSteps(place, leases, steps);
  }

  /** Ends them all, one after the other in each run. Answers steps a second. */
  async rate(): Promise<number> {
    const database = this.place.database('ss_worker', this.leases.length);
    const runs = new JobRuns(
      database,
      new Queue(database, SCOPE, { consumes: false, onError }),
      SCOPE,
      LEASE_MS,
    );
    const begun = performance.now();
    await Promise.all(
      this.leases.map(async (lease) => {
        for (let n = 1; n <= this.steps; n++) {
          const stepId = `s${String(n)}`;
          const file = { rel_path: `tables/${stepId}.csv`, kind: 'table.csv', content_type: 'text/csv' };
          const kept = { bytes: BYTES, sha256: 'a'.repeat(64), storage_name: `runs/x/${stepId}.csv` };
          const artifacts = [{ ...file, ...kept, run_id: lease.runId, step_id: stepId }];
          await runs.endStep(lease, stepId, { outcome: 'succeeded', artifacts });
        }
      }),
    );
    return (this.leases.length * this.steps) / ((performance.now() - begun) / 1_000);
  }
}
