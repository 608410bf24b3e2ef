import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { scramVerifier } from './scram-verifier.js';
import type { Tx } from './tx.js';

/**
 * How long a login may keep the server. A login can change its own settings: these are for reports that run away, and
 * not a boundary.
 */
export interface AuditorLimits {
  statementMs: number;
  /** Of a transaction in which nothing happens: it keeps vacuum from its work all the same. */
  idleMs: number;
  /** Of a transaction as a whole; PostgreSQL 17 and later. */
  transactionMs: number;
}

/** The lock of roles.ts: whoever changes roles takes turns. */
const LOCK_ROLES = 'SELECT pg_advisory_xact_lock(5302026)';
const HAS_TRANSACTION_TIMEOUT = `SELECT FROM pg_settings WHERE name = 'transaction_timeout'`;

/**
 * Makes a login that reads the views of the audit and nothing else, and answers its password, which is kept nowhere.
 * Null: the server has a role of this name. In a transaction of an administrator.
 */
export async function tryCreateAuditorLogin(
  tx: Tx,
  login: string,
  limits: AuditorLimits,
): Promise<string | null> {
  await tx.query(LOCK_ROLES);
  if ((await tx.query('SELECT FROM pg_roles WHERE rolname = $1', [login])).length > 0) return null;
  const password = randomBytes(24).toString('base64url');
  const name = pg.escapeIdentifier(login);
  const verifier = pg.escapeLiteral(scramVerifier(password));
  // INHERIT: tools that auditors use know no SET ROLE.
  await tx.query(
    `CREATE ROLE ${name} LOGIN INHERIT NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD ${verifier}`,
  );
  const hasTransactionTimeout = (await tx.query(HAS_TRANSACTION_TIMEOUT)).length > 0;
  const settings = {
    default_transaction_read_only: 'on',
    statement_timeout: String(limits.statementMs),
    idle_in_transaction_session_timeout: String(limits.idleMs),
    ...(hasTransactionTimeout ? { transaction_timeout: String(limits.transactionMs) } : {}),
  };
  for (const [setting, value] of Object.entries(settings)) {
    await tx.query(`ALTER ROLE ${name} SET ${setting} = ${pg.escapeLiteral(value)}`);
  }
  await tx.query(`GRANT ss_auditor TO ${name}`);
  return password;
}

/** Sessions that the login has open see nothing from now on, and end when they will. */
export async function dropAuditorLogin(tx: Tx, login: string): Promise<void> {
  await tx.query(LOCK_ROLES);
  await tx.query(`DROP ROLE IF EXISTS ${pg.escapeIdentifier(login)}`);
}
