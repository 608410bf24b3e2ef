import { deploySchema } from '#database';
import { deployQueues, QUEUES } from '#queue';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type pg from 'pg';
import { serverUrl, withClient } from './test-server.js';

const MIGRATIONS = join(import.meta.dirname, '../../../prisma/migrations');

/** Any number: whoever makes or awaits the template takes this lock in the database `postgres`. */
const TEMPLATE_LOCK = 5302027;

/**
 * The name of a database that has every schema migration and queue, and no row. The first to ask makes it; jest
 * workers that ask meanwhile wait. Its name holds a hash of what it was made from.
 */
export async function migratedTemplate(): Promise<string> {
  const name = `ss_template_${hashOfSchema()}`;
  await withClient(serverUrl('postgres'), async (client) => {
    await client.query('SELECT pg_advisory_lock($1)', [TEMPLATE_LOCK]);
    if (!(await exists(client, name))) await make(client, name);
  });
  return name;
}

/** Under another name first: a template that is there is whole. */
async function make(client: pg.Client, name: string): Promise<void> {
  const unfinished = `${name}_unfinished`;
  await client.query(`DROP DATABASE IF EXISTS ${unfinished} WITH (FORCE)`);
  await client.query(`CREATE DATABASE ${unfinished}`);
  await deploySchema(serverUrl(unfinished), MIGRATIONS);
  await deployQueues(serverUrl(unfinished));
  await client.query(`ALTER DATABASE ${unfinished} RENAME TO ${name}`);
}

async function exists(client: pg.Client, name: string): Promise<boolean> {
  const { rows } = await client.query('SELECT FROM pg_database WHERE datname = $1', [name]);
  return rows.length > 0;
}

function hashOfSchema(): string {
  const hash = createHash('sha256').update(JSON.stringify(QUEUES));
  for (const entry of readdirSync(MIGRATIONS, { withFileTypes: true }).sort((a, b) =>
    a.name < b.name ? -1 : 1,
  )) {
    if (entry.isDirectory()) hash.update(readFileSync(join(MIGRATIONS, entry.name, 'migration.sql')));
  }
  return hash.digest('hex').slice(0, 12);
}
