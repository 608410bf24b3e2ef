export { type AuditFilter } from './audit-filter.js';
export { AuditSeal, type Sealed } from './audit-seal.js';
export { type AuditEvent, type AuditPlace, AuditTrail, type TrailPage } from './audit-trail.js';
export { AuditVerifier, type BadPlace, type Verification, type VerifyOptions } from './audit-verifier.js';
export { type Checkpoint, CheckpointSigner, newSigningKey } from './checkpoint.js';
export { CheckpointFolder } from './checkpoint-folder.js';
export { createAuditPartitions } from './partitions.js';
export { type AuditRecord, record } from './record.js';
export { openSigner } from './signing-key.js';
