-- How many more jobs a tenant may have in the queue, for transactions that queue many: batches, and tasks that retry.
-- A new function; a running release does not notice.

-- Called before the jobs are queued: a row if the tenant has a limit. Until the transaction ends nobody else finds out how
-- many there are, so what was told stays true. `queued_jobs_past_limit`, which is called after, lets those pass that hold
-- its lock shared: that is right for one job each, and not for many.
CREATE FUNCTION queued_jobs_room(queuing_tenant text) RETURNS TABLE (may_have bigint, waiting bigint)
LANGUAGE plpgsql
AS $$
BEGIN
  SELECT queued_jobs INTO may_have FROM public.tenant_quota WHERE tenant_id = queuing_tenant;
  IF may_have IS NULL THEN
    RETURN;
  END IF;
  PERFORM pg_advisory_xact_lock(5302041, hashtext(queuing_tenant));
  SELECT count(*) INTO waiting
  FROM (SELECT FROM public.job WHERE tenant_id = queuing_tenant AND status = 'queued' LIMIT may_have) AS queued;
  RETURN NEXT;
END
$$;
