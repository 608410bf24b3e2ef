import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { emptyDatabase, testDatabase } from '#testing';
import { programUrl } from './roles.js';
import { assertSchema, deploySchema, migrationsFolder, schemaStatus } from './schema-migrations.js';

let database: Awaited<ReturnType<typeof emptyDatabase>>;
let folder: string;

beforeEach(async () => {
  database = await emptyDatabase();
  folder = await mkdtemp(join(tmpdir(), 'ss-migrations-'));
  await migration('1_create_a', 'CREATE TABLE a (n integer PRIMARY KEY);');
  await migration('2_fill_a', 'INSERT INTO a VALUES (1);');
});
afterEach(async () => {
  await database.drop();
  await rm(folder, { recursive: true });
});

async function migration(name: string, sql: string): Promise<void> {
  await mkdir(join(folder, name), { recursive: true });
  await writeFile(join(folder, name, 'migration.sql'), sql);
}

async function query<Row extends pg.QueryResultRow>(text: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}

const empty = { applied: [], pending: [], changed: [], unknown: [], failed: [] };

describe('schema migrations', () => {
  it('apply once each when several programs start at once on an empty database', async () => {
    const applied = await Promise.all(Array.from({ length: 5 }, () => deploySchema(database.url, folder)));
    expect(applied.flat()).toEqual(['1_create_a', '2_fill_a']);
    expect(await query('SELECT n FROM a')).toEqual([{ n: 1 }]);
  });

  it('are the tables of ss_owner, whoever deployed them', async () => {
    await deploySchema(database.url, folder);
    expect(await query(`SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'`)).toEqual([
      { tableowner: 'ss_owner' },
    ]);
  });

  it('are told apart as applied, pending, changed after they were applied, and unknown', async () => {
    expect(await schemaStatus(database.url, folder)).toEqual({
      ...empty,
      pending: ['1_create_a', '2_fill_a'],
    });
    await deploySchema(database.url, folder);
    expect(await schemaStatus(database.url, folder)).toEqual({
      ...empty,
      applied: ['1_create_a', '2_fill_a'],
    });

    await migration('1_create_a', 'CREATE TABLE a (n bigint);');
    await migration('3_create_b', 'CREATE TABLE b ();');
    await rm(join(folder, '2_fill_a'), { recursive: true });
    expect(await schemaStatus(database.url, folder)).toEqual({
      applied: ['1_create_a'],
      pending: ['3_create_b'],
      changed: ['1_create_a'],
      unknown: ['2_fill_a'],
      failed: [],
    });
  });

  it('are not applied while one of them was changed after it was applied', async () => {
    await deploySchema(database.url, folder);
    await migration('2_fill_a', 'INSERT INTO a VALUES (2);');
    await migration('3_create_b', 'CREATE TABLE b ();');
    await expect(deploySchema(database.url, folder)).rejects.toMatchObject({
      code: 'SCHEMA_MISMATCH',
      facts: { changed: ['2_fill_a'] },
    });
    expect(await query(`SELECT to_regclass('b') AS b`)).toEqual([{ b: null }]);
  });

  it('roll back whole when they fail, say which, and go on once mended', async () => {
    await migration('3_break', 'CREATE TABLE b (); SELECT 1 / 0;');
    await migration('4_create_c', 'CREATE TABLE c ();');
    await expect(deploySchema(database.url, folder)).rejects.toMatchObject({
      code: 'SCHEMA_MISMATCH',
      facts: { migration: '3_break', cause: 'division by zero' },
    });
    expect(await query(`SELECT to_regclass('b') AS b, to_regclass('c') AS c`)).toEqual([
      { b: null, c: null },
    ]);
    const status = await schemaStatus(database.url, folder);
    expect(status).toEqual({
      ...empty,
      applied: ['1_create_a', '2_fill_a'],
      pending: ['3_break', '4_create_c'],
    });

    await migration('3_break', 'CREATE TABLE b ();');
    expect(await deploySchema(database.url, folder)).toEqual(['3_break', '4_create_c']);
  });

  it('wait for a person when one began and did not end', async () => {
    await deploySchema(database.url, folder);
    await query(`UPDATE _prisma_migrations SET finished_at = NULL WHERE migration_name = '2_fill_a'`);
    await expect(deploySchema(database.url, folder)).rejects.toMatchObject({
      facts: { failed: ['2_fill_a'] },
    });
    expect(await schemaStatus(database.url, folder)).toMatchObject({
      failed: ['2_fill_a'],
      pending: ['2_fill_a'],
    });
  });

  it("are recorded as Prisma's own migrate records them", async () => {
    await deploySchema(database.url, folder);
    const checksum = createHash('sha256')
      .update(await readFile(join(folder, '1_create_a', 'migration.sql')))
      .digest('hex');
    const [row] = await query(`SELECT * FROM _prisma_migrations ORDER BY migration_name LIMIT 1`);
    expect(row).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      checksum,
      finished_at: expect.any(Date),
      migration_name: '1_create_a',
      logs: null,
      rolled_back_at: null,
      started_at: expect.any(Date),
      applied_steps_count: 1,
    });
    const columns = await query(
      `SELECT column_name || ' ' || data_type || coalesce('(' || character_maximum_length || ')', '')
         || CASE is_nullable WHEN 'NO' THEN ' NOT NULL' ELSE '' END || coalesce(' ' || column_default, '') AS text
       FROM information_schema.columns WHERE table_name = '_prisma_migrations' ORDER BY ordinal_position`,
    );
    expect(columns.map((column) => column['text'] as string)).toEqual([
      'id character varying(36) NOT NULL',
      'checksum character varying(64) NOT NULL',
      'finished_at timestamp with time zone',
      'migration_name character varying(255) NOT NULL',
      'logs text',
      'rolled_back_at timestamp with time zone',
      'started_at timestamp with time zone NOT NULL now()',
      'applied_steps_count integer NOT NULL 0',
    ]);
  });

  it('can be deployed to two databases of one server while logins are made there', async () => {
    const others = await Promise.all([emptyDatabase(), emptyDatabase(), emptyDatabase()]);
    try {
      const urls = [database, ...others].map(({ url }) => url);
      await Promise.all(urls.map((url) => deploySchema(url, folder)));
      const logins = urls.flatMap((url) =>
        Array.from({ length: 4 }, () =>
          Promise.all([programUrl(url, 'ss_api'), programUrl(url, 'ss_worker')]),
        ),
      );
      expect(new Set((await Promise.all(logins)).flat().map((url) => new URL(url).password)).size).toBe(2);
    } finally {
      await Promise.all(others.map((other) => other.drop()));
    }
  });
});

describe('assertSchema', () => {
  it('lets a program start on the schema of its release and on a newer one, and on no older one', async () => {
    const db = await testDatabase();
    const api = db.database('ss_api');
    const scope = { actor: { kind: 'operator', id: 'test' }, source: 'test' } as const;
    try {
      await assertSchema(api, scope);
      await db.sql(
        `INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at) VALUES ('x', 'x', '9_newer', now())`,
      );
      await assertSchema(api, scope);
      const names = (await schemaStatus(db.ownerUrl, migrationsFolder())).applied;
      await db.sql('DELETE FROM _prisma_migrations WHERE migration_name = $1', [names.at(-1)]);
      await expect(assertSchema(api, scope)).rejects.toMatchObject({
        code: 'SCHEMA_MISMATCH',
        facts: { pending: [names.at(-1)] },
      });
    } finally {
      await db.drop();
    }
  });

  it('ends the time of older releases where a schema migration says so, and of no others', async () => {
    const db = await testDatabase();
    const api = db.database('ss_api');
    const scope = { actor: { kind: 'operator', id: 'test' }, source: 'test' } as const;
    const here = async (...names: string[]): Promise<string> => {
      const release = await mkdtemp(join(tmpdir(), 'ss-release-'));
      await cp(migrationsFolder(), release, { recursive: true });
      for (const name of names) await cp(join(folder, name), join(release, name), { recursive: true });
      return release;
    };
    try {
      await migration('98_add_c', 'CREATE TABLE c (n integer PRIMARY KEY);');
      await migration('99_drop_c', '-- Drops what nobody reads any more.\n-- needs: 98_add_c\nDROP TABLE c;');
      const [before, between, after] = [
        await here(),
        await here('98_add_c'),
        await here('98_add_c', '99_drop_c'),
      ];
      try {
        await deploySchema(db.ownerUrl, between);
        await assertSchema(api, scope, before);
        await deploySchema(db.ownerUrl, after);
        await assertSchema(api, scope, after);
        await assertSchema(api, scope, between);
        const refused = { code: 'SCHEMA_MISMATCH', facts: { fault: 'ahead', needs: '98_add_c' } };
        await expect(assertSchema(api, scope, before)).rejects.toMatchObject(refused);
      } finally {
        for (const release of [before, between, after]) await rm(release, { recursive: true });
      }
    } finally {
      await db.drop();
    }
  });
});
