import type { Check } from '../check.js';
import type { Finding, Level } from '../finding.js';

const OLDEST_VERSION = 15;
/** Of all connections that the server allows, so many may be taken before that is worth a word. */
const FULL = 0.8;

interface Setting {
  name: string;
  wrong: string;
  level: Level;
  costs: string;
}

/** Settings of the server on which a promise rests. */
const SETTINGS: readonly Setting[] = [
  { name: 'fsync', wrong: 'off', level: 'error', costs: 'a power cut may destroy the whole database' },
  {
    name: 'full_page_writes',
    wrong: 'off',
    level: 'error',
    costs: 'a power cut may destroy pages that were half written',
  },
  {
    name: 'synchronous_commit',
    wrong: 'off',
    level: 'error',
    costs: 'a crash may lose jobs that clients were told are there',
  },
  {
    name: 'track_counts',
    wrong: 'off',
    level: 'error',
    costs: 'autovacuum does not work, and tables and indexes only grow',
  },
  { name: 'autovacuum', wrong: 'off', level: 'error', costs: 'tables and indexes only grow' },
  {
    name: 'track_activities',
    wrong: 'off',
    level: 'warning',
    costs: 'nobody can see what sessions do, so that this command sees no long transactions',
  },
  {
    name: 'transaction_read_only',
    wrong: 'on',
    level: 'error',
    costs: 'nothing can be written: this is a standby, or default_transaction_read_only is on',
  },
];

/** Version and settings of the server. */
export const serverCheck: Check = {
  id: 'server',
  needsSchema: false,
  examine: async ({ ask }) => {
    const [server] = await ask<{ version: string; recovering: boolean; read_only: string }>(
      `SELECT current_setting('server_version') AS version, pg_is_in_recovery() AS recovering,
         current_setting('default_transaction_read_only') AS read_only`,
    );
    const rows = await ask<{ name: string; setting: string }>(
      'SELECT name, setting FROM pg_settings WHERE name = ANY ($1)',
      [SETTINGS.map(({ name }) => name)],
    );
    const values = new Map(rows.map(({ name, setting }) => [name, setting]));
    // Doctor's own transactions are read-only on purpose; what others get is the default.
    values.set('transaction_read_only', server?.recovering || server?.read_only === 'on' ? 'on' : 'off');
    const findings = SETTINGS.filter(({ name, wrong }) => values.get(name) === wrong).map(
      ({ name, wrong, level, costs }): Finding => ({
        id: `server.${name}`,
        level,
        cause: `${name} is ${wrong}: ${costs}.`,
        remedy:
          name === 'transaction_read_only'
            ? 'Let DATABASE_URL name the primary server, or switch default_transaction_read_only off.'
            : `ALTER SYSTEM SET ${name} = on; SELECT pg_reload_conf(); and see that no role or database overrides it.`,
      }),
    );
    const version = server?.version ?? '';
    if (Number.parseInt(version, 10) < OLDEST_VERSION) {
      findings.push({
        id: 'server.version',
        level: 'error',
        cause: `The server is PostgreSQL ${version}; SS needs ${String(OLDEST_VERSION)} or newer.`,
        remedy: 'Upgrade the server.',
      });
    }
    return findings;
  },
};

/** Whether the pools of all programs fit into what the server allows. `limit` stands in for it in tests. */
export function connectionsCheck(limit: number | null = null): Check {
  return {
    id: 'connections',
    needsSchema: true,
    examine: async ({ ask, askRows, configuration }) => {
      const [server] = await ask<{ most: number; taken: number }>(
        `SELECT current_setting('max_connections')::integer
             - current_setting('superuser_reserved_connections')::integer AS most,
           (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS taken`,
      );
      const [alive] = await askRows<{ workers: number }>(
        `SELECT count(*) AS workers FROM worker
         WHERE stopped_at IS NULL AND seen_at > clock_timestamp() - make_interval(secs => $1)`,
        [configuration.queueLeaseTtlSeconds],
      );
      const most = limit ?? server?.most ?? 0;
      const taken = server?.taken ?? 0;
      // One API at least, each with its pool, and two connections besides that listen and keep leases.
      const wanted = (1 + (alive?.workers ?? 0)) * (configuration.databasePoolSize + 2);
      const facts = `The server allows ${String(most)} connections, ${String(taken)} are open, and one API with ${String(alive?.workers ?? 0)} living workers may open ${String(wanted)}`;
      if (taken < most * FULL && wanted <= most) return [];
      return [
        {
          id: 'connections',
          level: 'warning',
          cause: `${facts} (SS_DATABASE_POOL_SIZE is ${String(configuration.databasePoolSize)} here).`,
          remedy: 'Lower SS_DATABASE_POOL_SIZE, raise max_connections, or put PgBouncer in between.',
        },
      ];
    },
  };
}

/** How far the clock of this machine may be from the server's, in seconds. */
const SKEW_SECONDS = 2;

/** No decision rests on this machine's clock; but its logs and certificates do. */
export function clockCheck(now: () => number = Date.now): Check {
  return {
    id: 'clock',
    needsSchema: false,
    examine: async ({ ask }) => {
      const before = now();
      const [row] = await ask<{ ms: number }>(
        'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::double precision AS ms',
      );
      const after = now();
      const skew = ((row?.ms ?? 0) - (before + after) / 2) / 1_000;
      const uncertain = (after - before) / 2_000;
      if (Math.abs(skew) - uncertain <= SKEW_SECONDS) return [];
      return [
        {
          id: 'clock',
          level: 'warning',
          cause: `The clock of the database is ${Math.abs(skew).toFixed(1)} s ${skew > 0 ? 'ahead of' : 'behind'} this machine’s.`,
          remedy:
            'Run NTP on both. Leases, deadlines and the audit go by the database’s clock; logs of programs do not.',
        },
      ];
    },
  };
}
