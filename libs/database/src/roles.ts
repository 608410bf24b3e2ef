import { createHmac } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

/** The role a program works under. None of them owns a table, is a superuser, or passes row-level security. */
export type ProgramRole = 'ss_api' | 'ss_worker' | 'ss_operator' | 'ss_migration';

/**
 * A server's roles belong to all its databases, and two of them may be deployed at the same moment. The lock keeps
 * apart those who are in one database; advisory locks reach no further, see {@link whileRolesAreStill}.
 */
const ENSURE_ROLES = `
DO $$
DECLARE
  wanted text;
  -- Before 16 every member could take a role on.
  may_take_on text := CASE WHEN current_setting('server_version_num')::integer >= 160000 THEN 'SET' ELSE 'MEMBER' END;
BEGIN
  -- Any number, so long as every SS uses the same.
  PERFORM pg_advisory_xact_lock(5302026);
  FOREACH wanted IN ARRAY ARRAY[
    'ss_owner', 'ss_system', 'ss_api', 'ss_worker', 'ss_operator', 'ss_migration', 'ss_auditor', 'ss_audit_views'
  ] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
      BEGIN
        EXECUTE format(
          'CREATE ROLE %I NOLOGIN %s NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE',
          -- A migration is work across tenants and more: it has what ss_system has without stepping further.
          wanted, CASE WHEN wanted = 'ss_migration' THEN 'INHERIT' ELSE 'NOINHERIT' END
        );
      EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
      END;
    END IF;
  END LOOP;
  -- Across tenants only by stepping through the door (SET ROLE), never by inheriting; the API not at all.
  IF NOT pg_has_role('ss_worker', 'ss_system', 'MEMBER') THEN
    GRANT ss_system TO ss_worker;
  END IF;
  IF NOT pg_has_role('ss_operator', 'ss_system', 'MEMBER') THEN
    GRANT ss_system TO ss_operator;
  END IF;
  IF NOT pg_has_role('ss_migration', 'ss_system', 'MEMBER') THEN
    GRANT ss_system TO ss_migration;
  END IF;
  IF NOT pg_has_role('ss_operator', 'ss_migration', 'MEMBER') THEN
    GRANT ss_migration TO ss_operator;
  END IF;
  -- The owner makes the auditors' views and gives them to a role that owns nothing else; it inherits nothing of it.
  IF NOT pg_has_role('ss_owner', 'ss_audit_views', may_take_on) THEN
    GRANT ss_audit_views TO ss_owner;
  END IF;
  FOREACH wanted IN ARRAY ARRAY['ss_owner', 'ss_system', 'ss_api', 'ss_worker', 'ss_operator', 'ss_migration'] LOOP
    IF NOT pg_has_role(session_user, wanted, may_take_on) THEN
      EXECUTE format('GRANT %I TO %I', wanted, session_user);
    END IF;
  END LOOP;
END
$$`;

const ROLE_ATTEMPTS = 20;

/** Tries again when somebody in another database of the server changed the same role at the same moment. */
async function whileRolesAreStill(change: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await change();
      return;
    } catch (error) {
      const collided = error instanceof pg.DatabaseError && COLLISIONS.has(error.code ?? '');
      if (!collided || attempt === ROLE_ATTEMPTS) throw error;
      await sleep(Math.random() * 50);
    }
  }
}

/** `tuple concurrently updated` has no code of its own; the others: the same role or membership was just made. */
const COLLISIONS = new Set(['XX000', '23505', '42710']);

/**
 * Makes sure that the roles exist, that the connected user may take them on, and that ss_owner may make
 * tables here. Needs CREATEROLE (or roles that a database administrator made beforehand).
 */
export async function ensureRoles(client: pg.Client): Promise<void> {
  await whileRolesAreStill(async () => {
    await client.query(ENSURE_ROLES);
  });
  const { rows } = await client.query<{ may: boolean }>(
    `SELECT has_database_privilege('ss_owner', current_database(), 'CREATE')
       AND has_schema_privilege('ss_owner', 'public', 'CREATE') AS may`,
  );
  if (rows[0]?.may) return;
  const { rows: names } = await client.query<{ name: string }>('SELECT current_database() AS name');
  await client.query(`GRANT CREATE ON DATABASE ${pg.escapeIdentifier(names[0]?.name ?? '')} TO ss_owner`);
  await client.query('GRANT CREATE, USAGE ON SCHEMA public TO ss_owner');
}

/**
 * Gives a program a login of its own on the server that the owner's URL names, and answers the URL with that
 * login. Everyone who has the owner's URL derives the same password, so that two starts do not lock each
 * other out.
 */
export async function programUrl(ownerUrl: string, role: ProgramRole): Promise<string> {
  const url = new URL(ownerUrl);
  const login = `${role}_login`;
  const password = createHmac('sha256', `${decodeURIComponent(url.password)}@${url.host}`)
    .update(login)
    .digest('base64url');
  const client = new pg.Client({
    connectionString: ownerUrl,
    connectionTimeoutMillis: 5_000,
    query_timeout: 15_000,
  });
  await client.connect();
  try {
    await whileRolesAreStill(() => ensureLogin(client, role, login, password));
  } finally {
    await client.end();
  }
  url.username = login;
  url.password = encodeURIComponent(password);
  return url.toString();
}

async function ensureLogin(
  client: pg.Client,
  role: ProgramRole,
  login: string,
  password: string,
): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query('SELECT pg_advisory_xact_lock(5302026)');
    const { rows } = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [login]);
    const secret = `LOGIN PASSWORD ${pg.escapeLiteral(password)}`;
    if (rows.length > 0) {
      // Only this much: an owner that is no superuser may not even repeat the other attributes.
      await client.query(`ALTER ROLE ${login} ${secret}`);
    } else {
      // NOINHERIT: the login itself can do nothing; each transaction takes the role on.
      await client.query(
        `CREATE ROLE ${login} ${secret} NOINHERIT NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE`,
      );
    }
    await client.query(`GRANT ${role} TO ${login}`);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}
