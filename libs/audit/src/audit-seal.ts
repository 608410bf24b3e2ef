import type { Database, Scope } from '#database';
import { AuditSealer } from './audit-sealer.js';
import type { Checkpoint, CheckpointSigner } from './checkpoint.js';
import type { CheckpointFolder } from './checkpoint-folder.js';

const INSERT_CHECKPOINT = `
  INSERT INTO audit_checkpoint (segment_no, segment_hash, key_id, signature)
  VALUES ($1, $2, $3, $4)
  ON CONFLICT ON CONSTRAINT audit_checkpoint_pkey DO NOTHING`;

export interface Sealed {
  segments: number;
  rows: number;
  checkpoint: Checkpoint | null;
}

/** Seals what is settled, and signs the end of the chain: into the database, and into the folder outside. */
export class AuditSeal {
  private readonly sealer: AuditSealer;

  constructor(
    private readonly database: Database,
    private readonly scope: Scope,
    private readonly signer: CheckpointSigner,
    private readonly folder: CheckpointFolder,
    maxRows?: number,
  ) {
    this.sealer = new AuditSealer(database, scope, maxRows);
  }

  async seal(): Promise<Sealed> {
    const segments = await this.sealer.seal();
    const last = segments.at(-1);
    if (!last) return { segments: 0, rows: 0, checkpoint: null };
    const checkpoint = this.signer.sign(last);
    await this.database.acrossTenants(this.scope, (tx) =>
      tx.query(INSERT_CHECKPOINT, [
        checkpoint.segmentNo,
        checkpoint.segmentHash,
        checkpoint.keyId,
        checkpoint.signature,
      ]),
    );
    await this.folder.keep(checkpoint);
    const rows = segments.reduce((sum, segment) => sum + segment.rowCount, 0);
    return { segments: segments.length, rows, checkpoint };
  }
}
