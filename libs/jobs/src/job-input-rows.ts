import type { Instant, Tx } from '#database';
import type { DatasetFormat, DatasetProfile } from '#execution';
import type { JobRef } from '#queue';

export const DATASET_ROLES = ['primary_dataset', 'secondary_dataset', 'auxiliary_data', 'other'] as const;
export type DatasetRole = (typeof DATASET_ROLES)[number];

/** A dataset of a job. `dataset_key` is the name of its table in SQL. */
export interface InputDataset {
  tenant_id: string;
  job_id: string;
  dataset_key: string;
  role: DatasetRole;
  original_name: string;
  format: DatasetFormat;
  bytes: number;
  sha256: string;
  storage_name: string;
  profile: DatasetProfile;
  uploaded_at: Instant;
}

export type NewDataset = Omit<InputDataset, 'tenant_id' | 'job_id' | 'uploaded_at'>;

const INSERT_DATASET = `
  INSERT INTO input_dataset (
    tenant_id, job_id, dataset_key, role, original_name, format, bytes, sha256, storage_name, profile
  )
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`;

const LIST_DATASETS = `
  SELECT * FROM input_dataset WHERE tenant_id = $1 AND job_id = $2 ORDER BY uploaded_at, dataset_key`;

const REMOVE_DATASET = `
  DELETE FROM input_dataset WHERE tenant_id = $1 AND job_id = $2 AND dataset_key = $3 RETURNING storage_name`;

/** The rows of `input_dataset`. */
export class JobInputRows {
  async insert(tx: Tx, ref: JobRef, dataset: NewDataset): Promise<void> {
    await tx.query(INSERT_DATASET, [
      ref.tenantId,
      ref.jobId,
      dataset.dataset_key,
      dataset.role,
      dataset.original_name,
      dataset.format,
      dataset.bytes,
      dataset.sha256,
      dataset.storage_name,
      JSON.stringify(dataset.profile),
    ]);
  }

  async list(tx: Tx, ref: JobRef): Promise<InputDataset[]> {
    return tx.query<InputDataset>(LIST_DATASETS, [ref.tenantId, ref.jobId]);
  }

  /** Answers where the file is that nobody needs any more; null when there was no such dataset. */
  async remove(tx: Tx, ref: JobRef, datasetKey: string): Promise<string | null> {
    const [row] = await tx.query<{ storage_name: string }>(REMOVE_DATASET, [
      ref.tenantId,
      ref.jobId,
      datasetKey,
    ]);
    return row?.storage_name ?? null;
  }
}
