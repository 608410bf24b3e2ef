/** The statements of `WebhookOutbox`, which works across tenants. */

export const ANY_WEBHOOK = 'SELECT FROM webhook WHERE disabled_at IS NULL LIMIT 1';

/**
 * Owes each webhook a call for each event up to $1 that it wants, and remembers how far it came. $2 webhooks, $3 events of
 * each at once. The two belong together, so an event is owed exactly once; workers that do this at the same time take
 * different webhooks.
 */
export const OWE_DELIVERIES = `
  WITH due AS (
    SELECT tenant_id, webhook_id, types, told_event_id
    FROM webhook
    WHERE disabled_at IS NULL AND told_event_id < $1::bigint
    ORDER BY told_event_id
    LIMIT $2
    FOR NO KEY UPDATE SKIP LOCKED
  ), news AS (
    SELECT due.webhook_id, due.types, event.*
    FROM due
    CROSS JOIN LATERAL (
      SELECT tenant_id, event_id, occurred_at, type, job_id, status, from_status, version, run_id, step_id, detail
      FROM job_event
      WHERE tenant_id = due.tenant_id AND event_id > due.told_event_id AND event_id <= $1::bigint
      ORDER BY event_id
      LIMIT $3
    ) AS event
  ), owed AS (
    INSERT INTO webhook_delivery (tenant_id, webhook_id, event_id, type, next_at, payload)
    SELECT tenant_id, webhook_id, event_id, type, clock_timestamp(),
      jsonb_build_object('type', type, 'timestamp', occurred_at, 'data', jsonb_build_object(
        'tenant_id', tenant_id, 'job_id', job_id, 'sequence', event_id, 'status', status, 'from_status', from_status,
        'version', version, 'run_id', run_id, 'step_id', step_id, 'detail', detail
      ))
    FROM news
    -- What programs print is for who may read the artifacts.
    WHERE type <> 'step.log' AND EXISTS (
      SELECT FROM unnest(types) AS wanted
      WHERE wanted = type OR right(wanted, 2) = '.*' AND starts_with(type, left(wanted, -1))
    )
    ORDER BY event_id
    RETURNING 1
  ), reached AS (
    SELECT due.tenant_id, due.webhook_id,
      CASE WHEN count(news.event_id) = $3 THEN max(news.event_id) ELSE $1::bigint END AS event_id
    FROM due
    LEFT JOIN news ON news.tenant_id = due.tenant_id AND news.webhook_id = due.webhook_id
    GROUP BY due.tenant_id, due.webhook_id
  ), moved AS (
    UPDATE webhook SET told_event_id = reached.event_id
    FROM reached
    WHERE webhook.tenant_id = reached.tenant_id AND webhook.webhook_id = reached.webhook_id
    RETURNING reached.event_id < $1::bigint AS has_more
  )
  SELECT (SELECT count(*) FROM owed)::integer AS owed, coalesce(bool_or(has_more), false) AS "hasMore" FROM moved`;

/**
 * Takes calls that are due: $1 webhooks at most, $2 calls of each, for $3 seconds; not of the webhooks in $4, which have
 * some under way. Who takes a call has made an attempt, whatever becomes of them.
 */
export const TAKE_DELIVERIES = `
  WITH front AS (
    SELECT delivery.tenant_id, delivery.webhook_id, delivery.delivery_id, delivery.event_id, delivery.next_at
    FROM webhook_delivery AS delivery
    JOIN webhook ON webhook.tenant_id = delivery.tenant_id AND webhook.webhook_id = delivery.webhook_id
    WHERE delivery.status = 'pending' AND delivery.next_at <= clock_timestamp() AND webhook.disabled_at IS NULL
      AND delivery.webhook_id <> ALL ($4::text[])
    ORDER BY delivery.next_at, delivery.event_id
    LIMIT 1000
  ), placed AS (
    SELECT tenant_id, delivery_id,
      row_number() OVER (PARTITION BY tenant_id, webhook_id ORDER BY event_id NULLS FIRST, next_at) AS place,
      dense_rank() OVER (ORDER BY tenant_id, webhook_id) AS webhook_no
    FROM front
  ), free AS (
    SELECT delivery.tenant_id, delivery.delivery_id
    FROM webhook_delivery AS delivery
    JOIN placed ON placed.tenant_id = delivery.tenant_id AND placed.delivery_id = delivery.delivery_id
    WHERE place <= $2 AND webhook_no <= $1 AND delivery.status = 'pending' AND delivery.next_at <= clock_timestamp()
    FOR UPDATE OF delivery SKIP LOCKED
  )
  UPDATE webhook_delivery AS taken
  SET attempts = attempts + 1, next_at = clock_timestamp() + make_interval(secs => $3)
  FROM free, webhook
  WHERE taken.tenant_id = free.tenant_id AND taken.delivery_id = free.delivery_id
    AND webhook.tenant_id = taken.tenant_id AND webhook.webhook_id = taken.webhook_id
  RETURNING taken.tenant_id AS "tenantId", taken.webhook_id AS "webhookId", taken.delivery_id AS "deliveryId",
    taken.event_id AS "eventId", taken.attempts, taken.payload, webhook.url, webhook.secret,
    CASE WHEN webhook.old_secret_until > clock_timestamp() THEN webhook.old_secret END AS "oldSecret"`;

/** How a call ended, by who made the attempt $3: $4 status, $5 pause in milliseconds, $6 answer, $7 error. */
export const SETTLE_DELIVERY = `
  UPDATE webhook_delivery
  SET status = $4::text,
    next_at = CASE WHEN $4::text = 'pending' THEN clock_timestamp() + make_interval(secs => $5::double precision / 1000) END,
    ended_at = CASE WHEN $4::text <> 'pending' THEN clock_timestamp() END,
    response_status = $6, error_code = $7
  WHERE tenant_id = $1 AND delivery_id = $2 AND attempts = $3 AND status = 'pending'`;

/** A call that was not made to its end, because the worker leaves, is no attempt. */
export const GIVE_BACK = `
  UPDATE webhook_delivery SET attempts = attempts - 1, next_at = clock_timestamp()
  WHERE tenant_id = $1 AND delivery_id = $2 AND attempts = $3 AND status = 'pending'`;

export const NOTE_SUCCESS = `
  UPDATE webhook SET failing_since = NULL
  WHERE tenant_id = $1 AND webhook_id = $2 AND failing_since IS NOT NULL`;

export const NOTE_FAILURE = `
  UPDATE webhook SET failing_since = clock_timestamp()
  WHERE tenant_id = $1 AND webhook_id = $2 AND failing_since IS NULL`;

/** $3 why; $4 for how many seconds every call must have failed. */
export const DISABLE = `
  UPDATE webhook SET disabled_at = clock_timestamp(), disabled_because = $3
  WHERE tenant_id = $1 AND webhook_id = $2 AND disabled_at IS NULL
    AND failing_since <= clock_timestamp() - make_interval(secs => $4)
  RETURNING webhook_id`;

/** $1 days, $2 at most so many. */
export const FORGET = `
  WITH old AS (
    SELECT tenant_id, delivery_id FROM webhook_delivery
    WHERE status <> 'pending' AND ended_at < clock_timestamp() - make_interval(days => $1)
    ORDER BY ended_at
    LIMIT $2
  )
  DELETE FROM webhook_delivery AS gone USING old
  WHERE gone.tenant_id = old.tenant_id AND gone.delivery_id = old.delivery_id
  RETURNING 1`;
