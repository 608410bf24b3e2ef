import type { Database, TenantScope, Tx } from '#database';
import { setTimeout as sleep } from 'node:timers/promises';
import { type AuditFilter, conditionsOf } from './audit-filter.js';
import { EVENT_COLUMNS, type TenantEvent } from './audit-trail.js';
import { EXPORT_FORMATS, type ExportFormat } from './export-format.js';
import { Horizon } from './horizon.js';
import { record } from './record.js';

export interface WantedExport {
  format: ExportFormat;
  filter: AuditFilter;
  /** Of every tenant, and what belongs to none; needs a login that may work across tenants. */
  allTenants?: boolean;
  /** What is read at once, and so held in memory. */
  pageRows?: number;
  /** How long to wait for those who write at the start. */
  settleMs?: number;
}

const PAGE_ROWS = 1_000;
const SETTLE_MS = 5_000;
const PAUSE_MS = 20;

const LAST_SEALED = `SELECT coalesce(max(to_event_id), 0) AS "eventId" FROM audit_segment`;

/** Makes exports of the audit. */
export class AuditExports {
  constructor(private readonly database: Database) {}

  /** Finds the end, and leaves the row `audit.export_started` with the tenant of the scope. */
  async begin(scope: TenantScope, wanted: WantedExport): Promise<AuditExport> {
    const toEventId = await settledEnd(this.database, scope, wanted.settleMs ?? SETTLE_MS);
    const started = new AuditExport(this.database, scope, wanted, toEventId);
    await started.tell('audit.export_started', {});
    return started;
  }
}

/**
 * The audit up to the last event of the start that can have no more before it, each tenant's in the order of time. A
 * transaction a page: an export that takes long holds back no vacuum, and rows that never change need no snapshot.
 */
export class AuditExport {
  private handedOut = 0;
  private place: TenantEvent | null = null;

  constructor(
    private readonly database: Database,
    private readonly scope: TenantScope,
    private readonly wanted: WantedExport,
    private readonly toEventId: number,
  ) {}

  /** How many events were handed out so far. */
  get rows(): number {
    return this.handedOut;
  }

  /**
   * The lines, some at a time, read when they are asked for. However it ends, it leaves the row `audit.exported` with
   * the number of events, before it ends.
   */
  async *lines(): AsyncGenerator<string, void> {
    const toObject = EXPORT_FORMATS[this.wanted.format];
    let complete = false;
    try {
      for (let page = await this.next(); page.length > 0; page = await this.next()) {
        this.handedOut += page.length;
        yield page.map((event) => `${JSON.stringify(toObject(event))}\n`).join('');
      }
      complete = true;
    } finally {
      await this.tell('audit.exported', { rows: this.handedOut, complete });
    }
  }

  private async next(): Promise<TenantEvent[]> {
    const { statement, values } = this.page();
    const read = (tx: Tx): Promise<TenantEvent[]> =>
      tx.query<TenantEvent & Record<string, unknown>>(statement, values);
    const events = this.wanted.allTenants
      ? await this.database.acrossTenants(this.scope, read)
      : await this.database.transaction(this.scope, read);
    this.place = events.at(-1) ?? this.place;
    return events;
  }

  /** The rows behind those that were read, in the order of the primary key. */
  private page(): { statement: string; values: unknown[] } {
    const values: unknown[] = [this.toEventId, this.wanted.pageRows ?? PAGE_ROWS];
    const conditions = ['event_id <= $1', ...conditionsOf(this.wanted.filter, values)];
    const { place } = this;
    const add = (value: unknown): string => `$${String(values.push(value))}`;
    const { allTenants = false } = this.wanted;
    if (!allTenants) conditions.push(`tenant_id = ${add(this.scope.tenantId)}`);
    if (place) {
      const [tenant, at, id] = [add(place.tenant_id), add(place.occurred_at), add(place.event_id)];
      // The first column alone says nothing more, and lets the planner leave out what comes before.
      conditions.push(allTenants ? `tenant_id >= ${tenant}` : `occurred_at >= ${at}`);
      conditions.push(`(tenant_id, occurred_at, event_id) > (${tenant}, ${at}, ${id})`);
    }
    const statement = `
      SELECT tenant_id, ${EVENT_COLUMNS}
      FROM audit_event
      WHERE ${conditions.join(' AND ')}
      ORDER BY tenant_id, occurred_at, event_id
      LIMIT $2`;
    return { statement, values };
  }

  /** Leaves a row with what is exported, and how. */
  async tell(action: string, more: Record<string, unknown>): Promise<void> {
    const { format, filter, allTenants = false } = this.wanted;
    await this.database.transaction(this.scope, (tx) =>
      record(tx, {
        action,
        resourceType: 'audit',
        resourceId: allTenants ? '*' : this.scope.tenantId,
        metadata: { format, filter, to_event_id: this.toEventId, ...more },
      }),
    );
  }
}

/** Waits for those who write; where one takes long, what is sealed is settled as well. */
async function settledEnd(database: Database, scope: TenantScope, settleMs: number): Promise<number> {
  const horizon = await database.transaction(scope, (tx) => Horizon.look(tx));
  const deadline = performance.now() + settleMs;
  while (!(await database.transaction(scope, (tx) => horizon.isSettled(tx)))) {
    if (performance.now() >= deadline) {
      const [sealed] = await database.transaction(scope, (tx) => tx.query<{ eventId: number }>(LAST_SEALED));
      return sealed?.eventId ?? 0;
    }
    await sleep(PAUSE_MS);
  }
  return horizon.eventId;
}
