-- What keeps tenant_quota.storage_bytes: the look at what a tenant has stored, before a file joins it.
-- A new function only; the running release does not call it.

-- Called once by a transaction that has written all its rows of files, of `added` bytes together: a row if there is more
-- now than the tenant may have. Nothing of tenant_storage may be written after it, or two transactions could wait for
-- each other: one for the lock, one for the slot.
--
-- Far from the limit nobody waits: there cannot be more transactions under way than connections, each adds no more than
-- that part of the last tenth, so all together they stay below the limit. Near it, or with a large file, one goes after
-- the other, from here to its commit, and with nobody still under way who only looked: such a one holds the same lock,
-- shared.
CREATE FUNCTION stored_bytes_past_limit(storing_tenant text, added bigint)
RETURNS TABLE (may_have bigint, others bigint)
LANGUAGE plpgsql
AS $$
DECLARE
  stored bigint;
BEGIN
  SELECT storage_bytes INTO may_have FROM public.tenant_quota WHERE tenant_id = storing_tenant;
  IF may_have IS NULL THEN
    RETURN;
  END IF;
  IF added <= may_have / 10 / current_setting('max_connections')::bigint THEN
    BEGIN
      PERFORM pg_advisory_xact_lock_shared(5302043, hashtext(storing_tenant));
      SELECT coalesce(sum(bytes), 0) INTO stored FROM public.tenant_storage WHERE tenant_id = storing_tenant;
      IF stored <= may_have - may_have / 10 THEN
        RETURN;
      END IF;
      -- Nobody can go from the shared lock to the other one while a second waits for the same: it is given back.
      RAISE EXCEPTION USING ERRCODE = 'SS011';
    EXCEPTION WHEN SQLSTATE 'SS011' THEN
      NULL;
    END;
  END IF;
  PERFORM pg_advisory_xact_lock(5302043, hashtext(storing_tenant));
  SELECT coalesce(sum(bytes), 0) INTO stored FROM public.tenant_storage WHERE tenant_id = storing_tenant;
  IF stored > may_have THEN
    others := stored - added;
    RETURN NEXT;
  END IF;
END
$$;
