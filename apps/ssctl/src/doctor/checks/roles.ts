import type { Check } from '../check.js';
import type { Finding } from '../finding.js';

interface RoleRow extends Record<string, unknown> {
  name: string;
  there: boolean;
  superuser: boolean;
  expired: boolean;
  may_be_taken_on: boolean;
}

const LOOK_AT_ROLES = `
  SELECT wanted AS name, role.oid IS NOT NULL AS there,
    coalesce(role.rolsuper OR role.rolbypassrls, false) AS superuser,
    coalesce(role.rolcanlogin AND role.rolvaliduntil < clock_timestamp(), false) AS expired,
    role.oid IS NOT NULL AND pg_has_role(session_user, role.oid, 'MEMBER') AS may_be_taken_on
  FROM unnest($1::text[]) AS wanted
  LEFT JOIN pg_roles AS role ON role.rolname = wanted`;

const GROUPS = ['ss_owner', 'ss_system', 'ss_api', 'ss_worker', 'ss_operator'];
const LOGINS = ['ss_api_login', 'ss_worker_login', 'ss_operator_login'];
const DEPLOY = 'Run: npm run ssctl -- schema deploy';

/** The roles of the programs are there and can be taken on. What they must not be able to do is I17. */
export const rolesCheck: Check = {
  id: 'roles',
  needsSchema: false,
  examine: async ({ ask }) => {
    const roles = await ask<RoleRow>(LOOK_AT_ROLES, [[...GROUPS, ...LOGINS]]);
    const findings: Finding[] = [];
    const say = (id: string, level: Finding['level'], cause: string, remedy: string): void => {
      findings.push({ id, level, cause, remedy });
    };
    for (const { name, there, superuser, expired, may_be_taken_on } of roles) {
      const isGroup = GROUPS.includes(name);
      if (isGroup && !there) say('roles.missing', 'error', `The role ${name} does not exist.`, DEPLOY);
      else if (isGroup && !may_be_taken_on) {
        const cause = `The login of DATABASE_URL is no member of ${name}, so this command cannot work as ${name}.`;
        say('roles.membership', 'warning', cause, `${DEPLOY}, or give doctor the URL that deploys.`);
      }
      if (name === 'ss_owner' && superuser) {
        const cause =
          'ss_owner is a superuser or passes row-level security, and its trigger functions run so.';
        say('roles.owner', 'error', cause, 'ALTER ROLE ss_owner NOSUPERUSER NOBYPASSRLS');
      }
      if (expired)
        say(
          'roles.expired',
          'error',
          `The password of ${name} has expired.`,
          `ALTER ROLE ${name} VALID UNTIL 'infinity'`,
        );
    }
    return findings;
  },
};
