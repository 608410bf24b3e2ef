-- What a client's tracing systems told each other (`trace_state`) goes with the data of a job: it may hold any text.
-- The ids of the trace stay, as they stand in the audit. The function of 20261123160400 with two places more, and a constraint
-- that no row can break yet. A running release does not notice.

CREATE OR REPLACE FUNCTION erase_job_data(erased_job text, seen_version bigint) RETURNS SETOF job
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
  own_tenant text := nullif(current_setting('ss.tenant_id', true), '');
  moment timestamptz := clock_timestamp();
  counts jsonb := '{}';
  counted bigint;
  measured numeric;
BEGIN
  IF coalesce(current_setting('ss.reason', true), '') !~ '\S' THEN
    RAISE EXCEPTION 'data are erased for a reason'
      USING ERRCODE = 'SS004', HINT = 'Set ss.reason in the transaction; the audit keeps it.';
  END IF;
  PERFORM FROM job
  WHERE tenant_id = own_tenant AND job_id = erased_job AND version = coalesce(seen_version, version)
    AND finished_at IS NOT NULL AND erased_at IS NULL
  FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RETURN;
  END IF;

  WITH gone AS (
    DELETE FROM input_dataset WHERE tenant_id = own_tenant AND job_id = erased_job RETURNING bytes
  )
  SELECT count(*), coalesce(sum(bytes), 0) INTO counted, measured FROM gone;
  counts := counts || jsonb_build_object('inputs', counted, 'input_bytes', measured);

  WITH gone AS (
    DELETE FROM artifact WHERE tenant_id = own_tenant AND job_id = erased_job RETURNING bytes
  )
  SELECT count(*), coalesce(sum(bytes), 0) INTO counted, measured FROM gone;
  counts := counts || jsonb_build_object('artifacts', counted, 'artifact_bytes', measured);

  DELETE FROM draft WHERE tenant_id = own_tenant AND job_id = erased_job;
  GET DIAGNOSTICS counted = ROW_COUNT;
  counts := counts || jsonb_build_object('drafts', counted);

  DELETE FROM plan WHERE tenant_id = own_tenant AND job_id = erased_job;
  GET DIAGNOSTICS counted = ROW_COUNT;
  counts := counts || jsonb_build_object('plans', counted);

  UPDATE run
  SET error = without_message(error), legacy = CASE WHEN legacy IS NOT NULL THEN '{}'::jsonb END
  WHERE tenant_id = own_tenant AND job_id = erased_job;
  GET DIAGNOSTICS counted = ROW_COUNT;
  counts := counts || jsonb_build_object('runs', counted);

  UPDATE run_step SET error = without_message(error), summary = NULL
  WHERE tenant_id = own_tenant AND job_id = erased_job;
  GET DIAGNOSTICS counted = ROW_COUNT;
  counts := counts || jsonb_build_object('steps', counted);

  UPDATE llm_call SET answer = NULL
  WHERE tenant_id = own_tenant AND subject_id = erased_job AND answer IS NOT NULL;
  GET DIAGNOSTICS counted = ROW_COUNT;
  counts := counts || jsonb_build_object('model_answers', counted);

  -- Emptied, not deleted: the repeat of a request must not make a second job. It gets the answer without the texts.
  UPDATE idempotency_key
  SET response_body = response_body || jsonb_build_object(
    'requirement', NULL, 'labels', '{}'::jsonb, 'trace_state', NULL,
    'erased_at', to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
  )
  WHERE tenant_id = own_tenant AND response_body ->> 'job_id' = erased_job AND response_body ? 'job_id';
  GET DIAGNOSTICS counted = ROW_COUNT;
  counts := counts || jsonb_build_object('kept_answers', counted);

  PERFORM set_config('ss.action', 'job.data_erased', true), set_config('ss.audit_metadata', counts::text, true);
  RETURN QUERY
  UPDATE job
  SET version = version + 1, erased_at = moment, requirement = NULL, labels = '{}', draft_task = NULL,
    trace_state = NULL,
    error = without_message(error), legacy = CASE WHEN legacy IS NOT NULL THEN '{}'::jsonb END
  WHERE tenant_id = own_tenant AND job_id = erased_job
  RETURNING *;
END
$$;

ALTER TABLE job
-- NOT VALID: a look at all rows would hold up writers, and the column is as new.
ADD CONSTRAINT job_erased_tells_no_trace_state CHECK (erased_at IS NULL OR trace_state IS NULL) NOT VALID;
