/** A job that was lifted ended long ago, and is kept from when it came. */
const KEPT_FROM = 'greatest(job.finished_at, job.kept_from)';

/**
 * How long the jobs of a tenant are kept: $1 days, where it has no time of its own; NULL: as long as nobody deletes them.
 * statement_timestamp, which stands still while the statement runs, so that the index job_ended can be asked.
 */
const ENDED_LONG_AGO = `job.tenant_id = tenant.tenant_id AND job.finished_at IS NOT NULL
      AND ${KEPT_FROM} < statement_timestamp() - make_interval(days => coalesce(quota.retention_days, $1::integer))`;

const OF_EACH_TENANT = `
  FROM tenant
  LEFT JOIN tenant_quota AS quota ON quota.tenant_id = tenant.tenant_id`;

/**
 * Deletes at most $2 of the jobs whose time is over; what belongs to them goes by its foreign keys. A job that somebody
 * holds is left for another time.
 */
export const DELETE_ENDED_JOBS = `
  WITH due AS (
    SELECT held.tenant_id, held.job_id
    ${OF_EACH_TENANT}
    CROSS JOIN LATERAL (
      SELECT job.tenant_id, job.job_id
      FROM job
      WHERE ${ENDED_LONG_AGO}
      ORDER BY ${KEPT_FROM}
      LIMIT $2
      FOR UPDATE SKIP LOCKED
    ) AS held
    LIMIT $2
  )
  DELETE FROM job
  USING due
  WHERE job.tenant_id = due.tenant_id AND job.job_id = due.job_id
  RETURNING job.tenant_id AS "tenantId", job.job_id AS "jobId"`;

/** What knows of jobs ($1 tenants, $2 ids) and has no foreign key to them. */
export const DELETE_CALLS = `
  DELETE FROM llm_call
  USING unnest($1::text[], $2::text[]) AS gone (tenant_id, job_id)
  WHERE llm_call.tenant_id = gone.tenant_id AND llm_call.subject_id = gone.job_id
  RETURNING call_id`;

export const DELETE_KEYS = `
  DELETE FROM idempotency_key AS answer
  USING unnest($1::text[], $2::text[]) AS gone (tenant_id, job_id)
  WHERE answer.tenant_id = gone.tenant_id AND answer.response_body ->> 'job_id' = gone.job_id
    AND answer.response_body ? 'job_id'
  RETURNING answer.key`;

/** At most $1. */
/** Uploads whose time is over, and what may lie in the store of those that were never finished. */
export const DELETE_EXPIRED_UPLOADS = `
  WITH expired AS (
    SELECT tenant_id, upload_id
    FROM input_upload
    WHERE expires_at <= statement_timestamp()
    ORDER BY expires_at
    LIMIT $1
  )
  DELETE FROM input_upload AS upload
  USING expired
  WHERE upload.tenant_id = expired.tenant_id AND upload.upload_id = expired.upload_id
  RETURNING upload.tenant_id AS "tenantId", upload.job_id AS "jobId",
    CASE WHEN upload.finished_at IS NULL THEN upload.storage_name END AS "storageName"`;

export const DELETE_EXPIRED_KEYS = `
  WITH expired AS (
    SELECT tenant_id, route, key
    FROM idempotency_key
    WHERE expires_at <= statement_timestamp()
    ORDER BY expires_at
    LIMIT $1
  )
  DELETE FROM idempotency_key AS answer
  USING expired
  WHERE answer.tenant_id = expired.tenant_id AND answer.route = expired.route AND answer.key = expired.key
  RETURNING answer.key`;

/** Of each tenant, those jobs that DELETE_ENDED_JOBS would take. */
export const COUNT_ENDED_JOBS = `
  SELECT tenant.tenant_id, coalesce(quota.retention_days, $1::integer) AS retention_days, due.jobs, due.oldest
  ${OF_EACH_TENANT}
  CROSS JOIN LATERAL (
    SELECT count(*) AS jobs, min(${KEPT_FROM}) AS oldest
    FROM job
    WHERE ${ENDED_LONG_AGO}
  ) AS due
  WHERE due.jobs > 0
  ORDER BY tenant.tenant_id`;

export const COUNT_EXPIRED_KEYS = `
  SELECT count(*) AS keys FROM idempotency_key WHERE expires_at <= statement_timestamp()`;

/** Of these jobs ($1 tenants, $2 ids) those that have a row, and whether their data were erased. */
export const FIND_OWNERS = `
  SELECT job.tenant_id AS "tenantId", job.job_id AS "jobId", job.erased_at IS NOT NULL AS erased
  FROM unnest($1::text[], $2::text[]) AS named (tenant_id, job_id)
  JOIN job ON job.tenant_id = named.tenant_id AND job.job_id = named.job_id`;
