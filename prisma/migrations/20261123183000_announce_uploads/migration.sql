-- Files that come in several requests, or past the API: what a client said that it will send is kept until it is there.
-- A new table and a trigger; the running release does not notice.

CREATE TABLE input_upload (
  tenant_id text NOT NULL,
  upload_id uuid NOT NULL DEFAULT gen_random_uuid(),
  job_id text NOT NULL,
  -- `resumable`: piece by piece to the API; `presigned`: at once to the store.
  way text NOT NULL,
  role text NOT NULL,
  original_name text NOT NULL,
  bytes bigint NOT NULL,
  -- Of a presigned one, what was announced and where it comes to lie.
  sha256 text,
  storage_name text,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz NOT NULL,
  -- Its dataset was added. The row stays for a while: whoever lost the answer asks again.
  finished_at timestamptz,
  CONSTRAINT input_upload_pkey PRIMARY KEY (tenant_id, upload_id),
  CONSTRAINT input_upload_job_fkey FOREIGN KEY (tenant_id, job_id) REFERENCES job (tenant_id, job_id)
  ON DELETE CASCADE,
  CONSTRAINT input_upload_way_is_known CHECK (way IN ('resumable', 'presigned')),
  CONSTRAINT input_upload_presigned_is_whole CHECK (
    (way = 'presigned') = (sha256 IS NOT NULL AND storage_name IS NOT NULL)
  ),
  CONSTRAINT input_upload_has_bytes CHECK (bytes > 0)
);

-- What a tenant has announced, and the cascade of a job.
CREATE INDEX input_upload_of_job ON input_upload (tenant_id, job_id);
-- What has expired, across tenants.
CREATE INDEX input_upload_expiring ON input_upload (expires_at);

CALL protect_tenant_rows('input_upload');

GRANT SELECT, INSERT, DELETE ON input_upload TO ss_api;
GRANT UPDATE (finished_at) ON input_upload TO ss_api;
GRANT SELECT, DELETE ON input_upload TO ss_system;

-- The name of a file is among the data that an erasure takes.
CREATE FUNCTION forget_uploads() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
BEGIN
  DELETE FROM input_upload WHERE tenant_id = NEW.tenant_id AND job_id = NEW.job_id;
  RETURN NULL;
END
$$;

REVOKE ALL ON FUNCTION forget_uploads() FROM PUBLIC;

CREATE TRIGGER forget_uploads AFTER UPDATE OF erased_at ON job
FOR EACH ROW WHEN (NEW.erased_at IS NOT NULL) EXECUTE FUNCTION forget_uploads();
