import type { AuditorLimits } from '#database';
import { Auditors, Tenants } from '#tenancy';
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import type { TestDatabase } from './test-database.js';

/** A connection of an auditor, made as `ssctl auditor create` makes the login. */
export class AuditorSession {
  private constructor(
    readonly login: string,
    readonly url: string,
    private readonly client: pg.Client,
  ) {}

  /** `onlyTenant` null: sees the whole deployment. */
  static async open(
    db: TestDatabase,
    onlyTenant: string | null,
    limits: Partial<AuditorLimits> = {},
  ): Promise<AuditorSession> {
    const login = `auditor_${randomBytes(6).toString('hex')}`;
    const url = new URL(db.ownerUrl);
    const database = db.administrator();
    try {
      const made = await new Auditors(database, new Tenants(database)).create(
        { actor: { kind: 'operator', id: 'test' }, source: 'ssctl', reason: 'a test' },
        { login, onlyTenant, limits },
      );
      Object.assign(url, { username: login, password: made.password });
    } finally {
      await database.close();
    }
    return new AuditorSession(login, url.toString(), await connect(url.toString()));
  }

  /** Whole numbers come as numbers. */
  async query<Row extends pg.QueryResultRow>(text: string): Promise<Row[]> {
    return (await this.client.query<Row>(text)).rows;
  }

  /** The SQLSTATE with which a statement is refused, or null. */
  async refusal(text: string): Promise<string | null> {
    try {
      await this.client.query(text);
      return null;
    } catch (error) {
      if (!(error instanceof pg.DatabaseError)) throw error;
      return error.code ?? '';
    }
  }

  async end(): Promise<void> {
    await this.client.end().catch(() => undefined);
  }
}

async function connect(connectionString: string): Promise<pg.Client> {
  const types = new pg.TypeOverrides();
  types.setTypeParser(20, (text: string): number => Number(text));
  types.setTypeParser(1184, (text: string): string => text);
  const client = new pg.Client({ connectionString, application_name: 'an-auditor', types });
  // What the server ends, a test waits for.
  client.on('error', () => undefined);
  await client.connect();
  await client.query('SET TimeZone = UTC');
  return client;
}
