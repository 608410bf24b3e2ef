import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { deployQueues } from '#queue';
import { Auditors, Tenants } from '#tenancy';
import { Session, type TestDatabase, testDatabase } from '#testing';
import { Database } from './database.js';
import { EmbeddedServer } from './embedded-server.js';
import { programUrl } from './roles.js';
import { deploySchema, schemaStatus } from './schema-migrations.js';

const PROGRAMS = ['ss_api', 'ss_worker', 'ss_operator'] as const;
const MINE = 'mine';

/** As a hosted PostgreSQL gives it: an administrator that may make roles and owns its database, and is no superuser. */
const MAKE_ADMINISTRATOR = `
  CREATE ROLE administrator LOGIN CREATEROLE CREATEDB PASSWORD 'hosted';
  CREATE DATABASE hosted OWNER administrator;`;

describe('an owner that is no superuser', () => {
  let dataDir: string;
  let server: EmbeddedServer;
  let url: string;

  beforeAll(async () => {
    const scratch = join(import.meta.dirname, '../../../.ss');
    await mkdir(scratch, { recursive: true });
    dataDir = await mkdtemp(join(scratch, 'roles-'));
    // A server of its own: roles belong to the server, and here they are to be made by the administrator.
    server = await EmbeddedServer.temporary({ dataDir });
    for (const statement of MAKE_ADMINISTRATOR.split(';').filter((text) => text.trim() !== '')) {
      await query(server.url, statement);
    }
    const hosted = new URL(server.url);
    Object.assign(hosted, { username: 'administrator', password: 'hosted', pathname: '/hosted' });
    url = hosted.toString();
  });
  afterAll(async () => {
    await server.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  async function query(on: string, text: string): Promise<pg.QueryResultRow[]> {
    const client = new pg.Client({ connectionString: on });
    await client.connect();
    try {
      return (await client.query<pg.QueryResultRow>(text)).rows;
    } finally {
      await client.end();
    }
  }

  it('deploys the schema and the queues, again too, and gives programs their logins, again too', async () => {
    expect((await deploySchema(url)).length).toBeGreaterThan(0);
    expect(await deploySchema(url)).toEqual([]);
    expect((await schemaStatus(url)).pending).toEqual([]);
    await deployQueues(url);
    await deployQueues(url);
    for (const role of ['ss_api', 'ss_worker', 'ss_operator'] as const) {
      const first = await programUrl(url, role);
      expect(await programUrl(url, role)).toBe(first);
      expect(await query(first, `SET ROLE ${role}; `)).toEqual([]);
      const [rights] = await query(
        url,
        `SELECT rolsuper, rolbypassrls, rolcreaterole FROM pg_roles WHERE rolname = '${role}_login'`,
      );
      expect(rights).toEqual({ rolsuper: false, rolbypassrls: false, rolcreaterole: false });
    }
  });

  it('makes an auditor, who reads the views with the password, and drops it', async () => {
    const database = new Database({
      ...{ url, role: 'ss_operator', applicationName: 'test' },
      onError: () => undefined,
    });
    const auditors = new Auditors(database, new Tenants(database));
    const olga = { actor: { kind: 'operator', id: 'olga' }, source: 'test', reason: 'a test' } as const;
    const anna = { login: 'anna', onlyTenant: null };
    const { password } = await auditors.create(olga, anna);
    await expect(auditors.create(olga, anna)).rejects.toMatchObject({ code: 'AUDITOR_EXISTS' });
    const its = new URL(url);
    Object.assign(its, { username: 'anna', password });
    expect(await query(its.toString(), 'SELECT action FROM audit_api.event')).toEqual([
      { action: 'auditor.created' },
    ]);
    await auditors.drop(olga, 'anna');
    await expect(query(its.toString(), 'SELECT')).rejects.toMatchObject({ code: '28P01' });
    await database.close();
  });
});

describe('the roles of programs', () => {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await testDatabase();
  });
  afterAll(async () => {
    await db.drop();
  });

  it.each([...PROGRAMS, 'ss_system'])(
    '%s owns nothing, is no superuser, and passes no policy',
    async (role) => {
      for (const name of role === 'ss_system' ? [role] : [role, `${role}_login`]) {
        const [rights] = await db.sql(
          `SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication, pg_has_role(rolname, 'ss_owner', 'MEMBER') AS owner,
           (SELECT count(*)::integer FROM pg_class WHERE relowner = r.oid)
             + (SELECT count(*)::integer FROM pg_proc WHERE proowner = r.oid)
             + (SELECT count(*)::integer FROM pg_namespace WHERE nspowner = r.oid)
             + (SELECT count(*)::integer FROM pg_database WHERE datdba = r.oid) AS owned
         FROM pg_roles AS r WHERE rolname = $1`,
          [name],
        );
        expect(rights).toEqual({
          ...{
            rolsuper: false,
            rolbypassrls: false,
            rolcreaterole: false,
            rolcreatedb: false,
            rolreplication: false,
          },
          ...{ owner: false, owned: 0 },
        });
      }
    },
  );

  it.each(['ss_system', 'ss_worker', 'ss_operator', 'ss_owner'])('ss_api cannot become %s', async (role) => {
    const session = await db.session('ss_api', MINE);
    expect(await session.refusal(`SET ROLE ${role}`)).toMatchObject({ code: '42501' });
    expect(await session.refusal(`SELECT set_config('role', $1, true)`, [role])).toMatchObject({
      code: '42501',
    });
    await session.end();
  });

  it.each(['ss_worker', 'ss_operator'] as const)(
    '%s becomes ss_system only by saying so, and never the owner',
    async (role) => {
      const session = await db.session(role, null);
      expect(await session.attempt('SELECT FROM job')).toBe(0);
      expect(await session.refusal('SET ROLE ss_owner')).toMatchObject({ code: '42501' });
      expect(await session.refusal('SET ROLE ss_system')).toBeNull();
      await session.end();
    },
  );

  it.each(PROGRAMS)('the login of %s may read nothing before it takes its role on', async (role) => {
    const url = { ss_api: db.apiUrl, ss_worker: db.workerUrl, ss_operator: db.operatorUrl }[role];
    const session = await Session.open(url, null, MINE);
    expect(await session.refusal('SELECT FROM job')).toMatchObject({ code: '42501' });
    await session.end();
  });

  it.each(PROGRAMS)('%s makes no tables, functions or roles', async (role) => {
    const session = await db.session(role, MINE);
    for (const statement of [
      'CREATE TABLE public.t ()',
      'CREATE SCHEMA s',
      `CREATE FUNCTION public.f() RETURNS integer LANGUAGE sql AS 'SELECT 1'`,
      'CREATE ROLE ss_test_role',
      'ALTER TABLE job DISABLE TRIGGER ALL',
      'SET session_replication_role = replica',
    ]) {
      expect({ statement, refusal: await session.refusal(statement) }).toMatchObject({
        refusal: { code: '42501' },
      });
    }
    await session.end();
  });
});
