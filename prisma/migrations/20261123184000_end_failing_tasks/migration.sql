-- A task whose batch fails again and again ends as `failed` and says why; so far it was tried every second for ever.
-- Columns that a task is born without, and constraints that allow more. A running release does not notice; it shows the
-- status `failed` without its error.

ALTER TABLE task
-- In a row: a batch that is carried out makes it 0 again.
ADD COLUMN failed_batches integer NOT NULL DEFAULT 0,
-- Why it ended as failed.
ADD COLUMN error jsonb,
DROP CONSTRAINT task_status_is_known,
DROP CONSTRAINT task_ended_iff_over,
ADD CONSTRAINT task_status_is_known CHECK (status IN ('pending', 'running', 'done', 'failed', 'cancelled')),
ADD CONSTRAINT task_ended_iff_over CHECK ((ended_at IS NOT NULL) = (status IN ('done', 'failed', 'cancelled'))),
ADD CONSTRAINT task_failed_iff_error CHECK ((error IS NOT NULL) = (status = 'failed'));

GRANT UPDATE (failed_batches, error) ON task TO ss_worker;
