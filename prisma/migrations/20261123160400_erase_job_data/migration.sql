-- Erasing the data of a job that has ended: inputs, prompts, drafts, plan, artifacts and texts go; the job, its moves, its
-- runs and its audit stay. See docs/erasure.md. And an error's message stays out of the audit, which nobody can erase.
-- A column that may be NULL, triggers and functions; a running release does not notice, but would show an erased job
-- without saying that it is one. The index is built while writers of idempotency_key wait: the table holds some days.

ALTER TABLE job
ADD COLUMN erased_at timestamptz,
-- NOT VALID: no row can break it yet, and a look at all of them would hold up writers.
ADD CONSTRAINT job_erased_holds_nothing CHECK (
  erased_at IS NULL OR (
    finished_at IS NOT NULL AND requirement IS NULL AND labels = '{}' AND draft_task IS NULL
    AND coalesce(legacy, '{}') = '{}'
  )
) NOT VALID;

-- Erasure looks for the answers that quote the job.
CREATE INDEX idempotency_key_by_job ON idempotency_key (tenant_id, (response_body ->> 'job_id'))
WHERE response_body ? 'job_id';

CREATE FUNCTION refuse_erased_change() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
  RAISE EXCEPTION 'the data of this job were erased: it does not change any more'
    USING ERRCODE = 'SS001', CONSTRAINT = 'job_erased_is_final', TABLE = 'job',
      HINT = 'Make a new job.';
END
$$;

CREATE TRIGGER guard_erased BEFORE UPDATE ON job
FOR EACH ROW WHEN (OLD.erased_at IS NOT NULL) EXECUTE FUNCTION refuse_erased_change();

-- As before; and an erasure may empty what the file held. Which file it was stays known, so that it is not lifted again.
CREATE OR REPLACE FUNCTION guard_job_legacy() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
  IF (NEW.legacy, NEW.legacy_sha256, NEW.legacy_schema_version)
    IS NOT DISTINCT FROM (OLD.legacy, OLD.legacy_sha256, OLD.legacy_schema_version) THEN
    RETURN NEW;
  END IF;
  IF NEW.erased_at IS NOT NULL AND OLD.legacy IS NOT NULL AND NEW.legacy = '{}'
    AND (NEW.legacy_sha256, NEW.legacy_schema_version) = (OLD.legacy_sha256, OLD.legacy_schema_version) THEN
    RETURN NEW;
  END IF;
  IF current_user <> 'ss_migration' THEN
    RAISE EXCEPTION 'what a legacy file held does not change'
      USING ERRCODE = 'SS001', CONSTRAINT = 'job_legacy_is_fixed', TABLE = 'job';
  END IF;
  RETURN NEW;
END
$$;

-- An answer of a language model that comes after its job was erased is not kept.
CREATE FUNCTION refuse_answer_of_erased() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
  IF EXISTS (
    SELECT FROM public.job
    WHERE tenant_id = NEW.tenant_id AND job_id = NEW.subject_id AND erased_at IS NOT NULL
  ) THEN
    NEW.answer := NULL;
  END IF;
  RETURN NEW;
END
$$;

CREATE TRIGGER guard_answer BEFORE INSERT OR UPDATE OF answer ON llm_call
FOR EACH ROW WHEN (NEW.answer IS NOT NULL) EXECUTE FUNCTION refuse_answer_of_erased();

-- As before, but of an error only the code and the step: its message may quote the data.
CREATE OR REPLACE FUNCTION audit_job_update() RETURNS trigger
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
      ELSE jsonb_strip_nulls(jsonb_build_object(
          'plan_id', n.plan_id,
          'error', CASE
            WHEN n.error IS NOT NULL THEN jsonb_build_object('code', n.error -> 'code', 'step_id', n.error -> 'step_id')
          END
        )) || coalesce(nullif(current_setting('ss.audit_metadata', true), '')::jsonb, '{}')
    END
  FROM new_rows AS n
  JOIN old_rows AS o ON o.tenant_id = n.tenant_id AND o.job_id = n.job_id
  LEFT JOIN job_move AS m ON m.from_status = o.status AND m.to_status = n.status;
  RETURN NULL;
END
$$;

-- What is left of an error: where, and of which kind.
CREATE FUNCTION without_message(failure jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE
AS $$
  SELECT CASE
    WHEN failure IS NOT NULL THEN jsonb_strip_nulls(jsonb_build_object(
      'code', failure -> 'code', 'step_id', failure -> 'step_id', 'message', 'Erased with the data of the job.'
    ))
  END
$$;

-- Erases the data of one job of the transaction's tenant and answers its row; none when the job is not there, has not
-- ended, is erased already, or is at another version (NULL: whichever it is). The files are the caller's to remove, after
-- the commit. SECURITY DEFINER: no program may delete these rows one by one, all of them at once is another matter.
CREATE FUNCTION erase_job_data(erased_job text, seen_version bigint) RETURNS SETOF job
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
    'requirement', NULL, 'labels', '{}'::jsonb,
    'erased_at', to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
  )
  WHERE tenant_id = own_tenant AND response_body ->> 'job_id' = erased_job AND response_body ? 'job_id';
  GET DIAGNOSTICS counted = ROW_COUNT;
  counts := counts || jsonb_build_object('kept_answers', counted);

  PERFORM set_config('ss.action', 'job.data_erased', true), set_config('ss.audit_metadata', counts::text, true);
  RETURN QUERY
  UPDATE job
  SET version = version + 1, erased_at = moment, requirement = NULL, labels = '{}', draft_task = NULL,
    error = without_message(error), legacy = CASE WHEN legacy IS NOT NULL THEN '{}'::jsonb END
  WHERE tenant_id = own_tenant AND job_id = erased_job
  RETURNING *;
END
$$;

REVOKE ALL ON FUNCTION erase_job_data(text, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION erase_job_data(text, bigint) TO ss_api, ss_operator;
