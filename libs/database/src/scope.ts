/** Who acts: an API key, the subject of an access token, a worker, an operator, the database user, a migration. */
export interface Actor {
  kind: 'api_key' | 'oidc_subject' | 'worker' | 'operator' | 'database_user' | 'migration' | 'anonymous';
  id: string;
}

/** What a transaction is told before its first statement: row-level security and the audit read it. */
export interface Scope {
  actor: Actor;
  /** The program that acts: `api`, `worker`, `ssctl`. */
  source: string;
  requestId?: string | undefined;
  /** Why, in the words of who asked. */
  reason?: string | undefined;
}

/** A scope that sees the rows of one tenant. */
export interface TenantScope extends Scope {
  tenantId: string;
}
