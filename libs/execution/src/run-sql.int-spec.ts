import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
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

describe('an sql step', () => {
  it('makes a CSV and a Parquet table of its result, in order', async () => {
    const outcome = await workspace.sql(
      execution,
      `SELECT "Species" AS species, count(*) AS n FROM penguins GROUP BY ALL ORDER BY n DESC; -- done`,
    );
    expect(outcome.files).toEqual([
      expect.objectContaining({ relPath: 'tables/s1.csv', kind: 'table.csv', contentType: 'text/csv' }),
      expect.objectContaining({ relPath: 'tables/s1.parquet', kind: 'table.parquet' }),
    ]);
    expect(await workspace.read('tables/s1.csv')).toBe('species,n\nAdelie,152\nGentoo,124\nChinstrap,68\n');
    expect(outcome.summary).toEqual({
      rowCount: 3,
      columns: [
        { name: 'species', type: 'VARCHAR' },
        { name: 'n', type: 'BIGINT' },
      ],
      preview: [
        { species: 'Adelie', n: 152 },
        { species: 'Gentoo', n: 124 },
        { species: 'Chinstrap', n: 68 },
      ],
    });
    expect(await readdir(join(workspace.folder, 'work'))).toEqual([]);
  });

  it('reads the tables of earlier steps and datasets of odd names', async () => {
    await workspace.sql(execution, 'SELECT 41 AS x', {}, 'first');
    const odd = { ...workspace.penguins, datasetKey: 'my "data"; DROP' };
    const sql = `SELECT x + 1 AS y, (SELECT count(*) FROM "my ""data""; DROP") AS n FROM first`;
    const step = { step_id: 'a/b', type: 'sql', params: { sql } } as const;
    const outcome = await workspace.run(execution, step, { datasets: [odd] }, ['first']);
    expect(outcome.summary.preview).toEqual([{ y: 42, n: 344 }]);
    expect(outcome.files[0]?.relPath).toMatch(/^tables\/a_b-[0-9a-f]{8}\.csv$/);
  });

  it('keeps numbers without loss and everything else as text', async () => {
    const { summary } = await workspace.sql(
      execution,
      `SELECT 9007199254740993 AS big, 7::HUGEINT AS small, 1.50::DECIMAL(10,2) AS d, DATE '2024-02-29' AS day,
       'nan'::DOUBLE AS nan, [1, 2] AS list, NULL AS nothing, chr(0) AS nul`,
    );
    expect(summary.preview).toEqual([
      {
        big: '9007199254740993',
        small: 7,
        d: 1.5,
        day: '2024-02-29',
        nan: 'NaN',
        list: [1, 2],
        nothing: null,
        nul: '\ufffd',
      },
    ]);
  });

  it('keeps NUL out of previews and messages, which PostgreSQL could not hold', async () => {
    const { summary } = await workspace.sql(execution, `SELECT chr(0) AS a, [chr(0)] AS l`);
    expect(summary.preview).toEqual([{ a: '\ufffd', l: '["\\u0000"]' }]);
    await expect(workspace.sql(execution, `SELECT error('a' || chr(0))`)).rejects.toMatchObject({
      message: expect.not.stringContaining('\0'),
    });
  });

  it('tells what DuckDB says of a faulty query', async () => {
    await expect(workspace.sql(execution, 'SELECT nope FROM penguins')).rejects.toMatchObject({
      code: 'SQL_FAILED',
      message: expect.stringContaining('nope'),
    });
  });

  it('is ended at its time when it never would', async () => {
    const startedAt = Date.now();
    const sql = 'SELECT count(*) FROM range(10000000) a, range(10000000) b';
    await expect(workspace.sql(execution, sql, { timeoutMs: 1_000 })).rejects.toMatchObject({
      code: 'STEP_TIMED_OUT',
    });
    expect(Date.now() - startedAt).toBeLessThan(5_000);
    expect(existsSync(join(workspace.folder, 'work', 's1'))).toBe(false);
  });

  it('is ended by the signal', async () => {
    const signal = AbortSignal.timeout(500);
    const sql = 'SELECT count(*) FROM range(10000000) a, range(10000000) b';
    await expect(workspace.sql(execution, sql, { signal })).rejects.toMatchObject({ code: 'STEP_ABORTED' });
    await expect(workspace.sql(execution, 'SELECT 1', { signal })).rejects.toMatchObject({
      code: 'STEP_ABORTED',
    });
  });

  it('fails when it wants more memory than it may, by DuckDB or by its process', async () => {
    const sql = 'SELECT list(range) AS l FROM range(100000000)';
    const little = new Execution({ limits: { duckdbMemoryBytes: 100_000_000 } });
    await expect(workspace.sql(little, sql)).rejects.toMatchObject({ code: 'STEP_OUT_OF_MEMORY' });
    const outgrown = new Execution({ limits: { residentBytes: 300_000_000 } });
    await expect(workspace.sql(outgrown, sql)).rejects.toMatchObject({ code: 'STEP_OUT_OF_MEMORY' });
  });

  it('fails when its result has too many rows or bytes', async () => {
    const rows = new Execution({ limits: { resultRows: 1_000 } });
    await expect(workspace.sql(rows, 'FROM range(1001)')).rejects.toMatchObject({ code: 'RESULT_TOO_LARGE' });
    const bytes = new Execution({ limits: { resultBytes: 10_000_000 } });
    for (const sql of [
      'SELECT random() AS r FROM range(100000000)',
      // Small while compressed in the database, large as CSV.
      `SELECT repeat('x', 1000) AS x FROM range(100000)`,
    ]) {
      await expect(workspace.sql(bytes, sql)).rejects.toMatchObject({ code: 'RESULT_TOO_LARGE' });
    }
  });
});
