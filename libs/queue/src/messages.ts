import type { Instant, Tx } from '#database';
import { messageKey } from './message-key.js';
import { DEAD_QUEUE, type JobRef, QUEUE_SCHEMA, type QueueName, QUEUES } from './queues.js';

/** A message that is somewhere in a queue, by its id in pg-boss. */
export interface Message extends JobRef {
  messageId: string;
}

/** A message that waits, and what is before it in line. */
export interface PlaceInLine {
  /** Nobody is given the message before. */
  notBefore: Instant;
  /** It stands in no line: its tenant has as many taken as it may have. */
  parked: boolean;
  /**
   * Messages that are due and go first, by priority and turn; of a parked one the parked ones of its tenant. Never more
   * than the bound that was asked for.
   */
  ahead: number;
}

/** How full a queue is. */
export interface QueueCounts {
  name: QueueName;
  /** Due, in line, and taken by nobody. */
  waiting: number;
  /** Out of the line until their tenant has fewer taken. */
  parked: number;
  /** Not due yet. */
  delayed: number;
  /** Held by a worker. */
  active: number;
  /** Given up; see `DeadLetters`. */
  dead: number;
  /** When the oldest of those that are due became due. */
  oldest_due_at: Instant | null;
  oldest_age_seconds: number | null;
}

/** What waits for a tenant, of what is due. */
export interface WaitingTenant {
  tenant_id: string;
  /** In line and parked. */
  waiting: number;
  parked: number;
  oldest_due_at: Instant;
  oldest_age_seconds: number;
}

/** A message that waits or is held. The index job_i6 of pg-boss is of this form. */
const LIVE = `name = $1 AND COALESCE(singleton_key, '') = key AND state <= 'active' AND policy = 'exclusive'`;

/** Which of the keys $2 have no live message in queue $1. */
const FIND_KEYS_WITHOUT = `
  SELECT key
  FROM unnest($2::text[]) AS key
  WHERE NOT EXISTS (SELECT FROM ${QUEUE_SCHEMA}.job WHERE ${LIVE})`;

/** Messages of queue $1 that nobody holds, in the order of their ids, after $2, at most $3. */
const READ_WAITING = `
  SELECT id AS "messageId", COALESCE(data ->> 'tenant_id', '') AS "tenantId", COALESCE(data ->> 'job_id', '') AS "jobId"
  FROM ${QUEUE_SCHEMA}.job
  WHERE name = $1 AND id > $2::uuid AND state < 'active'
  ORDER BY id
  LIMIT $3`;

/** The same, by id: those that nobody takes or holds on to at this moment, kept like that until the transaction ends. */
const LOCK_WAITING = `
  SELECT id AS "messageId", COALESCE(data ->> 'tenant_id', '') AS "tenantId", COALESCE(data ->> 'job_id', '') AS "jobId"
  FROM ${QUEUE_SCHEMA}.job
  WHERE name = $1 AND id = ANY ($2::uuid[]) AND state < 'active'
  FOR UPDATE SKIP LOCKED`;

const DROP_MESSAGES = `DELETE FROM ${QUEUE_SCHEMA}.job WHERE name = $1 AND id = ANY ($2::uuid[])`;

/** What goes first, by the order of pg-boss' fetch; each half is a range of its index job_i11. */
const AHEAD_IN_LINE = (before: string): string => `
      SELECT 1
      FROM ${QUEUE_SCHEMA}.job AS other
      WHERE NOT mine.blocked AND other.name = $1 AND other.state < 'active' AND NOT other.blocked
        AND other.start_after <= clock_timestamp() AND ${before}
      LIMIT $3::bigint`;

/** Which of the tenant are let in first; each half is a range of the index ss_parked. */
const AHEAD_AMONG_PARKED = (before: string): string => `
      SELECT 1
      FROM ${QUEUE_SCHEMA}.job AS other
      WHERE mine.blocked AND other.name = $1 AND other.state < 'active' AND other.blocked
        AND other.group_id = mine.group_id AND ${before}
      LIMIT $3::bigint`;

const BEFORE = [
  'other.priority > mine.priority',
  'other.priority = mine.priority AND other.created_on < mine.created_on',
];

/** $1 queue, $2 key, $3 how far to count. */
const FIND_PLACE = `
  SELECT mine.start_after AS "notBefore", mine.blocked AS parked, (
    SELECT least(count(*), $3::bigint)::integer
    FROM (
      ${[AHEAD_IN_LINE, AHEAD_AMONG_PARKED].flatMap((ahead) => BEFORE.map((before) => `(${ahead(before)})`)).join(' UNION ALL ')}
    ) AS before
  ) AS ahead
  FROM ${QUEUE_SCHEMA}.job AS mine
  WHERE mine.name = $1 AND COALESCE(mine.singleton_key, '') = $2 AND mine.state <= 'active'
    AND mine.policy = 'exclusive'`;

/** $1 queues, $2 the queue of what was given up. */
const COUNT_MESSAGES = `
  SELECT queue AS name, counts.waiting, counts.parked, counts.delayed, counts.active, given_up.dead,
    counts.oldest_due_at, extract(epoch FROM clock_timestamp() - counts.oldest_due_at)::float8 AS oldest_age_seconds
  FROM unnest($1::text[]) WITH ORDINALITY AS queues (queue, position)
  CROSS JOIN LATERAL (
    SELECT
      count(*) FILTER (WHERE state < 'active' AND NOT blocked AND start_after <= clock_timestamp()) AS waiting,
      count(*) FILTER (WHERE state < 'active' AND blocked) AS parked,
      count(*) FILTER (WHERE state < 'active' AND NOT blocked AND start_after > clock_timestamp()) AS delayed,
      count(*) FILTER (WHERE state = 'active') AS active,
      min(start_after) FILTER (WHERE state < 'active' AND NOT blocked AND start_after <= clock_timestamp())
        AS oldest_due_at
    FROM ${QUEUE_SCHEMA}.job
    WHERE name = queue AND state <= 'active'
  ) AS counts
  CROSS JOIN LATERAL (
    SELECT count(*) AS dead
    FROM ${QUEUE_SCHEMA}.job
    WHERE name = $2 AND source_name = queue AND state <= 'active'
  ) AS given_up
  ORDER BY position`;

/** $1 queue, $2 at most so many. Those that are parked wait as well. */
const OLDEST_BY_TENANT = `
  SELECT COALESCE(data ->> 'tenant_id', '') AS tenant_id, count(*) AS waiting,
    count(*) FILTER (WHERE blocked) AS parked, min(start_after) AS oldest_due_at,
    extract(epoch FROM clock_timestamp() - min(start_after))::float8 AS oldest_age_seconds
  FROM ${QUEUE_SCHEMA}.job
  WHERE name = $1 AND state < 'active' AND start_after <= clock_timestamp()
  GROUP BY 1
  ORDER BY oldest_due_at, 1
  LIMIT $2`;

/** Before every id. */
export const FIRST_MESSAGE = '00000000-0000-0000-0000-000000000000';

/** The messages that there are, for who compares them with the jobs. Sending and taking is `Queue`'s. */
export class Messages {
  /** Those of the jobs that have no message in the queue, neither waiting nor held. */
  async missing<Ref extends JobRef>(tx: Tx, name: QueueName, refs: readonly Ref[]): Promise<Ref[]> {
    if (refs.length === 0) return [];
    const rows = await tx.query<{ key: string }>(FIND_KEYS_WITHOUT, [name, refs.map(messageKey)]);
    const keys = new Set(rows.map(({ key }) => key));
    return refs.filter((ref) => keys.has(messageKey(ref)));
  }

  /** A page of messages that nobody holds. */
  async waiting(tx: Tx, name: QueueName, page: { after: string; limit: number }): Promise<Message[]> {
    return tx.query<Message & Record<string, unknown>>(READ_WAITING, [name, page.after, page.limit]);
  }

  /**
   * Takes hold of messages that nobody takes, and that no transaction counts on (see `Queue.wake`). Until the caller's
   * transaction ends they stay as they are, and whoever wakes their job waits.
   */
  async lock(tx: Tx, name: QueueName, messageIds: readonly string[]): Promise<Message[]> {
    return tx.query<Message & Record<string, unknown>>(LOCK_WAITING, [name, messageIds]);
  }

  /** Drops messages that `lock` gave. */
  async drop(tx: Tx, name: QueueName, messageIds: readonly string[]): Promise<void> {
    await tx.query(DROP_MESSAGES, [name, messageIds]);
  }

  /** Where the job's message stands; null when it has none. Counts up to `countTo` of those before it. */
  async place(tx: Tx, name: QueueName, ref: JobRef, countTo: number): Promise<PlaceInLine | null> {
    const [place] = await tx.query<PlaceInLine & Record<string, unknown>>(FIND_PLACE, [
      name,
      messageKey(ref),
      countTo,
    ]);
    return place ?? null;
  }

  /** The tenants that wait in the queue, the one that waits longest first. */
  async oldestByTenant(tx: Tx, name: QueueName, limit: number): Promise<WaitingTenant[]> {
    return tx.query<WaitingTenant & Record<string, unknown>>(OLDEST_BY_TENANT, [name, limit]);
  }

  /** How full each queue is. */
  async count(tx: Tx): Promise<QueueCounts[]> {
    return tx.query<QueueCounts & Record<string, unknown>>(COUNT_MESSAGES, [Object.keys(QUEUES), DEAD_QUEUE]);
  }
}
