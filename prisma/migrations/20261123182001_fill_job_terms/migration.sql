-- The terms of the jobs that were there before the last schema migration, so that lists find them by label and word.
-- Rows are added, none is changed, and nobody waits; a running release does not notice.

DO $$
DECLARE
  filled text;
BEGIN
  FOR filled IN SELECT tenant_id FROM job_term_fill ORDER BY tenant_id LOOP
    PERFORM set_config('ss.tenant_id', filled, true);
    INSERT INTO job_term (tenant_id, term, created_at, job_id)
    SELECT job.tenant_id, term, job.created_at, job.job_id
    FROM job
    CROSS JOIN LATERAL job_terms(job.requirement, job.labels) AS term
    WHERE job.tenant_id = filled AND (job.requirement IS NOT NULL OR job.labels <> '{}')
    ON CONFLICT DO NOTHING;
  END LOOP;
  PERFORM set_config('ss.tenant_id', '', true);
END
$$;

DROP TABLE job_term_fill;
