import type { Tx } from '#database';
import { IdempotencyKeyReused } from './refusals.js';

/** What makes two requests the same: who sent the key to which route, and over which body. */
export interface RepeatKey {
  route: string;
  key: string;
  bodySha256: string;
  ttlHours: number;
}

interface StoredAnswer {
  body_sha256: string;
  response_body: unknown;
}

/** Two requests with one key wait for each other here, so that the second finds the answer of the first. */
const LOCK_KEY = `SELECT pg_advisory_xact_lock(hashtextextended(current_setting('ss.tenant_id') || $1 || $2, 0))`;

const FORGET_EXPIRED = `
  DELETE FROM idempotency_key
  WHERE tenant_id = current_setting('ss.tenant_id') AND route = $1 AND key = $2 AND expires_at <= clock_timestamp()`;

const FIND_ANSWER = `
  SELECT body_sha256, response_body FROM idempotency_key
  WHERE tenant_id = current_setting('ss.tenant_id') AND route = $1 AND key = $2`;

const KEEP_ANSWER = `
  INSERT INTO idempotency_key (tenant_id, route, key, body_sha256, response_status, response_body, expires_at)
  VALUES (current_setting('ss.tenant_id'), $1, $2, $3, $4, $5, clock_timestamp() + make_interval(hours => $6))`;

/**
 * Does the work once for each key: a repeat gets the answer that was kept, in the transaction of the work itself.
 * Throws `IDEMPOTENCY_KEY_REUSED` when the key came with another body.
 */
export async function once<T>(
  tx: Tx,
  repeat: RepeatKey,
  work: () => Promise<T>,
): Promise<{ answer: T; replayed: boolean }> {
  await tx.query(LOCK_KEY, [repeat.route, repeat.key]);
  await tx.query(FORGET_EXPIRED, [repeat.route, repeat.key]);
  const [stored] = await tx.query<{ body_sha256: string; response_body: T }>(FIND_ANSWER, [
    repeat.route,
    repeat.key,
  ]);
  if (stored) return replay(stored, repeat);
  const answer = await work();
  await tx.query(KEEP_ANSWER, [
    repeat.route,
    repeat.key,
    repeat.bodySha256,
    201,
    JSON.stringify(answer),
    repeat.ttlHours,
  ]);
  return { answer, replayed: false };
}

function replay<T>(
  stored: StoredAnswer & { response_body: T },
  repeat: RepeatKey,
): { answer: T; replayed: boolean } {
  if (stored.body_sha256 !== repeat.bodySha256) throw new IdempotencyKeyReused();
  return { answer: stored.response_body, replayed: true };
}
