-- Fair shares of the workers: each message in a queue has a turn, and a tenant's turns are as far apart as its weight is
-- small. See docs/decisions/0010.
-- New tables and a function only; the running release goes on, and what it sends gets a turn from a newer worker.

-- The turn that a tenant's next message gets. No row: it has sent nothing lately, and begins at the front.
-- No foreign key to tenant: a row says nothing but an order, and is dropped when it says nothing any more.
CREATE TABLE tenant_turn (
  tenant_id text NOT NULL,
  queue_name text NOT NULL,
  priority integer NOT NULL,
  next_turn bigint NOT NULL,
  CONSTRAINT tenant_turn_pkey PRIMARY KEY (tenant_id, queue_name, priority)
)
-- One row is changed again and again: its versions stay on its page.
WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

CALL protect_tenant_rows('tenant_turn');

-- How far the line has moved: the highest turn that was taken. What comes now begins here, not in the past.
CREATE TABLE turn_front (
  queue_name text NOT NULL,
  priority integer NOT NULL,
  turn bigint NOT NULL,
  CONSTRAINT turn_front_pkey PRIMARY KEY (queue_name, priority)
)
WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- Takes wanted_count[i] turns for wanted_tenant[i] and so on, and answers the first of each and how far apart they are. Of two
-- callers who want the same tenant's, the second waits until the first has committed. Callers sort what they want, so
-- that none waits for another in a ring.
CREATE FUNCTION take_turns(
  wanted_queue text, wanted_tenant text[], wanted_priority integer[], wanted_count integer[]
) RETURNS TABLE (first_turn bigint, apart bigint)
LANGUAGE plpgsql
AS $$
DECLARE
  acting_for text := current_setting('ss.tenant_id', true);
BEGIN
  FOR i IN 1..cardinality(wanted_tenant) LOOP
    -- Row-level security holds here as everywhere: each tenant's rows are seen in its name.
    PERFORM set_config('ss.tenant_id', wanted_tenant[i], true);
    SELECT 1000000 / weight INTO apart FROM public.tenant_quota WHERE tenant_id = wanted_tenant[i];
    -- 10000: the weight of 100 that a tenant has of whom nothing was said.
    apart := coalesce(apart, 10000);
    SELECT turn INTO first_turn FROM public.turn_front
    WHERE queue_name = wanted_queue AND priority = wanted_priority[i];
    INSERT INTO public.tenant_turn AS mine (tenant_id, queue_name, priority, next_turn)
    VALUES (wanted_tenant[i], wanted_queue, wanted_priority[i], coalesce(first_turn, 1) + wanted_count[i] * apart)
    ON CONFLICT ON CONSTRAINT tenant_turn_pkey DO UPDATE
    SET next_turn = greatest(mine.next_turn, coalesce(first_turn, 1)) + wanted_count[i] * apart
    RETURNING next_turn - wanted_count[i] * apart INTO first_turn;
    RETURN NEXT;
  END LOOP;
  PERFORM set_config('ss.tenant_id', coalesce(acting_for, ''), true);
END
$$;

GRANT SELECT, INSERT, UPDATE ON tenant_turn TO ss_api, ss_worker, ss_operator, ss_system;
GRANT DELETE ON tenant_turn TO ss_system;
GRANT SELECT ON turn_front TO ss_api, ss_worker, ss_operator, ss_system;
GRANT INSERT, UPDATE ON turn_front TO ss_worker, ss_system;
