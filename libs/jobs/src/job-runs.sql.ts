/**
 * The statements of `JobRuns`. Those on many jobs name them by arrays ($1 tenants, $2 jobs, …) that `unnest`
 * puts together again.
 */

/** Moves queued jobs to running and opens their runs. $3 worker, $4 build, $5 lease in milliseconds. */
export const CLAIM_JOBS = `
  WITH claimed AS (
    UPDATE job
    SET status = 'running', version = version + 1, lease_no = lease_no + 1, run_id = gen_random_uuid(),
      started_at = clock_timestamp(), error = NULL
    FROM unnest($1::text[], $2::text[]) AS wanted (tenant_id, job_id)
    WHERE job.tenant_id = wanted.tenant_id AND job.job_id = wanted.job_id AND job.status = 'queued'
    RETURNING job.tenant_id, job.job_id, job.run_id, job.lease_no, job.attempts + 1 AS attempt, job.trace_id
  ), opened AS (
    INSERT INTO run (tenant_id, job_id, run_id, attempt, lease_no, worker_id, worker_build, lease_until)
    SELECT tenant_id, job_id, run_id, attempt, lease_no, $3::uuid, $4,
      clock_timestamp() + make_interval(secs => $5::double precision / 1000)
    FROM claimed
  )
  SELECT tenant_id AS "tenantId", job_id AS "jobId", run_id AS "runId", lease_no AS "leaseNo", attempt,
    trace_id AS "traceId"
  FROM claimed`;

/** Answers the runs whose lease could be renewed; the others are lost. */
export const RENEW_LEASES = `
  UPDATE run
  SET lease_until = clock_timestamp() + make_interval(secs => $5::double precision / 1000)
  FROM unnest($1::text[], $2::text[], $3::uuid[], $4::bigint[]) AS held (tenant_id, job_id, run_id, lease_no)
  WHERE run.tenant_id = held.tenant_id AND run.job_id = held.job_id AND run.run_id = held.run_id
    AND run.lease_no = held.lease_no AND run.ended_at IS NULL
  RETURNING run.run_id`;

/** The fence: a row if the lease is held. The lock keeps the run open until the caller has written. */
export const HOLD_LEASE = `
  SELECT FROM run
  WHERE tenant_id = $1 AND job_id = $2 AND run_id = $3 AND lease_no = $4 AND ended_at IS NULL
  FOR SHARE`;

export const BEGIN_STEP = `
  INSERT INTO run_step (tenant_id, job_id, run_id, step_id, position, type)
  VALUES ($1, $2, $3, $4, $5, $6)`;

export const END_STEP = `
  UPDATE run_step
  SET ended_at = clock_timestamp(), outcome = $5, error = $6, summary = $7
  WHERE tenant_id = $1 AND job_id = $2 AND run_id = $3 AND step_id = $4 AND ended_at IS NULL`;

/** Fenced by run and lease. $5 the status to reach, $6 the error. Only a failure counts as an attempt. */
export const SETTLE_JOB = `
  UPDATE job
  SET status = $5::text, version = version + 1, error = $6::jsonb,
    attempts = attempts + ($5::text = 'failed')::integer,
    finished_at = CASE WHEN $5::text <> 'queued' THEN clock_timestamp() END,
    queued_at = CASE WHEN $5::text = 'queued' THEN clock_timestamp() ELSE queued_at END
  WHERE tenant_id = $1 AND job_id = $2 AND status = 'running' AND run_id = $3 AND lease_no = $4
  RETURNING priority`;

/** Ends the run, if it is open, and the steps under way with it. $4 outcome, $5 error. */
export const CLOSE_RUN = `
  WITH closed AS (
    UPDATE run
    SET ended_at = clock_timestamp(), outcome = $4::text, error = $5
    WHERE tenant_id = $1 AND job_id = $2 AND run_id = $3 AND ended_at IS NULL
  )
  UPDATE run_step
  SET ended_at = clock_timestamp(), outcome = $4::text
  WHERE tenant_id = $1 AND job_id = $2 AND run_id = $3 AND ended_at IS NULL`;

/** Queues the jobs of runs whose lease has run out. By the database's clock alone. $1 at most so many. */
export const ABANDON_EXPIRED = `
  WITH expired AS (
    SELECT tenant_id, job_id, run_id, lease_no
    FROM run
    WHERE ended_at IS NULL AND lease_until < clock_timestamp()
    ORDER BY lease_until
    LIMIT $1
  )
  UPDATE job
  SET status = 'queued', version = version + 1, queued_at = clock_timestamp()
  FROM expired
  WHERE job.tenant_id = expired.tenant_id AND job.job_id = expired.job_id AND job.status = 'running'
    AND job.run_id = expired.run_id AND job.lease_no = expired.lease_no
  RETURNING job.tenant_id AS "tenantId", job.job_id AS "jobId", job.run_id AS "runId", job.lease_no AS "leaseNo",
    job.priority`;

export const CLOSE_RUNS = `
  WITH closed AS (
    UPDATE run
    SET ended_at = clock_timestamp(), outcome = 'lost'
    FROM unnest($1::text[], $2::text[], $3::uuid[]) AS lost (tenant_id, job_id, run_id)
    WHERE run.tenant_id = lost.tenant_id AND run.job_id = lost.job_id AND run.run_id = lost.run_id
      AND run.ended_at IS NULL
    RETURNING run.tenant_id, run.job_id, run.run_id
  )
  UPDATE run_step
  SET ended_at = clock_timestamp(), outcome = 'lost'
  FROM closed
  WHERE run_step.tenant_id = closed.tenant_id AND run_step.job_id = closed.job_id
    AND run_step.run_id = closed.run_id AND run_step.ended_at IS NULL`;
