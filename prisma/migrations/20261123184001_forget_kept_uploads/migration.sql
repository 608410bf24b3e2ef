-- The answers that were kept for announced uploads go with the data of their job: they quote the name of the file.
-- A function of 20261123183000; a running release does not notice.

-- As before; and the kept answers go, whole: where there is nothing to upload for, a repeat is told so.
CREATE OR REPLACE FUNCTION forget_uploads() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
BEGIN
  DELETE FROM input_upload WHERE tenant_id = NEW.tenant_id AND job_id = NEW.job_id;
  DELETE FROM idempotency_key
  WHERE tenant_id = NEW.tenant_id AND response_body ->> 'job_id' = NEW.job_id AND response_body ? 'job_id'
    AND response_body ? 'upload_id';
  RETURN NULL;
END
$$;
