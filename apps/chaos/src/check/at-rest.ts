import { readdir, readFile } from 'node:fs/promises';
import type { Server } from '../deployment/server.js';
import { MARK } from '../load/profiles.js';
import { within } from '../waiting.js';

/** Programs look for work all the time; what is held for longer than this is held for nothing. */
const REST_MS = 8_000;

/** I19: transactions that nobody goes on with, and locks that nobody gives back. */
const HELD = `
  SELECT 'a transaction of ' || application_name || ' is ' || state || ' since ' || state_change::text AS what
  FROM pg_stat_activity
  WHERE application_name LIKE 'ss-%' AND state LIKE 'idle in transaction%'
    AND state_change < clock_timestamp() - interval '1 second'
  UNION ALL
  SELECT 'a statement of ' || application_name || ' runs since ' || query_start::text
  FROM pg_stat_activity
  WHERE application_name LIKE 'ss-%' AND state = 'active' AND query_start < clock_timestamp() - interval '30 seconds'
  UNION ALL
  SELECT 'an advisory lock is held by ' || coalesce(activity.application_name, 'nobody')
  FROM pg_locks AS lock
  LEFT JOIN pg_stat_activity AS activity USING (pid)
  WHERE lock.locktype = 'advisory' AND lock.granted AND activity.state_change < clock_timestamp() - interval '1 second'`;

/** Whatever is still held, or still runs, although nothing is left to be done. */
export async function checkRest(server: Server): Promise<string[]> {
  let held: string[] = [];
  await within(
    REST_MS,
    async () => {
      held = [
        ...(await server.sql<{ what: string }>(HELD)).map(({ what }) => `I19: ${what}`),
        ...(await markedProcesses()).map((pid) => `a step's process ${pid} has outlived its step`),
      ];
      return held.length === 0;
    },
    250,
  );
  return held;
}

/** Processes that a step of this load started, from /proc; a zombie does nothing. */
async function markedProcesses(): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const marked = await Promise.all(
    pids.map(async (pid) => {
      const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
      return words.includes(MARK);
    }),
  );
  return pids.filter((_, index) => marked[index]);
}
