import { aJob, aTenant, Deployment, eventually, type TestDatabase, testDatabase } from '#testing';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { ssctl } from '../../ssctl/test/ssctl.js';

let db: TestDatabase;
let deployment: Deployment;

beforeAll(async () => {
  db = await testDatabase();
  deployment = await Deployment.on(db);
});
afterAll(async () => {
  await deployment.close();
  await db.drop();
});

async function run(env: Record<string, string>, ...args: string[]): Promise<unknown> {
  const places = { SS_DATA_DIR: deployment.folder, SS_ARTIFACTS_DIR: deployment.artifactsDir };
  const given = { DATABASE_URL: db.operatorUrl, ...places, ...env };
  const { code, output } = await ssctl(['retention', 'run', '--json', ...args], given, deployment.folder);
  expect(code).toBe(0);
  return JSON.parse(output);
}

it('is told by the operator’s dry run, follows the setting, and is done by a worker', async () => {
  const tenantId = await aTenant(db);
  const daysAgo = (days: number): string => new Date(Date.now() - days * 86_400_000).toISOString();
  const ended = (days: number) => ({ status: 'succeeded', finished_at: daysAgo(days) }) as const;
  const old = await aJob(db, tenantId, ended(91));
  const young = await aJob(db, tenantId, ended(89));
  const left = async (): Promise<string[]> =>
    (await db.sql<{ job_id: string }>('SELECT job_id FROM job')).map(({ job_id }) => job_id);

  expect(await run({}, '--dry-run')).toMatchObject({
    ...{ dry_run: true, idempotency_keys: 0, ownerless_jobs: 0 },
    tenants: [{ tenant_id: tenantId, retention_days: 90, jobs: 1 }],
  });
  expect(await run({ SS_JOB_RETENTION_DAYS: '0' })).toMatchObject({ dry_run: false, jobs: 0 });
  expect(await left()).toHaveLength(2);

  const worker = await deployment.worker({ SS_JOB_RETENTION_SWEEP_SECONDS: '1' });
  await eventually(async () => !(await left()).includes(old.job_id), 20_000);
  expect(await left()).toEqual([young.job_id]);
  await eventually(async () =>
    /^ss_retention_removed_total\{kind="job"\} 1$/m.test(await (await fetch(`${worker.url}/metrics`)).text()),
  );
  expect(worker.log).toContainEqual(expect.objectContaining({ event: 'SS_RETENTION_REMOVED', jobs: 1 }));

  expect(await run({ SS_JOB_RETENTION_DAYS: '30' })).toMatchObject({ jobs: 1 });
  expect(await left()).toEqual([]);
  const rows = await db.sql(
    `SELECT actor_kind FROM audit_event WHERE action = 'job.deleted' ORDER BY event_id`,
  );
  expect(rows).toEqual([{ actor_kind: 'worker' }, { actor_kind: 'operator' }]);
});
