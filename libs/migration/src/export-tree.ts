import type { ArtifactStore } from '#artifacts';
import { record } from '#audit';
import type { Database, Instant, Scope } from '#database';
import { PLATFORM } from '#tenancy';
import { randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { legacyInstant } from './format/instant-text.js';
import type { JsonObject } from './format/json.js';
import { legacyJson } from './format/legacy-json.js';
import { loadStored } from './rows/load-stored.js';
import type { StoredJob } from './rows/stored-job.js';
import { type ExportNote, toDocument } from './rows/to-document.js';
import { isSafeJobId, isSafePath, isSafeSegment, shardOf } from './tree/names.js';
import { DEFAULT_TENANT_ID } from './tree/walk.js';

const CHUNK = 200;

export interface ExportOptions {
  out: string;
  tenants: readonly string[] | null;
  /** Bring the files of jobs along. */
  artifacts: boolean;
  /** Where a record for each queued job is to stand; null: nowhere. */
  queue: string | null;
}

export interface ExportResult {
  jobs: number;
  files: number;
  /** Jobs of which the old world cannot say everything, and what was said instead. */
  mapped: { tenant_id: string; job_id: string; notes: (ExportNote | 'NAME_UNSAFE' | 'ARTIFACT_MISSING')[] }[];
}

const NEXT_JOBS = `
  SELECT tenant_id AS "tenantId", job_id AS "jobId" FROM job
  WHERE ($1::text[] IS NULL OR tenant_id = ANY($1)) AND (tenant_id, job_id) > ($2, $3)
  ORDER BY tenant_id, job_id
  LIMIT ${String(CHUNK)}`;

/** Writes rows as a legacy tree of version 3 in the sharded layout: the way back. */
export class TreeExport {
  constructor(
    private readonly database: Database,
    private readonly scope: Scope,
    private readonly store: ArtifactStore,
  ) {}

  async export(
    options: ExportOptions,
    onJobs: (count: number) => void = () => undefined,
  ): Promise<ExportResult> {
    const result: ExportResult = { jobs: 0, files: 0, mapped: [] };
    const exportId = randomUUID();
    const { out, tenants } = options;
    // Before the first file: what was taken out by an export that broke off was taken out.
    await this.tell('migration.export_started', exportId, { out, tenants });
    let after = { tenantId: '', jobId: '' };
    for (;;) {
      const jobs = await this.database.acrossTenants(this.scope, async (tx) => {
        const refs = await tx.query<typeof after>(NEXT_JOBS, [options.tenants, after.tenantId, after.jobId]);
        after = refs.at(-1) ?? after;
        return loadStored(tx, refs);
      });
      if (jobs.length === 0) break;
      for (const job of jobs) await this.exportJob(job, options, result);
      onJobs(jobs.length);
    }
    await this.tell('migration.exported', exportId, { out, tenants, jobs: result.jobs, files: result.files });
    return result;
  }

  private async tell(action: string, exportId: string, metadata: Record<string, unknown>): Promise<void> {
    await this.database.acrossTenants(this.scope, (tx) =>
      record(tx, { action, resourceType: 'migration', resourceId: exportId, tenantId: PLATFORM, metadata }),
    );
  }

  private async exportJob(stored: StoredJob, options: ExportOptions, result: ExportResult): Promise<void> {
    const { tenant_id, job_id, updated_at } = stored.job;
    if (!isSafeJobId(job_id) || !isSafeSegment(tenant_id)) {
      result.mapped.push({ tenant_id, job_id, notes: ['NAME_UNSAFE'] });
      return;
    }
    const { document, notes } = toDocument(stored);
    const folder = join(options.out, folderOf(tenant_id, job_id));
    const missing = options.artifacts ? await this.exportFiles(stored, folder, result) : 0;
    await writeAtomically(join(folder, 'job.json'), legacyJson(document), updated_at);
    if (options.queue !== null && stored.job.status === 'queued') {
      await writeAtomically(
        join(options.queue, recordOf(stored)),
        legacyJson(queueRecord(stored)),
        updated_at,
      );
    }
    result.jobs++;
    if (missing > 0 || notes.length > 0) {
      result.mapped.push({
        tenant_id,
        job_id,
        notes: [...notes, ...(missing > 0 ? (['ARTIFACT_MISSING'] as const) : [])],
      });
    }
  }

  /** Answers how many files are not in the store. Those that never were, the legacy tree did not have either. */
  private async exportFiles(stored: StoredJob, folder: string, result: ExportResult): Promise<number> {
    let missing = 0;
    for (const artifact of stored.artifacts) {
      if (artifact.sha256 === null || !isSafePath(artifact.rel_path)) continue;
      const { tenant_id: tenantId, job_id: jobId } = stored.job;
      const ref = { tenantId, jobId, storageName: artifact.storage_name };
      if ((await this.store.stat(ref)) === null) {
        missing++;
        continue;
      }
      const path = join(folder, artifact.rel_path);
      await mkdir(dirname(path), { recursive: true });
      const temporary = join(dirname(path), `tmp${randomUUID().slice(0, 8)}`);
      const file = await open(temporary, 'wx', 0o600);
      await pipeline(await this.store.open(ref), file.createWriteStream({ flush: true }));
      await rename(temporary, path);
      result.files++;
    }
    return missing;
  }
}

/** Without a record the legacy workers would never look at a queued job. */
function recordOf({ job: { tenant_id: tenantId, job_id: jobId } }: StoredJob): string {
  return join('queued', ...(tenantId === DEFAULT_TENANT_ID ? [] : [tenantId]), `${jobId}.json`);
}

function queueRecord({ job }: StoredJob): JsonObject {
  return {
    job_id: job.job_id,
    tenant_id: job.tenant_id,
    enqueued_at: legacyInstant(job.queued_at ?? job.updated_at),
  };
}

function folderOf(tenantId: string, jobId: string): string {
  const place = join(shardOf(jobId), jobId);
  return tenantId === DEFAULT_TENANT_ID ? place : join('tenants', tenantId, place);
}

/** Whole or not at all, and with the time of the row's last change, which the legacy service shows as the job's. */
async function writeAtomically(path: string, text: string, time: Instant): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = join(dirname(path), `tmp${randomUUID().slice(0, 8)}`);
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await utimes(temporary, new Date(time), new Date(time));
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
