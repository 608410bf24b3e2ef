import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';

/** What lifting leaves behind for jobs. Its own record of files (`migration_item`) is a cost of ours. */
const TABLES = ['job', 'draft', 'plan', 'run', 'artifact', 'audit_event'];

/**
 * The floor: the rows that lifting wrote, COPYed in one transaction into empty tables with the same columns, keys and
 * indexes, logged like them, without triggers and foreign keys. The lines come from memory. Answers the seconds.
 */
export async function copyRows(ownerUrl: string): Promise<number> {
  const client = new pg.Client({ connectionString: ownerUrl });
  await client.connect();
  try {
    const rows = new Map<string, Buffer[]>();
    for (const table of TABLES) {
      const chunks: Buffer[] = [];
      const stream = client.query(copyTo(`COPY (SELECT * FROM ${table}) TO STDOUT`));
      stream.on('data', (chunk: Buffer) => chunks.push(Buffer.from(chunk)));
      await once(stream, 'end');
      rows.set(table, chunks);
      await client.query(`DROP TABLE IF EXISTS floor_${table}`);
      await client.query(`CREATE TABLE floor_${table} (LIKE ${table} INCLUDING ALL)`);
    }
    await client.query('CHECKPOINT');
    const begun = performance.now();
    await client.query('BEGIN');
    for (const table of TABLES) {
      await pipeline(
        Readable.from(rows.get(table) ?? []),
        client.query(copyFrom(`COPY floor_${table} FROM STDIN`)),
      );
    }
    await client.query('COMMIT');
    return (performance.now() - begun) / 1_000;
  } finally {
    await client.end();
  }
}
