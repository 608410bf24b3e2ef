import { type Database, isBusy, type Scope } from '#database';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AuditArchives } from './audit-archives.js';
import type { AuditMonth } from './audit-month.js';
import type { CheckpointSigner } from './checkpoint.js';
import { MonthWalk, retiredRows } from './month-walk.js';
import { type RetiredRows, type Retirement, retirementHash, retirementStatement } from './retirement.js';
import { Retirements } from './retirements.js';

export interface RetiredMonth {
  month: AuditMonth;
  rows: number;
  /** The file that holds the rows now; null where none was asked for. */
  archive: string | null;
}

/** How often the lock on the whole table is tried, each time for the half second that the database gives it. */
const TRIES = 5;
const PAUSE_MS = 1_000;

/**
 * Lets old months of the audit go: compares their rows with the seals, archives them, and drops them with a signed record
 * of what went.
 */
export class AuditRetention {
  private readonly walk: MonthWalk;
  private readonly retirements = new Retirements();

  constructor(
    private readonly database: Database,
    private readonly scope: Scope,
    private readonly signer: CheckpointSigner,
    /** Where rows are kept when they go; null: nowhere. */
    private readonly archives: AuditArchives | null,
  ) {
    this.walk = new MonthWalk(database, scope);
  }

  /** The months of which more than so many whole ones have passed since, the oldest first. */
  async listDue(keepMonths: number): Promise<AuditMonth[]> {
    return this.database.acrossTenants(this.scope, (tx) => this.retirements.listDue(tx, keepMonths));
  }

  /** How long ago the oldest month began that is still there. */
  async oldestMonthSeconds(): Promise<number> {
    return this.database.acrossTenants(this.scope, (tx) => this.retirements.oldestMonthSeconds(tx));
  }

  /**
   * Drops one month. Throws `AUDIT_MONTH_NOT_FOUND`, `_UNSEALED` or `_DIFFERS` and leaves it as it is; a month that holds
   * evidence is not dropped. Where others hold the table it is busy, and nothing was changed.
   */
  async retire(month: AuditMonth, signal?: AbortSignal): Promise<RetiredMonth> {
    const archive = this.archives ? await this.archives.write(month, signal) : null;
    const parts = archive?.parts ?? (await this.compare(month, signal));
    const { rows, firstEventId, lastEventId } = await this.walk.measure(month);
    const retirement: Retirement = {
      month,
      rowCount: rows,
      firstEventId,
      lastEventId,
      archiveName: archive?.name ?? null,
      archiveSha256: archive?.sha256 ?? null,
      parts,
    };
    const recordSha256 = retirementHash(retirement);
    const signed = { recordSha256, ...this.signer.signStatement(retirementStatement(recordSha256)) };
    await whenFree(
      () => this.database.acrossTenants(this.scope, (tx) => this.retirements.retire(tx, retirement, signed)),
      signal,
    );
    return { month, rows, archive: archive?.path ?? null };
  }

  private async compare(month: AuditMonth, signal?: AbortSignal): Promise<RetiredRows[]> {
    const parts: RetiredRows[] = [];
    for await (const part of this.walk.parts(month, await this.walk.measure(month), signal)) {
      const retired = retiredRows(part);
      if (retired) parts.push(retired);
    }
    return parts;
  }
}

async function whenFree<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!isBusy(error) || attempt === TRIES) throw error;
      await sleep(PAUSE_MS * (0.5 + Math.random()), undefined, signal ? { signal } : {});
    }
  }
}
