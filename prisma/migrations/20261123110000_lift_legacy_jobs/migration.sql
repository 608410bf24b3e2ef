-- Jobs that were lifted out of legacy job.json trees: what their rows keep beside the usual columns, the record of
-- every file that was met, and the one door through which a job may arrive in any state.
-- The running release survives it: new columns have defaults, what becomes nullable is nullable for lifted rows
-- alone, and the guards refuse to everybody else what they refused before.

-- The version of the data in the row; see docs/data-versions.md. A legacy file of an older one is lifted to it.
ALTER TABLE job
ADD COLUMN schema_version integer NOT NULL DEFAULT 3,
-- What the job's file held and no column can say; NULL for a job that was born here.
ADD COLUMN legacy jsonb,
-- The file's own version of the data, and its SHA-256: the same file again changes nothing.
ADD COLUMN legacy_schema_version integer,
ADD COLUMN legacy_sha256 text,
ADD CONSTRAINT job_legacy_is_an_object CHECK (jsonb_typeof(legacy) = 'object'),
ADD CONSTRAINT job_legacy_knows_its_file CHECK (
  (legacy IS NULL) = (legacy_sha256 IS NULL) AND (legacy IS NULL) = (legacy_schema_version IS NULL)
),
ADD CONSTRAINT job_legacy_sha256_is_hex CHECK (legacy_sha256 ~ '^[0-9a-f]{64}$'),
-- The legacy service queued jobs without a plan, ran them before it counted runs, and took any text for a trace id.
DROP CONSTRAINT job_waits_and_runs_with_a_plan,
ADD CONSTRAINT job_waits_and_runs_with_a_plan CHECK (
  status NOT IN ('confirmed', 'queued', 'running') OR plan_id IS NOT NULL OR legacy IS NOT NULL
),
DROP CONSTRAINT job_runs_under_a_lease,
ADD CONSTRAINT job_runs_under_a_lease CHECK (
  status <> 'running' OR (run_id IS NOT NULL AND lease_no > 0) OR legacy IS NOT NULL
),
DROP CONSTRAINT job_trace_id_is_w3c,
ADD CONSTRAINT job_trace_id_is_w3c CHECK (trace_id ~ '^[0-9a-f]{32}$' OR legacy IS NOT NULL);

-- The same for what belongs to a job: the part of the file that its columns cannot say.
ALTER TABLE draft ADD COLUMN legacy jsonb;
ALTER TABLE plan ADD COLUMN legacy jsonb;
ALTER TABLE run ADD COLUMN legacy jsonb;
-- A legacy job may list a file that is gone: its size and hash are not known, and downloading it says so.
ALTER TABLE artifact
ADD COLUMN legacy jsonb,
ALTER COLUMN bytes DROP NOT NULL,
ALTER COLUMN sha256 DROP NOT NULL,
ADD CONSTRAINT artifact_is_measured CHECK (
  (bytes IS NULL) = (sha256 IS NULL) AND (bytes IS NOT NULL OR legacy IS NOT NULL)
);

-- One row for each start of the tool.
CREATE TABLE migration_batch (
  batch_id uuid NOT NULL,
  kind text NOT NULL,
  root text NOT NULL,
  options jsonb NOT NULL,
  started_by text NOT NULL,
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- When the last rows were committed. A batch that has not ended and is not seen any more was killed.
  seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  ended_at timestamptz,
  counts jsonb NOT NULL DEFAULT '{}',
  CONSTRAINT migration_batch_pkey PRIMARY KEY (batch_id),
  CONSTRAINT migration_batch_kind_is_known CHECK (kind IN ('run', 'read_through'))
);

-- One row for each file that a batch met, written in the transaction that wrote the job's rows. The tenant is the
-- name of the folder, as it is: a quarantined file may stand under one that cannot be a tenant.
CREATE TABLE migration_item (
  tenant_id text NOT NULL,
  item_id bigint GENERATED ALWAYS AS IDENTITY,
  batch_id uuid NOT NULL,
  kind text NOT NULL,
  path text NOT NULL,
  job_id text NOT NULL,
  sha256 text,
  bytes bigint,
  from_version integer,
  to_version integer,
  steps text[] NOT NULL,
  outcome text NOT NULL,
  reasons text[] NOT NULL,
  -- Where in the document, and what else is known; never a value out of it.
  details jsonb NOT NULL,
  met_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT migration_item_pkey PRIMARY KEY (tenant_id, item_id),
  CONSTRAINT migration_item_kind_is_known CHECK (kind IN ('job', 'queue_record')),
  CONSTRAINT migration_item_outcome_is_known CHECK (
    outcome IN ('migrated', 'repaired', 'quarantined', 'unchanged', 'enqueue', 'ignored')
  ),
  CONSTRAINT migration_item_sha256_is_hex CHECK (sha256 ~ '^[0-9a-f]{64}$')
);

-- `migrate report`: the lines of one batch, in the order in which they were written.
CREATE INDEX migration_item_by_batch ON migration_item (batch_id, item_id);

CALL protect_tenant_rows('migration_item');

-- Who lifts: the operator's command line, and the API while it reads through to a tree. It works across tenants, as
-- ss_system does, and it alone may write a job in the state in which its file has it.
GRANT SELECT ON migration_batch, migration_item TO ss_operator, ss_system;
GRANT INSERT ON tenant, job, draft, plan, run, artifact, input_dataset TO ss_migration;
GRANT UPDATE, DELETE ON draft, plan, run, artifact, input_dataset TO ss_migration;
GRANT INSERT, UPDATE ON migration_batch TO ss_migration;
GRANT INSERT ON migration_item TO ss_migration;

CREATE OR REPLACE FUNCTION guard_job_insert() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
  -- The name of the role, not of the login: whoever may not take the role on cannot write so.
  IF NEW.legacy IS NOT NULL AND current_user = 'ss_migration' THEN
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

-- A guard of its own, so that guard_job_update stays what it is for everybody's moves.
CREATE FUNCTION guard_job_legacy() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
  IF current_user <> 'ss_migration' AND
    (NEW.legacy, NEW.legacy_sha256, NEW.legacy_schema_version)
    IS DISTINCT FROM (OLD.legacy, OLD.legacy_sha256, OLD.legacy_schema_version) THEN
    RAISE EXCEPTION 'what a legacy file held does not change'
      USING ERRCODE = 'SS001', CONSTRAINT = 'job_legacy_is_fixed', TABLE = 'job';
  END IF;
  RETURN NEW;
END
$$;

CREATE TRIGGER guard_legacy BEFORE UPDATE OF legacy, legacy_sha256, legacy_schema_version ON job
FOR EACH ROW EXECUTE FUNCTION guard_job_legacy();

-- As before, and one row `job.migrated` for a job that arrives from a file: no move leads to where it stands.
CREATE OR REPLACE FUNCTION audit_job_insert() RETURNS trigger
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
    CASE WHEN n.legacy IS NULL THEN m.action ELSE 'job.migrated' END,
    'job', n.job_id, NULL, n.status, n.version,
    nullif(current_setting('ss.reason', true), ''),
    nullif(current_setting('ss.request_id', true), ''),
    n.trace_id,
    coalesce(nullif(current_setting('ss.source', true), ''), 'sql'),
    CASE
      WHEN n.legacy IS NULL THEN nullif(current_setting('ss.audit_metadata', true), '')::jsonb
      ELSE jsonb_build_object(
        'from_version', n.legacy_schema_version, 'to_version', n.schema_version, 'sha256', n.legacy_sha256
      ) || coalesce(nullif(current_setting('ss.audit_metadata', true), '')::jsonb, '{}')
    END
  FROM new_rows AS n
  LEFT JOIN job_move AS m ON m.from_status IS NULL AND m.to_status = n.status
  WHERE n.legacy IS NOT NULL OR m.action IS NOT NULL;
  RETURN NULL;
END
$$;
