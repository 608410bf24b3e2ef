import { auditBacklog } from '#audit';
import { type Database, type Scope, ServerFigures, type Tx } from '#database';
import { countJobs } from '#jobs';
import { budgetUse } from '#llm';
import { countMigrationItems } from '#migration';
import { OTHER_TENANTS, systemMetrics, TOLD_TENANTS } from '#observability';
import { Messages, Pauses, type QueueName, QUEUES, type TenantLine, TenantLines } from '#queue';
import { countTenants } from '#tenancy';

/** Bound on one statement: figures that take longer are not worth it. */
const STATEMENT_MS = 5_000;

/** Reads the figures of the whole system and puts them into their gauges: all of them, or none. */
export class SystemLook {
  private readonly messages = new Messages();
  private readonly pauses = new Pauses();
  private readonly lines = new TenantLines();
  private readonly server = new ServerFigures();

  async take(database: Database, scope: Scope): Promise<void> {
    const seen = [
      await database.acrossTenants(scope, async (tx) => {
        await bound(tx);
        // In the order in which they are asked, one after the other: a transaction has one connection.
        return [
          await this.jobs(tx),
          await this.queues(tx),
          await this.tenantLines(tx),
          await this.audit(tx),
          await this.migration(tx),
          await this.budgets(tx),
        ];
      }),
      [
        await database.withoutTenant(scope, async (tx) => {
          await bound(tx);
          return this.database(tx);
        }),
      ],
    ].flat();
    // Without a wait in between: a scrape sees the old figures or the new ones.
    for (const tell of seen) tell();
  }

  private async jobs(tx: Tx): Promise<() => void> {
    const counts = Object.entries(await countJobs(tx));
    const tenants = await countTenants(tx);
    return () => {
      for (const [status, count] of counts) systemMetrics.jobs.set({ status }, count);
      systemMetrics.tenants.set(tenants);
    };
  }

  private async queues(tx: Tx): Promise<() => void> {
    const counts = await this.messages.count(tx);
    const paused = new Set((await this.pauses.list(tx)).map(({ queue_name }) => queue_name));
    return () => {
      for (const { name: queue, waiting, parked, delayed, active, dead, oldest_age_seconds: age } of counts) {
        const states = { ready: waiting, parked, delayed, active, dead };
        for (const [state, count] of Object.entries(states)) {
          systemMetrics.queueMessages.set({ queue, state }, count);
        }
        systemMetrics.queueDepth.set({ queue }, waiting + parked + delayed);
        systemMetrics.queueReady.set({ queue }, waiting);
        systemMetrics.queueOldestAge.set({ queue }, Math.max(0, age ?? 0));
        systemMetrics.queuePaused.set({ queue }, paused.has(queue) ? 1 : 0);
      }
    };
  }

  private async tenantLines(tx: Tx): Promise<() => void> {
    const asked = { most: TOLD_TENANTS, reserved: OTHER_TENANTS };
    const lines: (TenantLine & { queue: QueueName })[] = [];
    // The names are those of the table itself.
    for (const queue of Object.keys(QUEUES) as QueueName[]) {
      for (const line of await this.lines.list(tx, queue, asked)) lines.push({ queue, ...line });
    }
    return () => {
      const { tenantDepth, tenantReady, tenantOldestAge } = systemMetrics;
      // Who waits for nothing any more is not named any more.
      for (const metric of [tenantDepth, tenantReady, tenantOldestAge]) metric.reset();
      for (const { queue, tenantId, depth, ready, oldestAgeSeconds } of lines) {
        const labels = { queue, tenant: tenantId ?? OTHER_TENANTS };
        tenantDepth.set(labels, depth);
        tenantReady.set(labels, ready);
        tenantOldestAge.set(labels, oldestAgeSeconds);
      }
    };
  }

  private async audit(tx: Tx): Promise<() => void> {
    const { rows, unsealedRows, sealAgeSeconds } = await auditBacklog(tx);
    return () => {
      systemMetrics.auditRows.set(rows);
      systemMetrics.auditUnsealed.set(unsealedRows);
      systemMetrics.auditSealAge.set(sealAgeSeconds);
    };
  }

  private async migration(tx: Tx): Promise<() => void> {
    const items = await countMigrationItems(tx);
    return () => {
      for (const { outcome, count } of items) systemMetrics.migrationItems.set({ outcome }, count);
    };
  }

  private async budgets(tx: Tx): Promise<() => void> {
    const uses = await budgetUse(tx, TOLD_TENANTS);
    return () => {
      systemMetrics.budgetUsed.reset();
      for (const { tenantId: tenant, budget, ratio } of uses) {
        systemMetrics.budgetUsed.set({ tenant, budget }, ratio);
      }
    };
  }

  private async database(tx: Tx): Promise<() => void> {
    const look = await this.server.look(tx);
    return () => {
      systemMetrics.databaseSize.set(look.sizeBytes);
      systemMetrics.connections.set(look.connections);
      systemMetrics.maxConnections.set(look.maxConnections);
      systemMetrics.oldestTransaction.set(look.oldestTransactionSeconds);
      for (const { schema, live, dead } of look.tables) {
        systemMetrics.databaseRows.set({ schema, state: 'live' }, live);
        systemMetrics.databaseRows.set({ schema, state: 'dead' }, dead);
      }
    };
  }
}

async function bound(tx: Tx): Promise<void> {
  await tx.query(`SELECT set_config('statement_timeout', $1, true)`, [String(STATEMENT_MS)]);
}
