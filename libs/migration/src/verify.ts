import type { Database, Scope } from '#database';
import { realpath } from 'node:fs/promises';
import { knownJobs } from './import/known-jobs.js';
import { isItem, prepare, type PreparedJob, read, type ReadFile } from './import/prepare.js';
import { keyOf } from './import/write-jobs.js';
import { canonicalRows, RowsChecksum } from './rows/canonical-rows.js';
import { loadStored } from './rows/load-stored.js';
import type { StoredJob } from './rows/stored-job.js';
import { type RunningPolicy, toRows } from './rows/to-rows.js';
import { walk } from './tree/walk.js';

const CHUNK = 500;
/** So many differences are told; all are counted. */
const MAX_DIFFERENCES = 1_000;

export interface Difference {
  path: string | null;
  tenant_id: string;
  job_id: string;
  /** What is wrong: no rows for the file, no file for the rows, rows of other content, or a table that differs. */
  difference:
    'ROWS_MISSING' | 'FILE_MISSING' | 'NOT_LIFTED' | 'job' | 'runs' | 'draft' | 'plan' | 'artifacts';
}

export interface Verification {
  ok: boolean;
  files: number;
  rows: number;
  quarantined: number;
  /** Jobs on which work has gone on since they were lifted, or that were deleted; their rows are not compared. */
  moved_on: number;
  tenants: Record<string, { files: number; rows: number; checksum: string }>;
  checksum: string;
  differences: Difference[];
}

const COUNT_LIFTED = `
  SELECT tenant_id, count(*) AS rows FROM job
  WHERE legacy IS NOT NULL AND ($1::text[] IS NULL OR tenant_id = ANY($1))
  GROUP BY tenant_id`;

/** Reads every file of the tree again and compares what it would become with the rows that are there. */
export class Verifier {
  private readonly total = new RowsChecksum();
  private readonly byTenant = new Map<string, { files: number; found: number; checksum: RowsChecksum }>();
  private readonly differences: Difference[] = [];
  private files = 0;
  private quarantined = 0;
  private movedOn = 0;

  constructor(
    private readonly database: Database,
    private readonly scope: Scope,
  ) {}

  async verify(
    options: { root: string; tenants: readonly string[] | null; strict: boolean },
    onFiles: (count: number) => void = () => undefined,
  ): Promise<Verification> {
    const root = await realpath(options.root);
    let chunk: ReadFile[] = [];
    for await (const found of walk(root, options.tenants)) {
      const file = read(found, root);
      if (file === null) continue;
      this.files++;
      if (isItem(file)) this.quarantined++;
      else chunk.push(file);
      if (chunk.length < CHUNK) continue;
      await this.compare(chunk, options.strict);
      onFiles(chunk.length);
      chunk = [];
    }
    await this.compare(chunk, options.strict);
    onFiles(chunk.length);
    return this.result(await this.countRows(options.tenants));
  }

  private async compare(files: readonly ReadFile[], strict: boolean): Promise<void> {
    const jobs: PreparedJob[] = [];
    for (const file of files) {
      const job = prepare(file, { strict, running: 'requeue' });
      if (isItem(job)) this.quarantined++;
      else jobs.push(job);
    }
    const refs = jobs.map((job) => job.found);
    const { stored, known } = await this.database.acrossTenants(this.scope, async (tx) => {
      return { stored: await loadStored(tx, refs), known: await knownJobs(tx, refs) };
    });
    const byKey = new Map(
      stored.map((rows) => [keyOf({ tenantId: rows.job.tenant_id, jobId: rows.job.job_id }), rows]),
    );
    for (const job of jobs) {
      const key = keyOf(job.found);
      const rows = byKey.get(key) ?? null;
      if (!rows && known.has(key)) this.movedOn++;
      else this.compareJob(job, rows);
    }
  }

  private compareJob(job: PreparedJob, stored: StoredJob | null): void {
    const tenant = this.tenant(job.found.tenantId);
    tenant.files++;
    const legacy = stored?.job.legacy ?? null;
    if (!stored || legacy === null) {
      this.differ(job, stored ? 'NOT_LIFTED' : 'ROWS_MISSING');
      return;
    }
    tenant.found++;
    const actual = canonicalRows(stored);
    this.total.add(actual);
    tenant.checksum.add(actual);
    const expected = canonicalRows(expectedRows(job, stored));
    const tables = Object.keys(expected) as (keyof typeof expected)[];
    const differing = tables.filter((table) => expected[table] !== actual[table]);
    if (differing.length === 0) return;
    if (hasMovedOn(job, stored)) this.movedOn++;
    else for (const table of differing) this.differ(job, table);
  }

  private differ(job: PreparedJob, difference: Difference['difference']): void {
    const { path, tenantId, jobId } = job.found;
    this.differences.push({ path, tenant_id: tenantId, job_id: jobId, difference });
  }

  private tenant(tenantId: string): { files: number; found: number; checksum: RowsChecksum } {
    const tenant = this.byTenant.get(tenantId) ?? { files: 0, found: 0, checksum: new RowsChecksum() };
    this.byTenant.set(tenantId, tenant);
    return tenant;
  }

  private async countRows(tenants: readonly string[] | null): Promise<Map<string, number>> {
    const rows = await this.database.acrossTenants(this.scope, (tx) =>
      tx.query<{ tenant_id: string; rows: number }>(COUNT_LIFTED, [tenants]),
    );
    return new Map(rows.map((row) => [row.tenant_id, row.rows]));
  }

  private result(rows: ReadonlyMap<string, number>): Verification {
    const tenants: Verification['tenants'] = {};
    for (const [tenantId, count] of rows) {
      if (count > this.tenant(tenantId).found) {
        this.differences.push({ path: null, tenant_id: tenantId, job_id: '', difference: 'FILE_MISSING' });
      }
    }
    for (const [tenantId, tenant] of [...this.byTenant].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const { files, checksum } = tenant;
      tenants[tenantId] = { files, rows: rows.get(tenantId) ?? 0, checksum: checksum.toString() };
    }
    return {
      ok: this.differences.length === 0,
      files: this.files,
      rows: [...rows.values()].reduce((sum, count) => sum + count, 0),
      quarantined: this.quarantined,
      moved_on: this.movedOn,
      tenants,
      checksum: this.total.toString(),
      differences: this.differences.slice(0, MAX_DIFFERENCES),
    };
  }
}

/** The rows as lifting left them: what became of a running job was the operator's choice, and the rows tell which. */
function expectedRows(job: PreparedJob, stored: StoredJob): PreparedJob['rows'] {
  if (job.rows.job.status !== 'running') return job.rows;
  const chosen = CHOICES[stored.job.status] ?? 'requeue';
  const { rows } = toRows(job.document, job.content.time, chosen);
  if (chosen === 'keep') return rows;
  const { version, attempts, finished_at } = stored.job;
  const isNext = BigInt(JSON.stringify(version)) === BigInt(JSON.stringify(rows.job.version)) + 1n;
  const moved = { status: stored.job.status, ...(isNext ? { version, attempts, finished_at } : {}) };
  return { ...rows, job: { ...rows.job, ...moved } };
}

const CHOICES: Readonly<Record<string, RunningPolicy>> = {
  running: 'keep',
  queued: 'requeue',
  failed: 'fail',
};

/** The version is higher than lifting could have made it. */
function hasMovedOn(job: PreparedJob, stored: StoredJob): boolean {
  const lifted = BigInt(JSON.stringify(job.rows.job.version)) + (job.rows.job.status === 'running' ? 1n : 0n);
  return BigInt(JSON.stringify(stored.job.version)) > lifted;
}
