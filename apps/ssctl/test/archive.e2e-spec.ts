import {
  anAuditMonth,
  aTenant,
  auditRowsAt,
  Deployment,
  eventually,
  monthsAgo,
  type TestDatabase,
  testDatabase,
} from '#testing';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Ending, ssctl } from './ssctl.js';

const [OLD, NEXT] = [monthsAgo(4), monthsAgo(3)];
const HOSTILE = 'a "b", \\ (c)\n\u2028 d';

let db: TestDatabase;
let deployment: Deployment;
let tenantId: string;
let archives: string;

beforeAll(async () => {
  db = await testDatabase();
  deployment = await Deployment.on(db);
  archives = join(deployment.folder, 'archives');
  tenantId = await aTenant(db);
  for (const month of [OLD, NEXT]) await anAuditMonth(db, month);
  await auditRowsAt(
    db,
    tenantId,
    [`${OLD}-03T00:00:00Z`, `${OLD}-04T00:00:00Z`, `${NEXT}-01T00:00:00Z`],
    HOSTILE,
  );
});
afterAll(async () => {
  await deployment.close();
  await db.drop();
});

async function run(...args: string[]): Promise<Ending> {
  const env = { DATABASE_URL: db.ownerUrl, SS_DATA_DIR: deployment.folder, SS_AUDIT_ARCHIVE_DIR: archives };
  return ssctl(args, env, deployment.folder);
}
async function told<T>(...args: string[]): Promise<T> {
  const { code, output, errors } = await run(...args, '--json');
  expect({ code, errors }).toEqual({ code: 0, errors: '' });
  return JSON.parse(output) as T;
}

it('months that the policy lets go are archived, dropped, and can be proven and read back', async () => {
  const file = join(archives, `ss-audit-${OLD}.ndjson.gz`);
  // By hand first: what was written stays, and is what the worker records.
  expect((await run('archive', 'audit', '--month', OLD)).code).toBe(1);
  await told('audit', 'seal');
  const written = await told<{ sha256: string }>('archive', 'audit', '--month', OLD);
  expect(written).toMatchObject({ month: OLD, file, rows: 2 });
  expect(await told('archive', 'verify', file)).toMatchObject({ ok: true, rows: 2, is_retired: false });

  const worker = await deployment.worker({
    SS_AUDIT_RETENTION_MONTHS: '2',
    SS_AUDIT_ARCHIVE_DIR: archives,
    SS_AUDIT_SEAL_SECONDS: '1',
  });
  const next = await eventually(() => worker.find('SS_AUDIT_MONTH_RETIRED', { month: NEXT }), 30_000);
  expect(next).toMatchObject({ rows: 1, archive: join(archives, `ss-audit-${NEXT}.ndjson.gz`) });
  expect(worker.find('SS_AUDIT_MONTH_RETIRED', { month: OLD })).toMatchObject({ rows: 2, archive: file });
  expect((await readdir(archives)).length).toBe(2);

  // The rows that say so are sealed like all others.
  await eventually(async () => (await told<{ rows: number }>('audit', 'verify')).rows >= 2, 20_000);
  expect(await told('audit', 'verify')).toMatchObject({ ok: true, retired_rows: 3, first_bad: null });
  const verified = { ok: true, month: OLD, rows: 2, sha256: written.sha256, is_signature_checked: true };
  expect(await told('archive', 'verify', file)).toMatchObject({ ...verified, is_retired: true });
  expect(await told('archive', 'verify', file, '--offline')).toMatchObject({ ...verified, is_retired: null });

  const { output } = await run('archive', 'read', file, '--tenant', tenantId, '--action', 'test.done');
  const rows = output
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
  expect(rows).toMatchObject([
    { occurred_at: `${OLD}-03T00:00:00Z`, actor_id: HOSTILE, changes: { n: 1, text: HOSTILE } },
    { occurred_at: `${OLD}-04T00:00:00Z`, actor_id: HOSTILE },
  ]);
  expect((await run('archive', 'read', file, '--tenant', 'nobody')).output).toBe('');

  await eventually(async () => {
    const metrics = await (await fetch(`${worker.url}/metrics`)).text();
    return (
      metrics.includes('ss_audit_months_retired_total 2') && metrics.includes('ss_audit_rows_retired_total 3')
    );
  });
  const metrics = await (await fetch(`${worker.url}/metrics`)).text();
  const oldest = Number(/^ss_audit_oldest_month_seconds (\S+)$/m.exec(metrics)?.[1]);
  // What is left is this month.
  expect(oldest).toBeGreaterThanOrEqual(0);
  expect(oldest).toBeLessThan(32 * 86_400);
});

it('refuses an archive that was changed, and prints none of it', async () => {
  const path = join(deployment.folder, 'changed.ndjson.gz');
  const bytes = await readFile(join(archives, `ss-audit-${OLD}.ndjson.gz`));
  await writeFile(path, bytes.subarray(0, -10));
  const read = await run('archive', 'read', path);
  expect([read.code, read.output]).toEqual([1, '']);
  const { code, output } = await run('archive', 'verify', path, '--offline', '--json');
  expect([code, JSON.parse(output)]).toMatchObject([1, { error: { code: 'AUDIT_ARCHIVE_INVALID' } }]);
});

it('makes room for months to come in a database that nobody has deployed to for years', async () => {
  const missing = `audit_event_${monthsAgo(-24).replace('-', '_')}`;
  await db.sql(`DROP TABLE ${missing}`);
  const worker = await deployment.worker();
  await eventually(() => worker.find('SS_AUDIT_PARTITIONS_MADE', { months: 1 }), 30_000);
  expect(await db.sql('SELECT to_regclass($1)::text AS name', [missing])).toEqual([{ name: missing }]);
});
