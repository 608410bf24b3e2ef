-- Jobs that have ended are kept for a time and then deleted with all that belongs to them. See docs/job-retention.md.
-- A running release does not notice: it deletes no job. Foreign keys are exchanged without a look at the rows (the next
-- schema migration takes it); building the indexes keeps writers of job and idempotency_key waiting for one pass.

-- What belongs to a job goes with it, whoever deletes it: so whoever may delete jobs needs no right on all these tables.
ALTER TABLE input_dataset
DROP CONSTRAINT input_dataset_job_fkey,
ADD CONSTRAINT input_dataset_job_fkey FOREIGN KEY (tenant_id, job_id) REFERENCES job (tenant_id, job_id)
ON DELETE CASCADE NOT VALID;
ALTER TABLE draft
DROP CONSTRAINT draft_job_fkey,
ADD CONSTRAINT draft_job_fkey FOREIGN KEY (tenant_id, job_id) REFERENCES job (tenant_id, job_id)
ON DELETE CASCADE NOT VALID;
ALTER TABLE plan
DROP CONSTRAINT plan_job_fkey,
ADD CONSTRAINT plan_job_fkey FOREIGN KEY (tenant_id, job_id) REFERENCES job (tenant_id, job_id)
ON DELETE CASCADE NOT VALID;
ALTER TABLE run
DROP CONSTRAINT run_job_fkey,
ADD CONSTRAINT run_job_fkey FOREIGN KEY (tenant_id, job_id) REFERENCES job (tenant_id, job_id)
ON DELETE CASCADE NOT VALID;
ALTER TABLE run_step
DROP CONSTRAINT run_step_run_fkey,
ADD CONSTRAINT run_step_run_fkey FOREIGN KEY (tenant_id, job_id, run_id) REFERENCES run (tenant_id, job_id, run_id)
ON DELETE CASCADE NOT VALID;
ALTER TABLE artifact
DROP CONSTRAINT artifact_job_fkey,
DROP CONSTRAINT artifact_run_fkey,
ADD CONSTRAINT artifact_job_fkey FOREIGN KEY (tenant_id, job_id) REFERENCES job (tenant_id, job_id)
ON DELETE CASCADE NOT VALID,
ADD CONSTRAINT artifact_run_fkey FOREIGN KEY (tenant_id, job_id, run_id) REFERENCES run (tenant_id, job_id, run_id)
ON DELETE CASCADE NOT VALID;

-- The time for which a job is kept begins with its end, or here if that is later: a job that was lifted out of a legacy file
-- ended long ago, and is not to be gone before somebody has looked at it. The jobs that are there get the moment of this
-- schema migration, by a default that writes no row and does not stay: an upgrade deletes nothing by surprise.
ALTER TABLE job ADD COLUMN kept_from timestamptz DEFAULT now();
ALTER TABLE job ALTER COLUMN kept_from DROP DEFAULT;

-- As before, and a lifted job says when it came.
CREATE OR REPLACE FUNCTION guard_job_insert() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
  -- The name of the role, not of the login: whoever may not take the role on cannot write so.
  IF NEW.legacy IS NOT NULL AND current_user = 'ss_migration' THEN
    NEW.kept_from := clock_timestamp();
    RETURN NEW;
  END IF;
  IF NEW.status <> 'created' OR NEW.version <> 1 OR NEW.lease_no <> 0 THEN
    RAISE EXCEPTION 'a job begins as created, with version 1 and no lease'
      USING ERRCODE = 'SS001', CONSTRAINT = 'job_move_is_known', TABLE = 'job';
  END IF;
  IF NEW.legacy IS NOT NULL THEN
    RAISE EXCEPTION 'only a migration says what a legacy file held'
      USING ERRCODE = 'SS001', CONSTRAINT = 'job_legacy_is_fixed', TABLE = 'job';
  END IF;
  RETURN NEW;
END
$$;

-- Retention: the jobs of a tenant whose time began before a day.
CREATE INDEX job_ended ON job (tenant_id, greatest(finished_at, kept_from))
WHERE finished_at IS NOT NULL;

-- Retention: the answers that are kept no longer.
CREATE INDEX idempotency_key_expiring ON idempotency_key (expires_at);

-- For everybody, the owner included: a job that is deleted while somebody works for it would leave them without it.
CREATE FUNCTION guard_job_delete() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
  IF OLD.finished_at IS NULL THEN
    RAISE EXCEPTION 'a job is deleted after its end; it is %', OLD.status
      USING ERRCODE = 'SS001', CONSTRAINT = 'job_is_deleted_after_its_end', TABLE = 'job',
        HINT = 'Cancel it first.';
  END IF;
  RETURN OLD;
END
$$;

CREATE TRIGGER guard_delete BEFORE DELETE ON job
FOR EACH ROW EXECUTE FUNCTION guard_job_delete();

-- The last row of a job's history: it leads nowhere. The next job of the same id begins a history of its own. Which legacy
-- file a job came from stays known, so that it is not lifted once more.
CREATE FUNCTION audit_job_delete() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
BEGIN
  INSERT INTO audit_event (
    tenant_id, actor_kind, actor_id, action, resource_type, resource_id, from_status, to_status, version,
    reason, request_id, trace_id, source, metadata
  )
  SELECT
    o.tenant_id,
    coalesce(nullif(current_setting('ss.actor_kind', true), ''), 'database_user'),
    coalesce(nullif(current_setting('ss.actor_id', true), ''), session_user),
    'job.deleted', 'job', o.job_id, o.status, NULL, o.version + 1,
    nullif(current_setting('ss.reason', true), ''),
    nullif(current_setting('ss.request_id', true), ''),
    o.trace_id,
    coalesce(nullif(current_setting('ss.source', true), ''), 'sql'),
    jsonb_strip_nulls(jsonb_build_object('finished_at', o.finished_at, 'legacy_sha256', o.legacy_sha256))
  FROM old_rows AS o;
  RETURN NULL;
END
$$;

CREATE TRIGGER audit_delete AFTER DELETE ON job
REFERENCING OLD TABLE AS old_rows
FOR EACH STATEMENT EXECUTE FUNCTION audit_job_delete();

-- Who has the right to it could hang it on a temporary table, and have it write to the audit what they like.
REVOKE ALL ON FUNCTION audit_job_delete() FROM PUBLIC;

GRANT DELETE ON job, llm_call, idempotency_key TO ss_system;
