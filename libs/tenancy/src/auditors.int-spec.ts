import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { anAuditEvent, aTenant, AuditorSession, eventually, type TestDatabase, testDatabase } from '#testing';
import type { Database, Scope } from '#database';
import { Auditors } from './auditors.js';
import { PLATFORM, Tenants } from './tenants.js';

const OLGA: Scope & { reason: string } = {
  ...{ actor: { kind: 'operator', id: 'olga' }, source: 'ssctl', reason: 'the yearly audit' },
};
const MINE = 'mine';

let db: TestDatabase;
let administrator: Database;
let auditors: Auditors;
const opened: AuditorSession[] = [];

async function anAuditor(
  ...given: [string | null, Parameters<typeof AuditorSession.open>[2]?]
): Promise<AuditorSession> {
  const session = await AuditorSession.open(db, ...given);
  opened.push(session);
  return session;
}

beforeAll(async () => {
  db = await testDatabase();
  administrator = db.administrator();
  auditors = new Auditors(administrator, new Tenants(administrator));
  await aTenant(db, MINE);
  await aTenant(db, 'others');
  for (const tenantId of [MINE, 'others', PLATFORM]) await anAuditEvent(db, tenantId, { action: 'seen' });
});
afterAll(async () => {
  await Promise.all(opened.map((session) => session.end()));
  for (const { login } of opened) await auditors.drop(OLGA, login).catch(() => undefined);
  await administrator.close();
  await db.drop();
});

const SEEN = `SELECT DISTINCT tenant_id FROM audit_api.event WHERE action = 'seen' ORDER BY 1`;
const tenantsSeenBy = async (session: AuditorSession): Promise<string[]> =>
  (await session.query<{ tenant_id: string }>(SEEN)).map((row) => row.tenant_id);

describe('an auditor', () => {
  it('of one tenant sees its rows, and no setting shows more', async () => {
    const auditor = await anAuditor(MINE);
    expect(await tenantsSeenBy(auditor)).toEqual([MINE]);
    for (const setting of ['ss.tenant_id', 'ss.audit_tenant']) {
      await auditor.query(`SET ${setting} = 'others'`);
      expect((await tenantsSeenBy(auditor)).filter((tenantId) => tenantId !== MINE)).toEqual([]);
      await auditor.query(`RESET ${setting}`);
    }
    await auditor.query(`SET ss.audit_tenant = 'others'`);
    expect(await tenantsSeenBy(auditor)).toEqual([]);
    await auditor.query(`SET ss.audit_tenant = '${MINE}'`);
    expect(await tenantsSeenBy(auditor)).toEqual([MINE]);
  });

  it('of the deployment sees every tenant and what belongs to none, and may narrow it', async () => {
    const auditor = await anAuditor(null);
    expect(await tenantsSeenBy(auditor)).toEqual([PLATFORM, MINE, 'others']);
    await auditor.query(`SET ss.audit_tenant = 'others'`);
    expect(await tenantsSeenBy(auditor)).toEqual(['others']);
  });

  it('sees nothing by being a member of the role alone', async () => {
    const auditor = await anAuditor(null);
    await db.sql('DELETE FROM auditor WHERE login = $1', [auditor.login]);
    expect(await tenantsSeenBy(auditor)).toEqual([]);
    await db.sql('INSERT INTO auditor (login) VALUES ($1)', [auditor.login]);
  });

  it('reads the views and no table, and becomes nobody else', async () => {
    const auditor = await anAuditor(null);
    const readable = await auditor.query<{ name: string }>(
      `SELECT c.oid::regclass::text AS name FROM pg_class AS c
       WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
         AND relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
         AND has_schema_privilege(relnamespace, 'USAGE')
         AND has_table_privilege(c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')
       ORDER BY 1`,
    );
    expect(readable.map(({ name }) => name.replace('audit_api.', ''))).toEqual([
      ...['action_by_actor', 'checkpoint', 'denied_attempt', 'event', 'job_history', 'segment'],
    ]);
    const asOwner = await auditor.query<{ name: string }>(
      `SELECT proname AS name FROM pg_proc
       WHERE prosecdef AND pronamespace <> 'pg_catalog'::regnamespace
         AND has_schema_privilege(pronamespace, 'USAGE') AND has_function_privilege(oid, 'EXECUTE')
       ORDER BY 1`,
    );
    expect(asOwner.map(({ name }) => name)).toEqual(['sees_all', 'sees_tenant']);
    for (const role of ['ss_owner', 'ss_system', 'ss_audit_views', 'ss_api', 'ss_operator'])
      expect(await auditor.refusal(`SET ROLE ${role}`)).toBe('42501');
    expect(await auditor.refusal('SELECT FROM public.audit_event')).toBe('42501');
  });

  it('writes nothing, also after saying that it will', async () => {
    const auditor = await anAuditor(null);
    expect(await auditor.refusal('CREATE TEMP TABLE t ()')).toBe('25006');
    await auditor.query('SET default_transaction_read_only = off');
    for (const statement of [
      `INSERT INTO audit_api.event (tenant_id) VALUES ('x')`,
      `UPDATE audit_api.event SET reason = 'x'`,
      'DELETE FROM audit_api.event',
      `INSERT INTO public.auditor (login) VALUES ('x')`,
      'CREATE TABLE public.t ()',
      'CREATE VIEW audit_api.mine AS SELECT 1 AS one',
    ])
      expect({ statement, code: await auditor.refusal(statement) }).toEqual({ statement, code: '42501' });
  });

  it('cannot have the audit’s own triggers write for it', async () => {
    const auditor = await anAuditor(MINE);
    await auditor.query('SET default_transaction_read_only = off');
    await auditor.query('CREATE TEMP TABLE forged (tenant_id text)');
    const hang = `CREATE TRIGGER forge AFTER INSERT ON forged REFERENCING NEW TABLE AS after_change
      FOR EACH STATEMENT EXECUTE FUNCTION public.audit_job_insert()`;
    expect(await auditor.refusal(hang)).toBe('42501');
  });

  it('learns nothing of others by a function of its own in a condition', async () => {
    const auditor = await anAuditor(MINE);
    await auditor.query('SET default_transaction_read_only = off');
    await auditor.query(
      `CREATE FUNCTION pg_temp.tell(who text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001
       AS $$ BEGIN IF who <> '${MINE}' THEN RAISE EXCEPTION 'saw %', who; END IF; RETURN true; END $$`,
    );
    expect(
      await auditor.query('SELECT DISTINCT tenant_id FROM audit_api.event WHERE pg_temp.tell(tenant_id)'),
    ).toEqual([{ tenant_id: MINE }]);
  });
});

describe('a report that runs away', () => {
  it('is ended when one query takes too long', async () => {
    const auditor = await anAuditor(null, { statementMs: 200 });
    expect(await auditor.refusal('SELECT count(*) FROM generate_series(1, 1000000000)')).toBe('57014');
  });

  it('is ended when its transaction stands idle, so that vacuum goes on', async () => {
    const auditor = await anAuditor(null, { idleMs: 200 });
    await auditor.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await auditor.query(SEEN);
    await eventually(async () => (await sessionsOf(auditor.login)) === 0);
  });

  it('is ended when its transaction takes too long as a whole', async () => {
    const auditor = await anAuditor(null, { transactionMs: 300 });
    const [version] = await db.sql<{ has: boolean }>(
      `SELECT current_setting('server_version_num')::integer >= 170000 AS has`,
    );
    await auditor.query('BEGIN');
    const ended = eventually(async () => {
      if ((await sessionsOf(auditor.login)) === 0) return true;
      await auditor.refusal('SELECT 1');
      return false;
    });
    if (version!.has) await ended;
    else await expect(ended).rejects.toThrow();
  });
});

const sessionsOf = async (login: string): Promise<number> =>
  (await db.sql('SELECT FROM pg_stat_activity WHERE usename = $1', [login])).length;

describe('making and dropping auditors', () => {
  it('is on the audit of the tenant, or of the platform', async () => {
    const mine = await anAuditor(MINE);
    const all = await anAuditor(null);
    await auditors.drop(OLGA, mine.login);
    const told = await db.sql(
      `SELECT tenant_id, actor_kind, action, resource_id, reason FROM audit_event
       WHERE resource_type = 'auditor' AND resource_id = ANY ($1) ORDER BY event_id`,
      [[mine.login, all.login]],
    );
    const by = { actor_kind: 'operator' };
    expect(told).toEqual([
      { tenant_id: MINE, ...by, action: 'auditor.created', resource_id: mine.login, reason: 'a test' },
      { tenant_id: PLATFORM, ...by, action: 'auditor.created', resource_id: all.login, reason: 'a test' },
      { tenant_id: MINE, ...by, action: 'auditor.dropped', resource_id: mine.login, reason: OLGA.reason },
    ]);
  });

  it('keeps no password, and hands none to the server', async () => {
    const { login, url } = await anAuditor(null);
    const [stored] = await db.sql<{ rolpassword: string }>(
      'SELECT rolpassword FROM pg_authid WHERE rolname = $1',
      [login],
    );
    expect(stored?.rolpassword).toMatch(/^SCRAM-SHA-256\$4096:/);
    expect(stored?.rolpassword).not.toContain(new URL(url).password);
  });

  it('ends what the login has open, and lets it in no more', async () => {
    const auditor = await anAuditor(MINE);
    expect(await tenantsSeenBy(auditor)).toEqual([MINE]);
    await auditors.drop(OLGA, auditor.login);
    expect(await auditor.refusal(SEEN)).not.toBeNull();
    const again = new pg.Client({ connectionString: auditor.url });
    await expect(again.connect()).rejects.toMatchObject({ code: '28P01' });
  });

  it('is refused for names that are taken or unsafe, tenants and auditors that are not there', async () => {
    const { login } = await anAuditor(MINE);
    const create = (name: string, onlyTenant: string | null): Promise<unknown> =>
      auditors.create(OLGA, { login: name, onlyTenant });
    await expect(create(login, MINE)).rejects.toMatchObject({ code: 'AUDITOR_EXISTS' });
    for (const unsafe of ['', 'Anna', 'a-b', 'pg_x', 'ss_api_login', '1a', 'a'.repeat(64), 'a;b'])
      await expect(create(unsafe, MINE)).rejects.toMatchObject({ code: 'AUDITOR_NAME_UNSAFE' });
    await expect(create('fine', 'nobody')).rejects.toMatchObject({ code: 'TENANT_NOT_FOUND' });
    await expect(auditors.drop(OLGA, 'nobody')).rejects.toMatchObject({ code: 'AUDITOR_NOT_FOUND' });
    await expect(auditors.drop(OLGA, 'postgres')).rejects.toMatchObject({ code: 'AUDITOR_NOT_FOUND' });
  });

  it('is for nobody with the rights of a program', async () => {
    const api = new Auditors(db.database('ss_api'), new Tenants(db.database('ss_api')));
    await expect(api.create(OLGA, { login: 'fine', onlyTenant: MINE })).rejects.toMatchObject({
      code: '42501',
    });
  });

  it('lists them with what they see', async () => {
    const mine = await anAuditor(MINE);
    expect(await auditors.list(OLGA)).toContainEqual({
      ...{ login: mine.login, only_tenant: MINE, created_at: expect.stringMatching(/Z$/) },
    });
  });
});
