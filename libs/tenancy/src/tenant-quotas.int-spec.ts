import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TenantScope } from '#database';
import { aTenant, type TestDatabase, testDatabase } from '#testing';
import { DEFAULT_QUOTA, TenantQuotas } from './tenant-quotas.js';

let db: TestDatabase;
let quotas: TenantQuotas;
beforeAll(async () => {
  db = await testDatabase();
  quotas = new TenantQuotas(db.database('ss_operator'));
});
afterAll(async () => {
  await db.drop();
});

const operator = (tenantId: string, reason?: string): TenantScope => ({
  ...{ tenantId, actor: { kind: 'operator', id: 'alice' }, source: 'ssctl', reason },
});

describe('what a tenant may use', () => {
  it('is everything, at a weight of 100, where nobody said otherwise', async () => {
    const scope = operator(await aTenant(db));
    for (const role of ['ss_api', 'ss_worker', 'ss_operator'] as const) {
      expect(await new TenantQuotas(db.database(role)).find(scope)).toEqual(DEFAULT_QUOTA);
    }
  });

  it('has the same defaults in the table', async () => {
    const tenantId = await aTenant(db);
    const row = await db.put('tenant_quota', { tenant_id: tenantId });
    expect(row).toEqual({ ...DEFAULT_QUOTA, tenant_id: tenantId, updated_at: expect.any(String) });
  });

  it('changes where it is named and stays elsewhere, for this tenant alone, and the audit tells what was what', async () => {
    const scope = operator(await aTenant(db), 'they pay for more');
    const other = operator(await aTenant(db));
    await quotas.set(scope, { queued_jobs: 5, weight: 300 });
    const changed = await quotas.set(scope, { queued_jobs: null, weight: 300, running_jobs: 0 });
    expect(changed).toEqual({
      ...DEFAULT_QUOTA,
      weight: 300,
      running_jobs: 0,
      updated_at: expect.any(String),
    });
    expect(await quotas.find(scope)).toEqual(changed);
    expect(await quotas.find(other)).toEqual(DEFAULT_QUOTA);
    const audit = await db.sql(
      `SELECT action, actor_id, resource_type, resource_id, reason, changes
       FROM audit_event WHERE tenant_id = $1 ORDER BY event_id`,
      [scope.tenantId],
    );
    const row = {
      ...{ action: 'tenant.quota_changed', actor_id: 'alice', reason: 'they pay for more' },
      ...{ resource_type: 'tenant', resource_id: scope.tenantId },
    };
    expect(audit).toEqual([
      { ...row, changes: { queued_jobs: { from: null, to: 5 }, weight: { from: 100, to: 300 } } },
      { ...row, changes: { queued_jobs: { from: 5, to: null }, running_jobs: { from: null, to: 0 } } },
    ]);
  });

  it('loses no change of two who make one at the same time', async () => {
    const scope = operator(await aTenant(db));
    await Promise.all([
      quotas.set(scope, { queued_jobs: 5 }),
      quotas.set(scope, { storage_bytes: 7 }),
      quotas.set(scope, { weight: 9 }),
    ]);
    expect(await quotas.find(scope)).toMatchObject({ queued_jobs: 5, storage_bytes: 7, weight: 9 });
  });

  it('is not a worker’s to say', async () => {
    const scope = operator(await aTenant(db));
    const worker = new TenantQuotas(db.database('ss_worker'));
    await expect(worker.set(scope, { queued_jobs: 5 })).rejects.toMatchObject({ code: '42501' });
  });

  it.each([{ weight: 0 }, { queued_jobs: -1 }, { requests_per_second: 0 }, { retention_days: 0 }])(
    'is never %j',
    async (change) => {
      const scope = operator(await aTenant(db));
      await expect(quotas.set(scope, change)).rejects.toMatchObject({ code: '23514' });
      expect(await quotas.find(scope)).toEqual(DEFAULT_QUOTA);
    },
  );
});
