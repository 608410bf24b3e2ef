import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client, Deployment, type Program, type TestDatabase, testDatabase } from '#testing';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const SSCTL = join(import.meta.dirname, '../../../dist/apps/ssctl/src/main.js');

/** The way of a cut-over as docs/migration.md has it, and the way back. */
let database: TestDatabase;
let deployment: Deployment;
let folder: string;
let api: Program;
let client: Client;

beforeAll(async () => {
  database = await testDatabase();
  deployment = await Deployment.on(database, {}, () => database.drop());
  folder = await mkdtemp(join(tmpdir(), 'ss-cut-over-'));
  for (let index = 0; index < 5; index++)
    await putJob(`job_0${index}`, `2026-01-0${index + 1}T08:00:00+00:00`);
  await put('jobs/tenants/legacy/br/job_broken/job.json', '{');
  await deployment.tenant('legacy');
  api = await deployment.api({
    SS_LEGACY_JOBS_DIR: join(folder, 'jobs'),
    SS_MIGRATION_DATABASE_URL: database.migrationUrl,
  });
  client = new Client(api.url, (await deployment.key('legacy')).key);
});
afterAll(async () => {
  await deployment.close();
  await rm(folder, { recursive: true, force: true });
});

async function put(path: string, content: string): Promise<void> {
  await mkdir(dirname(join(folder, path)), { recursive: true });
  await writeFile(join(folder, path), content);
}

async function putJob(jobId: string, created_at: string): Promise<void> {
  const job = {
    schema_version: 3,
    job_id: jobId,
    tenant_id: 'legacy',
    created_at,
    trace_id: 'ab'.repeat(16),
  };
  const more = {
    version: 4,
    status: 'succeeded',
    requirement: jobId,
    runs: [],
    artifacts_index: [],
    owner: 'kept',
  };
  await put(
    `jobs/tenants/legacy/${jobId.slice(4, 6)}/${jobId}/job.json`,
    JSON.stringify({ ...job, ...more }),
  );
}

/** The command line, as an operator has it. */
async function ssctl(...args: string[]): Promise<{ code: number; answer: Record<string, unknown> }> {
  const env = { ...process.env, DATABASE_URL: database.operatorUrl, SS_DATA_DIR: deployment.folder };
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [SSCTL, ...args, '--json'], { env });
    return { code: 0, answer: JSON.parse(stdout) as Record<string, unknown> };
  } catch (error) {
    const { code, stdout } = error as { code: number; stdout: string };
    return { code, answer: JSON.parse(stdout) as Record<string, unknown> };
  }
}

describe('a cut-over', () => {
  it('begins with an API that answers for jobs which are files still', async () => {
    const answer = await client.get('/v1/jobs/job_02');
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({
      job_id: 'job_02',
      status: 'succeeded',
      version: 4,
      requirement: 'job_02',
    });
    const audit = await deployment.sql(
      `SELECT action, actor_kind, actor_id, to_status FROM audit_event WHERE resource_id = 'job_02'`,
    );
    expect(audit).toEqual([
      { action: 'job.migrated', actor_kind: 'migration', actor_id: 'read-through', to_status: 'succeeded' },
    ]);
  });

  it('lists rows and files in one order, page by page', async () => {
    const seen: string[] = [];
    let cursor = '';
    do {
      const { body } = await client.get(`/v1/jobs?limit=2${cursor}`);
      const page = body as { items: { job_id: string }[]; next_cursor: string | null };
      seen.push(...page.items.map((job) => job.job_id));
      cursor = page.next_cursor === null ? '' : `&cursor=${encodeURIComponent(page.next_cursor)}`;
    } while (cursor !== '');
    expect(seen).toEqual(['job_04', 'job_03', 'job_02', 'job_01', 'job_00']);
  });

  it('makes no job beside a file of its id, and says when a file cannot be lifted', async () => {
    const made = await client.post('/v1/jobs', { job_id: 'job_03', requirement: 'another' });
    expect([made.status, made.body]).toMatchObject([409, { code: 'JOB_ALREADY_EXISTS' }]);
    const broken = await client.get('/v1/jobs/job_broken');
    expect([broken.status, broken.body]).toMatchObject([409, { code: 'JOB_DATA_CORRUPTED' }]);
    expect((await client.get('/v1/jobs/job_nowhere')).status).toBe(404);
  });

  it('goes on with the run, which leaves alone what was lifted already, and with verify', async () => {
    const run = await ssctl('migrate', 'run', '--root', join(folder, 'jobs'));
    expect([run.code, run.answer['counts']]).toEqual([
      2,
      { migrated: 3, repaired: 0, quarantined: 1, unchanged: 2 },
    ]);
    const verified = await ssctl('migrate', 'verify', '--root', join(folder, 'jobs'));
    expect(verified.answer).toMatchObject({ ok: true, files: 6, rows: 5, quarantined: 1, differences: [] });
  });

  it('ends with an API that needs the tree no more', async () => {
    const without = await deployment.api();
    const key = (await deployment.key('legacy')).key;
    expect((await new Client(without.url, key).get('/v1/jobs/job_04')).status).toBe(200);
  });

  it('can be taken back: the rows become a tree, what was made here with them', async () => {
    await client.post('/v1/jobs', { job_id: 'job_new', requirement: 'born here' });
    const out = join(folder, 'out');
    expect((await ssctl('migrate', 'export', '--out', out)).answer).toMatchObject({ jobs: 6 });
    const old = JSON.parse(await readFile(join(out, 'tenants/legacy/04/job_04/job.json'), 'utf8')) as unknown;
    expect(old).toMatchObject({
      schema_version: 3,
      version: 4,
      owner: 'kept',
      created_at: '2026-01-05T08:00:00+00:00',
    });
    const made = JSON.parse(
      await readFile(join(out, 'tenants/legacy/ne/job_new/job.json'), 'utf8'),
    ) as unknown;
    expect(made).toMatchObject({ schema_version: 3, status: 'created', requirement: 'born here', runs: [] });
  });
});
