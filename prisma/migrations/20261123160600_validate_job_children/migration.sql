-- Looks at the rows that were there before their foreign keys, and the rule for erased jobs, were exchanged.
-- Reads and writes go on beside it; a running release does not notice.

ALTER TABLE input_dataset VALIDATE CONSTRAINT input_dataset_job_fkey;
ALTER TABLE draft VALIDATE CONSTRAINT draft_job_fkey;
ALTER TABLE plan VALIDATE CONSTRAINT plan_job_fkey;
ALTER TABLE run VALIDATE CONSTRAINT run_job_fkey;
ALTER TABLE run_step VALIDATE CONSTRAINT run_step_run_fkey;
ALTER TABLE artifact VALIDATE CONSTRAINT artifact_job_fkey;
ALTER TABLE artifact VALIDATE CONSTRAINT artifact_run_fkey;
ALTER TABLE job VALIDATE CONSTRAINT job_erased_holds_nothing;
