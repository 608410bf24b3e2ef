import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { anAuditEvent, aTenant, type TestDatabase, testDatabase } from '#testing';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { type Ending, ssctl } from './ssctl.js';

let db: TestDatabase;
let folder: string;
const login = `auditor_${randomBytes(6).toString('hex')}`;

beforeAll(async () => {
  db = await testDatabase();
  folder = await mkdtemp(join(tmpdir(), 'ss-auditor-'));
});
afterAll(async () => {
  await db.drop();
  await rm(folder, { recursive: true, force: true });
});

const auditor = (...args: string[]): Promise<Ending> =>
  ssctl(['auditor', ...args], { DATABASE_URL: db.ownerUrl }, folder);

it('an auditor is made, reads the audit of its tenant with the password that was shown, and is dropped', async () => {
  const tenantId = await aTenant(db);
  await anAuditEvent(db, tenantId, { action: 'thing.seen' });
  await anAuditEvent(db, await aTenant(db), { action: 'thing.seen' });

  const made = await auditor('create', login, '--tenant', tenantId, '--statement-timeout', '7', '--json');
  const { password, ...rest } = JSON.parse(made.output) as { password: string };
  expect(rest).toEqual({ login, only_tenant: tenantId, created_at: expect.any(String) });

  const url = new URL(db.ownerUrl);
  Object.assign(url, { username: login, password });
  const client = new pg.Client({ connectionString: url.toString() });
  await client.connect();
  const seen = await client.query(`SELECT tenant_id FROM audit_api.event WHERE action = 'thing.seen'`);
  const timeout = await client.query<{ statement_timeout: string }>('SHOW statement_timeout');
  await client.end();
  expect(seen.rows).toEqual([{ tenant_id: tenantId }]);
  expect(timeout.rows).toEqual([{ statement_timeout: '7s' }]);

  expect((await auditor('list')).output).toMatch(new RegExp(`${login} +tenant ${tenantId}`));
  expect((await auditor('drop', login, '--reason', 'the audit is over')).code).toBe(0);
  expect(JSON.parse((await auditor('list', '--json')).output)).toEqual({ items: [] });
});

it('which tenants it sees has to be said, and only once', async () => {
  const neither = await auditor('create', 'anna');
  expect(neither).toMatchObject({
    code: 1,
    errors: expect.stringMatching(/--tenant <tenant> or --all-tenants/),
  });
  const both = await auditor('create', 'anna', '--tenant', 'a', '--all-tenants');
  expect(both).toMatchObject({ code: 1, errors: expect.stringMatching(/cannot be used with/) });
});
