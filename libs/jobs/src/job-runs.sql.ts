/**
 * The statements of `JobRuns` and `LostRuns`. Those on many jobs name them by arrays ($1 tenants, $2 jobs, …) that
 * `unnest` puts together again.
 */

/** What the row knows of the job's trace, as a `CarriedTrace`. */
const CARRIED_TRACE = `
    jsonb_strip_nulls(jsonb_build_object(
      'trace_id', job.trace_id, 'traceparent', job.trace_parent, 'tracestate', job.trace_state,
      'at', (extract(epoch FROM job.created_at) * 1000)::bigint
    ))`;

/**
 * Moves queued jobs to running and opens their runs. $3 worker, $4 build, $5 lease in milliseconds, $6 what the worker
 * can do. Not those whose time has not come, is over, or that need another worker.
 */
export const CLAIM_JOBS = `
  WITH claimed AS (
    UPDATE job
    SET status = 'running', version = version + 1, lease_no = lease_no + 1, run_id = gen_random_uuid(),
      started_at = clock_timestamp(), error = NULL
    FROM unnest($1::text[], $2::text[]) AS wanted (tenant_id, job_id)
    WHERE job.tenant_id = wanted.tenant_id AND job.job_id = wanted.job_id AND job.status = 'queued'
      AND (job.scheduled_at IS NULL OR job.scheduled_at <= clock_timestamp())
      AND (job.expires_at IS NULL OR job.expires_at > clock_timestamp())
      AND job.needs <@ $6::text[]
    RETURNING job.tenant_id, job.job_id, job.run_id, job.lease_no, job.attempts + 1 AS attempt, job.trace_id,
      ${CARRIED_TRACE} AS trace,
      extract(epoch FROM job.started_at - job.queued_at)::float8 AS queued_seconds,
      extract(epoch FROM job.started_at - greatest(job.queued_at, job.scheduled_at))::float8 AS waited_seconds
  ), opened AS (
    INSERT INTO run (tenant_id, job_id, run_id, attempt, lease_no, worker_id, worker_build, lease_until)
    SELECT tenant_id, job_id, run_id, attempt, lease_no, $3::uuid, $4,
      clock_timestamp() + make_interval(secs => $5::double precision / 1000)
    FROM claimed
  )
  SELECT tenant_id AS "tenantId", job_id AS "jobId", run_id AS "runId", lease_no AS "leaseNo", attempt,
    trace_id AS "traceId", trace,
    queued_seconds AS "queuedSeconds", waited_seconds AS "waitedSeconds"
  FROM claimed`;

/**
 * Of jobs whose message was taken, those that still wait: when to look at each again. One that needs another worker
 * comes back after $3 milliseconds.
 */
export const STILL_WAITING = `
  SELECT job.tenant_id AS "tenantId", job.job_id AS "jobId", job.priority,
    greatest(job.scheduled_at, clock_timestamp() + make_interval(secs => $3::double precision / 1000)) AS "notBefore"
  FROM unnest($1::text[], $2::text[]) AS wanted (tenant_id, job_id)
  JOIN job ON job.tenant_id = wanted.tenant_id AND job.job_id = wanted.job_id
  WHERE job.status = 'queued' AND (job.expires_at IS NULL OR job.expires_at > clock_timestamp())`;

/** Open runs of the worker $1 that it does not know of ($2): the answer to its claim was lost. */
export const FIND_UNKNOWN_RUNS = `
  SELECT run.tenant_id AS "tenantId", run.job_id AS "jobId", run.run_id AS "runId", run.lease_no AS "leaseNo",
    run.attempt, job.trace_id AS "traceId", ${CARRIED_TRACE} AS trace
  FROM run
  JOIN job ON job.tenant_id = run.tenant_id AND job.job_id = run.job_id
  WHERE run.ended_at IS NULL AND run.worker_id = $1 AND run.run_id <> ALL ($2::uuid[])`;

/** The fence: a row if the lease is held. The lock keeps the run open until the caller has written. */
export const HOLD_LEASE = `
  SELECT FROM run
  WHERE tenant_id = $1 AND job_id = $2 AND run_id = $3 AND lease_no = $4 AND ended_at IS NULL
  FOR SHARE`;

/** Steps that earlier runs of the job have done: its plan and inputs are frozen, so they are done for good. */
export const FIND_DONE_STEPS = `
  SELECT step.step_id AS "stepId", step.run_id AS "runId",
    coalesce(
      jsonb_agg(jsonb_build_object('kind', file.kind, 'storageName', file.storage_name))
        FILTER (WHERE file.rel_path IS NOT NULL),
      '[]'
    ) AS files
  FROM run_step AS step
  LEFT JOIN artifact AS file ON file.tenant_id = step.tenant_id AND file.job_id = step.job_id
    AND file.run_id = step.run_id AND file.step_id = step.step_id
  WHERE step.tenant_id = $1 AND step.job_id = $2 AND step.outcome = 'succeeded' AND step.resumed_from IS NULL
  GROUP BY step.step_id, step.run_id, step.ended_at
  ORDER BY step.ended_at`;

/** A step that was begun already is begun: the answer to the first time was lost. */
export const BEGIN_STEP = `
  INSERT INTO run_step (tenant_id, job_id, run_id, step_id, position, type)
  VALUES ($1, $2, $3, $4, $5, $6)
  ON CONFLICT ON CONSTRAINT run_step_pkey DO NOTHING`;

/** What the program of a step printed, for those who follow. */
export const TELL_PRINTED = `
  INSERT INTO run_event (tenant_id, job_id, run_id, step_id, type, detail)
  VALUES ($1, $2, $3, $4, 'step.log', $5)`;

/** Takes over what the run $7 has done; begun and ended at one instant, which two looks at the clock would not give. */
export const RESUME_STEP = `
  INSERT INTO run_step (
    tenant_id, job_id, run_id, step_id, position, type, started_at, ended_at, outcome, summary, resumed_from
  )
  SELECT tenant_id, job_id, $3, step_id, $5, $6, taken.at, taken.at, outcome, summary, run_id
  FROM run_step
  CROSS JOIN (SELECT clock_timestamp() AS at) AS taken
  WHERE tenant_id = $1 AND job_id = $2 AND step_id = $4 AND run_id = $7
  ON CONFLICT ON CONSTRAINT run_step_pkey DO NOTHING`;

export const END_STEP = `
  UPDATE run_step
  SET ended_at = clock_timestamp(), outcome = $5, error = $6, summary = $7
  WHERE tenant_id = $1 AND job_id = $2 AND run_id = $3 AND step_id = $4 AND ended_at IS NULL
  RETURNING step_id`;

/**
 * Fenced by run and lease. $5 the status to reach, $6 the error, $7 whether the run counts as an attempt, $8 the pause
 * before the next one in milliseconds.
 */
export const SETTLE_JOB = `
  UPDATE job
  SET status = $5::text, version = version + 1, error = $6::jsonb,
    attempts = attempts + $7::boolean::integer,
    finished_at = CASE WHEN $5::text <> 'queued' THEN clock_timestamp() END,
    queued_at = CASE WHEN $5::text = 'queued' THEN clock_timestamp() ELSE queued_at END,
    scheduled_at = CASE
      WHEN $5::text = 'queued' THEN clock_timestamp() + make_interval(secs => $8::double precision / 1000)
      ELSE scheduled_at
    END
  WHERE tenant_id = $1 AND job_id = $2 AND status = 'running' AND run_id = $3 AND lease_no = $4
  RETURNING priority, scheduled_at AS "notBefore", attempts,
    extract(epoch FROM clock_timestamp() - started_at)::float8 AS "ranSeconds"`;

/** How the run ended, if it did: after a lost answer this tells whether the settlement happened. */
export const FIND_OUTCOME = `
  SELECT outcome FROM run
  WHERE tenant_id = $1 AND job_id = $2 AND run_id = $3 AND lease_no = $4`;

/**
 * Takes runs whose lease has run out from their workers; by the database's clock alone. Their jobs are queued again,
 * but for one that lost $2 runs, which ends with the error $3. $1 at most so many. A worker that was frozen within a
 * transaction holds its rows until the server ends that: the others do not wait for it.
 */
export const ABANDON_EXPIRED = `
  WITH judged AS (
    SELECT run.tenant_id, run.job_id, run.run_id, run.lease_no, job.lost_runs + 1 >= $2::integer AS poison
    FROM run
    JOIN job ON job.tenant_id = run.tenant_id AND job.job_id = run.job_id
    WHERE run.ended_at IS NULL AND run.lease_until < clock_timestamp()
    ORDER BY run.lease_until
    LIMIT $1
    FOR UPDATE OF run, job SKIP LOCKED
  )
  UPDATE job
  SET version = version + 1, lost_runs = lost_runs + 1,
    status = CASE WHEN poison THEN 'failed' ELSE 'queued' END,
    error = CASE WHEN poison THEN $3::jsonb END,
    finished_at = CASE WHEN poison THEN clock_timestamp() END,
    queued_at = CASE WHEN poison THEN queued_at ELSE clock_timestamp() END,
    scheduled_at = CASE WHEN poison THEN scheduled_at END
  FROM judged
  WHERE job.tenant_id = judged.tenant_id AND job.job_id = judged.job_id AND job.status = 'running'
    AND job.run_id = judged.run_id AND job.lease_no = judged.lease_no
  RETURNING job.tenant_id AS "tenantId", job.job_id AS "jobId", job.run_id AS "runId", job.lease_no AS "leaseNo",
    job.priority, job.status, job.trace_id AS "traceId",
    extract(epoch FROM clock_timestamp() - job.started_at)::float8 AS "ranSeconds"`;

/** Fails jobs that waited past their time, with the error $2. $1 at most so many. */
export const EXPIRE_JOBS = `
  WITH expired AS (
    SELECT tenant_id, job_id
    FROM job
    WHERE status = 'queued' AND expires_at <= clock_timestamp()
    ORDER BY expires_at
    LIMIT $1
  )
  UPDATE job
  SET status = 'failed', version = version + 1, error = $2::jsonb, finished_at = clock_timestamp()
  FROM expired
  WHERE job.tenant_id = expired.tenant_id AND job.job_id = expired.job_id AND job.status = 'queued'
    AND job.expires_at <= clock_timestamp()
  RETURNING job.tenant_id AS "tenantId", job.job_id AS "jobId", job.trace_id AS "traceId",
    extract(epoch FROM job.finished_at - job.queued_at)::float8 AS "queuedSeconds"`;
