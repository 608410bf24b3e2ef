import type { Instant, Tx } from '#database';
import type { JobRef } from '#queue';
import { assertStorageFits } from './storage-limit.js';

/** A file that a job owns. `rel_path` is its name for clients, `storage_name` its name in the store. */
export interface Artifact {
  tenant_id: string;
  job_id: string;
  rel_path: string;
  kind: string;
  content_type: string;
  /** Null for a file that a legacy job lists and that was gone when the job was lifted. */
  bytes: number | null;
  sha256: string | null;
  storage_name: string;
  run_id: string | null;
  step_id: string | null;
  created_at: Instant;
}

export type NewArtifact = Omit<Artifact, 'tenant_id' | 'job_id' | 'created_at'>;

/** A later run's file takes the place of an earlier one's. */
const KEEP_ARTIFACT = `
  INSERT INTO artifact (tenant_id, job_id, rel_path, kind, content_type, bytes, sha256, storage_name, run_id, step_id)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
  ON CONFLICT ON CONSTRAINT artifact_pkey DO UPDATE
  SET kind = excluded.kind, content_type = excluded.content_type, bytes = excluded.bytes, sha256 = excluded.sha256,
    storage_name = excluded.storage_name, run_id = excluded.run_id, step_id = excluded.step_id,
    created_at = clock_timestamp()`;

const LIST_ARTIFACTS = 'SELECT * FROM artifact WHERE tenant_id = $1 AND job_id = $2 ORDER BY rel_path';
const FIND_ARTIFACT = 'SELECT * FROM artifact WHERE tenant_id = $1 AND job_id = $2 AND rel_path = $3';

/** The rows of `artifact`; the bytes are the artifact store's. */
export class JobArtifacts {
  /** Keeps them all, or throws `QUOTA_STORAGE_EXCEEDED`. Once a transaction. */
  async keep(tx: Tx, ref: JobRef, artifacts: readonly NewArtifact[]): Promise<void> {
    if (artifacts.length === 0) return;
    for (const artifact of artifacts) await this.put(tx, ref, artifact);
    const bytes = artifacts.reduce((sum, artifact) => sum + (artifact.bytes ?? 0), 0);
    await assertStorageFits(tx, ref.tenantId, bytes);
  }
  async list(tx: Tx, ref: JobRef): Promise<Artifact[]> {
    return tx.query<Artifact>(LIST_ARTIFACTS, [ref.tenantId, ref.jobId]);
  }

  async find(tx: Tx, ref: JobRef, relPath: string): Promise<Artifact | null> {
    const [row] = await tx.query<Artifact>(FIND_ARTIFACT, [ref.tenantId, ref.jobId, relPath]);
    return row ?? null;
  }

  private async put(tx: Tx, ref: JobRef, artifact: NewArtifact): Promise<void> {
    await tx.query(KEEP_ARTIFACT, [
      ref.tenantId,
      ref.jobId,
      artifact.rel_path,
      artifact.kind,
      artifact.content_type,
      artifact.bytes,
      artifact.sha256,
      artifact.storage_name,
      artifact.run_id,
      artifact.step_id,
    ]);
  }
}
