import { ArtifactChanged, type ArtifactStore, type PresignedPut, UploadTooLarge } from '#artifacts';
import { record } from '#audit';
import { CommitUnknown, type Database, type TenantScope, type Tx } from '#database';
import { isDomainError } from '#observability';
import { repeatOver, type RepeatableScope, StorageExceeded, transactOnce } from '#tenancy';
import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import { getJob } from './explain-refusal.js';
import { type InputUpload, InputUploadRows, type NewUpload } from './input-upload-rows.js';
import type { Job } from './job.js';
import type { DatasetRole, InputDataset } from './job-input-rows.js';
import {
  assertEditable,
  formatOf,
  type JobInputs,
  MAX_DATASETS,
  type ReceivedDataset,
} from './job-inputs.js';
import {
  PresignUnsupported,
  TooManyDatasets,
  UploadChecksumMismatch,
  UploadIncomplete,
  UploadNotFound,
} from './refusals.js';
import { findStorageUse } from './storage-limit.js';

/** The address is good for so long, at most. Whoever has begun to send by then may go on. */
const PRESIGNED_SECONDS = 3_600;

/** What a client says of a file before it sends it. */
export interface AnnouncedDataset {
  name: string;
  role: DatasetRole;
  bytes: number;
}

export interface ChangedInputs {
  job: Job;
  datasets: InputDataset[];
}

/** Datasets that come in several requests, or past the API straight to the store: announced first, added when whole. */
export class JobUploads {
  private readonly rows = new InputUploadRows();

  constructor(
    private readonly database: Database,
    private readonly store: ArtifactStore,
    private readonly inputs: JobInputs,
    private readonly limits: { maxBytes: number; ttlSeconds: number },
  ) {}

  /** Refuses what could not be added: no such format, too large, no room, inputs that cannot change any more. */
  async announce(scope: RepeatableScope, jobId: string, file: AnnouncedDataset): Promise<InputUpload> {
    const { name, role, bytes } = file;
    formatOf(name);
    const resumable = { way: 'resumable', sha256: null, storage_name: null } as const;
    return this.insert(scope, jobId, { ...resumable, role, original_name: name, bytes });
  }

  /** The same with an address to which the file goes. Throws `PRESIGN_UNSUPPORTED` where files lie in a folder. */
  async presign(
    scope: RepeatableScope,
    jobId: string,
    file: AnnouncedDataset & { sha256: string },
  ): Promise<{ upload: InputUpload; put: PresignedPut }> {
    const { name, role, bytes, sha256 } = file;
    const storageName = `inputs/${randomUUID()}.${formatOf(name)}`;
    const ref = { tenantId: scope.tenantId, jobId, storageName };
    // Before the store is asked: only for a job that is there does it get a place.
    await this.database.transaction(scope, (tx) => this.assertWelcome(tx, scope.tenantId, jobId, bytes));
    const ttlSeconds = Math.min(PRESIGNED_SECONDS, this.limits.ttlSeconds);
    const put = await this.store.presign(ref, { bytes, sha256, ttlSeconds });
    if (!put) throw new PresignUnsupported();
    const presigned = { way: 'presigned', sha256, storage_name: storageName } as const;
    const upload = await this.insert(scope, jobId, { ...presigned, role, original_name: name, bytes });
    if (upload.storage_name === null || upload.storage_name === storageName) return { upload, put };
    // Announced before, by the same request: the file goes where it was to go then.
    const again = await this.store.presign(
      { ...ref, storageName: upload.storage_name },
      { bytes, sha256, ttlSeconds },
    );
    if (!again) throw new PresignUnsupported();
    return { upload, put: again };
  }

  async get(
    scope: TenantScope,
    jobId: string,
    uploadId: string,
    way: InputUpload['way'],
  ): Promise<InputUpload> {
    const ref = { tenantId: scope.tenantId, jobId };
    return this.database.transaction(scope, async (tx) => {
      await getJob(tx, ref);
      const upload = await this.rows.find(tx, ref, uploadId);
      if (upload?.way !== way) throw new UploadNotFound();
      return upload;
    });
  }

  /** Adds the dataset that has come piece by piece. Of two who try at once, one does; the other learns that it is done. */
  async finish(scope: TenantScope, upload: InputUpload, content: Readable): Promise<ChangedInputs> {
    const ref = { tenantId: scope.tenantId, jobId: upload.job_id };
    const { role, original_name: name } = upload;
    try {
      const room = await this.inputs.open(scope, upload.job_id, null);
      const received = await this.inputs.receive(ref, { name, role, content }, room);
      return await this.add(scope, upload, received);
    } finally {
      content.destroy();
    }
  }

  /** Adds the dataset that has come straight to the store, if it is the one that was announced. May be repeated. */
  async complete(scope: RepeatableScope, jobId: string, uploadId: string): Promise<ChangedInputs> {
    const upload = await this.get(scope, jobId, uploadId, 'presigned');
    if (upload.finished_at !== null) {
      scope.repeat?.onReplay?.();
      return this.inputs.list(scope, jobId);
    }
    const { role, original_name: name, bytes, sha256, storage_name: storageName } = upload;
    if (sha256 === null || storageName === null)
      throw new Error('a presigned upload without a hash or a name');
    const ref = { tenantId: scope.tenantId, jobId, storageName };
    const there = await this.store.stat(ref);
    if (there?.bytes !== bytes) throw new UploadIncomplete(bytes, there?.bytes ?? 0);
    try {
      const received = await this.inputs.adopt(ref, { name, role, bytes, sha256 });
      return await this.add(scope, upload, received);
    } catch (error) {
      throw error instanceof ArtifactChanged ? new UploadChecksumMismatch() : error;
    }
  }

  /** The client does not want it any more, or it can be no dataset. Content with its being gone, or finished. */
  async abandon(scope: TenantScope, upload: InputUpload): Promise<void> {
    const { job_id: jobId, upload_id: uploadId, way, storage_name: storageName } = upload;
    const gone = await this.database.transaction(scope, async (tx) => {
      const deleted = await this.rows.tryDelete(tx, scope.tenantId, uploadId);
      const metadata = { job_id: jobId, upload_id: uploadId, way };
      if (deleted)
        await record(tx, { action: 'upload.abandoned', resourceType: 'inputs', resourceId: jobId, metadata });
      return deleted;
    });
    if (gone && storageName !== null)
      await this.store.remove({ tenantId: scope.tenantId, jobId, storageName });
  }

  private async insert(scope: RepeatableScope, jobId: string, upload: NewUpload): Promise<InputUpload> {
    const ref = { tenantId: scope.tenantId, jobId };
    const announced = [upload.original_name, upload.role, upload.bytes, upload.sha256];
    return transactOnce(this.database, repeatOver(scope, announced), async (tx) => {
      await this.assertWelcome(tx, scope.tenantId, jobId, upload.bytes);
      const row = await this.rows.insert(tx, ref, upload, this.limits.ttlSeconds);
      const { way, bytes, role } = upload;
      const metadata = { job_id: jobId, upload_id: row.upload_id, way, bytes, role };
      await record(tx, { action: 'upload.announced', resourceType: 'inputs', resourceId: jobId, metadata });
      return row;
    });
  }

  /** What is announced counts as stored: or many uploads at once would each find the room that only one of them has. */
  private async assertWelcome(tx: Tx, tenantId: string, jobId: string, bytes: number): Promise<void> {
    const ref = { tenantId, jobId };
    assertEditable(await getJob(tx, ref), null);
    const use = await findStorageUse(tx, tenantId);
    const maxBytes = Math.min(this.limits.maxBytes, use.upload_bytes ?? Infinity);
    if (bytes > maxBytes) throw new UploadTooLarge(maxBytes, bytes);
    const open = await this.rows.open(tx, ref);
    if (open.of_job >= MAX_DATASETS) throw new TooManyDatasets(MAX_DATASETS);
    const taken = use.stored_bytes + open.bytes;
    if (use.storage_bytes !== null && taken + bytes > use.storage_bytes) {
      throw new StorageExceeded(use.storage_bytes, taken);
    }
  }

  private async add(
    scope: RepeatableScope,
    upload: InputUpload,
    received: ReceivedDataset,
  ): Promise<ChangedInputs> {
    const ref = { tenantId: scope.tenantId, jobId: upload.job_id };
    try {
      return await this.inputs.add(scope, upload.job_id, [received], null, async (tx) => {
        if (!(await this.rows.tryFinish(tx, scope.tenantId, upload.upload_id))) throw new UploadNotFound();
      });
    } catch (error) {
      // What came past the API is sent once: it goes only when it can be no dataset, and not when another has added it.
      const isOver =
        upload.way === 'presigned'
          ? isDomainError(error) && !(error instanceof UploadNotFound)
          : !(error instanceof CommitUnknown);
      if (isOver) await this.inputs.discard(ref, [received]);
      throw error;
    }
  }
}
