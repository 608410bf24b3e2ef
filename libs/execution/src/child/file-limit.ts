import { statSync } from 'node:fs';
import type { DuckDBConnection } from '@duckdb/node-api';
import { ChildFailure } from './child-failure.js';

const LOOK_MS = 100;

/** Lets DuckDB write a file, and interrupts it when the file outgrows the limit, not when the disk is full. */
export async function whileFileStaysWithin<T>(
  path: string,
  maxBytes: number,
  connection: DuckDBConnection,
  work: () => Promise<T>,
): Promise<T> {
  // Kept, since DuckDB may take an unfinished file away again.
  const seen = { tooLarge: false };
  const look = (): boolean => {
    seen.tooLarge ||= (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > maxBytes;
    return seen.tooLarge;
  };
  const timer = setInterval(() => {
    if (look()) connection.interrupt();
  }, LOOK_MS);
  try {
    const result = await work();
    if (!look()) return result;
  } catch (error) {
    if (!look()) throw error;
  } finally {
    clearInterval(timer);
  }
  throw new ChildFailure('RESULT_TOO_LARGE', 'The result has more bytes than a step may make.');
}
