import { type AuditRecord, record } from '#audit';
import type { Database, Instant, Scope, Tx } from '#database';
import { PLATFORM } from '#tenancy';
import { randomUUID } from 'node:crypto';
import type { BatchOptions } from './batch-options.js';
import type { MigrationItem } from './item.js';

/** One start of the tool. */
export interface Batch {
  batch_id: string;
  kind: 'run' | 'read_through';
  root: string;
  options: Record<string, unknown>;
  started_by: string;
  started_at: Instant;
  seen_at: Instant;
  ended_at: Instant | null;
  counts: Record<string, number>;
}

/** Counts of a batch that was killed are told by its items. */
const LIST_BATCHES = `
  SELECT b.batch_id, b.kind, b.root, b.options, b.started_by, b.started_at, b.seen_at, b.ended_at,
    coalesce(
      (SELECT jsonb_object_agg(outcome, n) FROM (
        SELECT outcome, count(*) AS n FROM migration_item AS i
        WHERE i.batch_id = b.batch_id AND i.kind = 'job' GROUP BY outcome
      ) AS counted),
      '{}'
    ) AS counts
  FROM migration_batch AS b
  ORDER BY b.started_at DESC
  LIMIT $1`;

const LIST_ITEMS = `
  SELECT item_id, kind, path, tenant_id, job_id, outcome, reasons, details, from_version, to_version, steps, sha256, bytes
  FROM migration_item
  WHERE batch_id = $1 AND item_id > $2
  ORDER BY item_id
  LIMIT 1000`;

const OPEN_BATCH = `
  INSERT INTO migration_batch (batch_id, kind, root, options, started_by) VALUES ($1, $2, $3, $4, $5)`;

/** $2 what the chunk adds to the counts, so that whoever watches sees them rise. */
const SEE_BATCH = `
  UPDATE migration_batch
  SET seen_at = clock_timestamp(), counts = counts || coalesce(
    (
      SELECT jsonb_object_agg(outcome, coalesce((counts ->> outcome)::bigint, 0) + n::bigint)
      FROM jsonb_each_text($2::jsonb) AS chunk (outcome, n)
    ),
    '{}'
  )
  WHERE batch_id = $1`;

/** Of every batch there was: a line for each outcome. */
const COUNT_ITEMS = `
  SELECT outcome, sum(n::bigint)::float8 AS count
  FROM migration_batch CROSS JOIN jsonb_each_text(counts) AS counted (outcome, n)
  GROUP BY outcome`;

const CLOSE_BATCH = `
  UPDATE migration_batch SET seen_at = clock_timestamp(), ended_at = clock_timestamp(), counts = $2
  WHERE batch_id = $1`;

/** The record of what the tool did. */
export class Batches {
  constructor(
    private readonly database: Database,
    private readonly scope: Scope,
  ) {}

  async open(kind: Batch['kind'], options: BatchOptions): Promise<string> {
    const batchId = randomUUID();
    const { root, ...others } = options;
    await this.database.migrating(this.scope, async (tx) => {
      await tx.query(OPEN_BATCH, [batchId, kind, root, JSON.stringify(others), this.scope.actor.id]);
      await record(tx, { ...aboutBatch(batchId, 'migration.started'), metadata: { kind, root } });
    });
    return batchId;
  }

  async seen(tx: Tx, batchId: string, items: readonly MigrationItem[]): Promise<void> {
    const counts: Record<string, number> = {};
    for (const { outcome } of items) counts[outcome] = (counts[outcome] ?? 0) + 1;
    await tx.query(SEE_BATCH, [batchId, JSON.stringify(counts)]);
  }

  async close(batchId: string, counts: Readonly<Record<string, number>>): Promise<void> {
    await this.database.migrating(this.scope, async (tx) => {
      await tx.query(CLOSE_BATCH, [batchId, JSON.stringify(counts)]);
      await record(tx, { ...aboutBatch(batchId, 'migration.finished'), metadata: { counts } });
    });
  }

  /** The latest batches, the newest first. */
  async list(limit: number): Promise<Batch[]> {
    return this.database.acrossTenants(this.scope, (tx) =>
      tx.query<Batch & Record<string, unknown>>(LIST_BATCHES, [limit]),
    );
  }

  /** The lines of a batch in the order in which they were written, without holding all of them. */
  async *items(batchId: string): AsyncGenerator<MigrationItem> {
    let after = 0;
    for (;;) {
      const rows = await this.database.acrossTenants(this.scope, (tx) =>
        tx.query<MigrationItem & { item_id: number } & Record<string, unknown>>(LIST_ITEMS, [batchId, after]),
      );
      for (const { item_id: itemId, ...item } of rows) {
        yield item;
        after = itemId;
      }
      if (rows.length === 0) return;
    }
  }
}

/** What became of the files that all batches have looked at, as of their last chunk. */
export async function countMigrationItems(tx: Tx): Promise<{ outcome: string; count: number }[]> {
  return tx.query<{ outcome: string; count: number }>(COUNT_ITEMS);
}

/** A batch is the whole deployment's. What became of each job is on the audit of that job's tenant. */
function aboutBatch(batchId: string, action: string): AuditRecord {
  return { action, resourceType: 'migration', resourceId: batchId, tenantId: PLATFORM };
}
