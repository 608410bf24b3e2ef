-- Tasks: a move of all jobs that fit a filter, which workers carry out in small batches. See docs/bulk.md.
-- A new table only; a running release does not notice, and its workers leave the tasks to those of this release.

CREATE TABLE task (
  tenant_id text NOT NULL,
  task_id uuid NOT NULL,
  -- The move of a job that it makes.
  move text NOT NULL,
  filter jsonb NOT NULL,
  reason text NOT NULL,
  -- Who asked for it: its moves are theirs in the audit.
  actor_kind text NOT NULL,
  actor_id text NOT NULL,
  request_id text,
  status text NOT NULL DEFAULT 'pending',
  -- Also the moment that the filter is frozen at: what was made later is not touched.
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  started_at timestamptz,
  -- The last batch: tasks take turns.
  seen_at timestamptz,
  ended_at timestamptz,
  -- The last job that was looked at. Written in the transaction of its batch, so that no job is met twice or left out.
  place jsonb,
  moved_jobs bigint NOT NULL DEFAULT 0,
  refused_jobs bigint NOT NULL DEFAULT 0,
  -- The first of those that were refused.
  failures jsonb NOT NULL DEFAULT '[]',
  CONSTRAINT task_pkey PRIMARY KEY (tenant_id, task_id),
  CONSTRAINT task_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant (tenant_id),
  CONSTRAINT task_move_is_one_for_many CHECK (move IN ('cancel', 'retry')),
  CONSTRAINT task_status_is_known CHECK (status IN ('pending', 'running', 'done', 'cancelled')),
  CONSTRAINT task_ended_iff_over CHECK ((ended_at IS NOT NULL) = (status IN ('done', 'cancelled'))),
  CONSTRAINT task_has_a_reason CHECK (reason ~ '\S')
);

-- The workers' look for what is to be done.
CREATE INDEX task_open ON task (seen_at NULLS FIRST, created_at)
WHERE ended_at IS NULL;

-- What is kept no longer.
CREATE INDEX task_ended ON task (ended_at)
WHERE ended_at IS NOT NULL;

CALL protect_tenant_rows('task');

GRANT SELECT ON task TO ss_api, ss_worker, ss_operator, ss_system;
GRANT INSERT (tenant_id, task_id, move, filter, reason, actor_kind, actor_id, request_id) ON task TO ss_api;
GRANT UPDATE (status, ended_at) ON task TO ss_api;
GRANT UPDATE (status, started_at, seen_at, ended_at, place, moved_jobs, refused_jobs, failures) ON task TO ss_worker;
GRANT DELETE ON task TO ss_system;
