-- Looks at the audit rows that were there before the kinds of actors became more.
-- Reads and writes go on beside it; a running release does not notice.

ALTER TABLE audit_event VALIDATE CONSTRAINT audit_event_actor_kind_is_known;
