import type { Database, Scope } from '#database';
import type { Job, JobFilter } from '#jobs';
import { DomainError } from '#observability';
import { realpathSync } from 'node:fs';
import type { BatchOptions } from './import/batch-options.js';
import { type MigrationItem, quarantined } from './import/item.js';
import type { JobImport } from './import/job-import.js';
import { knownJobs } from './import/known-jobs.js';
import { isItem, placeOf, read } from './import/prepare.js';
import { keyOf } from './import/write-jobs.js';
import { LegacyIndex } from './legacy-index.js';
import { Quarantined } from './reasons.js';
import { findJob } from './tree/find-job.js';

/** The tree has the job, and what its file says cannot be used. */
export class LegacyJobUnusable extends DomainError {
  constructor(item: MigrationItem) {
    super(
      'JOB_DATA_CORRUPTED',
      `The legacy file of job ${item.job_id} cannot be lifted: ${item.reasons.join(', ')}.`,
      { job_id: item.job_id, reasons: item.reasons },
      item.details.map(({ pointer = '', detail = '' }) => ({ pointer, detail })),
    );
  }
}

/** So many jobs are remembered as being there, so that a job is not asked about with every request. */
const MAX_REMEMBERED = 100_000;

/**
 * Serves a legacy tree while it is being lifted: a job that has no rows yet is lifted when it is asked for, and lists
 * show those that still are files.
 */
export class ReadThrough {
  private readonly present = new Set<string>();
  private readonly index: LegacyIndex;
  private readonly options: BatchOptions;
  private batchId: Promise<string> | null = null;

  constructor(
    private readonly database: Database,
    private readonly jobs: JobImport,
    private readonly scope: Scope,
    root: string,
  ) {
    this.options = {
      ...{ root: realpathSync(root), queue: null, tenants: null, strict: false, dryRun: false },
      ...{ running: 'requeue', artifacts: 'copy', concurrency: 1 },
    };
    this.index = new LegacyIndex(this.options);
  }

  /** Makes sure that the job has rows if there is such a job at all. Throws `JOB_DATA_CORRUPTED`. */
  async ensure(tenantId: string, jobId: string): Promise<void> {
    const ref = { tenantId, jobId };
    const key = keyOf(ref);
    if (this.present.has(key)) return;
    const known = await this.database.acrossTenants(this.scope, (tx) => knownJobs(tx, [ref]));
    if (known.size > 0 || (await this.lift(tenantId, jobId))) this.remember(key);
  }

  /** The page with the jobs that still are files among those that have rows, in the same order. */
  async merge(tenantId: string, filter: JobFilter, rows: readonly Job[]): Promise<Job[]> {
    // Labels came after the legacy service.
    if (Object.keys(filter.labels ?? {}).length > 0) return [...rows];
    const files = await this.filesWithoutRows(tenantId, filter);
    return [...rows, ...files].sort(newestFirst).slice(0, filter.limit);
  }

  private async filesWithoutRows(tenantId: string, filter: JobFilter): Promise<Job[]> {
    const candidates = (await this.index.of(tenantId))
      .filter((job) => isAsked(job, filter))
      .sort(newestFirst);
    const found: Job[] = [];
    for (let from = 0; from < candidates.length && found.length < filter.limit; from += filter.limit) {
      const some = candidates.slice(from, from + filter.limit);
      const refs = some.map((job) => ({ tenantId, jobId: job.job_id }));
      const known = await this.database.acrossTenants(this.scope, (tx) => knownJobs(tx, refs));
      found.push(...some.filter((job) => !known.has(keyOf({ tenantId, jobId: job.job_id }))));
    }
    return found.slice(0, filter.limit);
  }

  /** Tells whether the tree had it. */
  private async lift(tenantId: string, jobId: string): Promise<boolean> {
    const { root } = this.options;
    const found = findJob(root, tenantId, jobId);
    const file = found ? read(found, root) : null;
    if (!found || file === null) return false;
    const given = isItem(file) ? { files: [], items: [file] } : { files: [file], items: [] };
    this.batchId ??= this.jobs.batches.open('read_through', this.options);
    const told = await this.jobs.importFiles(given.files, given.items, await this.batchId, this.options);
    const item = told[0] ?? quarantined(placeOf(found), new Quarantined('UNREADABLE'));
    if (item.outcome === 'quarantined') throw new LegacyJobUnusable(item);
    return true;
  }

  private remember(key: string): void {
    if (this.present.size >= MAX_REMEMBERED) this.present.clear();
    this.present.add(key);
  }
}

/** What a page asks for. */
function isAsked(job: Job, { statuses, after }: JobFilter): boolean {
  if (statuses && !statuses.includes(job.status)) return false;
  return !after || newestFirst(job, { created_at: after.createdAt, job_id: after.jobId }) > 0;
}

function newestFirst(a: Pick<Job, 'created_at' | 'job_id'>, b: Pick<Job, 'created_at' | 'job_id'>): number {
  if (a.created_at !== b.created_at) return a.created_at < b.created_at ? 1 : -1;
  if (a.job_id === b.job_id) return 0;
  return a.job_id < b.job_id ? 1 : -1;
}
