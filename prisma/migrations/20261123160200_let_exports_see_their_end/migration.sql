-- An export of the audit ends at the last event that can have no more before it, and finds it as the sealer does: by the
-- number that was given last.
-- A grant only; a running release does not notice.

GRANT SELECT ON SEQUENCE audit_event_event_id_seq TO ss_api, ss_operator;
