import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { aTenant, type TestDatabase, testDatabase } from '#testing';
import type { TenantScope } from '#database';
import { AuditTrail } from './audit-trail.js';
import { type AuditRecord, record } from './record.js';

let db: TestDatabase;
let scope: TenantScope;
let trail: AuditTrail;

beforeAll(async () => {
  db = await testDatabase();
  const tenantId = await aTenant(db);
  scope = { tenantId, actor: { kind: 'api_key', id: 'key-1' }, source: 'api', requestId: 'req-1', reason: 'because' };
  trail = new AuditTrail(db.database('ss_api'));
});
afterAll(async () => {
  await db.drop();
});

const write = (event: Partial<AuditRecord>, by = scope): Promise<void> =>
  db.database('ss_api').transaction(by, (tx) =>
    record(tx, { action: 'thing.done', resourceType: 'thing', resourceId: 't-1', ...event }),
  );

describe('the audit trail', () => {
  it('tells what was recorded, by whom, why, and under which request', async () => {
    await write({ resourceId: 'told', changes: { name: ['a', 'b'] }, metadata: { n: 1 } });
    expect(await trail.of(scope, { resourceType: 'thing', resourceId: 'told', limit: 10 })).toEqual([
      {
        event_id: expect.any(Number),
        occurred_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/),
        ...{ actor_kind: 'api_key', actor_id: 'key-1', action: 'thing.done', resource_type: 'thing', resource_id: 'told' },
        ...{ from_status: null, to_status: null, version: null, run_id: null, lease_no: null, trace_id: null },
        ...{ reason: 'because', request_id: 'req-1', source: 'api', changes: { name: ['a', 'b'] }, metadata: { n: 1 } },
      },
    ]);
  });

  it('says nothing of why and which request where nobody said', async () => {
    await write({ resourceId: 'bare' }, { tenantId: scope.tenantId, actor: scope.actor, source: 'api' });
    const [event] = await trail.of(scope, { resourceType: 'thing', resourceId: 'bare', limit: 1 });
    expect(event).toMatchObject({ reason: null, request_id: null, changes: null, metadata: null });
  });

  it('comes in pages, oldest first, with nothing twice and nothing left out', async () => {
    for (let n = 0; n < 7; n++) await write({ resourceId: 'paged', metadata: { n } });
    const seen: unknown[] = [];
    for (let after: number | undefined, more = true; more;) {
      const page = await trail.of(scope, {
        ...{ resourceType: 'thing', resourceId: 'paged', limit: 3 },
        ...(after === undefined ? {} : { afterEventId: after }),
      });
      seen.push(...page.map((event) => event.metadata?.['n']));
      after = page.at(-1)?.event_id;
      more = page.length === 3;
    }
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6]);
  });

  it('is one of one resource of one tenant', async () => {
    const other = { ...scope, tenantId: await aTenant(db) };
    await write({ resourceId: 'shared' }, other);
    await write({ resourceId: 'shared', resourceType: 'other' });
    expect(await trail.of(scope, { resourceType: 'thing', resourceId: 'shared', limit: 10 })).toEqual([]);
    expect(await trail.of(other, { resourceType: 'thing', resourceId: 'shared', limit: 10 })).toHaveLength(1);
  });

  it('stands if and only if the act does', async () => {
    const failing = db.database('ss_api').transaction(scope, async (tx) => {
      await record(tx, { action: 'thing.undone', resourceType: 'thing', resourceId: 'undone' });
      throw new Error('changed my mind');
    });
    await expect(failing).rejects.toThrow('changed my mind');
    expect(await trail.of(scope, { resourceType: 'thing', resourceId: 'undone', limit: 10 })).toEqual([]);
  });
});
