-- Who comes with an access token of an OIDC provider is an actor of a kind of its own: its id is the token's subject.
-- The rule for rows to come takes in what the old one did, so a running release does not notice. Rows that are there are
-- looked at by the next schema migration, which holds nobody up: here the lock is strong, and short.

ALTER TABLE audit_event DROP CONSTRAINT audit_event_actor_kind_is_known;
ALTER TABLE audit_event ADD CONSTRAINT audit_event_actor_kind_is_known CHECK (
  actor_kind IN ('api_key', 'oidc_subject', 'worker', 'operator', 'database_user', 'migration', 'anonymous')
) NOT VALID;
