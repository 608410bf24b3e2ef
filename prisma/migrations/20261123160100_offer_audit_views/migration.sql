-- What auditors may ask of the audit in SQL: stable views in a schema of their own, and which tenant each login sees.
-- A new schema, a new table, and policies for a role that nobody worked under yet; a running release does not notice.
--
-- Two roles, which `ssctl schema deploy` makes sure of before it applies this file:
--   ss_auditor      what the logins of auditors are members of: it reads the views, and no table
--   ss_audit_views  owns the views: they read the audit with its rights, under the policy below

-- Which login sees what. Deployment-wide: no row of a tenant. What a session can set is no boundary, so it is a row.
CREATE TABLE auditor (
  login text NOT NULL,
  -- The one tenant that the login may see. NULL: all, and what belongs to no tenant.
  only_tenant text,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT auditor_pkey PRIMARY KEY (login),
  CONSTRAINT auditor_only_tenant_is_not_blank CHECK (only_tenant <> '')
);

GRANT SELECT ON auditor TO ss_operator;

CREATE SCHEMA audit_api;

-- By session_user, which only a superuser can change. A login without a row, of another database of the server say,
-- sees nothing.
CREATE FUNCTION audit_api.sees_all() RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT EXISTS (
    SELECT FROM public.auditor
    WHERE login = session_user AND only_tenant IS NULL AND nullif(current_setting('ss.audit_tenant', true), '') IS NULL
  )
$$;

-- The one tenant that is seen; NULL where it is none or all. `SET ss.audit_tenant` narrows, and never widens.
CREATE FUNCTION audit_api.sees_tenant() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT coalesce(only_tenant, narrowed)
  FROM public.auditor
  CROSS JOIN nullif(current_setting('ss.audit_tenant', true), '') AS narrowed
  WHERE login = session_user AND (narrowed IS NULL OR only_tenant IS NULL OR only_tenant = narrowed)
$$;

REVOKE ALL ON FUNCTION audit_api.sees_all(), audit_api.sees_tenant() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION audit_api.sees_all(), audit_api.sees_tenant() TO ss_auditor;

-- The boundary is here and not in the WHERE of a view: the planner keeps conditions that could tell what they see
-- behind a policy, and uses every index for the others. Restrictive, for own_tenant_only is for everybody and goes by a
-- setting. Each function is asked once for a statement.
CREATE POLICY read_through_views ON audit_event FOR SELECT TO ss_audit_views USING (true);
CREATE POLICY auditors_see_theirs ON audit_event AS RESTRICTIVE FOR SELECT TO ss_audit_views
USING ((SELECT audit_api.sees_all()) OR tenant_id = (SELECT audit_api.sees_tenant()));

GRANT SELECT ON audit_event, audit_segment, audit_checkpoint TO ss_audit_views;

CREATE VIEW audit_api.event AS
SELECT
  tenant_id, event_id, occurred_at, actor_kind, actor_id, action, resource_type, resource_id, from_status, to_status,
  version, run_id, lease_no, reason, request_id, trace_id, source, changes, metadata, database_user
FROM public.audit_event;

-- Each state that a job was in. The next event of the job is looked up for each row, so that a condition on `since`
-- reaches the months it is about; a window over all of a tenant's jobs would have to read them all first.
CREATE VIEW audit_api.job_history AS
SELECT
  began.tenant_id,
  began.resource_id AS job_id,
  began.to_status AS status,
  began.occurred_at AS since,
  -- NULL: it is in this state now.
  ended.occurred_at AS until,
  ended.occurred_at - began.occurred_at AS lasted,
  began.from_status,
  began.action,
  began.actor_kind,
  began.actor_id,
  began.reason,
  began.version,
  began.run_id,
  began.lease_no,
  began.request_id,
  began.trace_id,
  began.source,
  began.event_id
FROM public.audit_event AS began
LEFT JOIN LATERAL (
  SELECT later.occurred_at
  FROM public.audit_event AS later
  WHERE later.tenant_id = began.tenant_id
    AND later.resource_type = 'job'
    AND later.resource_id = began.resource_id
    AND later.event_id > began.event_id
    AND later.to_status IS DISTINCT FROM later.from_status
    -- Months before it need no look; a day, should the clock have been set back.
    AND later.occurred_at > began.occurred_at - interval '1 day'
  ORDER BY later.event_id
  LIMIT 1
) AS ended ON true
WHERE began.resource_type = 'job'
  AND began.to_status IS DISTINCT FROM began.from_status;

CREATE VIEW audit_api.action_by_actor AS
SELECT
  tenant_id,
  actor_kind,
  actor_id,
  action,
  count(*) AS times,
  min(occurred_at) AS first_at,
  max(occurred_at) AS last_at
FROM public.audit_event
GROUP BY tenant_id, actor_kind, actor_id, action;

-- A row may stand for several attempts of one kind that were counted together.
CREATE VIEW audit_api.denied_attempt AS
SELECT
  tenant_id,
  event_id,
  occurred_at,
  actor_kind,
  actor_id,
  metadata ->> 'code' AS code,
  coalesce(metadata ->> 'method', substring(resource_id FROM '^([A-Z]+) ')) AS method,
  coalesce(metadata ->> 'route', regexp_replace(resource_id, '^[A-Z]+ ', '')) AS route,
  -- The key that somebody tried to use, where its secret did not fit or it had ended.
  metadata ->> 'key_id' AS key_id,
  CASE WHEN metadata ->> 'count' ~ '^[0-9]{1,15}$' THEN (metadata ->> 'count')::bigint ELSE 1 END AS attempts,
  reason,
  request_id,
  trace_id,
  source,
  metadata
FROM public.audit_event
WHERE resource_type = 'route' AND action = 'access.denied';

-- The seals, for auditors of the whole deployment: with them and `event` anybody can recompute what was sealed.
CREATE VIEW audit_api.segment AS
SELECT segment_no, after_event_id, to_event_id, row_count, row_digests, previous_hash, segment_hash, sealed_at
FROM public.audit_segment
WHERE (SELECT audit_api.sees_all());

CREATE VIEW audit_api.checkpoint AS
SELECT segment_no, segment_hash, key_id, signature, signed_at
FROM public.audit_checkpoint
WHERE (SELECT audit_api.sees_all());

GRANT USAGE ON SCHEMA audit_api TO ss_auditor;
GRANT SELECT ON
  audit_api.event, audit_api.job_history, audit_api.action_by_actor, audit_api.denied_attempt, audit_api.segment,
  audit_api.checkpoint
TO ss_auditor;

-- An owner of a view must be able to make one in its schema, at the moment when it gets it.
GRANT USAGE, CREATE ON SCHEMA audit_api TO ss_audit_views;
ALTER VIEW audit_api.event OWNER TO ss_audit_views;
ALTER VIEW audit_api.job_history OWNER TO ss_audit_views;
ALTER VIEW audit_api.action_by_actor OWNER TO ss_audit_views;
ALTER VIEW audit_api.denied_attempt OWNER TO ss_audit_views;
ALTER VIEW audit_api.segment OWNER TO ss_audit_views;
ALTER VIEW audit_api.checkpoint OWNER TO ss_audit_views;
REVOKE CREATE ON SCHEMA audit_api FROM ss_audit_views;

-- These write to the audit as the owner. A trigger fires without a right to its function; but who has the right can hang
-- it on a temporary table, and have it write what they like.
REVOKE ALL ON FUNCTION audit_job_insert(), audit_job_update() FROM PUBLIC;
