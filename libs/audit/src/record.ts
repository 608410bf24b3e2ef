import type { Tx } from '#database';

/**
 * An act to be remembered. Who, why, from where and under which request the transaction knows already, and
 * the time is the database's.
 */
export interface AuditRecord {
  /** Noun and past participle: `api_key.revoked`. */
  action: string;
  resourceType: string;
  resourceId: string;
  changes?: Readonly<Record<string, unknown>>;
  metadata?: Readonly<Record<string, unknown>>;
  /** Whose audit it is, where the transaction works across tenants; else the transaction's tenant. */
  tenantId?: string;
}

const INSERT_RECORD = `
  INSERT INTO audit_event (
    tenant_id, actor_kind, actor_id, action, resource_type, resource_id, reason, request_id, source, changes, metadata
  )
  VALUES (
    coalesce($6, current_setting('ss.tenant_id')), current_setting('ss.actor_kind'), current_setting('ss.actor_id'), $1, $2, $3,
    nullif(current_setting('ss.reason'), ''), nullif(current_setting('ss.request_id'), ''),
    current_setting('ss.source'), $4, $5
  )`;

/**
 * Writes an audit row in the caller's transaction: it stands if and only if the act does. Changes of a job need no
 * call: the database writes those rows by itself.
 */
export async function record(tx: Tx, event: AuditRecord): Promise<void> {
  await tx.query(INSERT_RECORD, [
    event.action,
    event.resourceType,
    event.resourceId,
    event.changes ? JSON.stringify(event.changes) : null,
    event.metadata ? JSON.stringify(event.metadata) : null,
    event.tenantId ?? null,
  ]);
}
