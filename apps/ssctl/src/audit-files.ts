import { type CheckpointSigner, openSigner } from '#audit';
import type { Configuration } from '#configuration';
import { createPublicKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Where the key that signs the audit and its checkpoints are, as workers of the same data folder have it. */
export interface AuditFiles {
  signingKey: string;
  checkpoints: string;
}

export function auditFiles(configuration: Configuration<'ssctl'>): AuditFiles {
  const { dataDir, auditSigningKey, auditCheckpointsDir } = configuration;
  return {
    signingKey: auditSigningKey ?? join(dataDir, 'audit/signing-key.pem'),
    checkpoints: auditCheckpointsDir ?? join(dataDir, 'audit/checkpoints'),
  };
}

export function signerOf({ signingKey }: AuditFiles): Promise<CheckpointSigner> {
  return openSigner(signingKey);
}

/** The key whose signatures count: the one that was named, else the signing key’s public half; null when it is not here. */
export async function publicKeyOf(
  { signingKey }: AuditFiles,
  named: string | undefined,
): Promise<KeyObject | null> {
  try {
    // From a private key its public half is made.
    return createPublicKey(await readFile(named ?? signingKey));
  } catch (error) {
    if (named !== undefined) throw error;
    return null;
  }
}
