import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { anAuditEvent, aTenant, faultsOf, type TestDatabase, testDatabase } from '#testing';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Ending, ssctl } from './ssctl.js';

let db: TestDatabase;
let folder: string;

beforeAll(async () => {
  db = await testDatabase();
  folder = await mkdtemp(join(tmpdir(), 'ss-audit-export-'));
  for (const tenantId of ['acme', 'others']) {
    await aTenant(db, tenantId);
    for (const day of ['02', '03', '04'])
      await anAuditEvent(db, tenantId, { reason: day, occurred_at: `2026-11-${day}T00:00:00Z` });
  }
});
afterAll(async () => {
  await db.drop();
  await rm(folder, { recursive: true, force: true });
});

const exportTo = (...args: string[]): Promise<Ending> =>
  ssctl(['audit', 'export', ...args], { DATABASE_URL: db.ownerUrl }, folder);
const rowsOf = (text: string): Record<string, unknown>[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

it('writes the audit of a tenant and a time to standard output', async () => {
  const { output, errors, code } = await exportTo(
    '--tenant',
    'acme',
    '--from',
    '2026-11-03',
    '--to',
    '2026-11-04',
  );
  expect({ code, rows: rowsOf(output).map(({ tenant_id, reason }) => [tenant_id, reason]) }).toEqual({
    code: 0,
    rows: [['acme', '03']],
  });
  expect(errors).toContain('1 events');
});

it('writes that of all tenants to a file that nobody else reads, and never over another', async () => {
  const file = join(folder, 'audit.json');
  const ending = await exportTo('--format', 'ocsf', '-o', file, '--json');
  const rows = rowsOf(await readFile(file, 'utf8'));
  expect(JSON.parse(ending.output)).toEqual({ rows: rows.length, file });
  expect(rows.length).toBeGreaterThanOrEqual(6);
  for (const row of rows) expect({ row, faults: faultsOf('ocsf', row) }).toMatchObject({ faults: [] });
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(await exportTo('-o', file)).toMatchObject({ code: 1, errors: expect.stringContaining('EEXIST') });
  expect(rowsOf(await readFile(file, 'utf8'))).toEqual(rows);
});

it('is refused for a tenant that is not there', async () => {
  expect(await exportTo('--tenant', 'nobody')).toMatchObject({ code: 1, output: '' });
});

it('leaves its rows on the audit', async () => {
  await exportTo('--tenant', 'others', '--reason', 'a subpoena');
  const rows = await db.sql(
    `SELECT action, actor_kind, reason, metadata ->> 'rows' AS rows FROM audit_event
     WHERE tenant_id = 'others' AND resource_type = 'audit' ORDER BY event_id`,
  );
  const by = { actor_kind: 'operator', reason: 'a subpoena' };
  expect(rows).toEqual([
    { ...by, action: 'audit.export_started', rows: null },
    { ...by, action: 'audit.exported', rows: '3' },
  ]);
});

it('says on the audit how far it came when its reader has had enough', async () => {
  await aTenant(db, 'big');
  await db.sql(
    `INSERT INTO audit_event (tenant_id, actor_kind, actor_id, action, resource_type, resource_id, source, reason)
     SELECT 'big', 'operator', 'o', 'thing.done', 'thing', n::text, 'test', repeat('x', 1000) FROM generate_series(1, 5000) AS n`,
  );
  const main = join(import.meta.dirname, '../../../dist/apps/ssctl/src/main.js');
  const command = `"${process.execPath}" "${main}" audit export --tenant big | head -n 1`;
  const env = { PATH: process.env['PATH'] ?? '', DATABASE_URL: db.ownerUrl };
  const { stdout } = await promisify(execFile)('sh', ['-c', command], { cwd: folder, env });
  expect(rowsOf(stdout)).toHaveLength(1);
  // The shell waits for both.
  const rows = await db.sql(
    `SELECT metadata -> 'rows' AS rows, metadata -> 'complete' AS complete FROM audit_event
     WHERE tenant_id = 'big' AND action = 'audit.exported'`,
  );
  expect(rows).toEqual([{ rows: expect.any(Number), complete: false }]);
  expect(rows[0]!['rows']).toBeLessThan(5000);
});
