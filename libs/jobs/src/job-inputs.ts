import {
  type ArtifactRef,
  type ArtifactStore,
  ArtifactStoreUnavailable,
  UploadTooLarge,
  type Written,
} from '#artifacts';
import { record } from '#audit';
import { type Database, isUniqueViolation, type TenantScope, type Tx } from '#database';
import { type DatasetFormat, type DatasetProfile, type Execution, StepFailed } from '#execution';
import { fingerprint } from '#plans';
import type { JobRef } from '#queue';
import { isRepeated, repeatOver, type RepeatableScope, transactOnce } from '#tenancy';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { newDatasetKey } from './dataset-key.js';
import { getJob, getJobWithData } from './explain-refusal.js';
import type { Job } from './job.js';
import { type DatasetRole, type InputDataset, JobInputRows, type NewDataset } from './job-input-rows.js';
import { JobStore } from './job-store.js';
import {
  DatasetNotFound,
  JobDataErased,
  JobLocked,
  JobVersionConflict,
  PrimaryDatasetMultiple,
  TooManyDatasets,
  UploadRefused,
} from './refusals.js';
import { assertStorageFits, findStorageUse } from './storage-limit.js';
import { UploadRoom } from './upload-room.js';

/** A file that is in the store and was read once, but belongs to no job yet. */
export type ReceivedDataset = Omit<NewDataset, 'dataset_key'>;

const FORMATS: Readonly<Record<string, DatasetFormat>> = {
  '.csv': 'csv',
  '.tsv': 'tsv',
  '.jsonl': 'jsonl',
  '.ndjson': 'jsonl',
  '.parquet': 'parquet',
  '.xlsx': 'xlsx',
};

const EDITABLE = ['created', 'draft_ready'] as const;
export const MAX_DATASETS = 50;
const SAMPLE_ROWS = 200;
const INSPECT_MS = 60_000;

/** The datasets of a job: received as streams, read once to see what they are, then added in one transaction. */
export class JobInputs {
  private readonly rows = new JobInputRows();
  private readonly jobs = new JobStore();

  constructor(
    private readonly database: Database,
    private readonly store: ArtifactStore,
    private readonly execution: Execution,
    private readonly maxBytes: number,
    /** For copies of files that lie elsewhere, while they are read. */
    private readonly copiesDir: string = tmpdir(),
  ) {}

  /**
   * Tells what an upload may bring. Refuses before a byte is read when the job is not there or its inputs cannot change
   * any more.
   */
  async open(scope: RepeatableScope, jobId: string, version: number | null): Promise<UploadRoom> {
    return this.database.transaction(scope, async (tx) => {
      const job = await getJob(tx, { tenantId: scope.tenantId, jobId });
      // What the first request found has changed since, by itself: only the files tell whether this is a repeat.
      if (!(await isRepeated(tx, scope))) assertEditable(job, version);
      return new UploadRoom(this.maxBytes, await findStorageUse(tx, scope.tenantId), MAX_DATASETS);
    });
  }

  /** Streams one file into the store and reads it. Throws when there is no room for it or it is not what its name says. */
  async receive(
    ref: JobRef,
    file: { name: string; role: DatasetRole; content: Readable },
    room: UploadRoom,
  ): Promise<ReceivedDataset> {
    const format = formatOf(file.name);
    const storageName = `inputs/${randomUUID()}.${format}`;
    const written = await this.write({ ...ref, storageName }, file.content, room);
    return this.adopt({ ...ref, storageName }, { name: file.name, role: file.role, ...written });
  }

  /** Reads a file that is in the store already. What cannot be a dataset is removed from there. */
  async adopt(
    ref: ArtifactRef,
    { name, role, ...written }: Written & { name: string; role: DatasetRole },
  ): Promise<ReceivedDataset> {
    const format = formatOf(name);
    try {
      const profile = await this.inspect(ref, format, written.sha256);
      return {
        role,
        original_name: name,
        format,
        storage_name: ref.storageName,
        profile,
        ...written,
      };
    } catch (error) {
      if (error instanceof ArtifactStoreUnavailable) throw error;
      await this.store.remove(ref);
      if (
        error instanceof StepFailed &&
        (error.failure === 'STEP_TIMED_OUT' || error.failure === 'STEP_OUT_OF_MEMORY')
      ) {
        throw new UploadRefused(
          'INPUT_TOO_COSTLY',
          'Reading the file took more time or memory than it may.',
          {
            cause: error,
          },
        );
      }
      throw error;
    }
  }

  /** Forgets received files that are not to be added after all. */
  async discard(ref: JobRef, received: readonly ReceivedDataset[]): Promise<void> {
    await Promise.all(
      received.map((dataset) => this.store.remove({ ...ref, storageName: dataset.storage_name })),
    );
  }

  /** Adds received files to the job, all or none; with what the caller does in the same transaction. */
  async add(
    scope: RepeatableScope,
    jobId: string,
    received: readonly ReceivedDataset[],
    version: number | null,
    alongside?: (tx: Tx) => Promise<void>,
  ): Promise<{ job: Job; datasets: InputDataset[] }> {
    const ref = { tenantId: scope.tenantId, jobId };
    const added: { datasets: InputDataset[] | null } = { datasets: null };
    try {
      // The job alone is kept for a repeat: what is known of the datasets goes when they go.
      const job = await transactOnce(this.database, ofFiles(scope, received), async (tx) => {
        await this.lockEditable(tx, ref, version);
        await alongside?.(tx);
        const taken = (await this.rows.list(tx, ref)).map((dataset) => dataset.dataset_key);
        if (taken.length + received.length > MAX_DATASETS) throw new TooManyDatasets(MAX_DATASETS);
        for (const dataset of received) {
          const datasetKey = newDatasetKey(dataset.original_name, taken);
          taken.push(datasetKey);
          await this.rows.insert(tx, ref, { ...dataset, dataset_key: datasetKey });
        }
        const bytes = received.reduce((sum, dataset) => sum + dataset.bytes, 0);
        await assertStorageFits(tx, ref.tenantId, bytes);
        const changed = await this.changed(
          tx,
          ref,
          'job.inputs_added',
          received.map((dataset) => dataset.sha256),
        );
        added.datasets = changed.datasets;
        return changed.job;
      });
      if (added.datasets) return { job, datasets: added.datasets };
      await this.discard(ref, received);
      return { job, datasets: (await this.list(scope, jobId)).datasets };
    } catch (error) {
      if (isUniqueViolation(error, 'input_dataset_one_primary_a_job'))
        throw new PrimaryDatasetMultiple(jobId);
      throw error;
    }
  }

  /** Takes a dataset away again. */
  async remove(scope: TenantScope, jobId: string, datasetKey: string, version: number | null): Promise<Job> {
    const ref = { tenantId: scope.tenantId, jobId };
    const { job, storageName } = await this.database.transaction(scope, async (tx) => {
      await this.lockEditable(tx, ref, version);
      const removed = await this.rows.remove(tx, ref, datasetKey);
      if (removed === null) throw new DatasetNotFound(datasetKey);
      const { job: after } = await this.changed(tx, ref, 'job.inputs_removed', [datasetKey]);
      return { job: after, storageName: removed };
    });
    await this.store.remove({ ...ref, storageName });
    return job;
  }

  async list(scope: TenantScope, jobId: string): Promise<{ job: Job; datasets: InputDataset[] }> {
    const ref = { tenantId: scope.tenantId, jobId };
    return this.database.transaction(scope, async (tx) => {
      return { job: await getJob(tx, ref), datasets: await this.rows.list(tx, ref) };
    });
  }

  /** The same for whoever is about to see rows of them, which is on the audit. */
  async preview(scope: TenantScope, jobId: string): Promise<{ job: Job; datasets: InputDataset[] }> {
    const ref = { tenantId: scope.tenantId, jobId };
    return this.database.transaction(scope, async (tx) => {
      const job = await getJobWithData(tx, ref);
      const datasets = await this.rows.list(tx, ref);
      const metadata = { datasets: datasets.map((dataset) => dataset.dataset_key) };
      await record(tx, { action: 'inputs.previewed', resourceType: 'inputs', resourceId: jobId, metadata });
      return { job, datasets };
    });
  }

  private async inspect(ref: ArtifactRef, format: DatasetFormat, sha256: string): Promise<DatasetProfile> {
    const folder = await mkdtemp(join(this.copiesDir, 'ss-inspect-'));
    try {
      const path = await this.store.localPath(ref, { folder, sha256 });
      return await this.execution.inspect(
        { datasetKey: 'dataset', format, path },
        { sampleRows: SAMPLE_ROWS, timeoutMs: INSPECT_MS },
      );
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  private async write(ref: ArtifactRef, content: Readable, room: UploadRoom): Promise<Written> {
    try {
      const written = await this.store.write(ref, content, { maxBytes: room.maxBytes });
      room.take(written.bytes);
      return written;
    } catch (error) {
      throw error instanceof UploadTooLarge ? room.refusalOf(error) : error;
    }
  }

  /** The fingerprint follows the datasets, and the version tells everyone that they are others now. */
  private async changed(
    tx: Tx,
    ref: JobRef,
    action: string,
    what: string[],
  ): Promise<{ job: Job; datasets: InputDataset[] }> {
    const datasets = await this.rows.list(tx, ref);
    const inputsFingerprint = fingerprint(
      datasets.map(({ dataset_key: datasetKey, role, sha256 }) => ({ datasetKey, role, sha256 })),
    );
    await tx.describe(action, { datasets: what, inputs_fingerprint: inputsFingerprint });
    const job = await this.jobs.tryChange(tx, ref, EDITABLE, null, { inputs_fingerprint: inputsFingerprint });
    if (!job) throw new Error('a locked job changed');
    return { job, datasets };
  }

  private async lockEditable(tx: Tx, ref: JobRef, version: number | null): Promise<void> {
    const job = await this.jobs.findLocked(tx, ref);
    assertEditable(job ?? (await getJob(tx, ref)), version);
  }
}

/** Each boundary of a body is another; the files are the same. */
function ofFiles(scope: RepeatableScope, received: readonly ReceivedDataset[]): RepeatableScope {
  return repeatOver(
    scope,
    received.map(({ role, original_name: name, sha256 }) => [role, name, sha256]),
  );
}

/** Told by the ending of the name. Throws `INPUT_UNSUPPORTED_FORMAT`. */
export function formatOf(name: string): DatasetFormat {
  const format = FORMATS[extname(name).toLowerCase()];
  if (format) return format;
  throw new UploadRefused(
    'INPUT_UNSUPPORTED_FORMAT',
    `Datasets are CSV, TSV, JSON Lines, Parquet or XLSX, told by the ending: ${Object.keys(FORMATS).join(' ')}.`,
  );
}

/** Throws when the inputs of the job cannot change, or it is not the version that was meant. */
export function assertEditable(job: Job, version: number | null): void {
  if (job.erased_at !== null) throw new JobDataErased(job);
  if (version !== null && job.version !== version) throw new JobVersionConflict(job, version);
  if (!EDITABLE.some((status) => status === job.status)) throw new JobLocked(job, 'Inputs');
}
