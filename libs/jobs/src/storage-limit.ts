import type { Tx } from '#database';
import { StorageExceeded } from '#tenancy';

const STORED_BYTES_PAST_LIMIT = `
  SELECT may_have AS "limit", others AS current FROM stored_bytes_past_limit($1, $2)`;

const FIND_ROOM = `
  SELECT quota.upload_bytes, quota.storage_bytes,
    (SELECT coalesce(sum(bytes), 0)::bigint FROM tenant_storage WHERE tenant_id = $1) AS stored_bytes
  FROM tenant_quota AS quota
  WHERE quota.tenant_id = $1`;

/**
 * Throws when the tenant has more than it may with the files, of so many bytes, whose rows this transaction has written.
 * Called once a transaction, after the last of them.
 */
export async function assertStorageFits(tx: Tx, tenantId: string, bytes: number): Promise<void> {
  const [past] = await tx.query<{ limit: number; current: number }>(STORED_BYTES_PAST_LIMIT, [
    tenantId,
    bytes,
  ]);
  if (past) throw new StorageExceeded(past.limit, past.current);
}

/** What a tenant may store and has stored; a limit that is null is none. */
export interface StorageUse {
  upload_bytes: number | null;
  storage_bytes: number | null;
  stored_bytes: number;
}

/** As of now. What counts is told when the rows are written: {@link assertStorageFits}. */
export async function findStorageUse(tx: Tx, tenantId: string): Promise<StorageUse> {
  const [use] = await tx.query<StorageUse & Record<string, unknown>>(FIND_ROOM, [tenantId]);
  return use ?? { upload_bytes: null, storage_bytes: null, stored_bytes: 0 };
}
