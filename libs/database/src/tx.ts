import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { PoolClient, QueryResult, QueryResultRow } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';

/**
 * An open transaction. It is the first parameter of everything that writes, and a store has no other way
 * to the database.
 */
export class Tx {
  private readonly committed: (() => void)[] = [];

  constructor(private readonly client: PoolClient) {}

  /**
   * Calls `tell` once the transaction is known to have committed, and never when it is not: for what is counted. It must
   * neither wait nor throw.
   */
  afterCommit(tell: () => void): void {
    this.committed.push(tell);
  }

  /** For whoever has committed the transaction. */
  tellCommitted(): void {
    for (const tell of this.committed) tell();
  }

  /** Runs one parameterised statement and gives its rows; or several without parameters, and gives all of theirs. */
  async query<Row extends QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    // For several statements node-postgres answers a list, which its types do not tell.
    const result = (await this.client.query<Row>(text, [...values])) as QueryResult<Row> | QueryResult<Row>[];
    const results: QueryResult<Row>[] = Array.isArray(result) ? result : [result];
    return results.flatMap(({ rows }) => rows);
  }

  /** Feeds `COPY … FROM STDIN`, the fastest way into a table. The lines are in COPY's text format, each with its end. */
  async copyIn(statement: string, lines: Iterable<string | Buffer>): Promise<void> {
    await pipeline(Readable.from(lines, { objectMode: true }), this.client.query(copyFrom(statement)));
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
