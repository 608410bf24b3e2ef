import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { newTraceId } from '#observability';
import { aJob, aTenant, JobPrograms, LEASE_MS, NOOP_PLAN, type TestDatabase, testDatabase } from '#testing';
import { randomUUID } from 'node:crypto';
import type { JobExplanation } from './job-explanation.js';
import { JobExplanations } from './job-explanations.js';
import type { Job } from './job.js';

let db: TestDatabase;
let programs: JobPrograms;
let tenantId: string;

beforeAll(async () => {
  db = await testDatabase();
  programs = await JobPrograms.start(db);
});
beforeEach(async () => {
  tenantId = await aTenant(db);
  await db.sql('DELETE FROM pgboss.job');
  await db.sql('DELETE FROM worker');
  await db.sql('DELETE FROM queue_pause');
});
afterAll(async () => {
  await programs.stop();
  await db.drop();
});

async function queued(given: { priority?: number; plan?: unknown } = {}, tenant = tenantId): Promise<Job> {
  const wanted = { traceId: newTraceId(), plan: NOOP_PLAN, confirm: true, ...given };
  return (await programs.lifecycle.create(programs.client(tenant), wanted, null)).job;
}
const explainTo = (tenant: string, job: Pick<Job, 'job_id'>): Promise<JobExplanation> =>
  new JobExplanations(programs.api, LEASE_MS).of(programs.client(tenant), job.job_id);
const explained = (job: Pick<Job, 'job_id'>): Promise<JobExplanation> => explainTo(tenantId, job);
const codes = async (job: Pick<Job, 'job_id'>): Promise<string[]> =>
  (await explained(job)).reasons.map(({ code }) => code);
const beat = (): Promise<unknown> => programs.workers.beat(programs.workerIdentity, []);

describe('explain, with the rights of the API', () => {
  it('tells workers that live from those that do not, by the clock of the database', async () => {
    const job = await queued();
    expect(await codes(job)).toEqual(['NO_WORKER_ALIVE', 'IN_LINE']);
    await beat();
    expect(await explained(job)).toMatchObject({ runnable: true, reasons: [{ code: 'IN_LINE', ahead: 0 }] });
    await db.sql(`UPDATE worker SET seen_at = clock_timestamp() - make_interval(secs => $1)`, [
      LEASE_MS / 1_000 + 1,
    ]);
    expect(await codes(job)).toEqual(['NO_WORKER_ALIVE', 'IN_LINE']);
    await beat();
    await programs.workers.leave(programs.workerIdentity.workerId);
    expect(await codes(job)).toEqual(['NO_WORKER_ALIVE', 'IN_LINE']);
  });

  it('names what no worker can do', async () => {
    const job = await aJob(db, tenantId, { status: 'queued', needs: ['command', 'command:stata'] });
    await programs.worker.acrossTenants(programs.workerScope, (tx) =>
      programs.workerQueue.wake(tx, 'job.run', { tenantId, jobId: job.job_id }),
    );
    await beat();
    expect((await explained(job)).reasons[0]).toMatchObject({
      code: 'NO_WORKER_WITH',
      missing: ['command:stata'],
      workers: [{ worker_id: programs.workerIdentity.workerId, missing: ['command:stata'] }],
    });
  });

  it('counts who is before it, of every tenant, by priority and then by turn', async () => {
    await beat();
    const other = await aTenant(db);
    await queued({}, other);
    await queued({ priority: 5 }, other);
    await queued();
    // The tenant's second: behind the first of each, and behind all that are more urgent.
    const job = await queued();
    await queued();
    await queued({ priority: 5 });
    expect((await explained(job)).reasons).toMatchObject([
      { code: 'IN_LINE', ahead: 4, ahead_is_exact: true },
    ]);
    const claimed = await programs.runs.claim(programs.workerIdentity, 4);
    expect(claimed.map(({ jobId }) => jobId)).not.toContain(job.job_id);
    expect((await explained(job)).reasons).toMatchObject([{ code: 'IN_LINE', ahead: 0 }]);
    expect(await programs.runs.claim(programs.workerIdentity, 1)).toMatchObject([{ jobId: job.job_id }]);
  });

  it('knows from heartbeats that all slots are busy, and where a job runs', async () => {
    const running = [await queued(), await queued()];
    const leases = await programs.runs.claim(programs.workerIdentity, 2);
    const job = await queued();
    await programs.workers.beat(programs.workerIdentity, leases);
    expect((await explained(job)).reasons[0]).toMatchObject({
      code: 'ALL_SLOTS_BUSY',
      slots: 2,
      workers: [{ worker_id: programs.workerIdentity.workerId, busy_slots: 2 }],
    });
    const { workerId: worker_id } = programs.workerIdentity;
    expect(await explained(running[0]!)).toMatchObject({
      status: 'running',
      runnable: false,
      reasons: [{ code: 'RUNNING_ON', worker_id, lease_no: 1, attempt: 1 }],
    });
    await db.sql(`UPDATE run SET lease_until = clock_timestamp() - interval '1 second' WHERE job_id = $1`, [
      running[0]!.job_id,
    ]);
    expect(await codes(running[0]!)).toEqual(['RUNNING_ON', 'LEASE_EXPIRED']);
  });

  it('says that the message is gone, and that the queue is paused', async () => {
    await beat();
    const job = await queued();
    await db.sql('DELETE FROM pgboss.job');
    expect(await codes(job)).toEqual(['MESSAGE_MISSING']);
    await db.sql(`INSERT INTO queue_pause VALUES ('job.run', 'maintenance', 'operator:ann')`);
    expect((await explained(job)).reasons).toMatchObject([
      { code: 'QUEUE_PAUSED', by: 'operator:ann', reason: 'maintenance', since: expect.any(String) },
      { code: 'MESSAGE_MISSING' },
    ]);
  });

  it('follows a draft that was asked for into its queue', async () => {
    const draft_task = { task_id: randomUUID(), state: 'pending' } as const;
    const job = await aJob(db, tenantId, { draft_task });
    await db.sql(`INSERT INTO queue_pause VALUES ('job.draft', 'no model', 'operator:ann')`);
    await beat();
    expect(await codes(job)).toEqual(['NOT_CONFIRMED', 'QUEUE_PAUSED', 'MESSAGE_MISSING']);
  });

  it('does not find another tenant’s job', async () => {
    const job = await queued();
    await expect(explainTo(await aTenant(db), job)).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' });
  });
});
