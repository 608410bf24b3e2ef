import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { aJob, anAuditEvent, aTenant, eventually, faultsOf, type TestDatabase, testDatabase } from '#testing';
import type { TenantScope } from '#database';
import { AuditExports, type WantedExport } from './audit-export.js';
import { AuditSealer } from './audit-sealer.js';
import type { TenantEvent } from './audit-trail.js';

let db: TestDatabase;
let exports: AuditExports;
let operators: AuditExports;

beforeAll(async () => {
  db = await testDatabase();
  exports = new AuditExports(db.database('ss_api'));
  operators = new AuditExports(db.database('ss_operator'));
});
afterAll(async () => {
  await db.drop();
});

const scopeOf = (tenantId: string, requestId?: string): TenantScope => ({
  ...{ tenantId, actor: { kind: 'api_key', id: 'key-1' }, source: 'api', requestId },
});

const linesOf = (text: string): TenantEvent[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as TenantEvent);

/** A whole export, page by page. */
async function pagesOf(scope: TenantScope, wanted: Partial<WantedExport> = {}, by = exports): Promise<TenantEvent[][]> {
  const started = await by.begin(scope, { format: 'ndjson', filter: {}, ...wanted });
  const pages: TenantEvent[][] = [];
  for await (const lines of started.lines()) pages.push(linesOf(lines));
  return pages;
}

/** A tenant with so many events; two at each instant, the last first. */
async function tenantWith(events: number): Promise<string> {
  const tenantId = await aTenant(db);
  for (let n = events; n > 0; n--) {
    const second = String(Math.floor(n / 2)).padStart(2, '0');
    await anAuditEvent(db, tenantId, { reason: String(n), occurred_at: `2026-11-03T00:00:${second}.5Z` });
  }
  return tenantId;
}

const told = (tenantId: string): Promise<Record<string, unknown>[]> =>
  db.sql(
    `SELECT action, resource_id, request_id, metadata FROM audit_event
     WHERE tenant_id = $1 AND resource_type = 'audit' ORDER BY event_id`,
    [tenantId],
  );

describe('an export of the audit', () => {
  it('has every event of the tenant once, in the order of time, and leaves what it was', async () => {
    const tenantId = await tenantWith(7);
    await tenantWith(1);
    const pages = await pagesOf(scopeOf(tenantId, 'req-1'), { pageRows: 3 });
    expect(pages.map((page) => page.length)).toEqual([3, 3, 1]);
    expect(pages.flat().map((event) => event.reason)).toEqual(['1', '3', '2', '5', '4', '7', '6']);
    expect(new Set(pages.flat().map((event) => event.tenant_id))).toEqual(new Set([tenantId]));
    const metadata = { format: 'ndjson', filter: {}, to_event_id: expect.any(Number) };
    const common = { resource_id: tenantId, request_id: 'req-1' };
    expect(await told(tenantId)).toEqual([
      { ...common, action: 'audit.export_started', metadata },
      { ...common, action: 'audit.exported', metadata: { ...metadata, rows: 7, complete: true } },
    ]);
  });

  it('has what fits the filter', async () => {
    const tenantId = await tenantWith(6);
    const filter = { since: '2026-11-03T00:00:01Z', until: '2026-11-03T00:00:02Z' };
    const pages = await pagesOf(scopeOf(tenantId), { filter });
    expect(pages.flat().map((event) => event.reason)).toEqual(['3', '2']);
    expect((await told(tenantId)).at(-1)).toMatchObject({ metadata: { filter, rows: 2 } });
  });

  it('of all tenants has each one’s events together, and is on the audit of the platform', async () => {
    const tenants = [await tenantWith(3), await tenantWith(2)];
    const pages = await pagesOf(scopeOf('@platform'), { allTenants: true, pageRows: 2 }, operators);
    const [{ count } = { count: 0 }] = await db.sql<{ count: number }>(
      'SELECT count(*) FROM audit_event WHERE event_id <= $1',
      [Math.max(...pages.flat().map((event) => event.event_id))],
    );
    expect(pages.flat()).toHaveLength(count);
    const runs = pages.flat().map((event) => event.tenant_id);
    expect(runs.filter((tenantId, n) => tenantId !== runs[n - 1])).toHaveLength(new Set(runs).size);
    for (const tenantId of tenants) expect(runs).toContain(tenantId);
    expect((await told('@platform')).at(-1)).toMatchObject({ resource_id: '*', action: 'audit.exported' });
  });

  it('of all tenants is nothing that the API’s login can make', async () => {
    const started = await exports.begin(scopeOf(await tenantWith(1)), { format: 'ndjson', filter: {}, allTenants: true });
    await expect(started.lines().next()).rejects.toMatchObject({ code: '42501' });
  });

  it('ends where it began: what happens meanwhile is not in it', async () => {
    const tenantId = await tenantWith(3);
    const started = await exports.begin(scopeOf(tenantId), { format: 'ndjson', filter: {}, pageRows: 2 });
    const reasons: (string | null)[] = [];
    for await (const lines of started.lines()) {
      reasons.push(...linesOf(lines).map((event) => event.reason));
      await anAuditEvent(db, tenantId, { reason: 'new' });
    }
    expect(reasons).toEqual(['1', '3', '2']);
  });

  it('waits for whoever writes at its start, and has what they wrote', async () => {
    const tenantId = await tenantWith(1);
    const writer = await db.session('ss_owner');
    await writer.query(
      `INSERT INTO audit_event (tenant_id, actor_kind, actor_id, action, resource_type, resource_id, source, reason)
       VALUES ($1, 'operator', 'o', 'a.b', 'a', 'x', 'test', 'late')`,
      [tenantId],
    );
    const whole = pagesOf(scopeOf(tenantId));
    await eventually(async () => {
      const asked = await db.sql(`SELECT FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_locks%' AND pid <> pg_backend_pid()`);
      return asked.length > 0;
    });
    await writer.query('COMMIT');
    expect((await whole).flat().map((event) => event.reason)).toEqual(['1', 'late']);
    await writer.end();
  });

  it('ends at the last seal where somebody writes for too long', async () => {
    const tenantId = await tenantWith(2);
    await new AuditSealer(db.database('ss_worker'), { actor: { kind: 'worker', id: 'w' }, source: 'worker' }).seal();
    await anAuditEvent(db, tenantId, { reason: 'not sealed' });
    const writer = await db.session('ss_owner');
    await writer.query(
      `INSERT INTO audit_event (tenant_id, actor_kind, actor_id, action, resource_type, resource_id, source)
       VALUES ($1, 'operator', 'o', 'a.b', 'a', 'x', 'test')`,
      [tenantId],
    );
    const pages = await pagesOf(scopeOf(tenantId), { settleMs: 50 });
    expect(pages.flat().map((event) => event.reason)).toEqual(['1', '2']);
    await writer.end();
  });

  it('holds no transaction open while its reader takes its time', async () => {
    const started = await exports.begin(scopeOf(await tenantWith(3)), { format: 'ndjson', filter: {}, pageRows: 1 });
    const lines = started.lines();
    await lines.next();
    const holding = await db.sql(
      `SELECT FROM pg_stat_activity
       WHERE datname = current_database() AND application_name = 'ss_api-in-test'
         AND (state <> 'idle' OR backend_xmin IS NOT NULL)`,
    );
    expect(holding).toEqual([]);
    await lines.return();
  });

  it('that is broken off says how far it came', async () => {
    const tenantId = await tenantWith(5);
    const started = await exports.begin(scopeOf(tenantId), { format: 'ocsf', filter: {}, pageRows: 2 });
    const lines = started.lines();
    await lines.next();
    await lines.return();
    expect((await told(tenantId)).at(-1)).toMatchObject({
      action: 'audit.exported',
      metadata: { format: 'ocsf', rows: 2, complete: false },
    });
  });

  it.each(['ocsf', 'cloudevents'] as const)('as %s is valid by the schema, row by row', async (format) => {
    const tenantId = await variedTenant();
    const pages = await pagesOf(scopeOf(tenantId), { format });
    expect(pages.flat().length).toBeGreaterThan(15);
    for (const event of pages.flat()) expect({ event, faults: faultsOf(format, event) }).toMatchObject({ faults: [] });
  });
});

/** A tenant with every kind of actor, moves by hand, refusals, traces, and names that are hard to write down. */
async function variedTenant(): Promise<string> {
  const tenantId = await aTenant(db);
  const kinds = ['api_key', 'oidc_subject', 'worker', 'operator', 'database_user', 'migration', 'anonymous'];
  for (const actor_kind of kinds) {
    await anAuditEvent(db, tenantId, { actor_kind, trace_id: 'a'.repeat(32), request_id: 'r', changes: { a: [null, 1] } });
    await anAuditEvent(db, tenantId, { actor_kind, run_id: '00000000-0000-4000-8000-00000000000a', lease_no: 2 });
  }
  const denied = { action: 'access.denied', resource_type: 'route' };
  for (const metadata of [null, {}, { code: 'X', status: 404, count: 2 }, { code: 1, status: 'no' }])
    await anAuditEvent(db, tenantId, { ...denied, resource_id: 'GET /v1/jobs/:job_id', metadata });
  await anAuditEvent(db, tenantId, { ...denied, resource_id: 'BREW /' });
  await anAuditEvent(db, tenantId, { resource_id: 'a\tb "ü" \u{1f427} %', reason: 'a\nb', trace_id: 'of an old job' });
  for (const status of ['queued', 'created'] as const) {
    const job = await aJob(db, tenantId, { status });
    await db.sql(`UPDATE job SET status = 'cancelled', version = version + 1, finished_at = now() WHERE job_id = $1`, [
      job.job_id,
    ]);
  }
  return tenantId;
}
