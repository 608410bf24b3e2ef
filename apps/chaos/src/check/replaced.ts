import type { Server } from '../deployment/server.js';
import type { Kill } from '../trial.js';

/**
 * For each run that was lost with worker $1: when its job was taken up again. Jobs that ended meanwhile, by a cancel or
 * their time, have no next run.
 */
const NEXT_STARTS = `
  SELECT extract(epoch FROM min(next.started_at)) * 1000 AS at
  FROM run AS lost
  JOIN run AS next ON next.tenant_id = lost.tenant_id AND next.job_id = lost.job_id AND next.lease_no > lost.lease_no
  WHERE lost.worker_id = $1 AND lost.outcome = 'lost'
  GROUP BY lost.tenant_id, lost.job_id, lost.run_id`;

/** How long after its worker was killed each lost job was taken up again, in milliseconds. Server and kill share a clock. */
export async function nextStarts(server: Pick<Server, 'sql'>, kills: readonly Kill[]): Promise<number[]> {
  const found: number[] = [];
  for (const { workerId, at } of kills) {
    const rows = await server.sql<{ at: string }>(NEXT_STARTS, [workerId]);
    found.push(...rows.map((row) => Math.round(Number(row.at) - at)));
  }
  return found;
}
