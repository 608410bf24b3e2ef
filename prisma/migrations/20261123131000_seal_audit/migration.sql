-- What makes the audit tamper-evident: segments with a digest of each of their rows, chained by hash, and signed
-- checkpoints of the chain.
-- New tables, and an index that is small and quickly built; a running release does not notice.

-- Rows in the order in which their numbers were given, to seal and to verify them. Blocks, not rows: the numbers rise
-- with the pages.
CREATE INDEX audit_event_in_order ON audit_event USING brin (event_id) WITH (pages_per_range = 16, autosummarize = on);

CREATE TABLE audit_segment (
  segment_no bigint NOT NULL,
  -- All rows with after_event_id < event_id <= to_event_id.
  after_event_id bigint NOT NULL,
  to_event_id bigint NOT NULL,
  row_count integer NOT NULL,
  -- Of each row, in the order of event_id, the first 16 bytes of the SHA-256 of its text.
  row_digests bytea NOT NULL,
  previous_hash bytea NOT NULL,
  -- SHA-256 over the fields above; see segmentHash in libs/audit.
  segment_hash bytea NOT NULL,
  sealed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT audit_segment_pkey PRIMARY KEY (segment_no),
  CONSTRAINT audit_segment_has_events CHECK (after_event_id < to_event_id AND row_count >= 0),
  CONSTRAINT audit_segment_digests_fit CHECK (octet_length(row_digests) = 16 * row_count),
  CONSTRAINT audit_segment_hashes_are_sha256 CHECK (
    octet_length(previous_hash) = 32 AND octet_length(segment_hash) = 32
  )
);

CREATE TABLE audit_checkpoint (
  segment_no bigint NOT NULL,
  segment_hash bytea NOT NULL,
  -- Which key signed: the first 16 hex digits of the SHA-256 of its public half.
  key_id text NOT NULL,
  signature bytea NOT NULL,
  signed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT audit_checkpoint_pkey PRIMARY KEY (segment_no, key_id)
);

CREATE TRIGGER audit_segment_is_append_only
BEFORE UPDATE OR DELETE ON audit_segment
FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_segment_is_never_truncated
BEFORE TRUNCATE ON audit_segment
FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_checkpoint_is_append_only
BEFORE UPDATE OR DELETE ON audit_checkpoint
FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();
CREATE TRIGGER audit_checkpoint_is_never_truncated
BEFORE TRUNCATE ON audit_checkpoint
FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();

GRANT SELECT ON audit_segment, audit_checkpoint TO ss_api, ss_worker, ss_operator, ss_system;
GRANT INSERT (segment_no, after_event_id, to_event_id, row_count, row_digests, previous_hash, segment_hash)
ON audit_segment TO ss_system;
GRANT INSERT (segment_no, segment_hash, key_id, signature) ON audit_checkpoint TO ss_system;
-- The sealer asks which number was given last.
GRANT SELECT ON SEQUENCE audit_event_event_id_seq TO ss_system;
