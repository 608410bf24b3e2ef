import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { readConfiguration } from '#configuration';
import { Inspection } from '#database';
import { aJob, aTenant, emptyDatabase, eventually, type TestDatabase, testDatabase } from '#testing';
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { carryOut, type Check, type Surroundings } from '../check.js';
import type { Finding } from '../finding.js';
import { artifactsCheck } from './artifacts.js';
import { checks } from './checks.js';
import { indexBloatCheck, invalidIndexesCheck, unusedIndexesCheck } from './indexes.js';
import { rolesCheck } from './roles.js';
import { auditPartitionsCheck, queueSchemaCheck, schemaCheck } from './schema.js';
import { clockCheck, connectionsCheck, serverCheck } from './server.js';
import { deadRowsCheck, oldSnapshotsCheck, wraparoundCheck } from './vacuum.js';
import { queuesCheck, stuckJobsCheck, workersCheck } from './work.js';

const LIMIT = { limitMs: 5_000 };

let db: TestDatabase;
let folder: string;
let inspection: Inspection;
let around: Surroundings;

beforeAll(async () => {
  db = await testDatabase();
  folder = await mkdtemp(join(tmpdir(), 'ss-checks-'));
  inspection = await Inspection.open(db.ownerUrl);
  around = surroundings(inspection, db.ownerUrl);
});
afterEach(async () => {
  await db.sql('DELETE FROM worker');
  await db.sql('DELETE FROM run');
  await db.sql('DELETE FROM plan');
  await db.sql('DELETE FROM draft');
  // Past the guard: these jobs have not ended.
  await db.sql('SET session_replication_role = replica');
  await db.sql('DELETE FROM job');
  await db.sql('RESET session_replication_role');
});
afterAll(async () => {
  await inspection.close();
  await db.drop();
  await rm(folder, { recursive: true, force: true });
});

function surroundings(on: Inspection, ownerUrl: string): Surroundings {
  const { configuration } = readConfiguration('ssctl', { SS_DATA_DIR: folder });
  return {
    configuration,
    ownerUrl,
    ask: (text, values = []) => on.ask(text, values, LIMIT),
    askRows: (text, values = []) => on.ask(text, values, { ...LIMIT, role: 'ss_system' }),
  };
}

const found = async (check: Check): Promise<[string, Finding['level']][]> =>
  (await check.examine(around)).map(({ id, level }) => [id, level]);

async function aWorker(given: { seen?: string; abilities?: string[] } = {}): Promise<void> {
  await db.sql(
    `INSERT INTO worker (worker_id, build, abilities, slots, seen_at)
     VALUES ($1, 'test', $2, 2, clock_timestamp() - $3::interval)`,
    [randomUUID(), given.abilities ?? ['noop', 'sql'], given.seen ?? '0'],
  );
}

it('a deployment that nothing is wrong with has no findings, but for a server that tests run on', async () => {
  await aWorker();
  await mkdir(join(folder, 'artifacts'));
  await writeFile(join(folder, 'artifacts', 'x'), 'x');
  const all = checks({ quietSeconds: 60, sweepSeconds: 60 });
  const { findings, checked } = await carryOut(all, around, true);
  expect(findings.filter(({ id }) => !id.startsWith('server.') && id !== 'artifacts')).toEqual([]);
  expect(checked).toEqual(all.map(({ id }) => id));
});

describe('the server', () => {
  it('that may lose what it said is kept is an error', async () => {
    // The server of tests gains speed from exactly these.
    expect(await found(serverCheck)).toEqual([
      ['server.fsync', 'error'],
      ['server.full_page_writes', 'error'],
      ['server.synchronous_commit', 'error'],
    ]);
  });

  it('that lets nobody write is an error', async () => {
    await db.sql(`ALTER DATABASE ${db.name} SET default_transaction_read_only = on`);
    const readOnly = await Inspection.open(db.ownerUrl);
    const ids = (await serverCheck.examine(surroundings(readOnly, db.ownerUrl))).map(({ id }) => id);
    expect(ids).toContain('server.transaction_read_only');
    await readOnly.close();
    await db.sql('SET default_transaction_read_only = off');
    await db.sql(`ALTER DATABASE ${db.name} RESET default_transaction_read_only`);
  });

  it('with fewer connections than the pools may open is a warning', async () => {
    expect(await found(connectionsCheck())).toEqual([]);
    expect(await found(connectionsCheck(10))).toEqual([['connections', 'warning']]);
    await aWorker();
    await aWorker();
    expect(await found(connectionsCheck(30))).toEqual([['connections', 'warning']]);
  });

  it('whose clock is another than this machine’s is a warning', async () => {
    expect(await found(clockCheck())).toEqual([]);
    const [ahead] = await clockCheck(() => Date.now() - 90_000).examine(around);
    expect(ahead).toMatchObject({ id: 'clock', level: 'warning' });
    expect(ahead?.cause).toMatch(/(89|90)\.\d s ahead/);
  });

  it('whose oldest rows are too old is a warning', async () => {
    expect(await found(wraparoundCheck())).toEqual([]);
    expect(await found(wraparoundCheck(1))).toEqual([['wraparound', 'warning']]);
  });
});

describe('the schema', () => {
  it('that lacks, changed, or never ended a schema migration is an error; a newer one is a warning', async () => {
    expect(await found(schemaCheck)).toEqual([]);
    const change = `UPDATE _prisma_migrations SET checksum = 'x' WHERE migration_name LIKE '%create_tenancy'`;
    await db.sql('CREATE TABLE kept AS SELECT * FROM _prisma_migrations');
    await db.sql(change);
    await db.sql(`DELETE FROM _prisma_migrations WHERE migration_name LIKE '%create_audit'`);
    await db.sql(
      `INSERT INTO _prisma_migrations (id, checksum, migration_name) VALUES ('a', 'x', '20991231000000_half_done')`,
    );
    await db.sql(
      `INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at) VALUES ('b', 'x', '20991231000001_new', now())`,
    );
    expect(await found(schemaCheck)).toEqual([
      ['schema.pending', 'error'],
      ['schema.changed', 'error'],
      ['schema.failed', 'error'],
      ['schema.newer', 'warning'],
    ]);
    await db.sql('TRUNCATE _prisma_migrations');
    await db.sql('INSERT INTO _prisma_migrations SELECT * FROM kept');
    await db.sql('DROP TABLE kept');
  });

  it('of the queue that is of another version is an error', async () => {
    expect(await found(queueSchemaCheck)).toEqual([]);
    await db.sql('UPDATE pgboss.version SET version = version - 1');
    expect(await found(queueSchemaCheck)).toEqual([['queue_schema', 'error']]);
    await db.sql('UPDATE pgboss.version SET version = version + 1');
  });

  it('without room for the next months of the audit is a warning, without this one an error', async () => {
    expect(await found(auditPartitionsCheck)).toEqual([]);
    const months = await db.sql<{ name: string }>(
      `SELECT inhrelid::regclass::text AS name FROM pg_inherits
       WHERE inhparent = 'audit_event'::regclass AND inhrelid::regclass::text <> 'audit_event_other' ORDER BY 1`,
    );
    for (const { name } of months.slice(2)) await db.sql(`DROP TABLE ${name}`);
    expect(await found(auditPartitionsCheck)).toEqual([['audit_partitions', 'warning']]);
    for (const { name } of months.slice(0, 2)) await db.sql(`DROP TABLE ${name}`);
    await db.sql(
      `INSERT INTO audit_event (tenant_id, actor_kind, actor_id, action, resource_type, resource_id, source)
       VALUES ('t', 'operator', 'o', 'a.b', 'a', 'a', 'test')`,
    );
    expect(await found(auditPartitionsCheck)).toEqual([
      ['audit_partitions', 'error'],
      ['audit_partitions.other', 'warning'],
    ]);
    await db.sql('SET session_replication_role = replica');
    await db.sql('TRUNCATE audit_event_other');
    await db.sql('RESET session_replication_role');
    await db.sql('SELECT create_audit_partitions(24)');
  });

  it('that was never deployed is one finding; what reads its tables is not asked', async () => {
    const empty = await emptyDatabase();
    const bare = await Inspection.open(empty.url);
    const all = checks({ quietSeconds: 60, sweepSeconds: 60 });
    const { findings, notChecked } = await carryOut(all, surroundings(bare, empty.url), false);
    await bare.close();
    await empty.drop();
    expect(findings.filter(({ level }) => level === 'unknown')).toEqual([]);
    expect(findings).toContainEqual(expect.objectContaining({ id: 'schema', level: 'error' }));
    expect(notChecked.map(({ id }) => id)).toContain('I10');
  });
});

it('roles that are missing, expired, or more powerful than they should be are errors', async () => {
  expect(await found(rolesCheck)).toEqual([]);
  // Roles belong to the whole server, so nothing is committed here: the check asks inside of the transaction.
  const inside: Surroundings = {
    ...around,
    ask: (text, values = []) => db.sql(text, [...values]),
  };
  await db.sql('BEGIN');
  await db.sql('ALTER ROLE ss_owner BYPASSRLS');
  await db.sql(`ALTER ROLE ss_api_login VALID UNTIL '2020-01-01'`);
  await db.sql('ALTER ROLE ss_operator RENAME TO ss_somebody');
  const ids = (await rolesCheck.examine(inside)).map(({ id }) => id);
  await db.sql('ROLLBACK');
  expect(ids.sort()).toEqual(['roles.expired', 'roles.missing', 'roles.owner']);
});

describe('what keeps the database from being tidied up', () => {
  it('dead rows that nobody vacuums are a warning', async () => {
    expect(await found(deadRowsCheck())).toEqual([]);
    await db.sql(`CREATE TABLE public.littered (n integer) WITH (autovacuum_enabled = off)`);
    await db.sql('INSERT INTO littered SELECT generate_series(1, 500)');
    await db.sql('DELETE FROM littered WHERE n > 100');
    await db.sql('SELECT pg_stat_force_next_flush()');
    const finding = await eventually(async () => (await deadRowsCheck(300).examine(around))[0]);
    expect(finding).toMatchObject({ id: 'dead_rows', level: 'warning' });
    expect(finding.cause).toContain('littered has 400 dead rows beside 100 live ones; vacuumed last: never');
    await db.sql('DROP TABLE littered');
  });

  it('a transaction that does not end, or does nothing, is a warning', async () => {
    expect(await found(oldSnapshotsCheck())).toEqual([]);
    const session = await db.session('ss_api');
    expect(await found(oldSnapshotsCheck(300, 0))).toEqual([['old_snapshots.transaction', 'warning']]);
    expect(await found(oldSnapshotsCheck(0, 300))).toEqual([['old_snapshots.transaction', 'warning']]);
    await session.end();
  });

  it('indexes that are not valid are errors', async () => {
    expect(await found(invalidIndexesCheck)).toEqual([]);
    await db.sql(
      `UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'job_newest_first_by_status'::regclass`,
    );
    expect(await found(invalidIndexesCheck)).toEqual([['invalid_indexes', 'error']]);
    await db.sql('REINDEX INDEX job_newest_first_by_status');
    expect(await found(invalidIndexesCheck)).toEqual([]);
  });

  it('an index that is mostly empty is a warning, one that is full is none; one that nobody reads is news', async () => {
    await db.sql('CREATE TABLE public.bloated (n bigint, word text) WITH (autovacuum_enabled = off)');
    await db.sql(`INSERT INTO bloated SELECT n, 'word ' || n FROM generate_series(1, 60000) AS n`);
    await db.sql('CREATE INDEX bloated_by_word ON bloated (word, n)');
    await db.sql('VACUUM ANALYZE bloated');
    const mine = async (check: Check): Promise<string[]> =>
      (await check.examine(around))
        .filter(({ cause }) => cause.includes('bloated_by_word'))
        .map(({ id }) => id);
    expect(await mine(indexBloatCheck(1_000_000))).toEqual([]);
    await db.sql('DELETE FROM bloated WHERE n % 10 > 0');
    await db.sql('VACUUM ANALYZE bloated');
    expect(await mine(indexBloatCheck(1_000_000))).toEqual(['index_bloat']);
    expect(await mine(unusedIndexesCheck(1_000_000, 0))).toEqual(['unused_indexes']);
    expect(await mine(unusedIndexesCheck(1_000_000, 7))).toEqual([]);
    await db.sql('DROP TABLE bloated');
  });
});

describe('work', () => {
  it('that waits while no worker is alive is an error; a worker that went without a word is news', async () => {
    expect(await found(workersCheck)).toEqual([['workers.none', 'warning']]);
    await aJob(db, await aTenant(db), { status: 'queued' });
    await aWorker({ seen: '1 hour' });
    expect(await found(workersCheck)).toEqual([
      ['workers.none', 'error'],
      ['workers.silent', 'info'],
    ]);
  });

  it('that no living worker can do is an error', async () => {
    await aWorker();
    const tenantId = await aTenant(db);
    await aJob(db, tenantId, { status: 'queued', needs: ['sql'] });
    expect(await found(workersCheck)).toEqual([]);
    await aJob(db, tenantId, { status: 'queued', needs: ['command', 'command:stata'] });
    const [finding] = await workersCheck.examine(around);
    expect(finding).toMatchObject({ id: 'workers.abilities', level: 'error' });
    expect(finding?.cause).toContain('command:stata');
  });

  it('that stands still is found: in the queue, in a lost run, in a draft', async () => {
    const tenantId = await aTenant(db);
    await aJob(db, tenantId, { status: 'queued' });
    await aJob(db, tenantId, { status: 'running' });
    await aJob(db, tenantId, {
      status: 'created',
      draft_task: { task_id: randomUUID(), state: 'pending' },
      updated_at: new Date(Date.now() - 3_600_000).toISOString(),
    });
    expect(await found(stuckJobsCheck(60))).toEqual([['stuck_jobs.drafting', 'warning']]);
    await db.sql(`UPDATE run SET lease_until = clock_timestamp() - interval '2 minutes'`);
    expect(await found(stuckJobsCheck(60, 0))).toEqual([
      ['stuck_jobs.queued', 'warning'],
      ['stuck_jobs.lease', 'error'],
      ['stuck_jobs.drafting', 'warning'],
    ]);
  });

  it('that waits for its tenant’s limit of running jobs does not stand still', async () => {
    const tenantId = await aTenant(db);
    const [one, parked] = [
      await aJob(db, tenantId, { status: 'queued' }),
      await aJob(db, tenantId, { status: 'queued' }),
    ];
    const causes = async (): Promise<string[]> =>
      (await stuckJobsCheck(60, 0).examine(around)).map(({ cause }) => cause);
    expect(await causes()).toEqual([expect.stringMatching(/^2 jobs could have run/)]);
    await db.sql(
      `INSERT INTO pgboss.job (name, data, blocked, group_id, policy, singleton_key)
       VALUES ('job.run', jsonb_build_object('tenant_id', $1::text, 'job_id', $2::text), true, $1, 'exclusive', 'x')`,
      [tenantId, parked.job_id],
    );
    expect(await causes()).toEqual([expect.stringMatching(/^1 jobs could have run/)]);
    expect(one.job_id).not.toBe(parked.job_id);
  });

  it('that was stopped on purpose, and messages that were given up, are warnings', async () => {
    expect(await found(queuesCheck)).toEqual([]);
    await db.sql(
      `INSERT INTO queue_pause (queue_name, reason, paused_by) VALUES ('job.run', 'moving house', 'me')`,
    );
    await db.sql(`INSERT INTO pgboss.job (name, data, state, policy, singleton_key)
                  VALUES ('job.draft', '{}', 'failed', 'exclusive', 'x')`);
    expect(await found(queuesCheck)).toEqual([
      ['queues.paused', 'warning'],
      ['queues.failed', 'warning'],
    ]);
    await db.sql('DELETE FROM queue_pause');
    await db.sql('DELETE FROM pgboss.job');
  });
});

it('a folder for artifacts that is missing, no folder, or nearly full is found', async () => {
  const at = (artifactsDir: string): Surroundings => ({
    ...around,
    configuration: { ...around.configuration, artifactsDir },
  });
  const level = async (path: string, little: number, none: number): Promise<string | undefined> =>
    (await artifactsCheck(little, none).examine(at(path)))[0]?.level;
  expect(await level(folder, 0, 0)).toBeUndefined();
  expect(await level(join(folder, 'nowhere'), 0, 0)).toBe('warning');
  await writeFile(join(folder, 'a-file'), '');
  expect(await level(join(folder, 'a-file', 'below'), 0, 0)).toBe('error');
  expect(await level(folder, Infinity, 0)).toBe('warning');
  expect(await level(folder, Infinity, Infinity)).toBe('error');
});

it('a check that fails, or takes too long, is a finding itself and hides no other', async () => {
  const slow: Check = {
    id: 'slow',
    needsSchema: false,
    examine: async () => {
      await inspection.ask('SELECT pg_sleep(30)', [], { limitMs: 100 });
      return [];
    },
  };
  const wrong: Check = {
    id: 'wrong',
    needsSchema: false,
    examine: () => around.ask('SELECT nonsense').then(() => []),
  };
  const { findings, checked } = await carryOut([slow, wrong, schemaCheck], around, true);
  expect(findings.map(({ id, level }) => [id, level])).toEqual([
    ['slow', 'unknown'],
    ['wrong', 'unknown'],
  ]);
  expect(checked).toEqual(['schema']);
});

it('nothing can be changed by a question', async () => {
  await expect(around.ask('DELETE FROM worker')).rejects.toMatchObject({ code: '25006' });
  await expect(around.askRows('CREATE TABLE x ()')).rejects.toMatchObject({ code: '25006' });
});
