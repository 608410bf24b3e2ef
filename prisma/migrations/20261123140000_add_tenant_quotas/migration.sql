-- What a tenant may use of the deployment. Changed at run time, and read where the limit is kept.
-- A new table only; a running release does not notice.

-- No row: the defaults below. A limit that is NULL is none.
CREATE TABLE tenant_quota (
  tenant_id text NOT NULL,
  -- Its share of the workers while others wait too: twice the weight, twice the jobs.
  weight integer NOT NULL DEFAULT 100,
  queued_jobs bigint,
  running_jobs integer,
  requests_per_second integer,
  -- Of one file.
  upload_bytes bigint,
  -- Of all inputs and artifacts.
  storage_bytes bigint,
  -- How long a job that has ended is kept.
  retention_days integer,
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT tenant_quota_pkey PRIMARY KEY (tenant_id),
  CONSTRAINT tenant_quota_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant (tenant_id),
  CONSTRAINT tenant_quota_weight_is_a_share CHECK (weight BETWEEN 1 AND 10000),
  CONSTRAINT tenant_quota_limits_are_limits CHECK (
    queued_jobs >= 0 AND running_jobs >= 0 AND requests_per_second > 0 AND upload_bytes >= 0 AND storage_bytes >= 0
    AND retention_days > 0
  )
);

CALL protect_tenant_rows('tenant_quota');

GRANT SELECT ON tenant_quota TO ss_api, ss_worker, ss_operator, ss_system;
GRANT INSERT, UPDATE ON tenant_quota TO ss_operator;
