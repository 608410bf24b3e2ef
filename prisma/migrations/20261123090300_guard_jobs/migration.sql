-- The moves of a job as rows, the guard that refuses every other move, and the trigger that writes the
-- audit. All of it holds for whoever changes a job, also from psql.
-- New triggers on a table that has no rows yet; a running release does not notice.

-- The same table as `moves` in libs/jobs; a test compares the two.
CREATE TABLE job_move (
  from_status text,
  to_status text NOT NULL,
  move text NOT NULL,
  action text NOT NULL,
  CONSTRAINT job_move_pair UNIQUE NULLS NOT DISTINCT (from_status, to_status)
);

INSERT INTO job_move (from_status, to_status, move, action) VALUES
  (NULL, 'created', 'create', 'job.created'),
  ('created', 'draft_ready', 'draft', 'job.drafted'),
  ('draft_ready', 'confirmed', 'confirm', 'job.confirmed'),
  ('confirmed', 'queued', 'enqueue', 'job.enqueued'),
  ('queued', 'running', 'start', 'job.started'),
  ('running', 'succeeded', 'succeed', 'job.succeeded'),
  ('running', 'failed', 'fail', 'job.failed'),
  ('running', 'queued', 'requeue', 'job.requeued'),
  ('failed', 'queued', 'retry', 'job.retried'),
  ('created', 'cancelled', 'cancel', 'job.cancelled'),
  ('draft_ready', 'cancelled', 'cancel', 'job.cancelled'),
  ('confirmed', 'cancelled', 'cancel', 'job.cancelled'),
  ('queued', 'cancelled', 'cancel', 'job.cancelled'),
  ('running', 'cancelled', 'cancel', 'job.cancelled');

GRANT SELECT ON job_move TO ss_api, ss_worker, ss_operator, ss_system;

CREATE FUNCTION guard_job_insert() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
  IF NEW.status <> 'created' OR NEW.version <> 1 OR NEW.lease_no <> 0 THEN
    RAISE EXCEPTION 'a job begins as created, with version 1 and no lease'
      USING ERRCODE = 'SS001', CONSTRAINT = 'job_move_is_known', TABLE = 'job';
  END IF;
  RETURN NEW;
END
$$;

CREATE FUNCTION guard_job_update() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
  IF (NEW.tenant_id, NEW.job_id, NEW.created_at, NEW.trace_id)
    IS DISTINCT FROM (OLD.tenant_id, OLD.job_id, OLD.created_at, OLD.trace_id) THEN
    RAISE EXCEPTION 'tenant_id, job_id, created_at and trace_id of a job do not change'
      USING ERRCODE = 'SS001', CONSTRAINT = 'job_identity_is_fixed', TABLE = 'job';
  END IF;
  IF NEW.version <> OLD.version + 1 THEN
    RAISE EXCEPTION 'a change raises the version of a job by one: % became %', OLD.version, NEW.version
      USING ERRCODE = 'SS002', CONSTRAINT = 'job_version_rises_by_one', TABLE = 'job';
  END IF;
  -- By its full name: a temporary table of this name would come first.
  IF NEW.status <> OLD.status AND NOT EXISTS (
    SELECT FROM public.job_move WHERE from_status = OLD.status AND to_status = NEW.status
  ) THEN
    RAISE EXCEPTION 'no move leads from % to %', OLD.status, NEW.status
      USING ERRCODE = 'SS001', CONSTRAINT = 'job_move_is_known', TABLE = 'job';
  END IF;
  IF NEW.lease_no <> OLD.lease_no + (NEW.status = 'running' AND OLD.status <> 'running')::integer THEN
    RAISE EXCEPTION 'lease_no rises by one with every start and changes at no other time'
      USING ERRCODE = 'SS001', CONSTRAINT = 'job_lease_no_rises_with_start', TABLE = 'job';
  END IF;
  IF OLD.plan_id IS NOT NULL AND NEW.plan_id IS DISTINCT FROM OLD.plan_id THEN
    RAISE EXCEPTION 'the plan of a job is frozen'
      USING ERRCODE = 'SS001', CONSTRAINT = 'job_plan_is_frozen', TABLE = 'job';
  END IF;
  NEW.updated_at := clock_timestamp();
  RETURN NEW;
END
$$;

CREATE TRIGGER guard_insert BEFORE INSERT ON job
FOR EACH ROW EXECUTE FUNCTION guard_job_insert();

CREATE TRIGGER guard_update BEFORE UPDATE ON job
FOR EACH ROW EXECUTE FUNCTION guard_job_update();

-- One audit row for each job that the statement changed. Statement triggers with transition tables, because
-- workers claim and settle in sets and a trigger for each row would cost several times as much.
-- SECURITY DEFINER: the row is written whatever the caller may or may not do to audit_event.
-- The program tells who acts by settings of the transaction; where it told nothing, the login acted.
CREATE FUNCTION audit_job_insert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
BEGIN
  INSERT INTO audit_event (
    tenant_id, actor_kind, actor_id, action, resource_type, resource_id, from_status, to_status, version,
    reason, request_id, trace_id, source, metadata
  )
  SELECT
    n.tenant_id,
    coalesce(nullif(current_setting('ss.actor_kind', true), ''), 'database_user'),
    coalesce(nullif(current_setting('ss.actor_id', true), ''), session_user),
    m.action, 'job', n.job_id, NULL, n.status, n.version,
    nullif(current_setting('ss.reason', true), ''),
    nullif(current_setting('ss.request_id', true), ''),
    n.trace_id,
    coalesce(nullif(current_setting('ss.source', true), ''), 'sql'),
    nullif(current_setting('ss.audit_metadata', true), '')::jsonb
  FROM new_rows AS n
  JOIN job_move AS m ON m.from_status IS NULL AND m.to_status = n.status;
  RETURN NULL;
END
$$;

-- A change that is no move (inputs added, draft edited) is a row too: its action is told by the
-- transaction, and both statuses are the same.
CREATE FUNCTION audit_job_update() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
BEGIN
  INSERT INTO audit_event (
    tenant_id, actor_kind, actor_id, action, resource_type, resource_id, from_status, to_status, version,
    run_id, lease_no, reason, request_id, trace_id, source, metadata
  )
  SELECT
    n.tenant_id,
    coalesce(nullif(current_setting('ss.actor_kind', true), ''), 'database_user'),
    coalesce(nullif(current_setting('ss.actor_id', true), ''), session_user),
    coalesce(m.action, nullif(current_setting('ss.action', true), ''), 'job.changed'),
    'job', n.job_id, o.status, n.status, n.version,
    CASE WHEN 'running' IN (o.status, n.status) THEN n.run_id END,
    CASE WHEN 'running' IN (o.status, n.status) THEN n.lease_no END,
    nullif(current_setting('ss.reason', true), ''),
    nullif(current_setting('ss.request_id', true), ''),
    n.trace_id,
    coalesce(nullif(current_setting('ss.source', true), ''), 'sql'),
    CASE
      WHEN n.plan_id IS NULL AND n.error IS NULL THEN nullif(current_setting('ss.audit_metadata', true), '')::jsonb
      ELSE jsonb_strip_nulls(jsonb_build_object('plan_id', n.plan_id, 'error', n.error))
        || coalesce(nullif(current_setting('ss.audit_metadata', true), '')::jsonb, '{}')
    END
  FROM new_rows AS n
  JOIN old_rows AS o ON o.tenant_id = n.tenant_id AND o.job_id = n.job_id
  LEFT JOIN job_move AS m ON m.from_status = o.status AND m.to_status = n.status;
  RETURN NULL;
END
$$;

CREATE TRIGGER audit_insert AFTER INSERT ON job
REFERENCING NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION audit_job_insert();

CREATE TRIGGER audit_update AFTER UPDATE ON job
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION audit_job_update();
