import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  aDataset,
  aDraft,
  aJob,
  aKey,
  anArtifact,
  aTenant,
  type Role,
  type TestDatabase,
  testDatabase,
} from '#testing';

interface Table {
  name: string;
  row_security: boolean;
  forced: boolean;
  partition: boolean;
}

/** Every table of ours with a tenant_id, partitions too, as the catalog knows them: a new one is here by itself. */
const TENANT_TABLES = `
  SELECT c.relname AS name, c.relrowsecurity AS row_security, c.relforcerowsecurity AS forced, c.relispartition AS partition
  FROM pg_class AS c
  JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
  ORDER BY c.relname`;

const MINE = 'mine';
const OTHERS = 'others';
const PROGRAMS = ['ss_api', 'ss_worker', 'ss_operator'] as const;
const EVERYONE: readonly Role[] = [...PROGRAMS, 'ss_owner'];

let db: TestDatabase;
let tables: Table[];
/** For each table, its columns that may be filled and a row that is there: what the tests try to add a copy of. */
let copies: Map<string, { columns: string[]; row: unknown }>;

beforeAll(async () => {
  db = await testDatabase();
  tables = await db.sql<Table>(TENANT_TABLES);
  for (const tenantId of [MINE, OTHERS]) {
    await aTenant(db, tenantId);
    await aKey(db, tenantId);
    const job = await aJob(db, tenantId, { status: 'running', job_id: 'job-1' });
    await aDraft(db, job, { revision: 2 });
    await aDataset(db, job);
    await db.put('input_upload', {
      ...{ tenant_id: tenantId, job_id: job.job_id, way: 'resumable', role: 'other', original_name: 'x.csv' },
      ...{ bytes: 1, expires_at: new Date().toISOString() },
    });
    await anArtifact(db, job);
    const place = { tenant_id: tenantId, job_id: job.job_id, run_id: job.run_id };
    await db.put('run_step', { ...place, step_id: 's1', position: 1, type: 'noop' });
    await db.put('job_term', {
      tenant_id: tenantId,
      term: 'w:word',
      created_at: job.created_at,
      job_id: job.job_id,
    });
    await db.put('run_event', { ...place, step_id: 's1', type: 'step.started', detail: {} });
    await db.put('llm_call', {
      ...{
        tenant_id: tenantId,
        call_id: randomUUID(),
        subject_id: 'job-1',
        task_id: 't',
        operation: 'draft',
      },
      ...{ attempt: 1, provider: 'p', model: 'm', request_sha256: 'a'.repeat(64), charged_tokens: 1 },
      ...{ deadline_at: new Date().toISOString(), charged_cost_micros: 1, answer: 'an answer' },
    });
    await db.put('llm_budget_day', {
      tenant_id: tenantId,
      day: '2026-05-04',
      calls: 1,
      tokens: 1,
      cost_micros: 1,
    });
    await db.put('task', {
      ...{ tenant_id: tenantId, task_id: randomUUID(), move: 'cancel', filter: {}, reason: 'a test' },
      ...{ actor_kind: 'api_key', actor_id: 'key' },
    });
    const webhook = { tenant_id: tenantId, webhook_id: 'wh_1' };
    await db.put('webhook', {
      ...{ ...webhook, url: 'https://example.com', types: ['job.*'], told_event_id: 0 },
      secret: `\\x${'ab'.repeat(32)}`,
    });
    await db.put('webhook_delivery', {
      ...{ ...webhook, event_id: 1, type: 'job.created', payload: {} },
      next_at: new Date().toISOString(),
    });
    await db.put('tenant_drafting', { tenant_id: tenantId });
    await db.put('tenant_quota', { tenant_id: tenantId });
    await db.put('tenant_turn', { tenant_id: tenantId, queue_name: 'job.run', priority: 0, next_turn: 1 });
    await db.put('tenant_storage', { tenant_id: tenantId, slot: 0, bytes: 42 });
    await db.put('idempotency_key', {
      ...{
        tenant_id: tenantId,
        route: 'r',
        key: 'k',
        body_sha256: 'x',
        response_status: 201,
        response_body: {},
      },
      expires_at: new Date(Date.now() + 60_000).toISOString(),
    });
    await db.put('migration_item', {
      ...{
        tenant_id: tenantId,
        batch_id: '00000000-0000-4000-8000-000000000000',
        kind: 'job',
        path: 'p',
      },
      ...{ job_id: job.job_id, steps: [], outcome: 'unchanged', reasons: [], details: [] },
    });
    await db.sql(
      `INSERT INTO audit_event (tenant_id, actor_kind, actor_id, action, resource_type, resource_id, source, occurred_at)
       SELECT $1, 'operator', 'test', 'test.done', 'test', 'x', 'test', day
       FROM unnest(ARRAY[now(), timestamptz '2001-01-01']) AS day`,
      [tenantId],
    );
  }
  copies = new Map();
  for (const { name } of tables)
    copies.set(name, { columns: await insertable(name), row: await sample(name) });
});
afterAll(async () => {
  await db.drop();
});

const named = (): string[] => tables.map((table) => table.name);

describe('every table with a tenant_id', () => {
  it('is one of those that this test fills, or a partition of one', () => {
    const filled = [
      'api_key',
      'artifact',
      'audit_event',
      'draft',
      'idempotency_key',
      'input_dataset',
      'input_upload',
      'job',
      'job_term',
      'llm_budget_day',
      'llm_call',
      'migration_item',
      'plan',
      'run',
      'task',
      'tenant_storage',
    ];
    const whole = tables.filter((table) => !table.partition).map((table) => table.name);
    expect(whole.sort()).toEqual(
      [
        ...filled,
        'run_event',
        'run_step',
        'tenant',
        'tenant_drafting',
        'tenant_quota',
        'tenant_turn',
        'webhook',
        'webhook_delivery',
      ].sort(),
    );
  });

  it('has row-level security, for its owner too', () => {
    expect(tables.filter((table) => !table.row_security || !table.forced)).toEqual([]);
  });

  it('has the policy of its tenant for everyone, and no other but those of ss_system and of the audit’s own functions', async () => {
    const policies = await db.sql(
      `SELECT tablename AS name, string_agg(policyname || ' to ' || roles::text, ', ' ORDER BY policyname) AS policies
       FROM pg_policies WHERE schemaname = 'public' GROUP BY tablename ORDER BY tablename`,
    );
    const usual = 'across_tenants to {ss_system}, own_tenant_only to {public}';
    const auditPolicies =
      'across_tenants to {ss_system}, auditors_see_theirs to {ss_audit_views}, ' +
      'jobs_are_left_to_triggers to {ss_api,ss_operator,ss_system,ss_worker}, own_tenant_only to {public}, ' +
      'read_through_views to {ss_audit_views}, written_by_triggers to {ss_owner}';
    const keyPolicies = `${usual}, platform_keys_are_made_by_operators to {ss_api}`;
    const special = new Map([
      ['audit_event', auditPolicies],
      ['api_key', keyPolicies],
    ]);
    // Closed but for the moment in which the owner counts a month that is to be dropped.
    const monthPolicies =
      'across_tenants to {ss_system}, counted_before_it_goes to {ss_owner}, own_tenant_only to {public}';
    for (const name of named().filter((table) => /^audit_event_\d{4}_\d{2}$/.test(table))) {
      special.set(name, monthPolicies);
    }
    const expected = named().map((name) => ({ name, policies: special.get(name) ?? usual }));
    // No table of tenants, and it tells of all of them: for who looks at the whole platform.
    const ofAll = {
      name: 'worker_activity',
      policies: 'across_tenants to {ss_system}, platform_only to {public}',
    };
    expect(policies).toEqual([...expected, ofAll]);
  });

  it('has tenant_id first in its primary key and in every unique key', async () => {
    const keys = await db.sql<{ table: string; key: string; first: string | null; primary: boolean }>(
      `SELECT c.relname AS "table", k.relname AS key, i.indisprimary AS "primary",
         (SELECT attname FROM pg_attribute WHERE attrelid = c.oid AND attnum = i.indkey[0]) AS first
       FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid JOIN pg_class AS k ON k.oid = i.indexrelid
       WHERE i.indisunique AND c.relname = ANY($1) AND c.relnamespace = 'public'::regnamespace`,
      [named()],
    );
    expect(keys.filter((key) => key.first !== 'tenant_id')).toEqual([]);
    expect(new Set(keys.filter((key) => key.primary).map((key) => key.table))).toEqual(new Set(named()));
  });

  it('names the tenant in every foreign key, as the same column on both sides', async () => {
    const foreign = await db.sql<{ name: string; pairs: string[] }>(
      `SELECT k.conname AS name, array_agg(a.attname || '=' || r.attname) AS pairs
       FROM pg_constraint AS k
       CROSS JOIN unnest(k.conkey, k.confkey) AS column_pair (here, there)
       JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = here
       JOIN pg_attribute AS r ON r.attrelid = k.confrelid AND r.attnum = there
       WHERE k.contype = 'f' AND k.connamespace = 'public'::regnamespace
       GROUP BY k.oid, k.conname`,
    );
    expect(foreign.length).toBeGreaterThan(0);
    expect(foreign.filter((key) => !key.pairs.includes('tenant_id=tenant_id'))).toEqual([]);
  });
});

/** What reading the table gives; a table that may not be read at all gives nothing either. */
async function rowsSeen(role: Role, tenantId: string | null): Promise<Record<string, number>> {
  const session = await db.session(role, tenantId);
  const seen: Record<string, number> = {};
  for (const { name } of tables) {
    const outcome = await session.attempt(`SELECT FROM ${name}`);
    seen[name] = typeof outcome === 'number' ? outcome : 0;
  }
  await session.end();
  return seen;
}

const nothing = (): Record<string, number> => Object.fromEntries(named().map((name) => [name, 0]));

describe.each(EVERYONE)('%s', (role) => {
  it.each([
    ['no tenant is set', null],
    ['the tenant is empty', ''],
    ['the tenant is one that does not exist', 'nobody'],
  ])('sees no row of any table when %s', async (_when, tenantId) => {
    expect(await rowsSeen(role, tenantId)).toEqual(nothing());
  });

  it('sees the rows of its tenant and not one of another', async () => {
    const session = await db.session(role, MINE);
    for (const { name } of tables) {
      const foreign = await session.attempt(`SELECT FROM ${name} WHERE tenant_id <> $1`, [MINE]);
      if (typeof foreign === 'number') expect({ name, foreign }).toEqual({ name, foreign: 0 });
    }
    await session.end();
    const seen = await rowsSeen(role, MINE);
    expect(seen).toMatchObject({
      tenant: 1,
      api_key: 1,
      job: 1,
      plan: 1,
      run: 1,
      run_step: 1,
      input_dataset: 1,
    });
  });

  it.each([
    ['no tenant is set', null],
    ['the tenant is empty', ''],
    ['the tenant is another', OTHERS],
  ])('changes and removes no row of a tenant when %s', async (_when, tenantId) => {
    const session = await db.session(role, tenantId);
    for (const { name } of tables) {
      for (const statement of [`UPDATE ${name} SET tenant_id = tenant_id`, `DELETE FROM ${name}`]) {
        const outcome = await session.attempt(`${statement} WHERE tenant_id = $1`, [MINE]);
        if (typeof outcome === 'number') expect({ statement, outcome }).toEqual({ statement, outcome: 0 });
        else expect(['42501', 'SS003']).toContain(outcome.code);
      }
    }
    await session.end();
  });

  it.each([
    ['no tenant is set', null, [MINE, '']],
    ['the tenant is empty', '', [MINE, '']],
    ['the tenant is another', OTHERS, [MINE]],
  ] as const)('adds no row to a tenant when %s', async (_when, tenantId, targets) => {
    const session = await db.session(role, tenantId);
    for (const { name } of tables) {
      const { columns, row } = copies.get(name)!;
      for (const target of targets) {
        const values = columns.map((column) => (column === 'tenant_id' ? '$1' : `(r).${column}`)).join(', ');
        const refusal = await session.refusal(
          `INSERT INTO ${name} (${columns.join(', ')})
           SELECT ${values} FROM jsonb_populate_record(NULL::${name}, $2) AS r`,
          [target, JSON.stringify(row)],
        );
        // The audit trigger itself writes as the owner, for whichever tenant the statement changed.
        if (role === 'ss_owner' && name === 'audit_event') continue;
        expect({ name, target, code: refusal?.code }).toEqual({ name, target, code: '42501' });
      }
    }
    await session.end();
  });
});

async function insertable(table: string): Promise<string[]> {
  const rows = await db.sql<{ name: string }>(
    `SELECT column_name AS name FROM information_schema.columns
     WHERE table_schema = 'public' AND table_name = $1 AND is_identity = 'NO'
       AND NOT ($1 LIKE 'audit%' AND column_name IN ('occurred_at', 'database_user'))`,
    [table],
  );
  return rows.map((row) => row.name);
}

async function sample(table: string): Promise<unknown> {
  const parent = table.startsWith('audit_event') ? 'audit_event' : table;
  const [row] = await db.sql<{ row: Record<string, unknown> }>(
    `SELECT to_jsonb(t) AS row FROM ${parent} AS t WHERE tenant_id = $1 LIMIT 1`,
    [MINE],
  );
  // Jobs are born as created: the guard fires before the policy and would speak first.
  return table === 'job' ? { ...row!.row, status: 'created', version: 1, lease_no: 0 } : row!.row;
}
