import { QUEUE_SCHEMA } from '#queue';
import type { Invariant } from './invariant.js';
import { LIVE_MESSAGES } from './run-invariants.js';

const WITHOUT_ITS_JOB = (table: string): string => `
  SELECT child.tenant_id, child.job_id, '${table}' AS found_in
  FROM ${table} AS child
  LEFT JOIN job ON job.tenant_id = child.tenant_id AND job.job_id = child.job_id
  WHERE job.job_id IS NULL`;

/** What rows of different tables, and of different owners, must agree on. */
export const agreementInvariants = [
  {
    id: 'I10',
    says: 'A queued job has exactly one message, and a message a job that is queued.',
    sql: `
      SELECT job.tenant_id, job.job_id, job.status, count(message.job_id) AS messages
      FROM job
      CROSS JOIN grace
      LEFT JOIN (${LIVE_MESSAGES}) AS message ON message.tenant_id = job.tenant_id AND message.job_id = job.job_id
      WHERE job.status = 'queued' AND job.updated_at <= clock_timestamp() - grace.quiet
        -- One whose time is over waits for the sweep only, and its message may be gone already.
        AND (
          job.expires_at IS NULL OR job.expires_at > clock_timestamp()
          OR greatest(job.expires_at, job.updated_at) <= clock_timestamp() - grace.sweep
        )
      GROUP BY job.tenant_id, job.job_id, job.status
      HAVING count(message.job_id) <> 1
      UNION ALL
      SELECT job.tenant_id, job.job_id, job.status, 1
      FROM (${LIVE_MESSAGES}) AS message
      JOIN job ON job.tenant_id = message.tenant_id AND job.job_id = message.job_id
      CROSS JOIN grace
      WHERE job.status NOT IN ('queued', 'succeeded', 'failed', 'cancelled')
        AND greatest(job.updated_at, message.created_on) <= clock_timestamp() - grace.quiet`,
    remedy:
      'The reconciler of any living worker sends what is missing and drops what is too much within a minute or two; ' +
      'start a worker, and look at its log if one is alive.',
  },
  {
    id: 'I11',
    says: 'Whatever belongs to a job is of the job’s tenant: runs, steps, plan, drafts, inputs, artifacts, messages.',
    sql: `
      ${['run', 'plan', 'draft', 'input_dataset', 'artifact'].map(WITHOUT_ITS_JOB).join(' UNION ALL ')}
      UNION ALL
      SELECT step.tenant_id, step.job_id, 'run_step'
      FROM run_step AS step
      LEFT JOIN run ON run.tenant_id = step.tenant_id AND run.job_id = step.job_id AND run.run_id = step.run_id
      WHERE run.run_id IS NULL
      UNION ALL
      SELECT message.data ->> 'tenant_id', message.data ->> 'job_id', 'message of ' || message.name
      FROM ${QUEUE_SCHEMA}.job AS message
      CROSS JOIN grace
      LEFT JOIN job ON job.tenant_id = message.data ->> 'tenant_id' AND job.job_id = message.data ->> 'job_id'
      WHERE message.name IN ('job.run', 'job.draft') AND message.state < 'completed' AND job.job_id IS NULL
        AND message.created_on <= clock_timestamp() - grace.quiet`,
    remedy:
      'Rows: someone switched foreign keys off; compare with a backup before anything is deleted. Messages: workers ' +
      'drop them unread.',
  },
  {
    id: 'I13',
    says: 'The answer that is kept for an Idempotency-Key is about a job of that tenant.',
    sql: `
      SELECT answer.tenant_id, answer.response_body ->> 'job_id' AS job_id, answer.route, answer.created_at
      FROM idempotency_key AS answer
      LEFT JOIN job ON job.tenant_id = answer.tenant_id AND job.job_id = answer.response_body ->> 'job_id'
      WHERE answer.expires_at > clock_timestamp() AND answer.response_body ? 'job_id'
        AND (job.job_id IS NULL OR answer.response_body ->> 'tenant_id' IS DISTINCT FROM answer.tenant_id)`,
    remedy:
      'A job was deleted by hand while clients could still repeat its request; delete the row of idempotency_key too.',
  },
] as const satisfies readonly Invariant[];
