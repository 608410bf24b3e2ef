import { record } from '#audit';
import { type Database, type Instant, type Scope, type TenantScope, type Tx } from '#database';
import { timingSafeEqual } from 'node:crypto';
import type { Caller } from './caller.js';
import { formatKey, hashSecret, newKeyParts, parseKey } from './key-text.js';
import { KeyNotFound, KeyRefused, KeyScopeUnknown, TenantMismatch, TenantNotFound } from './refusals.js';
import { isKeyScope, type KeyScope } from './scopes.js';
import type { Tenants } from './tenants.js';

/** A key as it may be shown: without its secret. */
export interface ApiKey {
  tenant_id: string;
  key_id: string;
  name: string;
  scopes: KeyScope[];
  created_at: Instant;
  expires_at: Instant | null;
  revoked_at: Instant | null;
}

interface StoredKey extends ApiKey {
  secret_hash: Buffer;
  is_live: boolean;
}

export interface NewKey {
  name: string;
  scopes: readonly string[];
  expiresAt?: Instant | null;
}

const SHOWN = 'tenant_id, key_id, name, scopes, created_at, expires_at, revoked_at';

/** A key of a tenant that does not exist has nothing to be compared with; this takes as long as a comparison. */
const NO_HASH = Buffer.alloc(32);

export class ApiKeys {
  constructor(
    private readonly database: Database,
    private readonly tenants: Tenants,
  ) {}

  /** Makes a key. Its text is in the answer and nowhere else, ever again. */
  async create(scope: TenantScope, wanted: NewKey): Promise<{ key: string; apiKey: ApiKey }> {
    const unknown = wanted.scopes.find((name) => !isKeyScope(name));
    if (unknown !== undefined) throw new KeyScopeUnknown(unknown);
    if (!(await this.tenants.exists(scope, scope.tenantId))) throw new TenantNotFound(scope.tenantId);
    const parts = newKeyParts(scope.tenantId);
    const apiKey = await this.database.transaction(scope, async (tx) => {
      const [row] = await tx.query<ApiKey>(
        `INSERT INTO api_key (tenant_id, key_id, name, secret_hash, scopes, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6) RETURNING ${SHOWN}`,
        [
          parts.tenantId,
          parts.keyId,
          wanted.name,
          hashSecret(parts.secret),
          wanted.scopes,
          wanted.expiresAt ?? null,
        ],
      );
      if (!row) throw new Error('INSERT … RETURNING gave no row');
      await record(tx, {
        action: 'api_key.created',
        resourceType: 'api_key',
        resourceId: row.key_id,
        metadata: { name: row.name, scopes: row.scopes },
      });
      return row;
    });
    return { key: formatKey(parts), apiKey };
  }

  async list(scope: TenantScope): Promise<ApiKey[]> {
    return this.database.transaction(scope, (tx) =>
      tx.query<ApiKey>(`SELECT ${SHOWN} FROM api_key WHERE tenant_id = $1 ORDER BY created_at`, [
        scope.tenantId,
      ]),
    );
  }

  /** Ends a key's validity now. A key that is revoked already stays as it is. */
  async revoke(scope: TenantScope, keyId: string): Promise<ApiKey> {
    return this.database.transaction(scope, async (tx) => {
      const [revoked] = await tx.query<ApiKey>(
        `UPDATE api_key SET revoked_at = clock_timestamp()
         WHERE tenant_id = $1 AND key_id = $2 AND revoked_at IS NULL RETURNING ${SHOWN}`,
        [scope.tenantId, keyId],
      );
      if (revoked) {
        await record(tx, { action: 'api_key.revoked', resourceType: 'api_key', resourceId: keyId });
        return revoked;
      }
      const [key] = await tx.query<ApiKey>(
        `SELECT ${SHOWN} FROM api_key WHERE tenant_id = $1 AND key_id = $2`,
        [scope.tenantId, keyId],
      );
      if (!key) throw new KeyNotFound(keyId);
      return key;
    });
  }

  /**
   * Tells who asks. The key decides the tenant; `chosenTenant` (from `X-SS-Tenant-ID`) may repeat it, or name
   * another where the key has `platform:admin`.
   */
  async authenticate(scope: Scope, keyText: string, chosenTenant: string | null): Promise<Caller> {
    const parts = parseKey(keyText);
    const stored = parts && (await this.find(scope, parts.tenantId, parts.keyId));
    const matches = timingSafeEqual(stored?.secret_hash ?? NO_HASH, hashSecret(parts?.secret ?? ''));
    if (!stored || !matches || !stored.is_live) {
      throw new KeyRefused('AUTH_BEARER_TOKEN_INVALID', 'The key is unknown, expired or revoked.');
    }
    const tenantId = chosenTenant ?? stored.tenant_id;
    if (tenantId !== stored.tenant_id) {
      if (!stored.scopes.includes('platform:admin')) throw new TenantMismatch();
      if (!(await this.tenants.exists(scope, tenantId))) throw new TenantNotFound(tenantId);
    }
    return {
      tenantId,
      actor: { kind: 'api_key', id: stored.key_id },
      keyName: stored.name,
      scopes: stored.scopes,
    };
  }

  private async find(scope: Scope, tenantId: string, keyId: string): Promise<StoredKey | null> {
    return this.database.transaction({ ...scope, tenantId }, (tx) => findKey(tx, tenantId, keyId));
  }
}

async function findKey(tx: Tx, tenantId: string, keyId: string): Promise<StoredKey | null> {
  const [row] = await tx.query<StoredKey>(
    `SELECT ${SHOWN}, secret_hash,
       revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp()) AS is_live
     FROM api_key WHERE tenant_id = $1 AND key_id = $2`,
    [tenantId, keyId],
  );
  return row ?? null;
}
