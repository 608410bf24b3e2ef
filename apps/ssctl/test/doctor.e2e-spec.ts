import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { newTraceId } from '#observability';
import { aTenant, emptyDatabase, JobPrograms, NOOP_PLAN, type TestDatabase, testDatabase } from '#testing';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ssctl } from './ssctl.js';

let db: TestDatabase;
let programs: JobPrograms;
let folder: string;

beforeAll(async () => {
  db = await testDatabase();
  programs = await JobPrograms.start(db);
  folder = await mkdtemp(join(tmpdir(), 'ss-doctor-'));
});
afterAll(async () => {
  await programs.stop();
  await db.drop();
  await rm(folder, { recursive: true, force: true });
});

interface Report {
  ok: boolean;
  findings: { id: string; level: string; cause: string; remedy: string; rows?: object[] }[];
  checked: string[];
  not_checked: { id: string; why: string }[];
}

async function doctor(args: string[], env: Record<string, string> = {}): Promise<[Report, number]> {
  const { code, output } = await ssctl(
    ['doctor', '--json', ...args],
    { DATABASE_URL: db.ownerUrl, ...env },
    folder,
  );
  return [JSON.parse(output) as Report, code];
}

it('--invariants says which hold, which do not with their rows, and which it cannot tell', async () => {
  const tenantId = await aTenant(db);
  const { job } = await programs.lifecycle.create(
    programs.client(tenantId),
    { traceId: newTraceId(), plan: NOOP_PLAN, confirm: true },
    null,
  );
  const [healthy, fine] = await doctor(['--invariants', '--quiet-seconds', '0']);
  expect(healthy).toMatchObject({ ok: true, findings: [] });
  expect(fine).toBe(0);
  expect(healthy.checked).toEqual(expect.arrayContaining(['I2', 'I5', 'I10', 'I17', 'I20']));
  expect(healthy.not_checked.map(({ id }) => id)).toEqual(['I1', 'I12', 'I15', 'I16', 'I18']);

  await db.sql('DELETE FROM pgboss.job');
  const [broken, code] = await doctor(['--invariants', '--quiet-seconds', '0']);
  expect(code).toBe(1);
  expect(broken).toMatchObject({
    ok: false,
    findings: [{ id: 'I10', level: 'violated', rows: [{ tenant_id: tenantId, job_id: job.job_id }] }],
  });

  const spoken = await ssctl(
    ['doctor', '--invariants', '--quiet-seconds', '0'],
    { DATABASE_URL: db.ownerUrl },
    folder,
  );
  expect(spoken.code).toBe(1);
  expect(spoken.output).toMatch(/^VIOLATED {2}I10\n/);
  expect(spoken.output).toContain(job.job_id);
  expect(spoken.errors).toBe('');
});

it('says that there is no database, no schema, or no way to find out, and ends with 2', async () => {
  const down = { DATABASE_URL: 'postgresql://nobody:secret@127.0.0.1:1/none' };
  for (const args of [[], ['--invariants']]) {
    const [report, code] = await doctor(args, down);
    expect(code).toBe(2);
    expect(report).toMatchObject({ ok: false, findings: [{ id: 'database', level: 'unknown' }] });
    expect(JSON.stringify(report)).not.toContain('secret');
  }
  const [none, code] = await doctor([], { DATABASE_URL: '', SS_DATA_DIR: join(folder, 'nothing') });
  expect([none.findings[0]?.id, code]).toEqual(['database', 2]);

  const empty = await emptyDatabase();
  const [bare, bareCode] = await doctor(['--invariants'], { DATABASE_URL: empty.url });
  await empty.drop();
  expect(bareCode).toBe(2);
  expect(bare).toMatchObject({ ok: false, findings: [{ id: 'schema', level: 'unknown' }] });
});

it('names every fault of the configuration, of every program, and no value', async () => {
  const [worst, code] = await doctor([], {
    SS_API_PORT: 'nonsense-value',
    SS_WORKER_MAX_ATTEMPTS: '0',
  });
  expect(code).toBe(1);
  const faults = worst.findings.map(({ id }) => id);
  expect(faults).toEqual(expect.arrayContaining(['configuration.api', 'configuration.worker']));
  expect(JSON.stringify(worst)).toContain('SS_WORKER_MAX_ATTEMPTS');
  expect(JSON.stringify(worst)).not.toContain('nonsense-value');

  const [misspelled] = await doctor([], { SS_WORKRE_CONCURRENCY: '3' });
  expect(misspelled.findings).toContainEqual(
    expect.objectContaining({ id: 'configuration.unknown', level: 'warning' }),
  );
});
