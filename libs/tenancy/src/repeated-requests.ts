import { type Database, isBusy, type TenantScope, type Tx } from '#database';
import { isDomainError } from '#observability';
import { createHash } from 'node:crypto';
import { IdempotencyKeyInProgress, IdempotencyKeyReused } from './refusals.js';

/** What makes two requests the same: who sent the key to which route, and over which body. */
export interface RepeatKey {
  route: string;
  key: string;
  bodySha256: string;
  ttlHours: number;
  /** Of the answer; 201 when absent. */
  status?: number;
  /** Told when the answer is one that was kept. */
  onReplay?: () => void;
}

/** The scope of a request that its client may send again; without a key each one is new. */
export interface RepeatableScope extends TenantScope {
  repeat?: RepeatKey | null;
}

interface StoredAnswer<T> {
  body_sha256: string;
  response_body: T;
}

/** Two requests with one key meet here, so that the second finds the answer of the first. */
const KEY_LOCK = `hashtextextended(current_setting('ss.tenant_id') || $1 || $2, 0)`;
const TRY_LOCK = `SELECT pg_try_advisory_xact_lock(${KEY_LOCK}) AS locked`;
const LOCK = `SELECT pg_advisory_xact_lock(${KEY_LOCK})`;

/** So long a repeat waits for the answer of the request before it. */
const PATIENCE = '5s';
const BE_PATIENT = `SELECT current_setting('lock_timeout') AS before, set_config('lock_timeout', '${PATIENCE}', true)`;
const BE_AS_BEFORE = `SELECT set_config('lock_timeout', $1, true)`;

const FORGET_EXPIRED = `
  DELETE FROM idempotency_key
  WHERE tenant_id = current_setting('ss.tenant_id') AND route = $1 AND key = $2 AND expires_at <= clock_timestamp()`;

const FIND_ANSWER = `
  SELECT body_sha256, response_body FROM idempotency_key
  WHERE tenant_id = current_setting('ss.tenant_id') AND route = $1 AND key = $2 AND expires_at > clock_timestamp()`;

const KEEP_ANSWER = `
  INSERT INTO idempotency_key (tenant_id, route, key, body_sha256, response_status, response_body, expires_at)
  VALUES (current_setting('ss.tenant_id'), $1, $2, $3, $4, $5, clock_timestamp() + make_interval(hours => $6))`;

/**
 * Does the work once for each key: a repeat gets the answer that was kept, in the transaction of the work itself.
 * Throws `IDEMPOTENCY_KEY_REUSED` when the key came with another body, `IDEMPOTENCY_KEY_IN_PROGRESS` when the first
 * request takes longer than a repeat waits.
 */
export async function once<T>(
  tx: Tx,
  repeat: RepeatKey,
  work: () => Promise<T>,
): Promise<{ answer: T; replayed: boolean }> {
  // Whoever holds the lock may be a repeat as well: an answer that is there needs no waiting.
  if (!(await tryLock(tx, repeat))) {
    const kept = await find<T>(tx, repeat);
    if (kept) return { answer: kept.response_body, replayed: true };
    await lock(tx, repeat);
  }
  await tx.query(FORGET_EXPIRED, [repeat.route, repeat.key]);
  const stored = await find<T>(tx, repeat);
  if (stored) return { answer: stored.response_body, replayed: true };
  const answer = await work();
  await tx.query(KEEP_ANSWER, [
    repeat.route,
    repeat.key,
    repeat.bodySha256,
    repeat.status ?? 201,
    JSON.stringify(answer),
    repeat.ttlHours,
  ]);
  return { answer, replayed: false };
}

/** For a request whose body is known later, or is not its body alone: what tells it from others is `content` as well. */
export function repeatOver(scope: RepeatableScope, content: unknown): RepeatableScope {
  if (!scope.repeat) return scope;
  const both = JSON.stringify([scope.repeat.bodySha256, content]);
  const bodySha256 = createHash('sha256').update(both).digest('hex');
  return { ...scope, repeat: { ...scope.repeat, bodySha256 } };
}

/** A transaction that is done once for each key of the scope. What it answers is kept: nothing secret. */
export async function transactOnce<T>(
  database: Database,
  scope: RepeatableScope,
  work: (tx: Tx) => Promise<T>,
): Promise<T> {
  const { repeat } = scope;
  if (!repeat) return database.transaction(scope, work);
  const { answer, replayed } = await database.transaction(scope, (tx) => once(tx, repeat, () => work(tx)));
  if (replayed) repeat.onReplay?.();
  return answer;
}

/**
 * For what looks before its transaction: a refusal there may only mean that the same request was carried out already.
 * Then its answer is given, else the refusal stands.
 */
export async function orRepeated<T>(
  database: Database,
  scope: RepeatableScope,
  work: () => Promise<T>,
): Promise<T> {
  const { repeat } = scope;
  if (!repeat) return work();
  try {
    return await work();
  } catch (refusal) {
    if (!isDomainError(refusal)) throw refusal;
    const kept = await database.transaction(scope, (tx) => find<T>(tx, repeat));
    if (!kept) throw refusal;
    repeat.onReplay?.();
    return kept.response_body;
  }
}

/** Whether the request was carried out already, with whichever body. */
export async function isRepeated(tx: Tx, { repeat }: RepeatableScope): Promise<boolean> {
  if (!repeat) return false;
  return (await tx.query(FIND_ANSWER, [repeat.route, repeat.key])).length > 0;
}

async function tryLock(tx: Tx, { route, key }: RepeatKey): Promise<boolean> {
  const [tried] = await tx.query<{ locked: boolean }>(TRY_LOCK, [route, key]);
  return tried?.locked === true;
}

async function lock(tx: Tx, { route, key }: RepeatKey): Promise<void> {
  const [setting] = await tx.query<{ before: string }>(BE_PATIENT);
  try {
    await tx.query(LOCK, [route, key]);
  } catch (error) {
    throw isBusy(error) ? new IdempotencyKeyInProgress() : error;
  }
  await tx.query(BE_AS_BEFORE, [setting?.before ?? '0']);
}

async function find<T>(tx: Tx, repeat: RepeatKey): Promise<StoredAnswer<T> | null> {
  const [stored] = await tx.query<StoredAnswer<T>>(FIND_ANSWER, [repeat.route, repeat.key]);
  if (stored && stored.body_sha256 !== repeat.bodySha256) throw new IdempotencyKeyReused();
  return stored ?? null;
}
