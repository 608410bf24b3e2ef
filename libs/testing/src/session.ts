import pg from 'pg';

/** Who may be tried out: the programs, by their own logins, and the owner of the tables. */
export type Role = 'ss_api' | 'ss_worker' | 'ss_operator' | 'ss_system' | 'ss_owner';

/** Why the database did not do a statement. */
export interface Refusal {
  code: string;
  constraint: string | undefined;
  message: string;
}

/** One connection with one transaction that never commits: for trying out what a role may do, in plain SQL. */
export class Session {
  private constructor(private readonly client: pg.Client) {}

  /** `tenantId` null: no tenant was ever set on the connection. */
  static async open(url: string, role: Role | null, tenantId: string | null): Promise<Session> {
    const client = new pg.Client({ connectionString: url, application_name: 'ss-testing-session' });
    // Dropping the database ends what a failed test left open; that is no second failure.
    client.on('error', () => undefined);
    await client.connect();
    await client.query('BEGIN');
    if (role !== null) await client.query(`SET LOCAL ROLE ${role}`);
    if (tenantId !== null) await client.query(`SELECT set_config('ss.tenant_id', $1, true)`, [tenantId]);
    return new Session(client);
  }

  async query<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
    return (await this.client.query<Row>(text, values)).rows;
  }

  /** Tries the statement and takes it back. Null: it was done. */
  async refusal(text: string, values: unknown[] = []): Promise<Refusal | null> {
    const outcome = await this.attempt(text, values);
    return typeof outcome === 'number' ? null : outcome;
  }

  /** Tries the statement and takes it back: how many rows it touched, or why it was refused. */
  async attempt(text: string, values: unknown[] = []): Promise<number | Refusal> {
    await this.client.query('SAVEPOINT attempt');
    try {
      return (await this.client.query(text, values)).rowCount ?? 0;
    } catch (error) {
      if (!(error instanceof pg.DatabaseError)) throw error;
      return { code: error.code ?? '', constraint: error.constraint, message: error.message };
    } finally {
      await this.client.query('ROLLBACK TO SAVEPOINT attempt');
    }
  }

  async end(): Promise<void> {
    await this.client.end();
  }
}
