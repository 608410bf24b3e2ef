import { record } from '#audit';
import type { Actor, Database } from '#database';

export interface KeyUse {
  tenantId: string;
  keyId: string;
  requestId: string | undefined;
}

/** More keys than this wait to be written only when the database is away; the next use of a key notes it again. */
const MAX_WAITING = 10_000;

const FIRST_USE = `
  UPDATE api_key SET first_used_at = clock_timestamp(), last_used_at = clock_timestamp()
  WHERE tenant_id = $1 AND key_id = $2 AND first_used_at IS NULL
  RETURNING name`;

/** The guard is that of `USE_IS_DUE`: of many processes one writes. */
const LATER_USE = `
  UPDATE api_key SET last_used_at = clock_timestamp()
  WHERE tenant_id = $1 AND key_id = $2 AND last_used_at < clock_timestamp() - interval '1 minute'`;

/** Whether the use of a key is worth a write: the first one, and then one a minute. */
export const USE_IS_DUE = `coalesce(last_used_at < clock_timestamp() - interval '1 minute', true)`;

/** Writes down that keys were used, beside the requests that used them; the first use of a key is on the audit. */
export class KeyUses {
  private readonly waiting = new Map<string, KeyUse>();
  private writing: Promise<void> | null = null;

  constructor(
    private readonly database: Database,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** Comes back at once. */
  note(use: KeyUse): void {
    if (this.waiting.size >= MAX_WAITING) return;
    this.waiting.set(`${use.tenantId}\0${use.keyId}`, use);
    this.writing ??= this.writeAll();
  }

  /** Resolves when all that was noted is written, or could not be. */
  async settled(): Promise<void> {
    await this.writing;
  }

  private async writeAll(): Promise<void> {
    // After the request that is being answered now.
    await new Promise(setImmediate);
    for (const [key, use] of this.waiting) {
      this.waiting.delete(key);
      await this.write(use).catch(this.onError);
    }
    // In one go with the last look at what waits: whoever comes now begins anew.
    this.writing = null;
  }

  private async write({ tenantId, keyId, requestId }: KeyUse): Promise<void> {
    const actor: Actor = { kind: 'api_key', id: keyId };
    await this.database.transaction({ tenantId, actor, source: 'api', requestId }, async (tx) => {
      const [first] = await tx.query<{ name: string }>(FIRST_USE, [tenantId, keyId]);
      if (!first) {
        await tx.query(LATER_USE, [tenantId, keyId]);
        return;
      }
      const act = { action: 'api_key.first_used', resourceType: 'api_key', resourceId: keyId };
      await record(tx, { ...act, metadata: { name: first.name } });
    });
  }
}
