import { record } from '#audit';
import {
  type AuditorLimits,
  type Database,
  dropAuditorLogin,
  type Instant,
  type Scope,
  tryCreateAuditorLogin,
  type Tx,
} from '#database';
import { AuditorExists, AuditorNameUnsafe, AuditorNotFound, TenantNotFound } from './refusals.js';
import { PLATFORM, type Tenants } from './tenants.js';

/** A login of the database that reads the views of the audit. */
export interface Auditor {
  login: string;
  /** The one tenant whose audit it sees; null: all, and what belongs to no tenant. */
  only_tenant: string | null;
  created_at: Instant;
}

export interface NewAuditor {
  login: string;
  onlyTenant: string | null;
  limits?: Partial<AuditorLimits>;
}

/** In a minute many millions of rows are read; a vacuum may wait for that, and not for a report that was left open. */
const LIMITS: AuditorLimits = { statementMs: 60_000, idleMs: 30_000, transactionMs: 600_000 };

const INSERT_AUDITOR = `
  INSERT INTO auditor (login, only_tenant) VALUES ($1, $2)
  RETURNING login, only_tenant, created_at`;

const DELETE_AUDITOR = `
  DELETE FROM auditor WHERE login = $1
  RETURNING login, only_tenant, created_at`;

/** Who reads the audit in SQL. Making and dropping needs a database whose login may make roles. */
export class Auditors {
  constructor(
    private readonly database: Database,
    private readonly tenants: Tenants,
  ) {}

  /** Makes a login. Its password is in the answer and nowhere else, ever again. */
  async create(scope: Scope, wanted: NewAuditor): Promise<{ auditor: Auditor; password: string }> {
    const { login, onlyTenant } = wanted;
    if (!/^(?!pg_|ss_)[a-z][a-z0-9_]{0,62}$/.test(login)) throw new AuditorNameUnsafe();
    if (onlyTenant !== null && !(await this.tenants.exists(scope, onlyTenant)))
      throw new TenantNotFound(onlyTenant);
    const limits = { ...LIMITS, ...wanted.limits };
    return this.database.administering({ ...scope, tenantId: onlyTenant ?? PLATFORM }, async (tx) => {
      const password = await tryCreateAuditorLogin(tx, login, limits);
      if (password === null) throw new AuditorExists(login);
      const [auditor] = await asOwner<Auditor>(tx, INSERT_AUDITOR, [login, onlyTenant]);
      if (!auditor) throw new Error('INSERT … RETURNING gave no row');
      await tell(tx, 'auditor.created', login, {
        only_tenant: onlyTenant,
        statement_timeout_ms: limits.statementMs,
      });
      return { auditor, password };
    });
  }

  async list(scope: Scope): Promise<Auditor[]> {
    return this.database.withoutTenant(scope, (tx) =>
      tx.query<Auditor & Record<string, unknown>>(
        'SELECT login, only_tenant, created_at FROM auditor ORDER BY login',
      ),
    );
  }

  /** Drops the login, also where only what SS knows of it is left. */
  async drop(scope: Scope & { reason: string }, login: string): Promise<Auditor> {
    const known = (await this.list(scope)).find((auditor) => auditor.login === login);
    if (!known) throw new AuditorNotFound(login);
    return this.database.administering({ ...scope, tenantId: known.only_tenant ?? PLATFORM }, async (tx) => {
      await dropAuditorLogin(tx, login);
      const [dropped] = await asOwner<Auditor>(tx, DELETE_AUDITOR, [login]);
      // Somebody else was faster.
      if (!dropped) throw new AuditorNotFound(login);
      await tell(tx, 'auditor.dropped', login, { only_tenant: dropped.only_tenant });
      return dropped;
    });
  }
}

/** Who sees what is the owner's alone to write: no program may make itself an auditor. */
async function asOwner<Row extends object>(tx: Tx, statement: string, values: unknown[]): Promise<Row[]> {
  await tx.query('SET LOCAL ROLE ss_owner');
  return tx.query<Row & Record<string, unknown>>(statement, values);
}

async function tell(tx: Tx, action: string, login: string, metadata: Record<string, unknown>): Promise<void> {
  await tx.query('SET LOCAL ROLE ss_operator');
  await record(tx, { action, resourceType: 'auditor', resourceId: login, metadata });
}
