-- Webhooks: where a tenant wants to be told what happens to its jobs, and what was told. See docs/webhooks.md.
-- New tables and functions only; a running release does not notice.

CREATE TABLE webhook (
  tenant_id text NOT NULL,
  webhook_id text NOT NULL,
  url text NOT NULL,
  -- `job.failed`, or all of a kind: `step.*`.
  types text[] NOT NULL,
  description text,
  -- What deliveries are signed with. Programs that make webhooks write it and cannot read it.
  secret bytea NOT NULL,
  -- Signs as well until then, after a rotation.
  old_secret bytea,
  old_secret_until timestamptz,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- Deliveries were made of all events up to this number.
  told_event_id bigint NOT NULL,
  -- Since when every call has failed; NULL: the last one did not.
  failing_since timestamptz,
  disabled_at timestamptz,
  disabled_because text,
  CONSTRAINT webhook_pkey PRIMARY KEY (tenant_id, webhook_id),
  CONSTRAINT webhook_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant (tenant_id),
  CONSTRAINT webhook_secret_is_long CHECK (octet_length(secret) BETWEEN 24 AND 64),
  CONSTRAINT webhook_old_secret_has_an_end CHECK ((old_secret IS NULL) = (old_secret_until IS NULL)),
  CONSTRAINT webhook_wants_something CHECK (cardinality(types) BETWEEN 1 AND 50),
  CONSTRAINT webhook_disabled_for_a_cause CHECK ((disabled_at IS NULL) = (disabled_because IS NULL))
);

-- One call that is owed, or was made. What is told is ids, states and times; nothing of what a job is about.
CREATE TABLE webhook_delivery (
  tenant_id text NOT NULL,
  delivery_id uuid NOT NULL DEFAULT gen_random_uuid(),
  webhook_id text NOT NULL,
  -- NULL: a test.
  event_id bigint,
  type text NOT NULL,
  payload jsonb NOT NULL,
  status text NOT NULL DEFAULT 'pending',
  -- Counted when a call begins: a worker that dies in it has made it.
  attempts integer NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- When the next call is due; while one is made, when it is taken for lost.
  next_at timestamptz,
  ended_at timestamptz,
  -- Of the last call: what was answered, or what went wrong, as a code. The body of an answer is not kept.
  response_status integer,
  error_code text,
  CONSTRAINT webhook_delivery_pkey PRIMARY KEY (tenant_id, delivery_id),
  CONSTRAINT webhook_delivery_webhook_fkey FOREIGN KEY (tenant_id, webhook_id)
    REFERENCES webhook (tenant_id, webhook_id) ON DELETE CASCADE,
  CONSTRAINT webhook_delivery_once_an_event UNIQUE (tenant_id, webhook_id, event_id),
  CONSTRAINT webhook_delivery_status_is_known CHECK (status IN ('pending', 'delivered', 'dead')),
  CONSTRAINT webhook_delivery_is_due_iff_pending CHECK ((status = 'pending') = (next_at IS NOT NULL)),
  CONSTRAINT webhook_delivery_ended_iff_not_pending CHECK ((status = 'pending') = (ended_at IS NULL))
);

-- What is to be called next.
CREATE INDEX webhook_delivery_due ON webhook_delivery (next_at, event_id) WHERE status = 'pending';
-- The list of a webhook, newest first.
CREATE INDEX webhook_delivery_of_webhook ON webhook_delivery (tenant_id, webhook_id, created_at DESC, delivery_id DESC);
-- What is kept no longer.
CREATE INDEX webhook_delivery_ended ON webhook_delivery (ended_at) WHERE status <> 'pending';

CALL protect_tenant_rows('webhook');
CALL protect_tenant_rows('webhook_delivery');

-- A new secret for a webhook of the transaction's tenant; the old one signs as well until the overlap is over. SECURITY
-- DEFINER: it moves a secret that the caller may not read.
CREATE FUNCTION rotate_webhook_secret(wanted text, new_secret bytea, overlap_seconds integer) RETURNS boolean
LANGUAGE sql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
  UPDATE webhook
  SET secret = new_secret, old_secret = secret,
    old_secret_until = clock_timestamp() + make_interval(secs => overlap_seconds)
  WHERE tenant_id = nullif(current_setting('ss.tenant_id', true), '') AND webhook_id = wanted
  RETURNING true
$$;

REVOKE ALL ON FUNCTION rotate_webhook_secret(text, bytea, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION rotate_webhook_secret(text, bytea, integer) TO ss_api;

GRANT SELECT (
  tenant_id, webhook_id, url, types, description, old_secret_until, created_at, told_event_id, failing_since, disabled_at,
  disabled_because
) ON webhook TO ss_api;
GRANT INSERT (tenant_id, webhook_id, url, types, description, secret, told_event_id) ON webhook TO ss_api;
GRANT UPDATE (failing_since, disabled_at, disabled_because) ON webhook TO ss_api;
GRANT DELETE ON webhook TO ss_api;
GRANT SELECT, UPDATE (told_event_id, failing_since, disabled_at, disabled_because) ON webhook TO ss_system;
GRANT SELECT, INSERT (tenant_id, webhook_id, type, payload, next_at),
  UPDATE (status, attempts, next_at, ended_at, response_status, error_code)
ON webhook_delivery TO ss_api;
GRANT SELECT, INSERT, DELETE, UPDATE (status, attempts, next_at, ended_at, response_status, error_code)
ON webhook_delivery TO ss_system;
