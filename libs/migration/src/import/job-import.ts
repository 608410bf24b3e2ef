import type { ArtifactStore } from '#artifacts';
import type { Database, Scope, Tx } from '#database';
import type { Logger } from '#observability';
import type { Queue } from '#queue';
import { reconcileQueue } from '../queue/reconcile.js';
import { Quarantined } from '../reasons.js';
import { isSameContent } from '../rows/same-content.js';
import { loadStored } from '../rows/load-stored.js';
import { isUntouched } from '../tree/read-file.js';
import { Batches } from './batches.js';
import type { BatchOptions } from './batch-options.js';
import { copyFiles } from './copy-files.js';
import { lifted, type MigrationItem, quarantined, unchanged } from './item.js';
import { type KnownJob, knownJobs } from './known-jobs.js';
import { isItem, knownOf, placeOf, prepare, type PreparedJob, read, type ReadFile } from './prepare.js';
import { insertItems } from './staging.js';
import { TenantsAtHand } from './tenants-at-hand.js';
import { keyOf, writeJobs } from './write-jobs.js';

const ATTEMPTS = 3;
/** So many jobs have their files copied at a time. */
const JOBS_COPIED_AT_ONCE = 8;

/** Lifts files into rows, many at a time: all that belongs to a chunk is committed together, or nothing of it. */
export class JobImport {
  readonly batches: Batches;
  private readonly tenants: TenantsAtHand;

  constructor(
    private readonly database: Database,
    private readonly queue: Queue,
    private readonly store: ArtifactStore,
    private readonly scope: Scope,
    private readonly logger: Logger,
  ) {
    this.batches = new Batches(database, scope);
    this.tenants = new TenantsAtHand(database, scope);
  }

  /** What becomes of these files. `batchId` null: nothing is written, it only is told. */
  async importFiles(
    files: readonly ReadFile[],
    items: readonly MigrationItem[],
    batchId: string | null,
    options: BatchOptions,
  ): Promise<MigrationItem[]> {
    const told = [...items];
    const fresh: ReadFile[] = [];
    const known = await this.database.acrossTenants(this.scope, (tx) => knownJobs(tx, refsOf(files)));
    const inChunk = new Set<string>();
    const others: ReadFile[] = [];
    for (const file of files) {
      const key = keyOf(file.found);
      const there = known.get(key);
      if (there?.sha256 === file.content.sha256)
        told.push(unchanged(placeOf(file.found), knownOf(file.content)));
      else if (there) others.push(file);
      else if (inChunk.has(key)) told.push(duplicate(file));
      else {
        inChunk.add(key);
        fresh.push(file);
      }
    }
    told.push(...(await this.compare(others, known, options)));
    const prepared = await this.prepareAll(fresh, options, batchId === null, told);
    if (batchId === null) {
      return [...told, ...prepared.map((job) => lifted(placeOf(job.found), job.details, versionsOf(job)))];
    }
    await this.tenants.ensure(prepared.map((job) => job.found.tenantId));
    return this.write(prepared, told, batchId, options);
  }

  /** What becomes of the records of the legacy queue; told, and kept with the batch. */
  async *reconcileQueue(
    options: BatchOptions & { queue: string },
    batchId: string | null,
  ): AsyncGenerator<MigrationItem[]> {
    for await (const items of reconcileQueue(this.database, this.scope, options)) {
      if (batchId !== null)
        await this.database.migrating(this.scope, (tx) => insertItems(tx, batchId, items));
      yield items;
    }
  }

  private async prepareAll(
    files: readonly ReadFile[],
    options: BatchOptions,
    dryRun: boolean,
    told: MigrationItem[],
  ): Promise<PreparedJob[]> {
    const prepared: PreparedJob[] = [];
    const keep = (value: PreparedJob | MigrationItem): void => {
      if (isItem(value)) told.push(value);
      else prepared.push(value);
    };
    if (options.artifacts === 'skip') {
      for (const file of files) keep(stillSame(prepare(file, options), options));
      return prepared;
    }
    const waiting = [...files];
    const copyNext = async (): Promise<void> => {
      for (let file = waiting.shift(); file; file = waiting.shift()) {
        const job = stillSame(prepare(file, options), options);
        keep(isItem(job) ? job : await copyFiles(job, dryRun ? null : this.store, options.artifacts));
      }
    };
    await Promise.all(Array.from({ length: JOBS_COPIED_AT_ONCE }, copyNext));
    return prepared;
  }

  /** One transaction; where the database refuses a row, the chunk is halved until the row is alone. */
  private async write(
    jobs: readonly PreparedJob[],
    told: readonly MigrationItem[],
    batchId: string,
    options: BatchOptions,
  ): Promise<MigrationItem[]> {
    try {
      const items = await this.database.migrating(this.scope, async (tx) => {
        const written = await writeJobs(tx, this.queue, jobs, options.running);
        const mine = jobs.filter((job) => written.has(keyOf(job.found)));
        const late = jobs.filter((job) => !written.has(keyOf(job.found)));
        const all = [
          ...told,
          ...mine.map((job) => lifted(placeOf(job.found), job.details, versionsOf(job))),
          ...(await this.explainLate(tx, late)),
        ];
        await insertItems(tx, batchId, all);
        await this.batches.seen(tx, batchId, all);
        return all;
      });
      this.log(items);
      return items;
    } catch (error) {
      if (!isRefusedRow(error) || jobs.length === 0) throw error;
      const [only] = jobs;
      if (jobs.length === 1 && only) {
        const why = new Quarantined('DOCUMENT_INVALID', [
          { detail: `the database refuses the row: ${error.code}` },
        ]);
        return this.write(
          [],
          [...told, quarantined(placeOf(only.found), why, knownOf(only.content))],
          batchId,
          options,
        );
      }
      const half = Math.ceil(jobs.length / 2);
      return [
        ...(await this.write(jobs.slice(0, half), told, batchId, options)),
        ...(await this.write(jobs.slice(half), [], batchId, options)),
      ];
    }
  }

  /** Another batch was faster. */
  private async explainLate(tx: Tx, late: readonly PreparedJob[]): Promise<MigrationItem[]> {
    const known = await knownJobs(tx, refsOf(late));
    return late.map((job) =>
      known.get(keyOf(job.found))?.sha256 === job.content.sha256
        ? unchanged(placeOf(job.found), knownOf(job.content))
        : duplicate(job),
    );
  }

  /** Files whose jobs have rows that came from other bytes, or from no file at all. */
  private async compare(
    files: readonly ReadFile[],
    known: ReadonlyMap<string, KnownJob>,
    options: BatchOptions,
  ): Promise<MigrationItem[]> {
    if (files.length === 0) return [];
    const stored = await this.database.acrossTenants(this.scope, (tx) => loadStored(tx, refsOf(files)));
    const byKey = new Map(
      stored.map((rows) => [keyOf({ tenantId: rows.job.tenant_id, jobId: rows.job.job_id }), rows]),
    );
    return files.map((file) => {
      const key = keyOf(file.found);
      const rows = byKey.get(key);
      const job = prepare(file, options);
      if (isItem(job)) return job;
      if (known.get(key)?.sha256 === null || !rows) return duplicate(file);
      if (isSameContent(job.document, rows)) return unchanged(placeOf(file.found), knownOf(file.content));
      return quarantined(placeOf(file.found), new Quarantined('FILE_CHANGED'), knownOf(file.content));
    });
  }

  private log(items: readonly MigrationItem[]): void {
    for (const item of items) {
      if (item.outcome !== 'migrated' && item.outcome !== 'repaired') continue;
      const { tenant_id, job_id, from_version, to_version, steps, reasons } = item;
      this.logger.info(
        { event: 'SS_JOB_JSON_SCHEMA_MIGRATED', tenant_id, job_id, from_version, to_version, steps, reasons },
        'a legacy job has rows now',
      );
    }
  }
}

/** Reads and maps a file again that was written to while its chunk was made ready. */
function stillSame(job: PreparedJob | MigrationItem, options: BatchOptions): PreparedJob | MigrationItem {
  let seen = job;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    if (isItem(seen) || isUntouched(seen.found.absolutePath, seen.content.stamp)) return seen;
    const again = read(seen.found, options.root);
    if (again === null) break;
    seen = isItem(again) ? again : prepare(again, options);
  }
  const why = new Quarantined('UNREADABLE', [{ detail: 'it changes while it is lifted' }]);
  return isItem(job) ? job : quarantined(placeOf(job.found), why);
}

function duplicate(file: ReadFile): MigrationItem {
  return quarantined(placeOf(file.found), new Quarantined('DUPLICATE_JOB'), knownOf(file.content));
}

function versionsOf(job: PreparedJob): Partial<MigrationItem> {
  return { ...knownOf(job.content), from_version: job.from, to_version: job.to, steps: job.steps };
}

function refsOf(files: readonly ReadFile[]): { tenantId: string; jobId: string }[] {
  return files.map((file) => file.found);
}

/** A value that PostgreSQL cannot hold, a constraint, a limit: the row's fault, not the connection's. */
function isRefusedRow(error: unknown): error is { code: string } {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : null;
  return typeof code === 'string' && /^(22|23|54|SS)/.test(code);
}
