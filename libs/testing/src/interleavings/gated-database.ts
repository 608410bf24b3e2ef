import { Database, type DatabaseOptions, type Scope, type TenantScope, Tx } from '#database';
import type { QueryResultRow } from 'pg';

/** Stands before every transaction of one session, before each statement in it, and before its commit. */
export type Gate = (before: 'begin' | 'statement' | 'commit') => Promise<void>;

/** The transaction as it is, each statement once the gate lets it through. */
class GatedTx extends Tx {
  constructor(
    private readonly inner: Tx,
    private readonly gate: Gate,
  ) {
    // The base class only keeps its client, and every use of that is overridden below.
    super(undefined as unknown as ConstructorParameters<typeof Tx>[0]);
  }

  override async query<Row extends QueryResultRow>(
    text: string,
    values: readonly unknown[] = [],
  ): Promise<Row[]> {
    await this.gate('statement');
    return this.inner.query<Row>(text, values);
  }
}

/** A database whose transactions go forward one statement at a time, as somebody outside lets them. */
export class GatedDatabase extends Database {
  constructor(
    options: DatabaseOptions,
    private readonly gate: Gate,
  ) {
    super(options);
  }

  override async transaction<T>(scope: TenantScope, work: (tx: Tx) => Promise<T>): Promise<T> {
    await this.gate('begin');
    return super.transaction(scope, this.gated(work));
  }

  override async acrossTenants<T>(scope: Scope, work: (tx: Tx) => Promise<T>): Promise<T> {
    await this.gate('begin');
    return super.acrossTenants(scope, this.gated(work));
  }

  private gated<T>(work: (tx: Tx) => Promise<T>): (tx: Tx) => Promise<T> {
    return async (tx) => {
      const result = await work(new GatedTx(tx, this.gate));
      await this.gate('commit');
      return result;
    };
  }
}
