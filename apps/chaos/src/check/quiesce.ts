import type { Server } from '../deployment/server.js';
import { within } from '../waiting.js';

/** Jobs that are neither ended nor visibly waiting: under way, or due. A pause between two runs is a short one. */
const RESTLESS = `
  SELECT tenant_id || '/' || job_id || ' ' || status AS job
  FROM job
  WHERE status = 'running'
    OR (status = 'queued' AND (scheduled_at IS NULL OR scheduled_at < clock_timestamp() + interval '1 minute'))
  ORDER BY 1`;

/** Jobs that came to no end once are told once. */
const given = new Set<string>();

/** Waits until nothing is under way or due. Answers the jobs that did not come to rest in time. */
export async function quiesce(server: Pick<Server, 'sql'>, limitMs: number): Promise<string[]> {
  let left: string[] = [];
  await within(
    limitMs,
    async () => {
      left = (await server.sql<{ job: string }>(RESTLESS))
        .map(({ job }) => job)
        .filter((job) => !given.has(withoutStatus(job)));
      return left.length === 0;
    },
    200,
  );
  for (const job of left) given.add(withoutStatus(job));
  return left;
}

const withoutStatus = (job: string): string => job.slice(0, job.lastIndexOf(' '));
