import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TenantScope } from '#database';
import { aTenant, type TestDatabase, testDatabase } from '#testing';
import { findTenantDrafting, setTenantDrafting } from './tenant-drafting.js';

let db: TestDatabase;
beforeAll(async () => {
  db = await testDatabase();
});
afterAll(async () => {
  await db.drop();
});

const operator = (tenantId: string): TenantScope => ({
  ...{ tenantId, actor: { kind: 'operator', id: 'alice' }, source: 'ssctl' },
});

const DEFAULTS = {
  ...{ calls_per_day: null, tokens_per_day: null, cost_micros_per_day: null },
  ...{ sample_rows: false, keep_prompts: true, rule_fallback: false },
};

describe('what a tenant’s drafts may use and show', () => {
  it('is nothing of the data, everything else and no budget, where nobody said otherwise', async () => {
    const scope = operator(await aTenant(db));
    for (const role of ['ss_api', 'ss_worker', 'ss_operator'] as const) {
      const found = db.database(role).transaction(scope, (tx) => findTenantDrafting(tx, scope.tenantId));
      expect(await found).toEqual({ ...DEFAULTS, updated_at: null });
    }
  });

  it('has the same defaults in the table', async () => {
    const tenantId = await aTenant(db);
    expect(await db.put('tenant_drafting', { tenant_id: tenantId })).toMatchObject(DEFAULTS);
  });

  it('changes where it is named and stays elsewhere, for this tenant alone, and the audit tells', async () => {
    const scope = operator(await aTenant(db));
    const other = operator(await aTenant(db));
    const database = db.database('ss_operator');
    await setTenantDrafting(database, scope, { calls_per_day: 5, sample_rows: true });
    const changed = await setTenantDrafting(database, scope, { calls_per_day: null, rule_fallback: true });
    expect(changed).toMatchObject({ ...DEFAULTS, sample_rows: true, rule_fallback: true });
    expect(changed.updated_at).not.toBeNull();
    const found = database.transaction(other, (tx) => findTenantDrafting(tx, other.tenantId));
    expect(await found).toMatchObject(DEFAULTS);
    const audit = await db.sql(
      'SELECT action, actor_id, metadata FROM audit_event WHERE tenant_id = $1 ORDER BY event_id',
      [scope.tenantId],
    );
    expect(audit).toEqual([
      {
        action: 'tenant.drafting_changed',
        actor_id: 'alice',
        metadata: { calls_per_day: 5, sample_rows: true },
      },
      {
        action: 'tenant.drafting_changed',
        actor_id: 'alice',
        metadata: { calls_per_day: null, rule_fallback: true },
      },
    ]);
  });

  it('is the operator’s to say: no other program may', async () => {
    const scope = operator(await aTenant(db));
    for (const role of ['ss_api', 'ss_worker'] as const) {
      await expect(setTenantDrafting(db.database(role), scope, { sample_rows: true })).rejects.toMatchObject({
        code: '42501',
      });
    }
  });
});
