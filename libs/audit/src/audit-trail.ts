import type { Database, Instant, TenantScope } from '#database';

/** One row of the audit, as clients and auditors see it. */
export interface AuditEvent {
  event_id: number;
  occurred_at: Instant;
  actor_kind: string;
  actor_id: string;
  action: string;
  resource_type: string;
  resource_id: string;
  from_status: string | null;
  to_status: string | null;
  version: number | null;
  run_id: string | null;
  lease_no: number | null;
  reason: string | null;
  request_id: string | null;
  trace_id: string | null;
  source: string;
  changes: Record<string, unknown> | null;
  metadata: Record<string, unknown> | null;
}

export interface TrailPage {
  resourceType: string;
  resourceId: string;
  /** Only events after this one. */
  afterEventId?: number;
  limit: number;
}

const READ_TRAIL = `
  SELECT event_id, occurred_at, actor_kind, actor_id, action, resource_type, resource_id, from_status, to_status,
    version, run_id, lease_no, reason, request_id, trace_id, source, changes, metadata
  FROM audit_event
  WHERE tenant_id = $1 AND resource_type = $2 AND resource_id = $3 AND event_id > $4
  ORDER BY event_id
  LIMIT $5`;

/** Reads the audit of one tenant. */
export class AuditTrail {
  constructor(private readonly database: Database) {}

  /** What happened to one resource, oldest first. */
  async of(scope: TenantScope, page: TrailPage): Promise<AuditEvent[]> {
    return this.database.transaction(scope, (tx) =>
      tx.query<AuditEvent>(READ_TRAIL, [
        scope.tenantId,
        page.resourceType,
        page.resourceId,
        page.afterEventId ?? 0,
        page.limit,
      ]),
    );
  }
}
