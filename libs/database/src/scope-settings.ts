import type { Scope } from './scope.js';

/** How long one transaction may wait, by the server's clock. */
export interface Bounds {
  statementMs: number;
  lockMs: number;
  idleMs: number;
}

/**
 * Tells a transaction, in one statement, how long it may wait, under which role and for whom it works. Local to the
 * transaction, so that a connection that is given back, or shared through PgBouncer, carries nothing over; and in no
 * startup parameter, which PgBouncer would refuse.
 */
export const ENTER_SCOPE = `
  SELECT set_config('statement_timeout', $1, true), set_config('lock_timeout', $2, true),
    set_config('idle_in_transaction_session_timeout', $3, true), set_config('TimeZone', 'UTC', true),
    set_config('role', $4, true), set_config('ss.tenant_id', $5, true),
    set_config('ss.actor_kind', $6, true), set_config('ss.actor_id', $7, true),
    set_config('ss.source', $8, true), set_config('ss.request_id', $9, true), set_config('ss.reason', $10, true)`;

/** What {@link ENTER_SCOPE} is given. */
export function scopeSettings(bounds: Bounds, role: string, tenantId: string, scope: Scope): string[] {
  return [
    String(bounds.statementMs),
    String(bounds.lockMs),
    String(bounds.idleMs),
    role,
    tenantId,
    scope.actor.kind,
    scope.actor.id,
    scope.source,
    scope.requestId ?? '',
    scope.reason ?? '',
  ];
}
