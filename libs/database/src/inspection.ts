import pg from 'pg';
import { typeParsers } from './instants.js';

export interface Question {
  /** Asked under this role; without one as the login, which may see what other sessions do. */
  role?: 'ss_system';
  /** Bound on the answer, on the server; the client gives up a little later. */
  limitMs: number;
}

const CONNECT_MS = 5_000;
const ENTER = `
  SELECT set_config('statement_timeout', $1, true), set_config('lock_timeout', $1, true),
    set_config('role', coalesce($2, 'none'), true)`;

/**
 * Looks at a database and changes nothing: each question in a transaction of its own that is read-only and short. For
 * whoever has to see it in any condition: before it is deployed, with a schema of another release, half broken.
 */
export class Inspection {
  private last: Promise<unknown> = Promise.resolve();
  private broken: Error | null = null;

  private constructor(private readonly client: pg.Client) {}

  /** Throws when there is no database to be reached within a few seconds. */
  static async open(url: string): Promise<Inspection> {
    const client = new pg.Client({
      connectionString: url,
      application_name: 'ss-doctor',
      connectionTimeoutMillis: CONNECT_MS,
      options: '-c TimeZone=UTC',
      types: typeParsers,
    });
    const inspection = new Inspection(client);
    client.on('error', (error) => {
      inspection.broken = error;
    });
    try {
      await client.connect();
    } catch (error) {
      await client.end().catch(() => undefined);
      throw error;
    }
    return inspection;
  }

  /** Asks one question; several at once wait for each other. */
  async ask<Row extends pg.QueryResultRow>(
    text: string,
    values: readonly unknown[],
    question: Question,
  ): Promise<Row[]> {
    const turn = this.last.then(() => this.askNow<Row>(text, values, question));
    this.last = turn.catch(() => undefined);
    return turn;
  }

  async close(): Promise<void> {
    await this.client.end();
  }

  private async askNow<Row extends pg.QueryResultRow>(
    text: string,
    values: readonly unknown[],
    { role, limitMs }: Question,
  ): Promise<Row[]> {
    // A connection that once gave no answer is not waited for again: the time of each question adds up.
    if (this.broken) throw this.broken;
    const bounded = <R extends pg.QueryResultRow>(
      sql: string,
      given: readonly unknown[],
    ): Promise<pg.QueryResult<R>> =>
      // `query_timeout` of one query is node-postgres's own, and missing in its types.
      this.client.query<R>({
        text: sql,
        values: [...given],
        query_timeout: limitMs + 2_000,
      } as pg.QueryConfig);
    await bounded('BEGIN READ ONLY', []);
    try {
      await bounded(ENTER, [String(limitMs), role ?? null]);
      return (await bounded<Row>(text, values)).rows;
    } finally {
      await bounded('ROLLBACK', []).catch((error: unknown) => {
        this.broken = error instanceof Error ? error : new Error('no answer', { cause: error });
      });
    }
  }
}
