import type { Instant, Tx } from '#database';
import type { JobRef } from '#queue';
import type { DatasetRole } from './job-input-rows.js';

/** A file that a client has announced: it comes in several requests, or past the API. */
export interface InputUpload {
  tenant_id: string;
  upload_id: string;
  job_id: string;
  way: 'resumable' | 'presigned';
  role: DatasetRole;
  original_name: string;
  bytes: number;
  sha256: string | null;
  storage_name: string | null;
  created_at: Instant;
  expires_at: Instant;
  finished_at: Instant | null;
}

export type NewUpload = Pick<
  InputUpload,
  'way' | 'role' | 'original_name' | 'bytes' | 'sha256' | 'storage_name'
>;

const INSERT_UPLOAD = `
  INSERT INTO input_upload (tenant_id, job_id, way, role, original_name, bytes, sha256, storage_name, expires_at)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, clock_timestamp() + make_interval(secs => $9))
  RETURNING *`;

const FIND_UPLOAD = `
  SELECT * FROM input_upload
  WHERE tenant_id = $1 AND job_id = $2 AND upload_id = $3 AND expires_at > clock_timestamp()`;

const SUM_OPEN_UPLOADS = `
  SELECT coalesce(sum(bytes), 0)::bigint AS bytes, (count(*) FILTER (WHERE job_id = $2))::int AS of_job
  FROM input_upload
  WHERE tenant_id = $1 AND finished_at IS NULL AND expires_at > clock_timestamp()`;

/** Of two who have the whole file, one finishes. */
const FINISH_UPLOAD = `
  UPDATE input_upload SET finished_at = clock_timestamp()
  WHERE tenant_id = $1 AND upload_id = $2 AND finished_at IS NULL
  RETURNING upload_id`;

const DELETE_UPLOAD = `
  DELETE FROM input_upload WHERE tenant_id = $1 AND upload_id = $2 AND finished_at IS NULL RETURNING upload_id`;

/** The rows of `input_upload`. */
export class InputUploadRows {
  async insert(tx: Tx, ref: JobRef, upload: NewUpload, ttlSeconds: number): Promise<InputUpload> {
    const { way, role, original_name, bytes, sha256, storage_name } = upload;
    const file = [way, role, original_name, bytes, sha256, storage_name];
    const [row] = await tx.query<InputUpload>(INSERT_UPLOAD, [ref.tenantId, ref.jobId, ...file, ttlSeconds]);
    if (!row) throw new Error('an INSERT returned no row');
    return row;
  }

  /** Null for one that has expired, too. */
  async find(tx: Tx, ref: JobRef, uploadId: string): Promise<InputUpload | null> {
    const [row] = await tx.query<InputUpload>(FIND_UPLOAD, [ref.tenantId, ref.jobId, uploadId]);
    return row ?? null;
  }

  /** What the tenant has announced and not sent, and how many files of it are for the job. */
  async open(tx: Tx, ref: JobRef): Promise<{ bytes: number; of_job: number }> {
    const [row] = await tx.query<{ bytes: number; of_job: number }>(SUM_OPEN_UPLOADS, [
      ref.tenantId,
      ref.jobId,
    ]);
    return row ?? { bytes: 0, of_job: 0 };
  }

  async tryFinish(tx: Tx, tenantId: string, uploadId: string): Promise<boolean> {
    return (await tx.query(FINISH_UPLOAD, [tenantId, uploadId])).length > 0;
  }

  async tryDelete(tx: Tx, tenantId: string, uploadId: string): Promise<boolean> {
    return (await tx.query(DELETE_UPLOAD, [tenantId, uploadId])).length > 0;
  }
}
