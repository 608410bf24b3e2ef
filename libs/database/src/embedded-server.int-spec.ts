import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { EmbeddedServer } from './embedded-server.js';

describe('EmbeddedServer', () => {
  // Below the checkout, as in life, and not in the system's temporary folder.
  const scratch = join(import.meta.dirname, '../../../.ss');
  let dataDir: string;
  let opened: EmbeddedServer[];

  beforeEach(async () => {
    await mkdir(scratch, { recursive: true });
    // A name that libs/testing/jest/start-server.mjs sweeps up, should this run be killed.
    dataDir = await mkdtemp(join(scratch, `test-${process.pid}-`));
    if (process.getuid?.() === 0) await makeEnterable(dataDir);
    opened = [];
  });

  afterEach(async () => {
    for (const server of opened) await server.stop();
    const home = dirname(await clusterOf(dataDir)); // elsewhere, when the checkout is closed to the server's user
    await rm(home, { recursive: true, force: true });
    await rm(dataDir, { recursive: true, force: true });
  });

  const start = async (folder = dataDir): Promise<EmbeddedServer> => {
    const server = await EmbeddedServer.start({ dataDir: folder });
    opened.push(server);
    return server;
  };

  it('makes a cluster with checksums, a password of its own and the database ss, on 127.0.0.1 alone', async () => {
    const server = await start();
    const [row] = await query(
      server.url,
      `SELECT current_database() AS name, current_setting('data_checksums') AS checksums,
              current_setting('listen_addresses') AS addresses, current_setting('server_encoding') AS encoding`,
    );
    expect(row).toEqual({ name: 'ss', checksums: 'on', addresses: '127.0.0.1', encoding: 'UTF8' });
    expect(server.adopted).toBe(false);
    expect((await stat(join(dataDir, 'postgres.json'))).mode & 0o777).toBe(0o600);
    const wrong = new URL(server.url);
    wrong.password = 'guess';
    await expect(query(wrong.href, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
  });

  it('keeps data and port from one start to the next', async () => {
    const first = await start();
    await query(first.url, 'CREATE TABLE kept AS SELECT 7 AS value');
    await first.stop();
    await expect(query(first.url, 'SELECT 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });

    const second = await start();
    expect(second.url).toBe(first.url);
    expect(await query(second.url, 'SELECT value FROM kept')).toEqual([{ value: 7 }]);
  });

  it('is started by one of several callers and adopted by the others, and the last one stops it', async () => {
    const servers = await Promise.all([start(), start(), start()]);
    expect(servers.map(({ adopted }) => adopted).sort()).toEqual([false, true, true]);
    const [one, two, three] = servers;
    await one.stop();
    await two.stop();
    expect(await query(three.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await three.stop();
    await expect(query(three.url, 'SELECT 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('does not wait for a program that was killed while it used the server', async () => {
    await start();
    await forgetClients(dataDir);
    const second = await start();
    expect(second.adopted).toBe(true);
    await second.stop();
    await expect(query(second.url, 'SELECT 1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('starts again after the server was killed, with everything that was committed', async () => {
    const first = await start();
    await query(first.url, 'CREATE TABLE kept AS SELECT 7 AS value');
    process.kill(await postmasterPid(dataDir), 'SIGKILL');
    await forgetClients(dataDir);

    const second = await start();
    expect(second.adopted).toBe(false);
    expect(await query(second.url, 'SELECT value FROM kept')).toEqual([{ value: 7 }]);
  });

  it('starts although a leftover postmaster.pid names a living stranger', async () => {
    await (await start()).stop();
    const file = join(await clusterOf(dataDir), 'postmaster.pid');
    await writeFile(file, `${process.pid}\n${await clusterOf(dataDir)}\n1\n1\n\n127.0.0.1\n\nready\n`);
    expect((await start()).adopted).toBe(false);
  });

  it('starts although a killed program left its lock', async () => {
    await writeFile(
      join(dataDir, 'postgres.lock'),
      JSON.stringify({ pid: process.pid, mark: 'of a dead one' }),
    );
    expect((await start()).adopted).toBe(false);
  });

  it('takes another port when the remembered one is in use', async () => {
    const first = await start();
    await first.stop();
    const occupant = createServer();
    await new Promise<void>((resolve) => occupant.listen(first.port, '127.0.0.1', resolve));
    try {
      const second = await start();
      expect(second.port).not.toBe(first.port);
      expect(await query(second.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    } finally {
      occupant.close();
    }
  });

  it('refuses a cluster whose password is lost, and says what would help', async () => {
    await (await start()).stop();
    await rm(join(dataDir, 'postgres.json'));
    await expect(start()).rejects.toMatchObject({
      code: 'EMBEDDED_SERVER_FAILED',
      message: expect.stringContaining('postgres.json is missing') as unknown,
    });
  });

  it('leaves nothing behind when it is temporary', async () => {
    const server = await EmbeddedServer.temporary({ dataDir });
    expect(await query(server.url, `SELECT current_setting('fsync') AS fsync`)).toEqual([{ fsync: 'off' }]);
    await server.stop();
    expect(existsSync(dataDir)).toBe(false);
  });

  const asRoot = process.getuid?.() === 0 ? it : it.skip;

  asRoot('runs as root in a folder that only root can enter, and finds its data again', async () => {
    const closed = await mkdtemp(join(tmpdir(), 'ss-closed-')); // 0700
    const folder = join(closed, '.ss');
    try {
      const first = await start(folder);
      await query(first.url, 'CREATE TABLE kept AS SELECT 7 AS value');
      const home = (await readFile(join(folder, 'postgres.location'), 'utf8')).trim();
      expect((await stat(join(home, 'postgres'))).mode & 0o777).toBe(0o700);
      await first.stop();
      const second = await start(folder);
      expect(await query(second.url, 'SELECT value FROM kept')).toEqual([{ value: 7 }]);
      await second.stop();
      await rm(home, { recursive: true });
    } finally {
      await rm(closed, { recursive: true });
    }
  });
});

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url, ssl: false });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

/** mkdtemp makes folders that only their maker enters; the data folder of a checkout is open. */
async function makeEnterable(folder: string): Promise<void> {
  await chmod(folder, 0o755);
}

/** The checkout may itself be closed to the server's user; then the cluster lies elsewhere. */
async function clusterOf(dataDir: string): Promise<string> {
  const noted = await readFile(join(dataDir, 'postgres.location'), 'utf8').catch(() => dataDir);
  return join(noted.trim(), 'postgres');
}

async function postmasterPid(dataDir: string): Promise<number> {
  return Number((await readFile(join(await clusterOf(dataDir), 'postmaster.pid'), 'utf8')).split('\n')[0]);
}

/** Leaves the record as it is after its clients were killed: their processes are gone. */
async function forgetClients(dataDir: string): Promise<void> {
  const file = join(dataDir, 'postgres.json');
  // The record has this shape; see server-record.ts.
  const record = JSON.parse(await readFile(file, 'utf8')) as { clients: { mark: string }[] };
  for (const client of record.clients) client.mark = 'of a dead one';
  await writeFile(file, JSON.stringify(record));
}
