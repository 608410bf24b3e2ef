-- What clients follow: the moves of jobs, which the audit has, and the steps of their runs, in one order.
-- A new table, a trigger, a view, and an index on the audit; a running release does not notice, and its steps are told too.
-- Building the index keeps writers of each month waiting for one pass over it.

-- Moves of the jobs of a tenant in the order of their numbers: what a stream reads from where it was.
CREATE INDEX audit_event_of_jobs ON audit_event (tenant_id, event_id) WHERE resource_type = 'job';

-- What happens within a run. Numbered with the audit, so that one number says how far a reader of both has come: the audit's
-- own numbers have gaps there, as they have where a transaction was rolled back.
CREATE TABLE run_event (
  tenant_id text NOT NULL,
  event_id bigint NOT NULL DEFAULT nextval('audit_event_event_id_seq'),
  occurred_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  job_id text NOT NULL,
  run_id uuid NOT NULL,
  step_id text NOT NULL,
  type text NOT NULL,
  detail jsonb NOT NULL,
  CONSTRAINT run_event_pkey PRIMARY KEY (tenant_id, event_id),
  CONSTRAINT run_event_job_fkey FOREIGN KEY (tenant_id, job_id) REFERENCES job (tenant_id, job_id) ON DELETE CASCADE,
  CONSTRAINT run_event_type_is_known CHECK (type IN ('step.started', 'step.resumed', 'step.log', 'step.ended'))
);

-- The events of one job in their order; and what goes with a job that is deleted.
CREATE INDEX run_event_of_job ON run_event (tenant_id, job_id, event_id);

CALL protect_tenant_rows('run_event');

-- Begun and ended steps, whoever begins and ends them. A statement trigger: workers may write steps in sets. It runs with the
-- rights of who writes the step, under the policy of their tenant.
CREATE FUNCTION tell_step_begun() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
  -- A lifted step happened long ago: nobody follows it.
  IF current_user = 'ss_migration' THEN
    RETURN NULL;
  END IF;
  INSERT INTO public.run_event (tenant_id, job_id, run_id, step_id, type, detail)
  SELECT tenant_id, job_id, run_id, step_id,
    CASE WHEN resumed_from IS NULL THEN 'step.started' ELSE 'step.resumed' END,
    jsonb_build_object('position', position, 'step_type', type)
  FROM new_rows
  ORDER BY position;
  RETURN NULL;
END
$$;

CREATE FUNCTION tell_step_ended() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
  INSERT INTO public.run_event (tenant_id, job_id, run_id, step_id, type, detail)
  SELECT n.tenant_id, n.job_id, n.run_id, n.step_id, 'step.ended',
    jsonb_strip_nulls(jsonb_build_object(
      'position', n.position, 'step_type', n.type, 'outcome', n.outcome, 'error_code', n.error -> 'code'
    ))
  FROM new_rows AS n
  JOIN old_rows AS o ON o.tenant_id = n.tenant_id AND o.job_id = n.job_id AND o.run_id = n.run_id
    AND o.step_id = n.step_id
  WHERE o.ended_at IS NULL AND n.ended_at IS NOT NULL;
  RETURN NULL;
END
$$;

CREATE TRIGGER tell_begun AFTER INSERT ON run_step
REFERENCING NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION tell_step_begun();

CREATE TRIGGER tell_ended AFTER UPDATE ON run_step
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION tell_step_ended();

-- What programs print may quote the data: it goes with them. Whatever else is told of a run holds ids and codes.
CREATE FUNCTION erase_step_logs() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
  DELETE FROM public.run_event
  WHERE tenant_id = NEW.tenant_id AND job_id = NEW.job_id AND type = 'step.log';
  RETURN NULL;
END
$$;

CREATE TRIGGER erase_logs AFTER UPDATE OF erased_at ON job
FOR EACH ROW WHEN (OLD.erased_at IS NULL AND NEW.erased_at IS NOT NULL)
EXECUTE FUNCTION erase_step_logs();

-- Both, as those who follow see them. With the rights of who asks: row-level security holds as it does for the tables.
CREATE VIEW job_event WITH (security_invoker = true) AS
SELECT tenant_id, event_id, occurred_at, action AS type, resource_id AS job_id, to_status AS status,
  from_status, version, run_id, NULL::text AS step_id,
  jsonb_strip_nulls(jsonb_build_object('error_code', metadata -> 'error' -> 'code')) AS detail,
  -- As they are now: those of an erased or deleted job are none.
  (SELECT labels FROM job WHERE job.tenant_id = audit_event.tenant_id AND job.job_id = audit_event.resource_id) AS labels
FROM audit_event
WHERE resource_type = 'job'
UNION ALL
SELECT tenant_id, event_id, occurred_at, type, job_id, NULL, NULL, NULL, run_id, step_id, detail,
  (SELECT labels FROM job WHERE job.tenant_id = run_event.tenant_id AND job.job_id = run_event.job_id)
FROM run_event;

-- What happened to the jobs of wanted_tenant[i] behind the number after_event[i], up to one number for all, at most so many
-- rows of each. One call for all who follow: each tenant's rows are read in its name, as everywhere.
CREATE FUNCTION read_job_events(
  wanted_tenant text[], after_event bigint[], up_to_event bigint, at_most integer, since timestamptz
) RETURNS SETOF job_event
LANGUAGE plpgsql
AS $$
DECLARE
  acting_for text := current_setting('ss.tenant_id', true);
BEGIN
  FOR i IN 1..cardinality(wanted_tenant) LOOP
    PERFORM set_config('ss.tenant_id', wanted_tenant[i], true);
    RETURN QUERY
    SELECT * FROM public.job_event
    WHERE tenant_id = wanted_tenant[i] AND event_id > after_event[i] AND event_id <= up_to_event
      -- Says nothing that the numbers do not, and keeps other months out of it.
      AND occurred_at >= since
    ORDER BY event_id
    LIMIT at_most;
  END LOOP;
  PERFORM set_config('ss.tenant_id', coalesce(acting_for, ''), true);
END
$$;

GRANT SELECT ON run_event, job_event TO ss_api, ss_worker, ss_operator, ss_system;
GRANT INSERT ON run_event TO ss_api, ss_worker, ss_operator, ss_system;
-- Whoever writes an event takes a number. It can be taken, and never be set back.
GRANT USAGE ON SEQUENCE audit_event_event_id_seq TO ss_api, ss_worker, ss_operator, ss_system;
