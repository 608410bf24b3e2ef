-- What an operator changes and sees while programs run: levels of the log that hold for a time, and what each worker runs.
-- New tables and a grant; the running release does not notice.

-- A row: from now until then this program, or this one worker, logs from another level on. It ends by itself.
CREATE TABLE log_level (
  -- `api`, `worker`, or the worker_id of one worker, which goes before the program.
  target text NOT NULL,
  level text NOT NULL,
  reason text NOT NULL,
  set_by text NOT NULL,
  set_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  ends_at timestamptz NOT NULL,
  CONSTRAINT log_level_pkey PRIMARY KEY (target),
  CONSTRAINT log_level_is_known CHECK (level IN ('fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent')),
  CONSTRAINT log_level_ends_after_it_was_set CHECK (ends_at > set_at)
);

GRANT SELECT ON log_level TO ss_api, ss_worker, ss_operator;
GRANT INSERT, UPDATE, DELETE ON log_level TO ss_operator;

-- What a worker ran at its last heartbeat: [{tenant_id, job_id, run_id, attempt, started_at}], the oldest first.
CREATE TABLE worker_activity (
  worker_id uuid NOT NULL,
  runs jsonb NOT NULL,
  CONSTRAINT worker_activity_pkey PRIMARY KEY (worker_id)
)
WITH (fillfactor = 70);

-- It tells of jobs of every tenant: only who looks at the whole platform sees it, and a tenant's request sees no row.
ALTER TABLE worker_activity ENABLE ROW LEVEL SECURITY;
ALTER TABLE worker_activity FORCE ROW LEVEL SECURITY;
CREATE POLICY platform_only ON worker_activity FOR SELECT
USING (current_setting('ss.tenant_id', true) = '@platform');
CREATE POLICY across_tenants ON worker_activity TO ss_system USING (true) WITH CHECK (true);

GRANT SELECT ON worker_activity TO ss_api, ss_operator, ss_system;
GRANT INSERT, UPDATE, DELETE ON worker_activity TO ss_system;

-- The last migrations, without the folder that they read.
GRANT SELECT (batch_id, kind, started_by, started_at, seen_at, ended_at, counts) ON migration_batch TO ss_api;
