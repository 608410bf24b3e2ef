import pg from 'pg';

/** The server of this test run (see ../jest/start-server.mjs), seen as its superuser; `database` names one in it. */
export function serverUrl(database: string): string {
  const server = process.env['SS_TEST_SERVER_URL'];
  if (server === undefined)
    throw new Error('no test server: name the file *.int-spec.ts, so that jest starts one');
  const url = new URL(server);
  url.pathname = `/${database}`;
  return url.toString();
}

/** The URL by way of the run's PgBouncer, where it has one (`npm test -- integration --through-pgbouncer`). */
export function pooledUrl(url: string): string {
  const pooler = process.env['SS_TEST_PGBOUNCER_URL'];
  if (pooler === undefined) return url;
  const pooled = new URL(url);
  pooled.host = new URL(pooler).host;
  return pooled.toString();
}

/** Runs `work` on a connection of its own. */
export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'ss-testing',
    options: '-c TimeZone=UTC',
  });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
