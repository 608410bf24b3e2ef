import { createHash } from 'node:crypto';

const HASHED = /^sha256:([0-9a-f]{64})$/;

/** A secret is never kept in clear. One that an export wrote as its hash comes back as the same hash. */
export function hashOf(secret: string): string {
  return HASHED.exec(secret)?.[1] ?? createHash('sha256').update(secret).digest('hex');
}

/** What stands in a document where the secret was: no token can equal it, so the job stays closed. */
export function hashText(secret: string | null): string | null {
  return secret === null ? null : `sha256:${hashOf(secret)}`;
}
