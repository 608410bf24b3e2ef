import { placeOf } from './place-in-line.sql.js';
import { QUEUE_SCHEMA } from './queues.js';

/**
 * What finds parked messages by their tenant, and those that were let back into line. A message that was never parked
 * is in neither. Part of the deploy; may be run again.
 */
export const DEPLOY_PARKING = `
  CREATE INDEX IF NOT EXISTS ss_parked ON ${QUEUE_SCHEMA}.job (name, group_id, priority DESC, created_on)
  WHERE blocked AND group_id IS NOT NULL AND state < 'active';

  CREATE INDEX IF NOT EXISTS ss_let_in ON ${QUEUE_SCHEMA}.job (name, group_id)
  WHERE NOT blocked AND group_id IS NOT NULL AND state < 'active';`;

const PARKED = `blocked AND group_id IS NOT NULL AND state < 'active'`;

/** What a parked message is: as if nobody had fetched it, out of the line, and to be found by its tenant. */
const AS_PARKED = `
  state = 'created', started_on = NULL, heartbeat_on = NULL, blocked = true, group_id = message.data ->> 'tenant_id'`;

/**
 * Takes those of the fetched messages ($1 queue, $2 ids) whose tenant has no limit of running jobs: what is done for every
 * claim asks nothing more than what it has to ask in any case.
 */
export const TAKE_UNLIMITED = `
  DELETE FROM ${QUEUE_SCHEMA}.job AS message
  WHERE name = $1 AND id = ANY ($2::uuid[]) AND NOT EXISTS (
    SELECT FROM tenant_quota AS quota
    WHERE quota.tenant_id = message.data ->> 'tenant_id' AND quota.running_jobs IS NOT NULL
  )
  RETURNING id`;

/** Messages of queue $1 that this transaction has fetched ($2). */
export const PARK_FETCHED = `
  UPDATE ${QUEUE_SCHEMA}.job AS message
  SET ${AS_PARKED}
  WHERE name = $1 AND id = ANY ($2::uuid[])`;

/** What else of the tenants $2 is due among the first $3 in line of queue $1. Not what somebody holds. */
export const PARK_IN_FRONT = `
  WITH front AS MATERIALIZED (
    SELECT id, data ->> 'tenant_id' AS tenant_id
    FROM ${QUEUE_SCHEMA}.job
    WHERE name = $1 AND state < 'active' AND NOT blocked AND start_after <= clock_timestamp()
    ORDER BY priority DESC, created_on
    LIMIT $3
  ), past AS (
    SELECT id
    FROM ${QUEUE_SCHEMA}.job
    WHERE name = $1 AND id = ANY (ARRAY(SELECT id FROM front WHERE tenant_id = ANY ($2::text[])))
      AND state < 'active' AND NOT blocked
    FOR NO KEY UPDATE SKIP LOCKED
  )
  UPDATE ${QUEUE_SCHEMA}.job AS message
  SET ${AS_PARKED}
  WHERE name = $1 AND id = ANY (ARRAY(SELECT id FROM past))`;

/**
 * Lets parked messages of tenant $2 back into the line of queue $1, so many that $3 of them stand in it (NULL: all), and
 * at most $4 at a time; the first of them first. Each keeps its place, but none goes before what was taken already: many
 * of them at once stand as far apart as the tenant's turns, as if they were sent now.
 */
export const LET_IN = `
  WITH line AS (
    SELECT count(*) AS messages
    FROM ${QUEUE_SCHEMA}.job
    WHERE name = $1 AND group_id = $2 AND NOT blocked AND state < 'active'
  ), head AS (
    SELECT id, priority, created_on
    FROM ${QUEUE_SCHEMA}.job
    WHERE name = $1 AND group_id = $2 AND ${PARKED}
    ORDER BY priority DESC, created_on
    LIMIT (SELECT greatest(0, least($4::bigint, $3::bigint - messages)) FROM line)
    FOR NO KEY UPDATE SKIP LOCKED
  ), placed AS (
    SELECT head.id,
      coalesce(front.turn, 0) + 1000000 / coalesce(quota.weight, 100)
        * (line.messages + row_number() OVER (PARTITION BY head.priority ORDER BY head.created_on) - 1) AS turn
    FROM head
    CROSS JOIN line
    LEFT JOIN turn_front AS front ON front.queue_name = $1 AND front.priority = head.priority
    LEFT JOIN tenant_quota AS quota ON quota.tenant_id = $2
  )
  UPDATE ${QUEUE_SCHEMA}.job AS message
  SET blocked = false,
    created_on = greatest(message.created_on, ${placeOf('placed.turn')}),
    data = CASE
      WHEN message.created_on < ${placeOf('placed.turn')}
        THEN message.data || jsonb_build_object('turn', placed.turn)
      ELSE message.data
    END
  FROM placed
  -- The array keeps a planner that knows nothing of the parked from reading the whole queue.
  WHERE message.name = $1 AND message.id = ANY (ARRAY(SELECT id FROM head)) AND message.id = placed.id
  RETURNING message.id`;

/** Which of the tenants $2 have parked messages in queue $1. */
export const FIND_PARKED = `
  SELECT tenant_id AS "tenantId"
  FROM unnest($2::text[]) AS wanted (tenant_id)
  WHERE EXISTS (
    SELECT FROM ${QUEUE_SCHEMA}.job WHERE name = $1 AND group_id = wanted.tenant_id AND ${PARKED}
  )`;

/** Which tenants have parked messages in queue $1: a look into the index for each of them, however many messages there are. */
export const TENANTS_WITH_PARKED = `
  WITH RECURSIVE parked AS (
    (
      SELECT group_id FROM ${QUEUE_SCHEMA}.job WHERE name = $1 AND ${PARKED} ORDER BY group_id LIMIT 1
    )
    UNION ALL
    SELECT (
      SELECT next.group_id
      FROM ${QUEUE_SCHEMA}.job AS next
      WHERE next.name = $1 AND next.group_id > parked.group_id AND next.blocked AND next.group_id IS NOT NULL
        AND next.state < 'active'
      ORDER BY next.group_id
      LIMIT 1
    )
    FROM parked
    WHERE parked.group_id IS NOT NULL
  )
  SELECT group_id AS "tenantId" FROM parked WHERE group_id IS NOT NULL`;
