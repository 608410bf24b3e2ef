-- Old months of the audit may go: what was dropped stays on record, so that a verifier can tell it from what is missing.
-- New tables, functions, and a policy on each partition, for which each is locked for a moment; the running release does
-- not notice. What it cannot do is verify an audit that has lost a month: retire none before all programs are of this
-- release.

-- One row for each month that was dropped.
CREATE TABLE audit_retirement (
  month date NOT NULL,
  row_count bigint NOT NULL,
  -- The lowest and the highest number that was given to a row of the month; NULL for a month without rows.
  first_event_id bigint,
  last_event_id bigint,
  -- The file that holds the rows, by its name alone, and the SHA-256 of it; NULL where none was asked for.
  archive_name text,
  archive_sha256 text,
  -- SHA-256 over the fields above and the rows of audit_retired_rows; see retirementHash in libs/audit.
  record_sha256 bytea NOT NULL,
  -- The key that signs checkpoints signs this too.
  key_id text NOT NULL,
  signature bytea NOT NULL,
  retired_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT audit_retirement_pkey PRIMARY KEY (month),
  CONSTRAINT audit_retirement_month_is_a_first_day CHECK (extract(day FROM month) = 1),
  CONSTRAINT audit_retirement_counts_rows CHECK (
    row_count >= 0 AND (row_count = 0) = (first_event_id IS NULL) AND (row_count = 0) = (last_event_id IS NULL)
  ),
  CONSTRAINT audit_retirement_hash_is_sha256 CHECK (octet_length(record_sha256) = 32),
  CONSTRAINT audit_retirement_archive_is_whole CHECK ((archive_name IS NULL) = (archive_sha256 IS NULL))
);

-- Which rows of which segment went with the month. A segment may reach over the end of a month, for rows are numbered in
-- one order and dated in another. Written by retire_audit_month alone, together with the row above.
CREATE TABLE audit_retired_rows (
  month date NOT NULL,
  segment_no bigint NOT NULL,
  row_count integer NOT NULL,
  -- The digests of those rows, in their order; NULL: all rows of the segment.
  row_digests bytea,
  CONSTRAINT audit_retired_rows_pkey PRIMARY KEY (month, segment_no),
  CONSTRAINT audit_retired_rows_digests_fit CHECK (octet_length(row_digests) = 16 * row_count)
);

-- A verifier asks by segment.
CREATE INDEX audit_retired_rows_by_segment ON audit_retired_rows (segment_no);

CREATE TRIGGER audit_retirement_is_append_only
BEFORE UPDATE OR DELETE ON audit_retirement
FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_retirement_is_never_truncated
BEFORE TRUNCATE ON audit_retirement
FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_retired_rows_are_append_only
BEFORE UPDATE OR DELETE ON audit_retired_rows
FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_retired_rows_are_never_truncated
BEFORE TRUNCATE ON audit_retired_rows
FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();

GRANT SELECT ON audit_retirement, audit_retired_rows TO ss_api, ss_worker, ss_operator, ss_system;

-- Rows of a month are counted before they go, by the owner, for all tenants. Only whoever names the partition itself
-- meets this policy, and only while the function below says so: no view and no other function reads past a tenant by it.
CREATE PROCEDURE let_owner_count(partition regclass)
LANGUAGE plpgsql
AS $$
BEGIN
  EXECUTE format(
    'CREATE POLICY counted_before_it_goes ON %s FOR SELECT TO ss_owner'
    || ' USING ((SELECT current_setting(''ss.retires_audit'', true)) = ''on'')',
    partition
  );
END
$$;

DO $$
DECLARE
  partition regclass;
BEGIN
  FOR partition IN
    SELECT inhrelid::regclass FROM pg_inherits
    JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = 'public.audit_event'::regclass AND relname ~ '^audit_event_\d{4}_\d{2}$'
  LOOP
    CALL let_owner_count(partition);
  END LOOP;
END
$$;

-- As before, and each new partition can be counted.
CREATE OR REPLACE FUNCTION create_audit_partitions(months_ahead integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
  first_day timestamptz;
  partition_name text;
  made integer := 0;
BEGIN
  IF months_ahead NOT BETWEEN 0 AND 60 THEN
    RAISE EXCEPTION 'months_ahead must be between 0 and 60';
  END IF;
  PERFORM pg_advisory_xact_lock(hashtext('create_audit_partitions'));
  FOR month_no IN 0..months_ahead LOOP
    first_day := (date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC') + make_interval(months => month_no))
      AT TIME ZONE 'UTC';
    partition_name := 'audit_event_' || to_char(first_day AT TIME ZONE 'UTC', 'YYYY_MM');
    CONTINUE WHEN to_regclass('public.' || partition_name) IS NOT NULL;
    EXECUTE format(
      'CREATE TABLE public.%I PARTITION OF public.audit_event FOR VALUES FROM (%L) TO (%L)',
      partition_name,
      first_day,
      (first_day AT TIME ZONE 'UTC' + interval '1 month') AT TIME ZONE 'UTC'
    );
    EXECUTE format(
      'CREATE TRIGGER audit_event_is_never_truncated BEFORE TRUNCATE ON public.%I'
      || ' FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_audit_change()',
      partition_name
    );
    -- A partition that is reached by its own name is protected like the table.
    CALL public.protect_tenant_rows(('public.' || quote_ident(partition_name))::regclass);
    CALL public.let_owner_count(('public.' || quote_ident(partition_name))::regclass);
    made := made + 1;
  END LOOP;
  RETURN made;
END
$$;

-- Drops one month, records it, and says so in the audit: all of it or nothing. It is the owner's right lent to a program,
-- so it trusts nothing that it is told: a month that is young, unsealed, or of another number of rows than was recorded
-- stays. What the record says of the digests is not checked here; the verifier compares it with the seals.
--
-- While the rows are counted nobody can write to the month, and all can read. The lock that keeps everybody waiting is
-- needed for the drop alone and is given up after half a second: call again then. (DETACH CONCURRENTLY would need no
-- such lock; PostgreSQL refuses it beside a DEFAULT partition.)
CREATE FUNCTION retire_audit_month(
  retired_month date,
  expected_rows bigint,
  archive_file text,
  archive_hash text,
  segment_nos bigint[],
  segment_rows integer[],
  segment_digests bytea[],
  record_hash bytea,
  signing_key text,
  signed bytea
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
DECLARE
  month_name text := to_char(retired_month, 'YYYY-MM');
  partition_name text := 'audit_event_' || to_char(retired_month, 'YYYY_MM');
  this_month date := date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC');
  found_rows bigint;
  lowest bigint;
  highest bigint;
  sealed_to bigint;
BEGIN
  PERFORM set_config('lock_timeout', '500ms', true);
  PERFORM pg_advisory_xact_lock(hashtext('retire_audit_month'));
  IF retired_month <> date_trunc('month', retired_month) THEN
    RAISE EXCEPTION '% is no first day of a month', retired_month USING ERRCODE = '22023';
  END IF;
  -- A whole month lies between: whoever was about to read the last days of it has had the time.
  IF retired_month + interval '2 months' > this_month THEN
    RAISE EXCEPTION 'the audit of % is too young to be dropped', month_name
      USING ERRCODE = 'SS004', HINT = 'A month goes when another whole month has passed since.';
  END IF;
  IF to_regclass('public.' || partition_name) IS NULL THEN
    RAISE EXCEPTION 'the audit has no month %', month_name USING ERRCODE = 'SS004';
  END IF;
  EXECUTE format('LOCK TABLE public.%I IN SHARE MODE', partition_name);
  PERFORM set_config('ss.retires_audit', 'on', true);
  EXECUTE format('SELECT count(*), min(event_id), max(event_id) FROM public.%I', partition_name)
    INTO found_rows, lowest, highest;
  PERFORM set_config('ss.retires_audit', '', true);
  SELECT max(to_event_id) INTO sealed_to FROM audit_segment;
  IF highest > coalesce(sealed_to, 0) THEN
    RAISE EXCEPTION 'rows of % are not sealed yet', month_name
      USING ERRCODE = 'SS004', HINT = 'Workers seal all the time; ssctl audit seal does it now.';
  END IF;
  IF found_rows <> expected_rows
    OR found_rows <> (SELECT coalesce(sum(n), 0) FROM unnest(segment_rows) AS n) THEN
    RAISE EXCEPTION 'the month % has % rows, and the record speaks of %', month_name, found_rows, expected_rows
      USING ERRCODE = 'SS004';
  END IF;
  INSERT INTO audit_retirement (
    month, row_count, first_event_id, last_event_id, archive_name, archive_sha256, record_sha256, key_id, signature
  )
  VALUES (
    retired_month, found_rows, lowest, highest, archive_file, archive_hash, record_hash, signing_key, signed
  );
  INSERT INTO audit_retired_rows (month, segment_no, row_count, row_digests)
  SELECT retired_month, part.segment_no, part.row_count, part.row_digests
  FROM unnest(segment_nos, segment_rows, segment_digests) AS part (segment_no, row_count, row_digests);
  INSERT INTO audit_event (
    tenant_id, actor_kind, actor_id, action, resource_type, resource_id, reason, request_id, source, metadata
  )
  VALUES (
    -- Acts on the whole platform; PLATFORM in libs/tenancy.
    '@platform',
    coalesce(nullif(current_setting('ss.actor_kind', true), ''), 'database_user'),
    coalesce(nullif(current_setting('ss.actor_id', true), ''), session_user),
    'audit.month_retired', 'audit_month', month_name,
    nullif(current_setting('ss.reason', true), ''),
    nullif(current_setting('ss.request_id', true), ''),
    coalesce(nullif(current_setting('ss.source', true), ''), 'sql'),
    jsonb_build_object(
      'rows', found_rows, 'first_event_id', lowest, 'last_event_id', highest, 'archive', archive_file,
      'archive_sha256', archive_hash, 'record_sha256', encode(record_hash, 'hex')
    )
  );
  EXECUTE format('DROP TABLE public.%I', partition_name);
END
$$;

REVOKE ALL ON FUNCTION retire_audit_month(
  date, bigint, text, text, bigint[], integer[], bytea[], bytea, text, bytea
) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION retire_audit_month(
  date, bigint, text, text, bigint[], integer[], bytea[], bytea, text, bytea
) TO ss_system;
