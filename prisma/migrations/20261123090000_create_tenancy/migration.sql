-- Tenants, their API keys, and the answers kept for repeated requests.
-- First schema migration; nothing runs before it.
--
-- The roles (ss_owner, ss_api, ss_worker, ss_operator, ss_system) belong to the server, not to this
-- database: `ssctl schema deploy` makes sure of them before it applies this file as ss_owner.
--   ss_api, ss_worker, ss_operator  one program each; they own nothing and see one tenant at a time
--   ss_system                       work across tenants; entered for one transaction, never logged in as

-- Row-level security, the same for every table that holds a tenant's rows: forced (the owner too),
-- and fail-closed, because a tenant that is not set compares as NULL. So does an empty one: that is what the
-- setting becomes, for the rest of the session, after the transaction that set it.
CREATE PROCEDURE protect_tenant_rows(protected regclass)
LANGUAGE plpgsql
AS $$
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', protected);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', protected);
  EXECUTE format(
    'CREATE POLICY own_tenant_only ON %s USING (tenant_id = nullif(current_setting(''ss.tenant_id'', true), ''''))'
    || ' WITH CHECK (tenant_id = nullif(current_setting(''ss.tenant_id'', true), ''''))',
    protected
  );
  EXECUTE format(
    'CREATE POLICY across_tenants ON %s TO ss_system USING (true) WITH CHECK (true)',
    protected
  );
END
$$;

CREATE TABLE tenant (
  tenant_id text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT tenant_pkey PRIMARY KEY (tenant_id),
  CONSTRAINT tenant_id_is_not_blank CHECK (tenant_id <> '' AND char_length(tenant_id) <= 255)
);

CREATE TABLE api_key (
  tenant_id text NOT NULL,
  key_id text NOT NULL,
  name text NOT NULL,
  secret_hash bytea NOT NULL,
  scopes text[] NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz,
  revoked_at timestamptz,
  CONSTRAINT api_key_pkey PRIMARY KEY (tenant_id, key_id),
  CONSTRAINT api_key_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant (tenant_id),
  CONSTRAINT api_key_secret_is_a_sha256 CHECK (octet_length(secret_hash) = 32),
  CONSTRAINT api_key_has_a_scope CHECK (cardinality(scopes) > 0)
);

-- A repeated POST with the same Idempotency-Key gets the answer that is kept here. The row is written
-- in the transaction of the change itself, so that there is never one without the other.
CREATE TABLE idempotency_key (
  tenant_id text NOT NULL,
  route text NOT NULL,
  key text NOT NULL,
  body_sha256 text NOT NULL,
  response_status integer NOT NULL,
  response_body jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  expires_at timestamptz NOT NULL,
  CONSTRAINT idempotency_key_pkey PRIMARY KEY (tenant_id, route, key),
  CONSTRAINT idempotency_key_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES tenant (tenant_id)
);

CALL protect_tenant_rows('tenant');
CALL protect_tenant_rows('api_key');
CALL protect_tenant_rows('idempotency_key');

GRANT SELECT ON tenant, api_key TO ss_api, ss_worker, ss_operator, ss_system;
GRANT INSERT ON tenant TO ss_operator;
GRANT INSERT, UPDATE ON api_key TO ss_operator;
GRANT SELECT, INSERT, DELETE ON idempotency_key TO ss_api;
