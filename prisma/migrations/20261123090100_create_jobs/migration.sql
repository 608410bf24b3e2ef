-- Jobs and all that belongs to one: inputs, drafts, the frozen plan, runs with their steps, artifacts.
-- New tables only; a running release does not notice.

CREATE TABLE job (
  tenant_id text NOT NULL,
  job_id text NOT NULL,
  -- The optimistic lock: every change raises it by one (job_guard in 20261123090300 sees to it).
  version bigint NOT NULL DEFAULT 1,
  status text NOT NULL DEFAULT 'created',
  requirement text,
  priority integer NOT NULL DEFAULT 0,
  labels jsonb NOT NULL DEFAULT '{}',
  inputs_fingerprint text,
  draft_revision integer NOT NULL DEFAULT 0,
  -- A drafting that was asked for and has not answered yet, or how it failed. NULL: nothing is asked.
  draft_task jsonb,
  plan_id text,
  attempts integer NOT NULL DEFAULT 0,
  -- The fence: raised by every claim, never reset. What a worker writes names the number it was given.
  lease_no bigint NOT NULL DEFAULT 0,
  run_id uuid,
  error jsonb,
  trace_id text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  confirmed_at timestamptz,
  queued_at timestamptz,
  scheduled_at timestamptz,
  started_at timestamptz,
  finished_at timestamptz,
  CONSTRAINT job_pkey PRIMARY KEY (tenant_id, job_id),
  CONSTRAINT job_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant (tenant_id),
  CONSTRAINT job_id_is_not_blank CHECK (job_id <> '' AND char_length(job_id) <= 255),
  CONSTRAINT job_version_is_positive CHECK (version >= 1),
  CONSTRAINT job_status_is_known CHECK (
    status IN ('created', 'draft_ready', 'confirmed', 'queued', 'running', 'succeeded', 'failed', 'cancelled')
  ),
  CONSTRAINT job_labels_are_an_object CHECK (jsonb_typeof(labels) = 'object'),
  CONSTRAINT job_finished_iff_terminal CHECK (
    (finished_at IS NOT NULL) = (status IN ('succeeded', 'failed', 'cancelled'))
  ),
  CONSTRAINT job_waits_and_runs_with_a_plan CHECK (
    status NOT IN ('confirmed', 'queued', 'running') OR plan_id IS NOT NULL
  ),
  CONSTRAINT job_runs_under_a_lease CHECK (status <> 'running' OR (run_id IS NOT NULL AND lease_no > 0)),
  CONSTRAINT job_trace_id_is_w3c CHECK (trace_id ~ '^[0-9a-f]{32}$')
)
-- Room on each page for the row's next version: updates that touch no indexed column stay on the page.
WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);

-- GET /v1/jobs, newest first; and the same with a status.
CREATE INDEX job_newest_first ON job (tenant_id, created_at DESC, job_id DESC);
CREATE INDEX job_newest_first_by_status ON job (tenant_id, status, created_at DESC, job_id DESC);

CREATE TABLE input_dataset (
  tenant_id text NOT NULL,
  job_id text NOT NULL,
  -- The name of the dataset's table in SQL.
  dataset_key text NOT NULL,
  role text NOT NULL,
  original_name text NOT NULL,
  format text NOT NULL,
  bytes bigint NOT NULL,
  sha256 text NOT NULL,
  storage_name text NOT NULL,
  -- What reading the whole file showed: row count, columns with types and figures, sample rows.
  profile jsonb NOT NULL,
  uploaded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT input_dataset_pkey PRIMARY KEY (tenant_id, job_id, dataset_key),
  CONSTRAINT input_dataset_job_fkey FOREIGN KEY (tenant_id, job_id) REFERENCES job (tenant_id, job_id),
  CONSTRAINT input_dataset_role_is_known CHECK (
    role IN ('primary_dataset', 'secondary_dataset', 'auxiliary_data', 'other')
  ),
  CONSTRAINT input_dataset_format_is_known CHECK (format IN ('csv', 'tsv', 'jsonl', 'parquet', 'xlsx')),
  CONSTRAINT input_dataset_sha256_is_hex CHECK (sha256 ~ '^[0-9a-f]{64}$')
);

CREATE UNIQUE INDEX input_dataset_one_primary_a_job ON input_dataset (tenant_id, job_id)
WHERE role = 'primary_dataset';

CREATE TABLE draft (
  tenant_id text NOT NULL,
  job_id text NOT NULL,
  revision integer NOT NULL,
  source text NOT NULL,
  text text NOT NULL,
  steps jsonb NOT NULL,
  questions jsonb NOT NULL DEFAULT '[]',
  assumptions jsonb NOT NULL DEFAULT '[]',
  warnings jsonb NOT NULL DEFAULT '[]',
  answers jsonb NOT NULL DEFAULT '{}',
  notes text,
  -- The inputs that the drafter saw. Other inputs at confirm time: the draft is out of date.
  inputs_fingerprint text,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT draft_pkey PRIMARY KEY (tenant_id, job_id, revision),
  CONSTRAINT draft_job_fkey FOREIGN KEY (tenant_id, job_id) REFERENCES job (tenant_id, job_id),
  CONSTRAINT draft_source_is_known CHECK (source IN ('rules', 'client')),
  CONSTRAINT draft_revision_is_positive CHECK (revision >= 1)
);

-- The frozen plan: written once, at confirm. What runs is this row.
CREATE TABLE plan (
  tenant_id text NOT NULL,
  job_id text NOT NULL,
  plan_id text NOT NULL,
  plan_version integer NOT NULL,
  document jsonb NOT NULL,
  inputs_fingerprint text,
  draft_revision integer NOT NULL,
  notes text,
  frozen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT plan_pkey PRIMARY KEY (tenant_id, job_id),
  CONSTRAINT plan_job_fkey FOREIGN KEY (tenant_id, job_id) REFERENCES job (tenant_id, job_id),
  CONSTRAINT plan_id_is_a_sha256 CHECK (plan_id ~ '^[0-9a-f]{64}$')
);

CREATE TABLE run (
  tenant_id text NOT NULL,
  job_id text NOT NULL,
  run_id uuid NOT NULL,
  attempt integer NOT NULL,
  lease_no bigint NOT NULL,
  worker_id uuid NOT NULL,
  worker_build text NOT NULL,
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- Renewed by every heartbeat; in no index, so that a renewal stays on its page.
  lease_until timestamptz NOT NULL,
  ended_at timestamptz,
  outcome text,
  error jsonb,
  CONSTRAINT run_pkey PRIMARY KEY (tenant_id, job_id, run_id),
  CONSTRAINT run_job_fkey FOREIGN KEY (tenant_id, job_id) REFERENCES job (tenant_id, job_id),
  CONSTRAINT run_has_its_own_lease UNIQUE (tenant_id, job_id, lease_no),
  CONSTRAINT run_outcome_is_known CHECK (
    outcome IN ('succeeded', 'failed', 'interrupted', 'lost', 'cancelled', 'timed_out')
  ),
  CONSTRAINT run_ended_iff_outcome CHECK ((ended_at IS NULL) = (outcome IS NULL))
)
WITH (fillfactor = 70);

-- One open run a job; also what renewal and the sweep for expired leases read.
CREATE UNIQUE INDEX run_one_open_a_job ON run (tenant_id, job_id)
WHERE ended_at IS NULL;

CREATE TABLE run_step (
  tenant_id text NOT NULL,
  job_id text NOT NULL,
  run_id uuid NOT NULL,
  step_id text NOT NULL,
  position integer NOT NULL,
  type text NOT NULL,
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  ended_at timestamptz,
  outcome text,
  error jsonb,
  summary jsonb,
  CONSTRAINT run_step_pkey PRIMARY KEY (tenant_id, job_id, run_id, step_id),
  CONSTRAINT run_step_run_fkey FOREIGN KEY (tenant_id, job_id, run_id)
    REFERENCES run (tenant_id, job_id, run_id),
  CONSTRAINT run_step_outcome_is_known CHECK (
    outcome IN ('succeeded', 'failed', 'interrupted', 'lost', 'cancelled', 'timed_out')
  ),
  CONSTRAINT run_step_ended_iff_outcome CHECK ((ended_at IS NULL) = (outcome IS NULL))
);

CREATE TABLE artifact (
  tenant_id text NOT NULL,
  job_id text NOT NULL,
  rel_path text NOT NULL,
  kind text NOT NULL,
  content_type text NOT NULL,
  bytes bigint NOT NULL,
  sha256 text NOT NULL,
  -- Where the bytes are, under the job's folder. Names differ by run, so that a worker which lost its
  -- lease cannot overwrite the files of the run that replaced it.
  storage_name text NOT NULL,
  run_id uuid,
  step_id text,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT artifact_pkey PRIMARY KEY (tenant_id, job_id, rel_path),
  CONSTRAINT artifact_job_fkey FOREIGN KEY (tenant_id, job_id) REFERENCES job (tenant_id, job_id),
  CONSTRAINT artifact_run_fkey FOREIGN KEY (tenant_id, job_id, run_id)
    REFERENCES run (tenant_id, job_id, run_id),
  CONSTRAINT artifact_sha256_is_hex CHECK (sha256 ~ '^[0-9a-f]{64}$')
);

CALL protect_tenant_rows('job');
CALL protect_tenant_rows('input_dataset');
CALL protect_tenant_rows('draft');
CALL protect_tenant_rows('plan');
CALL protect_tenant_rows('run');
CALL protect_tenant_rows('run_step');
CALL protect_tenant_rows('artifact');

GRANT SELECT ON job, input_dataset, draft, plan, run, run_step, artifact
TO ss_api, ss_worker, ss_operator, ss_system;
-- Times, status, version and lease of a new job are the database's to say.
GRANT INSERT (tenant_id, job_id, requirement, priority, labels, scheduled_at, trace_id) ON job TO ss_api;
GRANT INSERT ON plan TO ss_api;
GRANT UPDATE ON job TO ss_api, ss_worker, ss_system;
GRANT INSERT, DELETE ON input_dataset TO ss_api;
GRANT INSERT, UPDATE ON draft TO ss_api, ss_worker;
GRANT INSERT ON run TO ss_worker, ss_system;
GRANT UPDATE ON run TO ss_worker, ss_system;
-- A cancel ends the run and its steps.
GRANT UPDATE (ended_at, outcome, error) ON run, run_step TO ss_api;
GRANT INSERT ON run_step TO ss_worker, ss_system;
GRANT UPDATE ON run_step TO ss_worker, ss_system;
GRANT INSERT, UPDATE ON artifact TO ss_api, ss_worker;
