import type { Invariant } from './invariant.js';

const PROGRAM_ROLES = `('ss_api', 'ss_worker', 'ss_operator', 'ss_system')`;

/** What must be true of the database around the rows. */
export const serverInvariants = [
  {
    id: 'I17',
    says: 'Row-level security is forced, for every command, on every table with a tenant_id; programs cannot pass it.',
    sql: `
      WITH protected AS (
        SELECT class.oid, class.oid::regclass::text AS name, class.relrowsecurity, class.relforcerowsecurity,
          class.relowner
        FROM pg_class AS class
        JOIN pg_attribute AS attribute ON attribute.attrelid = class.oid AND attribute.attname = 'tenant_id'
          AND NOT attribute.attisdropped
        WHERE class.relkind IN ('r', 'p') AND class.relnamespace = 'public'::regnamespace
      ), policy AS (
        SELECT pg_policy.polrelid, pg_policy.polcmd, pg_policy.polpermissive, pg_policy.polroles,
          coalesce(pg_get_expr(polqual, polrelid), '') AS reads, coalesce(pg_get_expr(polwithcheck, polrelid), '') AS writes
        FROM pg_policy
      ), programs AS (
        SELECT oid, rolname, rolsuper, rolbypassrls FROM pg_roles
        WHERE rolname IN ${PROGRAM_ROLES} OR rolname IN ('ss_api_login', 'ss_worker_login', 'ss_operator_login')
      )
      SELECT name AS object, 'row-level security is off or not forced' AS fault
      FROM protected
      WHERE NOT relrowsecurity OR NOT relforcerowsecurity
      UNION ALL
      SELECT name, 'no policy keeps every command to one tenant'
      FROM protected
      WHERE NOT EXISTS (
        SELECT FROM policy
        WHERE polrelid = protected.oid AND polpermissive AND polcmd = '*' AND polroles = ARRAY[0::oid]
          AND reads LIKE '%ss.tenant_id%' AND writes LIKE '%ss.tenant_id%'
      )
      UNION ALL
      SELECT name, 'a policy lets programs see rows of every tenant'
      FROM protected
      JOIN policy ON polrelid = protected.oid AND polpermissive
      WHERE concat(reads, writes) NOT LIKE '%ss.tenant_id%' AND EXISTS (
        SELECT FROM unnest(polroles) AS member
        WHERE member = 0 OR member IN (SELECT oid FROM programs WHERE rolname <> 'ss_system')
      )
      UNION ALL
      SELECT rolname, 'is a superuser or passes row-level security'
      FROM programs
      WHERE rolsuper OR rolbypassrls
      UNION ALL
      SELECT protected.name, 'is owned by ' || rolname
      FROM protected
      JOIN programs ON programs.oid = protected.relowner
      UNION ALL
      SELECT rolname, 'is a member of ' || powerful
      FROM programs
      CROSS JOIN unnest(ARRAY['ss_owner', 'ss_system']) AS powerful
      WHERE rolname <> powerful AND pg_has_role(programs.oid, powerful, 'MEMBER')
        AND NOT (powerful = 'ss_system' AND rolname NOT LIKE 'ss_api%')`,
    remedy:
      'CALL protect_tenant_rows(table) as ss_owner for a table; ALTER ROLE … NOSUPERUSER NOBYPASSRLS or REVOKE for a role. ' +
      'Until then take the programs out of service: tenants may see each other’s rows.',
  },
  {
    id: 'I19',
    says: 'Nothing is left behind: no session stays in a transaction or keeps an advisory lock while it does nothing.',
    sql: `
      SELECT pid, usename AS login, application_name AS application, state, state_change AS since,
        EXISTS (
          SELECT FROM pg_locks WHERE pg_locks.pid = session.pid AND locktype = 'advisory' AND granted
        ) AS advisory_lock
      FROM pg_stat_activity AS session
      CROSS JOIN grace
      WHERE datname = current_database() AND state LIKE 'idle%' AND state_change <= clock_timestamp() - grace.quiet
        AND (
          state LIKE 'idle in transaction%'
          OR EXISTS (SELECT FROM pg_locks WHERE pg_locks.pid = session.pid AND locktype = 'advisory' AND granted)
        )`,
    remedy:
      'SELECT pg_terminate_backend(pid) ends such a session; its application says who opened it. Programs of SS are ended ' +
      'by the server after 30 s, so look for tools and consoles.',
  },
] as const satisfies readonly Invariant[];
