import { type AuditRetention, createAuditPartitions } from '#audit';
import type { Database, Scope } from '#database';
import { isDomainError, type Logger, metrics } from '#observability';
import { Periodic } from './periodic.js';

export interface AuditKeeping {
  database: Database;
  scope: Scope;
  retention: AuditRetention;
  /** How many whole months stay before this one; null: all. */
  keepMonths: number | null;
}

const EVERY_MS = 3_600_000;
/** The first turn comes by chance within this time: workers that started together do not archive the same month. */
const FIRST_WITHIN_MS = 10_000;

/** Makes room for the months to come, and drops those that the policy lets go. Every worker does it; no failure ends it. */
export class AuditKeeper {
  private readonly periodic: Periodic;
  private readonly stopping = new AbortController();

  constructor(
    private readonly keeping: AuditKeeping,
    private readonly logger: Logger,
    everyMs = EVERY_MS,
  ) {
    this.periodic = new Periodic({ name: 'audit.keep', everyMs, work: () => this.turn(), logger });
  }

  start(firstMs = Math.random() * FIRST_WITHIN_MS): void {
    this.periodic.start(firstMs);
  }

  /** A month that is being archived stays; the next worker begins it anew. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.periodic.stop();
  }

  private async turn(): Promise<void> {
    const { database, scope, retention, keepMonths } = this.keeping;
    const made = await database.withoutTenant(scope, createAuditPartitions);
    if (made > 0)
      this.logger.info({ event: 'SS_AUDIT_PARTITIONS_MADE', months: made }, 'made room for the audit');
    for (const month of keepMonths === null ? [] : await retention.listDue(keepMonths)) {
      if (this.stopping.signal.aborted) return;
      await this.retire(month);
    }
    metrics.auditOldestMonth.set(await retention.oldestMonthSeconds());
  }

  private async retire(month: Parameters<AuditRetention['retire']>[0]): Promise<void> {
    try {
      const { rows, archive } = await this.keeping.retention.retire(month, this.stopping.signal);
      metrics.auditMonthsRetired.inc();
      metrics.auditRowsRetired.inc(rows);
      this.logger.info(
        { event: 'SS_AUDIT_MONTH_RETIRED', month, rows, archive },
        'dropped a month of the audit',
      );
    } catch (error) {
      if (this.stopping.signal.aborted) return;
      this.tell(month, error);
    }
  }

  private tell(month: string, error: unknown): void {
    const event = 'SS_AUDIT_MONTH_KEPT';
    const code = isDomainError(error) ? error.code : null;
    // Another worker was first.
    if (code === 'AUDIT_MONTH_NOT_FOUND') return;
    // Rows that are not as they were sealed wake a person: time alone mends nothing.
    if (code === 'AUDIT_MONTH_DIFFERS' || code === 'AUDIT_ARCHIVE_INVALID') {
      this.logger.error({ event, month, err: error }, 'a month of the audit is not dropped: look at it');
    } else {
      this.logger.warn(
        { event, month, err: error },
        'a month of the audit is not dropped yet; will be tried again',
      );
    }
  }
}
