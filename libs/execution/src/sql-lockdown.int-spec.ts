import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Execution } from './execution.js';
import { TestWorkspace } from './workspace.fixture.js';

let workspace: TestWorkspace;
const execution = new Execution();

beforeAll(async () => {
  workspace = await TestWorkspace.open();
});
afterAll(() => workspace.close());

describe('the SQL of a user', () => {
  it.each([
    [`COPY penguins TO 'x.csv'`, 'COPY'],
    [`EXPORT DATABASE 'x'`, 'EXPORT'],
    [`ATTACH '/tmp/x.db'`, 'ATTACH'],
    ['INSTALL httpfs', 'LOAD'],
    ['LOAD httpfs', 'LOAD'],
    ['SET enable_external_access = true', 'SET'],
    ['RESET enable_external_access', 'SET'],
    ['PRAGMA version', 'PRAGMA'],
    ['CALL pragma_version()', 'CALL'],
    ['CREATE TABLE x AS SELECT 1', 'CREATE'],
    ['INSERT INTO penguins SELECT * FROM penguins', 'INSERT'],
    ['DELETE FROM penguins', 'DELETE'],
    ['DROP TABLE penguins', 'DROP'],
    ['EXPLAIN SELECT 1', 'EXPLAIN'],
    ['SELECT 1; SELECT 2', '2 statements'],
    ["SELECT 1; ATTACH '/tmp/x.db'", '2 statements'],
    ['/* only words */ -- here', 'no statement'],
    ['SELECT 1 \0; ATTACH', 'NUL'],
  ])('refuses %j and names what it is', async (sql, kind) => {
    await expect(workspace.sql(execution, sql)).rejects.toMatchObject({
      code: 'SQL_NOT_ALLOWED',
      message: expect.stringContaining(kind),
    });
  });

  it.each([
    `SELECT * FROM read_csv('/etc/passwd')`,
    `SELECT * FROM read_text('/etc/passwd')`,
    `SELECT * FROM read_blob('/proc/self/environ')`,
    `SELECT * FROM read_parquet('tables/first.parquet')`,
    `SELECT * FROM glob('/etc/*')`,
    `FROM '/etc/passwd'`,
    `FROM '/tmp/x.csv'`,
    `SELECT * FROM sniff_csv('/etc/passwd')`,
    `SELECT * FROM query('FROM read_text(''/etc/passwd'')')`,
    `SELECT * FROM query('COPY penguins TO ''/tmp/x''')`,
    `SELECT getenv('HOME')`,
    'SELECT $1',
  ])('fails %j', async (sql) => {
    await expect(workspace.sql(execution, sql)).rejects.toMatchObject({
      code: 'SQL_FAILED',
      message: expect.not.stringContaining(workspace.folder),
    });
  });

  it('cannot make DuckDB write a log of its own', async () => {
    const path = join(workspace.folder, 'log');
    const sql = `FROM enable_logging('QueryLog', storage = 'file', storage_path = '${path}')`;
    await workspace.sql(execution, sql).catch(() => undefined);
    expect(existsSync(path)).toBe(false);
  });

  it('cannot reach the network', async () => {
    let asked = 0;
    const server = createServer((_request, response) => {
      asked += 1;
      response.end('a\n1\n');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? String(address.port) : '';
    for (const source of [`'http://127.0.0.1:${port}/x.csv'`, `read_csv('http://127.0.0.1:${port}/x.csv')`]) {
      await expect(workspace.sql(execution, `FROM ${source}`)).rejects.toMatchObject({ code: 'SQL_FAILED' });
    }
    server.close();
    expect(asked).toBe(0);
  });
});
