import type { PoolClient, QueryResult, QueryResultRow } from 'pg';

/**
 * An open transaction. It is the first parameter of everything that writes, and a store has no other way
 * to the database.
 */
export class Tx {
  constructor(private readonly client: PoolClient) {}

  /** Runs one parameterised statement and gives its rows; or several without parameters, and gives all of theirs. */
  async query<Row extends QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    // For several statements node-postgres answers a list, which its types do not tell.
    const result = (await this.client.query<Row>(text, [...values])) as QueryResult<Row> | QueryResult<Row>[];
    const results: QueryResult<Row>[] = Array.isArray(result) ? result : [result];
    return results.flatMap(({ rows }) => rows);
  }

  /**
   * Tells the audit what the next change of a job is called when it is no move, and what else to keep with
   * it. Holds until the transaction ends or the next call.
   */
  async describe(action: string, metadata: Readonly<Record<string, unknown>> = {}): Promise<void> {
    await this.query(`SELECT set_config('ss.action', $1, true), set_config('ss.audit_metadata', $2, true)`, [
      action,
      JSON.stringify(metadata),
    ]);
  }
}
