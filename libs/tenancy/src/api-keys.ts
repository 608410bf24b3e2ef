import { record } from '#audit';
import { type Database, type Instant, type Scope, type TenantScope, type Tx } from '#database';
import { timingSafeEqual } from 'node:crypto';
import { type Caller, requireMayGive } from './caller.js';
import { forChosenTenant } from './chosen-tenant.js';
import { formatKey, hashSecret, newKeyParts, parseKey } from './key-text.js';
import { type KeyUses, USE_IS_DUE } from './key-uses.js';
import {
  KeyEnded,
  KeyNotFound,
  KeyRefused,
  KeyScopeUnknown,
  ScopeNotHeld,
  TenantNotFound,
} from './refusals.js';
import { type RepeatableScope, transactOnce } from './repeated-requests.js';
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
  first_used_at: Instant | null;
  /** To the minute. */
  last_used_at: Instant | null;
  /** The key that this one follows. */
  rotated_from: string | null;
}

interface StoredKey extends ApiKey {
  secret_hash: Buffer;
  is_live: boolean;
  use_is_due: boolean;
}

export interface NewKey {
  name: string;
  scopes: readonly string[];
  expiresAt?: Instant | null;
}

/** A key with its text, which is told this once. */
export interface MadeKey {
  key: string;
  apiKey: ApiKey;
}

/** The text is null in the answer to a repeat: it is kept nowhere. */
export interface RepeatedKey {
  key: string | null;
  apiKey: ApiKey;
}

const SHOWN = `tenant_id, key_id, name, scopes, created_at, expires_at, revoked_at, first_used_at, last_used_at,
  rotated_from`;

const IS_LIVE = 'revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())';

const INSERT_KEY = `
  INSERT INTO api_key (tenant_id, key_id, name, secret_hash, scopes, expires_at, rotated_from)
  VALUES ($1, $2, $3, $4, $5, $6, $7)
  RETURNING ${SHOWN}`;

const FIND_KEY = `
  SELECT ${SHOWN}, secret_hash, ${IS_LIVE} AS is_live, ${USE_IS_DUE} AS use_is_due
  FROM api_key WHERE tenant_id = $1 AND key_id = $2`;

/** How long the successor of a key is valid: as long as that one was meant to be, while years have four digits. */
const SAME_LIFETIME = `
  SELECT CASE WHEN expires_at IS NOT NULL
    THEN least(clock_timestamp() + (expires_at - created_at), '9999-12-31T23:59:59Z')
    END AS "expiresAt"
  FROM api_key
  WHERE tenant_id = $1 AND key_id = $2`;

const END_AFTER_OVERLAP = `
  UPDATE api_key
  SET expires_at = least(expires_at, clock_timestamp() + make_interval(secs => $3))
  WHERE tenant_id = $1 AND key_id = $2
  RETURNING ${SHOWN}`;

/** How long the old key of a rotation is valid, when nobody says. */
export const DEFAULT_OVERLAP_SECONDS = 86_400;

/** A key of a tenant that does not exist has nothing to be compared with; this takes as long as a comparison. */
const NO_HASH = Buffer.alloc(32);

/** `giver`: who hands the scopes on, and may hand on no others than their own; null: an operator. */
export class ApiKeys {
  constructor(
    private readonly database: Database,
    private readonly tenants: Tenants,
    private readonly uses: KeyUses | null = null,
  ) {}

  /** Makes a key. Its text is in the answer and nowhere else, ever again. */
  async create(scope: TenantScope, wanted: NewKey, giver: Caller | null = null): Promise<MadeKey> {
    return withText(await this.createOnce({ ...scope, repeat: null }, wanted, giver));
  }

  /** The same for a request that may come twice: there is one key, and only the first answer has its text. */
  async createOnce(scope: RepeatableScope, wanted: NewKey, giver: Caller | null): Promise<RepeatedKey> {
    const scopes = wanted.scopes.map((name) => {
      if (!isKeyScope(name)) throw new KeyScopeUnknown(name);
      return name;
    });
    if (giver) requireMayGive(giver, scopes);
    if (!(await this.tenants.exists(scope, scope.tenantId))) throw new TenantNotFound(scope.tenantId);
    let key: string | null = null;
    const apiKey = await transactOnce(this.database, scope, async (tx) => {
      const chosen = { name: wanted.name, scopes, expiresAt: wanted.expiresAt ?? null };
      const made = await insert(tx, scope.tenantId, chosen);
      key = made.key;
      return made.apiKey;
    });
    return { key, apiKey };
  }

  async list(scope: TenantScope): Promise<ApiKey[]> {
    return this.database.transaction(scope, (tx) =>
      tx.query<ApiKey>(`SELECT ${SHOWN} FROM api_key WHERE tenant_id = $1 ORDER BY created_at, key_id`, [
        scope.tenantId,
      ]),
    );
  }

  /** Makes a key that may do the same, as long. The old one is valid until the overlap is over, and no longer. */
  async rotate(
    scope: TenantScope,
    keyId: string,
    overlapSeconds: number,
    giver: Caller | null = null,
  ): Promise<MadeKey & { old: ApiKey }> {
    const made = await this.rotateOnce({ ...scope, repeat: null }, keyId, overlapSeconds, giver);
    return { ...withText(made), old: made.old };
  }

  /** The same for a request that may come twice; see {@link createOnce}. */
  async rotateOnce(
    scope: RepeatableScope,
    keyId: string,
    overlapSeconds: number,
    giver: Caller | null,
  ): Promise<RepeatedKey & { old: ApiKey }> {
    let key: string | null = null;
    const { apiKey, old: ended } = await transactOnce(this.database, scope, async (tx) => {
      const { scopes, name } = await getLocked(tx, scope.tenantId, keyId, true);
      if (giver) requireMayGive(giver, scopes);
      const place = [scope.tenantId, keyId];
      const [lifetime] = await tx.query<{ expiresAt: Instant | null }>(SAME_LIFETIME, place);
      const [old] = await tx.query<ApiKey>(END_AFTER_OVERLAP, [...place, overlapSeconds]);
      if (!old) throw new Error('a locked key is gone');
      const expiresAt = lifetime?.expiresAt ?? null;
      const made = await insert(tx, scope.tenantId, { name, scopes, expiresAt, rotatedFrom: keyId });
      await record(tx, {
        action: 'api_key.rotated',
        resourceType: 'api_key',
        resourceId: keyId,
        metadata: { successor: made.apiKey.key_id, expires_at: old.expires_at },
      });
      key = made.key;
      return { apiKey: made.apiKey, old };
    });
    return { key, apiKey, old: ended };
  }

  /** Ends a key's validity now. A key that is revoked already stays as it is. */
  async revoke(scope: RepeatableScope, keyId: string, giver: Caller | null = null): Promise<ApiKey> {
    return transactOnce(this.database, scope, async (tx) => {
      const key = await getLocked(tx, scope.tenantId, keyId, false);
      // Whoever may administer the platform is not to be locked out by one of its tenants.
      if (giver && key.scopes.includes('platform:admin')) throw new ScopeNotHeld('platform:admin');
      const [revoked] = await tx.query<ApiKey>(
        `UPDATE api_key SET revoked_at = clock_timestamp()
         WHERE tenant_id = $1 AND key_id = $2 AND revoked_at IS NULL RETURNING ${SHOWN}`,
        [scope.tenantId, keyId],
      );
      if (!revoked) return shown(key);
      await record(tx, { action: 'api_key.revoked', resourceType: 'api_key', resourceId: keyId });
      return revoked;
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
      // Only of a key that there is: anybody can write the name of a tenant into a key.
      const suspect = stored
        ? { tenantId: stored.tenant_id, actor: scope.actor, keyId: stored.key_id }
        : null;
      throw new KeyRefused('AUTH_BEARER_TOKEN_INVALID', 'The key is unknown, expired or revoked.', suspect);
    }
    const { tenant_id: tenantId, key_id: keyId, name, scopes } = stored;
    if (stored.use_is_due) this.uses?.note({ tenantId, keyId, requestId: scope.requestId });
    const caller: Caller = { tenantId, actor: { kind: 'api_key', id: keyId }, name, scopes };
    return forChosenTenant(this.tenants, scope, caller, chosenTenant);
  }

  private async find(scope: Scope, tenantId: string, keyId: string): Promise<StoredKey | null> {
    return this.database.transaction({ ...scope, tenantId }, async (tx) => {
      const [row] = await tx.query<StoredKey>(FIND_KEY, [tenantId, keyId]);
      return row ?? null;
    });
  }
}

function withText({ key, apiKey }: RepeatedKey): MadeKey {
  if (key === null) throw new Error('a key was made without its text');
  return { key, apiKey };
}

async function insert(
  tx: Tx,
  tenantId: string,
  wanted: { name: string; scopes: KeyScope[]; expiresAt: Instant | null; rotatedFrom?: string },
): Promise<MadeKey> {
  const parts = newKeyParts(tenantId);
  const { name, scopes, expiresAt, rotatedFrom = null } = wanted;
  const [apiKey] = await tx.query<ApiKey>(INSERT_KEY, [
    ...[tenantId, parts.keyId, name, hashSecret(parts.secret)],
    ...[scopes, expiresAt, rotatedFrom],
  ]);
  if (!apiKey) throw new Error('INSERT … RETURNING gave no row');
  await record(tx, {
    action: 'api_key.created',
    resourceType: 'api_key',
    resourceId: apiKey.key_id,
    metadata: {
      name,
      scopes,
      expires_at: expiresAt,
      ...(rotatedFrom === null ? {} : { rotated_from: rotatedFrom }),
    },
  });
  return { key: formatKey(parts), apiKey };
}

/** The key, which nobody else changes until the transaction ends. */
async function getLocked(tx: Tx, tenantId: string, keyId: string, live: boolean): Promise<StoredKey> {
  const [key] = await tx.query<StoredKey>(`${FIND_KEY} FOR NO KEY UPDATE`, [tenantId, keyId]);
  if (!key) throw new KeyNotFound(keyId);
  if (live && !key.is_live) throw new KeyEnded(keyId);
  return key;
}

function shown({ secret_hash: _hash, is_live: _live, use_is_due: _due, ...key }: StoredKey): ApiKey {
  return key;
}
