-- Keys tell when they were used first and last, and from which key they were rotated; and administrators of a tenant
-- make, rotate and revoke its keys over the API.
-- New columns that may be NULL, and rights; a running release does not notice.

ALTER TABLE api_key
  ADD COLUMN first_used_at timestamptz,
  -- Written at most once a minute.
  ADD COLUMN last_used_at timestamptz,
  -- The key that this one follows.
  ADD COLUMN rotated_from text,
  ADD CONSTRAINT api_key_rotated_from_fkey FOREIGN KEY (tenant_id, rotated_from) REFERENCES api_key (tenant_id, key_id);

-- What a key may do, and whose it is, never changes; so no program gets a right to.
GRANT INSERT (tenant_id, key_id, name, secret_hash, scopes, expires_at, rotated_from) ON api_key TO ss_api;
GRANT UPDATE (expires_at, revoked_at, first_used_at, last_used_at) ON api_key TO ss_api;

-- A key of the platform reaches every tenant. Whatever becomes of the API, it cannot make one.
CREATE POLICY platform_keys_are_made_by_operators ON api_key AS RESTRICTIVE FOR INSERT TO ss_api
WITH CHECK (NOT 'platform:admin' = ANY (scopes));
