import type { Database, Instant, Scope } from '#database';
import { type Job, type JobFilter, type JobStretch, type ListOptions, NEWEST_FIRST, type Place } from '#jobs';
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

  /**
   * The stretch with the jobs that still are files among those that have rows. They are found in the order of their
   * creation, the newest first, and neither by label, which came after the legacy service, nor by word.
   */
  async merge(
    tenantId: string,
    filter: JobFilter,
    { sort = NEWEST_FIRST, limit, after }: ListOptions,
    { jobs, stoppedAt }: JobStretch,
  ): Promise<JobStretch> {
    const isNewestFirst = sort.by === NEWEST_FIRST.by && sort.descending;
    const isByTerm = filter.text !== undefined || Object.keys(filter.labels ?? {}).length > 0;
    if (!isNewestFirst || isByTerm) return { jobs, stoppedAt };
    const files = await this.filesWithoutRows(tenantId, filter, {
      limit,
      after: cornerOf(after),
      last: cornerOf(stoppedAt),
    });
    const merged = [...jobs, ...files].sort(newestFirst).slice(0, limit);
    return { jobs: merged, stoppedAt: merged.length < limit ? stoppedAt : null };
  }

  private async filesWithoutRows(
    tenantId: string,
    filter: JobFilter,
    { limit, after, last }: { limit: number; after: Corner | null; last: Corner | null },
  ): Promise<Job[]> {
    const candidates = (await this.index.of(tenantId))
      .filter((job) => isAsked(job, filter))
      .filter((job) => !after || newestFirst(job, after) > 0)
      .filter((job) => !last || newestFirst(job, last) <= 0)
      .sort(newestFirst);
    const found: Job[] = [];
    for (let from = 0; from < candidates.length && found.length < limit; from += limit) {
      const some = candidates.slice(from, from + limit);
      const refs = some.map((job) => ({ tenantId, jobId: job.job_id }));
      const known = await this.database.acrossTenants(this.scope, (tx) => knownJobs(tx, refs));
      found.push(...some.filter((job) => !known.has(keyOf({ tenantId, jobId: job.job_id }))));
    }
    return found.slice(0, limit);
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

type Corner = Pick<Job, 'created_at' | 'job_id'>;

function cornerOf(place: Place | null | undefined): Corner | null {
  const [created_at, job_id] = place ?? [];
  return created_at === undefined || job_id === undefined ? null : { created_at, job_id };
}

/** What a list asks for. */
function isAsked(job: Job, filter: JobFilter): boolean {
  if (filter.statuses && !filter.statuses.includes(job.status)) return false;
  return (
    isWithin(job.created_at, filter.createdSince, filter.createdUntil) &&
    isWithin(job.updated_at, filter.updatedSince, filter.updatedUntil)
  );
}

function isWithin(at: Instant, since: Instant | undefined, until: Instant | undefined): boolean {
  const ms = Date.parse(at);
  return (since === undefined || ms >= Date.parse(since)) && (until === undefined || ms < Date.parse(until));
}

function newestFirst(a: Corner, b: Corner): number {
  if (a.created_at !== b.created_at) return a.created_at < b.created_at ? 1 : -1;
  if (a.job_id === b.job_id) return 0;
  return a.job_id < b.job_id ? 1 : -1;
}
