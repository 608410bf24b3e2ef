-- What keeps the limits of tenant_quota: who may change them, the look at a queue before a job joins it, and a count
-- of the bytes that a tenant has stored.
-- New functions, a new table, and triggers that only add to it: the running release goes on. Making the triggers and
-- adding up what is there keeps writers of inputs and artifacts waiting for one pass over both tables.

-- Keys of the platform change quotas by REST.
GRANT INSERT, UPDATE ON tenant_quota TO ss_api;

-- Called by a transaction that has just queued a job: a row if there are more now than the tenant may have.
--
-- Far from the limit it only counts, and not far: others may do so at the same time. Near it, one after the other, and
-- with nobody still under way who only counted: such a one holds the same lock, shared. There cannot be more of those
-- than connections, and while they are fewer than there is room they cannot pass the limit either. So no one does.
CREATE FUNCTION queued_jobs_past_limit(queuing_tenant text) RETURNS TABLE (may_have bigint, others bigint)
LANGUAGE plpgsql
AS $$
DECLARE
  near bigint;
  waiting bigint;
BEGIN
  SELECT queued_jobs, queued_jobs - current_setting('max_connections')::bigint INTO may_have, near
  FROM public.tenant_quota WHERE tenant_id = queuing_tenant;
  IF may_have IS NULL THEN
    RETURN;
  END IF;
  IF near > 0 THEN
    BEGIN
      PERFORM pg_advisory_xact_lock_shared(5302041, hashtext(queuing_tenant));
      SELECT count(*) INTO waiting
      FROM (SELECT FROM public.job WHERE tenant_id = queuing_tenant AND status = 'queued' LIMIT near) AS queued;
      IF waiting < near THEN
        RETURN;
      END IF;
      -- Nobody can go from the shared lock to the other one while a second waits for the same: it is given back.
      RAISE EXCEPTION USING ERRCODE = 'SS010';
    EXCEPTION WHEN SQLSTATE 'SS010' THEN
      NULL;
    END;
  END IF;
  PERFORM pg_advisory_xact_lock(5302041, hashtext(queuing_tenant));
  SELECT count(*) INTO waiting
  FROM (SELECT FROM public.job WHERE tenant_id = queuing_tenant AND status = 'queued' LIMIT may_have + 1) AS queued;
  IF waiting > may_have THEN
    others := waiting - 1;
    RETURN NEXT;
  END IF;
END
$$;

-- The bytes of a tenant's inputs and artifacts: the sum of its slots. Of two who write at the same time each mostly
-- has a slot to itself and does not wait for the other. A single slot says nothing, and may well be negative.
CREATE TABLE tenant_storage (
  tenant_id text NOT NULL,
  slot integer NOT NULL,
  bytes bigint NOT NULL,
  CONSTRAINT tenant_storage_pkey PRIMARY KEY (tenant_id, slot),
  CONSTRAINT tenant_storage_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant (tenant_id)
)
-- Room for the next versions of a row, which touch no index.
WITH (fillfactor = 50);

CALL protect_tenant_rows('tenant_storage');

GRANT SELECT, INSERT, UPDATE ON tenant_storage TO ss_api, ss_worker, ss_operator, ss_system;

-- A statement trigger, because rows come in sets: once for each tenant that the statement touched. Rows that go with
-- their job are taken away as the owner of the tables, who sees no tenant's rows unless its name is set; so then each
-- tenant's count is changed in its name, as take_turns does.
CREATE FUNCTION count_stored_bytes() RETURNS trigger
LANGUAGE plpgsql
AS $$
DECLARE
  acting_for text := current_setting('ss.tenant_id', true);
  gone record;
BEGIN
  -- The slots of different tenants are taken in one order, so that two statements do not wait for each other.
  CASE TG_OP
  WHEN 'INSERT' THEN
    INSERT INTO public.tenant_storage AS stored (tenant_id, slot, bytes)
    SELECT tenant_id, pg_backend_pid() % 8, sum(bytes)
    FROM new_rows GROUP BY tenant_id HAVING sum(bytes) <> 0 ORDER BY tenant_id
    ON CONFLICT ON CONSTRAINT tenant_storage_pkey DO UPDATE SET bytes = stored.bytes + excluded.bytes;
  WHEN 'DELETE' THEN
    FOR gone IN
      SELECT tenant_id, sum(bytes) AS bytes
      FROM old_rows GROUP BY tenant_id HAVING sum(bytes) <> 0 ORDER BY tenant_id
    LOOP
      PERFORM set_config('ss.tenant_id', gone.tenant_id, true);
      INSERT INTO public.tenant_storage AS stored (tenant_id, slot, bytes)
      VALUES (gone.tenant_id, pg_backend_pid() % 8, -gone.bytes)
      ON CONFLICT ON CONSTRAINT tenant_storage_pkey DO UPDATE SET bytes = stored.bytes + excluded.bytes;
    END LOOP;
    PERFORM set_config('ss.tenant_id', coalesce(acting_for, ''), true);
  WHEN 'UPDATE' THEN
    INSERT INTO public.tenant_storage AS stored (tenant_id, slot, bytes)
    SELECT tenant_id, pg_backend_pid() % 8, sum(bytes)
    FROM (SELECT tenant_id, bytes FROM new_rows UNION ALL SELECT tenant_id, -bytes FROM old_rows) AS changed
    GROUP BY tenant_id HAVING sum(bytes) <> 0 ORDER BY tenant_id
    ON CONFLICT ON CONSTRAINT tenant_storage_pkey DO UPDATE SET bytes = stored.bytes + excluded.bytes;
  END CASE;
  RETURN NULL;
END
$$;

CREATE TRIGGER count_inserted AFTER INSERT ON input_dataset
REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION count_stored_bytes();
CREATE TRIGGER count_updated AFTER UPDATE ON input_dataset
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION count_stored_bytes();
CREATE TRIGGER count_deleted AFTER DELETE ON input_dataset
REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION count_stored_bytes();

CREATE TRIGGER count_inserted AFTER INSERT ON artifact
REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION count_stored_bytes();
CREATE TRIGGER count_updated AFTER UPDATE ON artifact
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION count_stored_bytes();
CREATE TRIGGER count_deleted AFTER DELETE ON artifact
REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION count_stored_bytes();

-- What is there already. The owner of the tables sees no tenant's rows; ss_system sees them all.
DO $$
DECLARE
  before text := current_setting('role');
BEGIN
  PERFORM set_config('role', 'ss_system', true);
  INSERT INTO tenant_storage (tenant_id, slot, bytes)
  SELECT tenant_id, 0, sum(bytes)
  FROM (SELECT tenant_id, bytes FROM input_dataset UNION ALL SELECT tenant_id, bytes FROM artifact) AS files
  GROUP BY tenant_id HAVING sum(bytes) <> 0;
  PERFORM set_config('role', before, true);
END
$$;
