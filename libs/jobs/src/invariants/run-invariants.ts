import { QUEUE_SCHEMA } from '#queue';
import { type Invariant, isOfThisLife, wasMigrated } from './invariant.js';

const ENDED = `('succeeded', 'failed', 'cancelled')`;

/** Messages that somebody will still look at. */
export const LIVE_MESSAGES = `
  SELECT data ->> 'tenant_id' AS tenant_id, data ->> 'job_id' AS job_id, created_on
  FROM ${QUEUE_SCHEMA}.job
  WHERE name = 'job.run' AND state < 'completed'`;

const START_A_WORKER =
  'Every worker sweeps up runs whose worker is gone: start one. If workers are alive, look for ' +
  'SS_WORKER_PERIODIC_FAILED in their logs.';
const REPORT_IT =
  'The programs cannot do this; keep a copy of the rows and the workers’ logs of that time, and report it.';

/** What must be true between a job and its runs. */
export const runInvariants = [
  {
    id: 'I7',
    says: 'A job that has ended says when, and has no open run and no message.',
    sql: `
      SELECT job.tenant_id, job.job_id, job.status, 'an open run' AS has
      FROM job
      JOIN run ON run.tenant_id = job.tenant_id AND run.job_id = job.job_id AND run.ended_at IS NULL
      WHERE job.status IN ${ENDED}
      UNION ALL
      SELECT job.tenant_id, job.job_id, job.status, 'a message'
      FROM (${LIVE_MESSAGES}) AS message
      JOIN job ON job.tenant_id = message.tenant_id AND job.job_id = message.job_id
      CROSS JOIN grace
      WHERE job.status IN ${ENDED} AND greatest(job.finished_at, message.created_on) <= clock_timestamp() - grace.quiet
      UNION ALL
      SELECT tenant_id, job_id, status, 'no finished_at'
      FROM job
      WHERE status IN ${ENDED} AND finished_at IS NULL`,
    remedy: `A message is dropped by the next worker that looks at it. An open run is not: ${REPORT_IT}`,
  },
  {
    id: 'I8',
    says: 'A running job has one open run, its own, under a lease that is good or ran out just now; leases only rise.',
    sql: `
      SELECT job.tenant_id, job.job_id, job.status, job.lease_no, open.runs AS open_runs, open.lease_until
      FROM job
      CROSS JOIN grace
      LEFT JOIN LATERAL (
        SELECT count(*) AS runs, max(lease_until) AS lease_until,
          bool_and(run.run_id = job.run_id AND run.lease_no = job.lease_no) AS own
        FROM run
        WHERE run.tenant_id = job.tenant_id AND run.job_id = job.job_id AND run.ended_at IS NULL
      ) AS open ON true
      WHERE job.status = 'running' AND NOT (job.lease_no = 0 AND ${wasMigrated('job')})
        AND (open.runs <> 1 OR NOT open.own OR open.lease_until < clock_timestamp() - grace.sweep)
      UNION ALL
      SELECT job.tenant_id, job.job_id, job.status, job.lease_no, 1, run.lease_until
      FROM run
      JOIN job ON job.tenant_id = run.tenant_id AND job.job_id = run.job_id
      WHERE run.ended_at IS NULL AND job.status <> 'running' AND job.status NOT IN ${ENDED}
      UNION ALL
      SELECT job.tenant_id, job.job_id, job.status, job.lease_no, NULL, NULL
      FROM job
      JOIN (
        SELECT tenant_id, job_id, max(lease_no) AS highest, bool_or(lease_no < before_lease_no) AS fell
        FROM (
          SELECT *, lag(lease_no) OVER (PARTITION BY tenant_id, job_id ORDER BY started_at, lease_no) AS before_lease_no
          FROM run
        ) AS in_order
        GROUP BY tenant_id, job_id
      ) AS leases ON leases.tenant_id = job.tenant_id AND leases.job_id = job.job_id
      WHERE (leases.highest > job.lease_no OR leases.fell) AND NOT ${wasMigrated('job')}`,
    remedy: START_A_WORKER,
  },
  {
    id: 'I9',
    says: 'Whatever ended a run had its lease: the run, the job and the audit name the same lease and fitting outcomes.',
    sql: `
      SELECT event.tenant_id, event.resource_id AS job_id, event.version, event.to_status, event.lease_no,
        run.lease_no AS run_lease_no, run.outcome
      FROM audit_event AS event
      LEFT JOIN run ON run.tenant_id = event.tenant_id AND run.job_id = event.resource_id
        AND run.run_id = event.run_id
      WHERE event.resource_type = 'job' AND event.from_status = 'running' AND event.to_status <> 'running'
        AND ${isOfThisLife('event')}
        AND (
          run.lease_no IS DISTINCT FROM event.lease_no
          OR coalesce(run.outcome, '') <> ALL (CASE event.to_status
            WHEN 'succeeded' THEN ARRAY['succeeded']
            WHEN 'failed' THEN ARRAY['failed', 'timed_out', 'lost']
            WHEN 'cancelled' THEN ARRAY['cancelled']
            ELSE ARRAY['failed', 'timed_out', 'interrupted', 'lost']
          END)
        )
        AND NOT EXISTS (
          SELECT FROM job
          WHERE job.tenant_id = event.tenant_id AND job.job_id = event.resource_id AND ${wasMigrated('job')}
            AND event.lease_no = 0
        )
      UNION ALL
      SELECT job.tenant_id, job.job_id, job.version, job.status, job.lease_no, run.lease_no, run.outcome
      FROM job
      LEFT JOIN run ON run.tenant_id = job.tenant_id AND run.job_id = job.job_id AND run.run_id = job.run_id
      WHERE job.run_id IS NOT NULL AND job.status <> 'running' AND run.lease_no IS DISTINCT FROM job.lease_no
        AND NOT ${wasMigrated('job')}`,
    remedy: REPORT_IT,
  },
  {
    id: 'I14',
    says: 'attempts counts the runs that failed since the last retry by a client, lost_runs those that were lost.',
    sql: `
      WITH retried AS (
        SELECT tenant_id, resource_id, max(version) AS version
        FROM audit_event AS retry
        WHERE resource_type = 'job' AND action = 'job.retried' AND ${isOfThisLife('retry')}
        GROUP BY tenant_id, resource_id
      ), counted AS (
        SELECT event.tenant_id, event.resource_id,
          count(*) FILTER (WHERE run.outcome IN ('failed', 'timed_out')) AS failed_runs,
          count(*) FILTER (WHERE run.outcome = 'lost') AS lost_runs
        FROM audit_event AS event
        JOIN run ON run.tenant_id = event.tenant_id AND run.job_id = event.resource_id AND run.run_id = event.run_id
        LEFT JOIN retried ON retried.tenant_id = event.tenant_id AND retried.resource_id = event.resource_id
        WHERE event.resource_type = 'job' AND event.from_status = 'running' AND event.to_status <> 'running'
          AND event.version > coalesce(retried.version, 0) AND ${isOfThisLife('event')}
        GROUP BY event.tenant_id, event.resource_id
      )
      SELECT job.tenant_id, job.job_id, job.attempts, coalesce(counted.failed_runs, 0) AS failed_runs, job.lost_runs,
        coalesce(counted.lost_runs, 0) AS runs_lost, plan.document -> 'retry' -> 'max_attempts' AS max_attempts
      FROM job
      CROSS JOIN kept
      LEFT JOIN counted ON counted.tenant_id = job.tenant_id AND counted.resource_id = job.job_id
      LEFT JOIN plan ON plan.tenant_id = job.tenant_id AND plan.job_id = job.job_id
      WHERE job.created_at >= kept.since
        AND (
          job.attempts <> coalesce(counted.failed_runs, 0) OR job.lost_runs <> coalesce(counted.lost_runs, 0)
          OR job.attempts > (plan.document -> 'retry' ->> 'max_attempts')::integer
        )
        AND NOT ${wasMigrated('job')}`,
    remedy: REPORT_IT,
  },
  {
    id: 'I20',
    says: 'The times of a job and its runs are in order, none is missing, and none lies in the future.',
    sql: `
      SELECT tenant_id, job_id, status, created_at, confirmed_at, queued_at, started_at, finished_at
      FROM job
      WHERE (
          least(confirmed_at, queued_at, started_at, finished_at) < created_at
          OR confirmed_at > least(queued_at, started_at)
          OR (status = 'running' AND started_at < queued_at)
          OR finished_at < greatest(confirmed_at, queued_at, started_at)
          OR greatest(updated_at, finished_at) > clock_timestamp()
          OR (status IN ('confirmed', 'queued', 'running', 'succeeded', 'failed') AND confirmed_at IS NULL)
          OR (status IN ('queued', 'running', 'succeeded', 'failed') AND queued_at IS NULL)
          OR (status IN ('running', 'succeeded') AND started_at IS NULL)
        )
        AND NOT ${wasMigrated('job')}
      UNION ALL
      SELECT run.tenant_id, run.job_id, 'run ' || run.lease_no, NULL, NULL, NULL, run.started_at, run.ended_at
      FROM run
      JOIN job ON job.tenant_id = run.tenant_id AND job.job_id = run.job_id
      WHERE (run.ended_at < run.started_at OR run.started_at < job.created_at) AND NOT ${wasMigrated('job')}
      UNION ALL
      SELECT tenant_id, job_id, 'step ' || step_id, NULL, NULL, NULL, started_at, ended_at
      FROM run_step
      WHERE ended_at < started_at`,
    remedy:
      'The clock of the database server was set back, or a row was written by hand. Let the server’s clock be slewed, ' +
      'never stepped.',
  },
] as const satisfies readonly Invariant[];
