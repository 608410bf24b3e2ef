-- The append-only record of who did what, when and why, a partition a month.
-- New tables only; a running release does not notice.

CREATE TABLE audit_event (
  tenant_id text NOT NULL,
  event_id bigint GENERATED ALWAYS AS IDENTITY,
  occurred_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  actor_kind text NOT NULL,
  actor_id text NOT NULL,
  action text NOT NULL,
  resource_type text NOT NULL,
  resource_id text NOT NULL,
  from_status text,
  to_status text,
  -- The version of the resource after the change; NULL where nothing that has a version was changed.
  version bigint,
  run_id uuid,
  lease_no bigint,
  reason text,
  request_id text,
  trace_id text,
  source text NOT NULL,
  changes jsonb,
  metadata jsonb,
  -- The login that wrote the row, whatever the program says of its actor.
  database_user text NOT NULL DEFAULT session_user,
  CONSTRAINT audit_event_pkey PRIMARY KEY (tenant_id, occurred_at, event_id),
  CONSTRAINT audit_event_actor_kind_is_known CHECK (
    actor_kind IN ('api_key', 'worker', 'operator', 'database_user', 'migration', 'anonymous')
  )
)
PARTITION BY RANGE (occurred_at);

-- The history of one resource, in the order in which it was written.
CREATE INDEX audit_event_by_resource ON audit_event (tenant_id, resource_type, resource_id, event_id);

CREATE FUNCTION refuse_audit_change() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
  RAISE EXCEPTION 'the audit is append-only: % refused', TG_OP
    USING ERRCODE = 'SS003', HINT = 'Write another audit row that corrects the first.';
END
$$;

-- Row triggers reach every partition by themselves; TRUNCATE needs one for each (see below).
CREATE TRIGGER audit_event_is_append_only
BEFORE UPDATE OR DELETE ON audit_event
FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();

CREATE TRIGGER audit_event_is_never_truncated
BEFORE TRUNCATE ON audit_event
FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();

CALL protect_tenant_rows('audit_event');

-- The audit trigger on job runs as the owner, for every tenant whose rows a statement changed.
CREATE POLICY written_by_triggers ON audit_event FOR INSERT TO ss_owner WITH CHECK (true);

-- What happened to a job, only that trigger may say: a program cannot add a move that was none.
CREATE POLICY jobs_are_left_to_triggers ON audit_event AS RESTRICTIVE FOR INSERT
TO ss_api, ss_worker, ss_operator, ss_system
WITH CHECK (resource_type <> 'job');

-- Makes the partitions of this month and the months after it, those that are not there yet. May be called by
-- anyone at any time; two callers at once wait for each other.
CREATE FUNCTION create_audit_partitions(months_ahead integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
  first_day timestamptz;
  partition_name text;
  made integer := 0;
BEGIN
  IF months_ahead NOT BETWEEN 0 AND 60 THEN
    RAISE EXCEPTION 'months_ahead must be between 0 and 60';
  END IF;
  PERFORM pg_advisory_xact_lock(hashtext('create_audit_partitions'));
  FOR month_no IN 0..months_ahead LOOP
    first_day := (date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC') + make_interval(months => month_no))
      AT TIME ZONE 'UTC';
    partition_name := 'audit_event_' || to_char(first_day AT TIME ZONE 'UTC', 'YYYY_MM');
    CONTINUE WHEN to_regclass('public.' || partition_name) IS NOT NULL;
    EXECUTE format(
      'CREATE TABLE public.%I PARTITION OF public.audit_event FOR VALUES FROM (%L) TO (%L)',
      partition_name,
      first_day,
      (first_day AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC'
    );
    EXECUTE format(
      'CREATE TRIGGER audit_event_is_never_truncated BEFORE TRUNCATE ON public.%I'
      || ' FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_audit_change()',
      partition_name
    );
    -- A partition that is reached by its own name is protected like the table.
    CALL public.protect_tenant_rows(('public.' || quote_ident(partition_name))::regclass);
    made := made + 1;
  END LOOP;
  RETURN made;
END
$$;

REVOKE ALL ON FUNCTION create_audit_partitions(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION create_audit_partitions(integer) TO ss_worker, ss_operator;

SELECT create_audit_partitions(24);

-- Rows are never lost for want of a partition: what falls outside of all months lands here.
CREATE TABLE audit_event_other PARTITION OF audit_event DEFAULT;
CREATE TRIGGER audit_event_is_never_truncated BEFORE TRUNCATE ON audit_event_other
FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
CALL protect_tenant_rows('audit_event_other');

GRANT SELECT ON audit_event TO ss_api, ss_worker, ss_operator, ss_system;
-- When and by which login are the database's to say: no program may fill in those columns.
GRANT INSERT (
  tenant_id, actor_kind, actor_id, action, resource_type, resource_id, from_status, to_status, version,
  run_id, lease_no, reason, request_id, trace_id, source, changes, metadata
) ON audit_event TO ss_api, ss_worker, ss_operator, ss_system;
