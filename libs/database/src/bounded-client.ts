import pg from 'pg';
import { causeOf, isUnanswered } from './faults.js';

/**
 * A connection that ends itself once it can be of no more use: when the client's bound on a statement fires, since
 * a late answer would be taken for that to the next statement; and when its server turns out to be read-only, since
 * after a failover the next connection may find the one that is not.
 */
export class BoundedClient extends pg.Client {
  constructor(config?: string | pg.ClientConfig) {
    super(config);
    // Between the pool's listener and its holder's there is a moment without one, and an 'error' that nobody hears
    // ends the process. The next statement tells whoever asks.
    this.on('error', () => undefined);
    const ask = this.query.bind(this) as (...given: readonly unknown[]) => unknown;
    let spent: Error | null = null;
    const askBounded = (...given: readonly unknown[]): unknown => {
      if (spent) return Promise.reject(new Error('Connection terminated by its own bound', { cause: spent }));
      const asking = ask(...given);
      if (asking instanceof Promise) {
        asking.catch((error: unknown) => {
          if (!(error instanceof Error)) return;
          if (isUnanswered(error) || causeOf(error) === 'read_only') {
            spent = error;
            this.connection.stream.destroy();
          }
        });
      }
      return asking;
    };
    // node-postgres declares many ways to ask; what goes in and comes out is the same here as there.
    this.query = askBounded as typeof this.query;
  }
}
