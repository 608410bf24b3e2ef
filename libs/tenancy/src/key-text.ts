import { createHash, randomBytes } from 'node:crypto';

/** What a key says of itself before anyone has looked it up. */
export interface KeyParts {
  tenantId: string;
  keyId: string;
  secret: string;
}

const PREFIX = 'ssk';
const KEY_ID_BYTES = 8;
const SECRET_BYTES = 32;

/**
 * A key's text is `ssk.<tenant>.<key id>.<secret>`. It names its tenant, so that looking it up needs no way
 * around row-level security; a key that names a foreign tenant is simply not found there. The tenant is
 * base64url, because ids from legacy trees may hold any character. The secret is 256 random bits.
 */
export function newKeyParts(tenantId: string): KeyParts {
  return {
    tenantId,
    keyId: `key_${randomBytes(KEY_ID_BYTES).toString('hex')}`,
    secret: randomBytes(SECRET_BYTES).toString('base64url'),
  };
}

export function formatKey(parts: KeyParts): string {
  return [PREFIX, Buffer.from(parts.tenantId, 'utf8').toString('base64url'), parts.keyId, parts.secret].join(
    '.',
  );
}

/** Reads a key's text; null when it has another form. */
export function parseKey(text: string): KeyParts | null {
  const match = /^ssk\.([A-Za-z0-9_-]{1,1400})\.(key_[0-9a-f]{16})\.([A-Za-z0-9_-]{43})$/.exec(text);
  if (!match) return null;
  const [, tenant = '', keyId = '', secret = ''] = match;
  const tenantId = Buffer.from(tenant, 'base64url').toString('utf8');
  // PostgreSQL's text holds no NUL; U+FFFD stands for bytes that were no UTF-8.
  return /[\0\ufffd]/.test(tenantId) ? null : { tenantId, keyId, secret };
}

/** What is stored of a secret. It has 256 random bits, so a fast hash without salt is enough. */
export function hashSecret(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
