-- What the reconciler and explain read: the jobs that want a message, in the order of their key, and how many
-- slots of each worker are taken.
-- The indexes hold waiting jobs only and are small; building them keeps writers of job waiting for one pass over
-- the table. The column has a constant default: no row is rewritten. The running release goes on with all of it.

-- The reconciler walks through the jobs that stand in the queue, a page at a time.
CREATE INDEX job_queued ON job (tenant_id, job_id)
WHERE status = 'queued';

-- The same for the jobs that wait for a draft.
CREATE INDEX job_drafting ON job (tenant_id, job_id)
WHERE draft_task ->> 'state' = 'pending';

-- As of seen_at: each heartbeat sets both.
ALTER TABLE worker
ADD COLUMN busy_slots integer NOT NULL DEFAULT 0,
ADD CONSTRAINT worker_busy_slots_are_not_negative CHECK (busy_slots >= 0);
