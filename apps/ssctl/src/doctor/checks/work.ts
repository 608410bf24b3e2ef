import { QUEUE_SCHEMA } from '#queue';
import type { Check } from '../check.js';
import type { Finding } from '../finding.js';

const START_A_WORKER = 'Start a worker: npm run worker';
const LOOK = 'Ask: npm run ssctl -- doctor --invariants';

/** Somebody is there who does the work that waits. */
export const workersCheck: Check = {
  id: 'workers',
  needsSchema: true,
  examine: async ({ askRows, configuration }) => {
    const [row] = await askRows<{
      alive: number;
      silent: number;
      waiting: number;
      unserved: string[] | null;
    }>(
      `WITH alive AS (
         SELECT abilities FROM worker
         WHERE stopped_at IS NULL AND seen_at > clock_timestamp() - make_interval(secs => $1)
       )
       SELECT (SELECT count(*) FROM alive) AS alive,
         (SELECT count(*) FROM worker
          WHERE stopped_at IS NULL AND seen_at <= clock_timestamp() - make_interval(secs => $1)) AS silent,
         (SELECT count(*) FROM job WHERE status IN ('queued', 'running')) AS waiting,
         (SELECT array_agg(DISTINCT need) FROM (
            SELECT needs FROM job
            WHERE status = 'queued' AND NOT EXISTS (SELECT FROM alive WHERE job.needs <@ alive.abilities)
            LIMIT 1000
          ) AS unserved CROSS JOIN unnest(unserved.needs) AS need) AS unserved`,
      [configuration.queueLeaseTtlSeconds],
    );
    const { alive = 0, silent = 0, waiting = 0, unserved = null } = row ?? {};
    const findings: Finding[] = [];
    if (alive === 0) {
      findings.push({
        id: 'workers.none',
        level: waiting > 0 ? 'error' : 'warning',
        cause: `No worker is alive${waiting > 0 ? `, and ${String(waiting)} jobs are queued or running` : ''}.`,
        remedy: START_A_WORKER,
      });
    } else if (unserved !== null) {
      findings.push({
        id: 'workers.abilities',
        level: 'error',
        cause: `Queued jobs need what no single living worker has; they need: ${unserved.join(', ')}.`,
        remedy:
          'Give a worker the command profiles (SS_COMMAND_PROFILES) that these jobs name, or cancel them.',
      });
    }
    if (silent > 0) {
      findings.push({
        id: 'workers.silent',
        level: 'info',
        cause: `${String(silent)} workers of the last 7 days are gone without having said so: killed, or cut off.`,
        remedy: 'Look at what ended them (out of memory, node lost). Their runs were given to others.',
      });
    }
    return findings;
  },
};

/** A job that could run waits longer than this: in seconds. */
const LONG_WAIT_SECONDS = 900;
const LONG_DRAFT_SECONDS = 600;

/** Jobs that stand still. */
export function stuckJobsCheck(sweepSeconds: number, waitSeconds = LONG_WAIT_SECONDS): Check {
  return {
    id: 'stuck_jobs',
    needsSchema: true,
    examine: async ({ askRows }) => {
      const [row] = await askRows<{ waiting: number; oldest: number; expired: number; drafts: number }>(
        `SELECT count(*) FILTER (WHERE ready_at < clock_timestamp() - make_interval(secs => $1)) AS waiting,
           coalesce(max(extract(epoch FROM clock_timestamp() - ready_at)), 0)::integer AS oldest,
           (SELECT count(*) FROM run
            WHERE ended_at IS NULL AND lease_until < clock_timestamp() - make_interval(secs => $2)) AS expired,
           (SELECT count(*) FROM job
            WHERE status IN ('created', 'draft_ready') AND draft_task ->> 'state' = 'pending'
              AND updated_at < clock_timestamp() - make_interval(secs => $3)) AS drafts
         FROM (
           SELECT greatest(queued_at, scheduled_at) AS ready_at FROM job
           WHERE status = 'queued' AND NOT EXISTS (
             SELECT FROM ${QUEUE_SCHEMA}.job AS parked
             WHERE parked.name = 'job.run' AND parked.state < 'active' AND parked.blocked
               AND parked.group_id = job.tenant_id AND parked.data ->> 'job_id' = job.job_id
           )
         ) AS queued`,
        [waitSeconds, sweepSeconds, LONG_DRAFT_SECONDS],
      );
      const { waiting = 0, oldest = 0, expired = 0, drafts = 0 } = row ?? {};
      const findings: Finding[] = [];
      if (waiting > 0) {
        findings.push({
          id: 'stuck_jobs.queued',
          level: 'warning',
          cause: `${String(waiting)} jobs could have run for more than ${String(waitSeconds)} s; the oldest waits ${String(oldest)} s.`,
          remedy:
            'More workers or slots (SS_WORKER_CONCURRENCY), if they are busy; else see workers and queues here.',
        });
      }
      if (expired > 0) {
        findings.push({
          id: 'stuck_jobs.lease',
          level: 'error',
          cause: `${String(expired)} runs have lost their worker, and nobody has taken them over.`,
          remedy: `${START_A_WORKER}. If one is alive, look for SS_WORKER_PERIODIC_FAILED in its log.`,
        });
      }
      if (drafts > 0) {
        findings.push({
          id: 'stuck_jobs.drafting',
          level: 'warning',
          cause: `${String(drafts)} drafts were asked for more than ${String(LONG_DRAFT_SECONDS)} s ago and are not there.`,
          remedy: 'Look at the workers’ logs; POST …/draft asks once more.',
        });
      }
      return findings;
    },
  };
}

/** Queues that stand still on purpose, and messages that were given up. */
export const queuesCheck: Check = {
  id: 'queues',
  needsSchema: true,
  examine: async ({ askRows }) => {
    const paused = await askRows<{ name: string; by: string; reason: string; seconds: number }>(
      `SELECT queue_name AS name, paused_by AS by, reason,
         extract(epoch FROM clock_timestamp() - paused_at)::integer AS seconds
       FROM queue_pause`,
    );
    const failed = await askRows<{ name: string; messages: number }>(
      `SELECT name, count(*) AS messages FROM ${QUEUE_SCHEMA}.job WHERE state = 'failed' GROUP BY name`,
    );
    return [
      ...paused.map(({ name, by, reason, seconds }): Finding => ({
        id: 'queues.paused',
        level: 'warning',
        cause: `The queue ${name} is paused by ${by} since ${String(seconds)} s: ${reason}`,
        remedy: `POST /v1/queues/${name}/resume, when the reason is gone.`,
      })),
      ...failed.map(({ name, messages }): Finding => ({
        id: 'queues.failed',
        level: 'warning',
        cause: `${String(messages)} messages of ${name} were tried as often as they may be, and given up.`,
        remedy: `The workers’ logs say why. ${LOOK}, which tells whether jobs wait for them.`,
      })),
    ];
  },
};
