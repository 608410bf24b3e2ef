-- What recovery needs to know: which worker can carry a job out, how often a job took its worker down, until
-- when it may wait; which workers there are; which queues are paused.
-- Columns with constant defaults and new tables only: no row is rewritten, and the running release goes on.

ALTER TABLE job
-- What a worker must be able to do: the step types of the plan, and command:<profile>. Set by confirm.
ADD COLUMN needs text[] NOT NULL DEFAULT '{}',
-- Runs whose worker was gone before they ended. They use up no attempts, but a job that takes down every
-- worker which touches it has to end.
ADD COLUMN lost_runs integer NOT NULL DEFAULT 0,
-- A job that still waits in the queue then is failed.
ADD COLUMN expires_at timestamptz;

-- The sweep looks for waiting jobs whose time is over. Nearly no job has such a time.
CREATE INDEX job_expiring ON job (expires_at)
WHERE status = 'queued' AND expires_at IS NOT NULL;

GRANT INSERT (expires_at) ON job TO ss_api;

-- Options of the whole plan (retry, timeout_seconds), which a client's own plan may bring.
ALTER TABLE draft ADD COLUMN plan_options jsonb NOT NULL DEFAULT '{}';

-- The run that did the step, when this one only took its results over.
ALTER TABLE run_step ADD COLUMN resumed_from uuid;

INSERT INTO job_move (from_status, to_status, move, action) VALUES
('queued', 'failed', 'expire', 'job.expired');

-- A row for each start of a worker. Heartbeats renew seen_at; by it alone is told whether a worker lives.
CREATE TABLE worker (
  worker_id uuid NOT NULL,
  build text NOT NULL,
  -- Step types, and command:<profile> for each profile. A job is claimed only by a worker that has all it needs.
  abilities text[] NOT NULL,
  slots integer NOT NULL,
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  stopped_at timestamptz,
  CONSTRAINT worker_pkey PRIMARY KEY (worker_id),
  CONSTRAINT worker_has_slots CHECK (slots > 0)
)
WITH (fillfactor = 70);

GRANT SELECT ON worker TO ss_api, ss_worker, ss_operator, ss_system;
GRANT INSERT, UPDATE, DELETE ON worker TO ss_worker, ss_system;

-- A row: nothing is taken from this queue until somebody resumes it.
CREATE TABLE queue_pause (
  queue_name text NOT NULL,
  reason text NOT NULL,
  paused_by text NOT NULL,
  paused_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT queue_pause_pkey PRIMARY KEY (queue_name)
);

GRANT SELECT ON queue_pause TO ss_api, ss_worker, ss_operator, ss_system;
GRANT INSERT, DELETE ON queue_pause TO ss_api, ss_operator;
