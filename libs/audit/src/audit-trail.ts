import type { Database, Instant, TenantScope } from '#database';
import { type AuditFilter, conditionsOf } from './audit-filter.js';

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

/** An event that tells whose it is: an export may hold those of several tenants. */
export interface TenantEvent extends AuditEvent {
  tenant_id: string;
}

export interface TrailPage {
  resourceType: string;
  resourceId: string;
  /** Only events after this one. */
  afterEventId?: number;
  limit: number;
}

/** Where an event stands in time; no two are at the same place. */
export interface AuditPlace {
  occurredAt: Instant;
  eventId: number;
}

export const EVENT_COLUMNS = `event_id, occurred_at, actor_kind, actor_id, action, resource_type, resource_id,
  from_status, to_status, version, run_id, lease_no, reason, request_id, trace_id, source, changes, metadata`;

const READ_TRAIL = `
  SELECT ${EVENT_COLUMNS}
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

  /** What happened in the tenant, newest first. What happens meanwhile moves no later page. */
  async search(
    scope: TenantScope,
    filter: AuditFilter,
    page: { before?: AuditPlace | undefined; limit: number },
  ): Promise<AuditEvent[]> {
    const values: unknown[] = [scope.tenantId, page.limit];
    const conditions = conditionsOf(filter, values);
    if (page.before) {
      const at = `$${String(values.push(page.before.occurredAt))}`;
      const id = `$${String(values.push(page.before.eventId))}`;
      // The first says nothing that the second does not, and keeps later months out of the plan.
      conditions.push(`occurred_at <= ${at}`, `(occurred_at, event_id) < (${at}, ${id})`);
    }
    const statement = `
      SELECT ${EVENT_COLUMNS}
      FROM audit_event
      WHERE ${['tenant_id = $1', ...conditions].join(' AND ')}
      ORDER BY occurred_at DESC, event_id DESC
      LIMIT $2`;
    return this.database.transaction(scope, (tx) =>
      tx.query<AuditEvent & Record<string, unknown>>(statement, values),
    );
  }
}
