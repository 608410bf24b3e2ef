import type { Instant, Tx } from '#database';
import type { CarriedTrace } from '#observability';
import type { JobRef, Message, QueueName } from '#queue';
import { columnsOf } from './ref-columns.js';

/** A job that wants a message, locked. */
export interface WaitingJob extends JobRef {
  version: number;
  priority: number;
  notBefore: Instant | null;
  /** Its last change: a message that was given up before it is none of the job's any more. */
  since: Instant;
  taskId: string | null;
  trace: CarriedTrace;
}

interface Wish {
  /** Of which jobs a message in this queue is the hint. */
  wants: string;
  /** When the worker may look at it. */
  notBefore: string;
}

/** What each queue is for, as the rows say it. The indexes job_queued and job_drafting serve the first two. */
const WISHES: Readonly<Record<QueueName, Wish>> = {
  'job.run': { wants: `job.status = 'queued'`, notBefore: 'job.scheduled_at' },
  'job.draft': {
    wants: `job.draft_task ->> 'state' = 'pending' AND job.status IN ('created', 'draft_ready')`,
    notBefore: 'NULL::timestamptz',
  },
};

/** After job ($1, $2), at most $3. */
const readWaiting = ({ wants }: Wish): string => `
  SELECT tenant_id AS "tenantId", job_id AS "jobId"
  FROM job
  WHERE ${wants} AND (tenant_id, job_id) > ($1::text, $2::text)
  ORDER BY tenant_id, job_id
  LIMIT $3`;

/** Those of the jobs ($1 tenants, $2 ids) that want a message still and that nobody is changing. */
const lockWaiting = ({ wants, notBefore }: Wish): string => `
  SELECT job.tenant_id AS "tenantId", job.job_id AS "jobId", job.version, job.priority, ${notBefore} AS "notBefore",
    job.updated_at AS since, job.draft_task ->> 'task_id' AS "taskId",
    jsonb_build_object('trace_id', job.trace_id) AS trace
  FROM unnest($1::text[], $2::text[]) AS named (tenant_id, job_id)
  JOIN job ON job.tenant_id = named.tenant_id AND job.job_id = named.job_id
  WHERE ${wants}
  FOR NO KEY UPDATE OF job SKIP LOCKED`;

/** Those of the messages ($1 tenants, $2 jobs, $3 ids) whose job wants none, or does not exist. */
const findUnwanted = ({ wants }: Wish): string => `
  SELECT message.id AS "messageId"
  FROM unnest($1::text[], $2::text[], $3::text[]) AS message (tenant_id, job_id, id)
  WHERE NOT EXISTS (
    SELECT FROM job
    WHERE job.tenant_id = message.tenant_id AND job.job_id = message.job_id AND ${wants}
  )`;

/** What the jobs say of their messages. */
export class QueueAgreement {
  /** A page of the jobs that want a message, in the order of their key. */
  async waitingJobs(tx: Tx, queue: QueueName, page: { after: JobRef; limit: number }): Promise<JobRef[]> {
    const { after, limit } = page;
    return tx.query<JobRef & Record<string, unknown>>(readWaiting(WISHES[queue]), [
      after.tenantId,
      after.jobId,
      limit,
    ]);
  }

  /** Those of them that want one still; nobody changes them until the transaction ends. */
  async lockWaitingJobs(tx: Tx, queue: QueueName, refs: readonly JobRef[]): Promise<WaitingJob[]> {
    return tx.query<WaitingJob & Record<string, unknown>>(lockWaiting(WISHES[queue]), columnsOf(refs));
  }

  /** The messages that no job wants, by their ids. */
  async unwanted(tx: Tx, queue: QueueName, messages: readonly Message[]): Promise<string[]> {
    if (messages.length === 0) return [];
    const rows = await tx.query<{ messageId: string }>(findUnwanted(WISHES[queue]), [
      ...columnsOf(messages),
      messages.map(({ messageId }) => messageId),
    ]);
    return rows.map(({ messageId }) => messageId);
  }
}
