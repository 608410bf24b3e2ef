import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { anAuditEvent, aTenant, type TestDatabase, testDatabase } from '#testing';
import type { TenantScope } from '#database';
import type { AuditFilter } from './audit-filter.js';
import { type AuditPlace, AuditTrail } from './audit-trail.js';

let db: TestDatabase;
let scope: TenantScope;
let trail: AuditTrail;

beforeAll(async () => {
  db = await testDatabase();
  scope = { tenantId: await aTenant(db), actor: { kind: 'api_key', id: 'key-1' }, source: 'api' };
  trail = new AuditTrail(db.database('ss_api'));
});
afterAll(async () => {
  await db.drop();
});

/** What is found, by the reason that each row was given as its name. */
async function found(filter: AuditFilter, by = scope): Promise<(string | null)[]> {
  return (await trail.search(by, filter, { limit: 100 })).map((event) => event.reason);
}

describe('a search of the audit', () => {
  it.each([
    ['actor_kind', 'worker'],
    ['actor_id', 'wanted'],
    ['action', 'thing.wanted'],
    ['resource_type', 'wanted'],
    ['resource_id', 'wanted'],
    ['request_id', 'wanted'],
    ['trace_id', 'wanted'],
  ] as const)('finds by %s what has it, and nothing else', async (column, value) => {
    const reason = `by ${column}`;
    await anAuditEvent(db, scope.tenantId, { reason });
    await anAuditEvent(db, scope.tenantId, { reason, [column]: value });
    await anAuditEvent(db, await aTenant(db), { reason, [column]: value });
    expect(await found({ [column]: value })).toEqual([reason]);
  });

  it('finds from an instant on, and before one', async () => {
    for (const second of ['00', '01', '02'])
      await anAuditEvent(db, scope.tenantId, { reason: second, occurred_at: `2026-11-01T00:00:${second}Z`, action: 'a.timed' });
    const filter = { action: 'a.timed', since: '2026-11-01T00:00:01Z' };
    expect(await found(filter)).toEqual(['02', '01']);
    expect(await found({ ...filter, until: '2026-11-01T00:00:02Z' })).toEqual(['01']);
  });

  it('finds what was denied, or what was done', async () => {
    const resource_id = 'GET /v1/x';
    await anAuditEvent(db, scope.tenantId, { reason: 'no', action: 'access.denied', resource_id });
    await anAuditEvent(db, scope.tenantId, { reason: 'yes', resource_id });
    expect(await found({ resource_id, outcome: 'denied' })).toEqual(['no']);
    expect(await found({ resource_id, outcome: 'done' })).toEqual(['yes']);
  });

  it('finds what fits everything that is said', async () => {
    await anAuditEvent(db, scope.tenantId, { reason: 'both', actor_id: 'anna', action: 'both.done' });
    await anAuditEvent(db, scope.tenantId, { reason: 'one', action: 'both.done' });
    expect(await found({ actor_id: 'anna', action: 'both.done' })).toEqual(['both']);
  });

  it('comes in pages, newest first over the months, that nothing moves which happens meanwhile', async () => {
    const action = 'a.paged';
    // Two at each instant: their numbers decide.
    const days = ['2026-10-31', '2026-11-02', '2026-12-01', '2026-12-01', '2026-11-02', '2026-10-31', '2001-01-01'];
    for (const [n, day] of days.entries())
      await anAuditEvent(db, scope.tenantId, { action, reason: String(n), occurred_at: `${day}T12:00:00.123456Z` });
    const seen: (string | null)[] = [];
    for (let before: AuditPlace | undefined, more = true; more;) {
      const page = await trail.search(scope, { action }, { before, limit: 2 });
      seen.push(...page.map((event) => event.reason));
      const last = page.at(-1);
      if (last) before = { occurredAt: last.occurred_at, eventId: last.event_id };
      more = page.length === 2;
      await anAuditEvent(db, scope.tenantId, { action, reason: 'new', occurred_at: '2026-12-02T00:00:00Z' });
    }
    expect(seen).toEqual(['3', '2', '4', '1', '5', '0', '6']);
  });
});
