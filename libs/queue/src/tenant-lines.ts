import type { Tx } from '#database';
import { QUEUE_SCHEMA, type QueueName } from './queues.js';

/** What waits in a queue for one tenant; `tenantId` null: for all others together. */
export interface TenantLine {
  tenantId: string | null;
  /** Nobody has taken them. */
  depth: number;
  /** Of these, what could be taken now. */
  ready: number;
  /** How long the oldest of those has been ready. */
  oldestAgeSeconds: number;
}

/** $1 queue, $2 how many tenants get a line of their own, $3 a name that none of them may have. */
const READ_LINES = `
  WITH line AS (
    SELECT data ->> 'tenant_id' AS tenant_id, count(*) AS depth,
      count(*) FILTER (WHERE NOT blocked AND start_after <= clock_timestamp()) AS ready,
      min(start_after) FILTER (WHERE NOT blocked AND start_after <= clock_timestamp()) AS oldest_due_at
    FROM ${QUEUE_SCHEMA}.job
    WHERE name = $1 AND state < 'active'
    GROUP BY data ->> 'tenant_id'
  ), ranked AS (
    SELECT line.*, row_number() OVER (ORDER BY depth DESC, tenant_id) <= $2 AND tenant_id <> $3 AS is_named
    FROM line
  )
  SELECT CASE WHEN is_named THEN tenant_id END AS "tenantId", sum(depth)::float8 AS depth,
    sum(ready)::float8 AS ready,
    coalesce(greatest(0, extract(epoch FROM clock_timestamp() - min(oldest_due_at))), 0)::float8 AS "oldestAgeSeconds"
  FROM ranked
  GROUP BY CASE WHEN is_named THEN tenant_id END`;

/** Who waits in a queue: the tenants with the most messages by name, the others as one. */
export class TenantLines {
  async list(
    tx: Tx,
    name: QueueName,
    { most, reserved }: { most: number; reserved: string },
  ): Promise<TenantLine[]> {
    return tx.query<TenantLine & Record<string, unknown>>(READ_LINES, [name, most, reserved]);
  }
}
