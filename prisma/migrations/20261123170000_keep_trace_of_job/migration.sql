-- The span that asked for a job, and what tracing systems told each other on the way there: the worker's spans continue it.
-- Two columns that may be NULL, and constraints that no row can break yet. A running release does not notice.

ALTER TABLE job
ADD COLUMN trace_parent text,
ADD COLUMN trace_state text,
-- NOT VALID: a look at all rows would hold up writers, and they are all NULL.
ADD CONSTRAINT job_trace_parent_is_of_its_trace CHECK (
  trace_parent IS NULL OR trace_parent ~ ('^00-' || trace_id || '-[0-9a-f]{16}-[0-9a-f]{2}$')
) NOT VALID,
ADD CONSTRAINT job_trace_state_is_short CHECK (length(trace_state) <= 512) NOT VALID,
ADD CONSTRAINT job_trace_state_has_a_parent CHECK (trace_state IS NULL OR trace_parent IS NOT NULL) NOT VALID;

GRANT INSERT (trace_parent, trace_state) ON job TO ss_api;
