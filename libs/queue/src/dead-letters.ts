import type { Instant, Tx } from '#database';
import { messageKey } from './message-key.js';
import { DEAD_QUEUE, type JobRef, QUEUE_SCHEMA, type QueueName } from './queues.js';

/** A message that was given up: it was held as often as its queue allows, and never settled. */
export interface DeadLetter extends JobRef {
  messageId: string;
  queue: QueueName;
  diedAt: Instant;
  /** How often it was handed out again before that. */
  retries: number;
}

const COLUMNS = `
  id AS "messageId", source_name AS queue, COALESCE(data ->> 'tenant_id', '') AS "tenantId",
  COALESCE(data ->> 'job_id', '') AS "jobId", created_on AS "diedAt",
  COALESCE(source_retry_count, 0) AS retries`;

/** $1 the dead letters' queue, $2 where they come from or NULL, $3 at most so many. The longest dead first. */
const LIST_DEAD = `
  SELECT ${COLUMNS}
  FROM ${QUEUE_SCHEMA}.job
  WHERE name = $1 AND state < 'active' AND source_name IS NOT NULL AND ($2::text IS NULL OR source_name = $2)
  ORDER BY created_on, id
  LIMIT $3`;

/** Jobs by their keys ($3), each with an instant ($4): those of which a message of queue $2 died since. */
const FIND_DIED_SINCE = `
  SELECT wanted.key
  FROM unnest($3::text[], $4::timestamptz[]) AS wanted (key, since)
  WHERE EXISTS (
    SELECT FROM ${QUEUE_SCHEMA}.job
    WHERE name = $1 AND source_name = $2 AND singleton_key = wanted.key AND created_on >= wanted.since
  )`;

const REMOVE_DEAD = `DELETE FROM ${QUEUE_SCHEMA}.job WHERE name = $1 AND id = ANY ($2::uuid[])`;

/** The messages that were given up. They wait for an operator, who may send them once more. */
export class DeadLetters {
  async list(tx: Tx, filter: { queue: QueueName | null; limit: number }): Promise<DeadLetter[]> {
    return this.read(tx, LIST_DEAD, filter);
  }

  /** The same, and nobody else deals with them until the transaction ends. */
  async lock(tx: Tx, filter: { queue: QueueName | null; limit: number }): Promise<DeadLetter[]> {
    return this.read(tx, `${LIST_DEAD} FOR UPDATE SKIP LOCKED`, filter);
  }

  async remove(tx: Tx, messageIds: readonly string[]): Promise<void> {
    if (messageIds.length > 0) await tx.query(REMOVE_DEAD, [DEAD_QUEUE, messageIds]);
  }

  /** Those of the jobs of which a message was given up at their instant or after it. */
  async diedSince<Ref extends JobRef & { since: Instant }>(
    tx: Tx,
    name: QueueName,
    refs: readonly Ref[],
  ): Promise<Ref[]> {
    if (refs.length === 0) return [];
    const rows = await tx.query<{ key: string }>(FIND_DIED_SINCE, [
      DEAD_QUEUE,
      name,
      refs.map(messageKey),
      refs.map(({ since }) => since),
    ]);
    const keys = new Set(rows.map(({ key }) => key));
    return refs.filter((ref) => keys.has(messageKey(ref)));
  }

  private read(
    tx: Tx,
    statement: string,
    filter: { queue: QueueName | null; limit: number },
  ): Promise<DeadLetter[]> {
    return tx.query<DeadLetter & Record<string, unknown>>(statement, [
      DEAD_QUEUE,
      filter.queue,
      filter.limit,
    ]);
  }
}
