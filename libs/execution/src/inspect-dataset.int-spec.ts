import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Execution } from './execution.js';
import type { DatasetFormat, DatasetProfile } from './step-request.js';
import { makeWorkbook } from './workbook.fixture.js';
import { TestWorkspace } from './workspace.fixture.js';

let workspace: TestWorkspace;
const execution = new Execution();
const asked = { sampleRows: 2, timeoutMs: 20_000 };

beforeAll(async () => {
  workspace = await TestWorkspace.open();
});
afterAll(() => workspace.close());

async function inspect(format: DatasetFormat, content: string | Uint8Array): Promise<DatasetProfile> {
  return execution.inspect(await workspace.dataset(format, content), asked);
}

describe('inspect', () => {
  it('tells what is in a CSV, where NA is missing', async () => {
    const profile = await execution.inspect(workspace.penguins, asked);
    expect(profile.rowCount).toBe(344);
    expect(profile.columns.map(({ name, type, nulls }) => [name, type, nulls])).toEqual([
      ['Species', 'VARCHAR', 0],
      ['Island', 'VARCHAR', 0],
      ['Beak Length (mm)', 'DOUBLE', 2],
      ['Beak Depth (mm)', 'DOUBLE', 2],
      ['Flipper Length (mm)', 'BIGINT', 2],
      ['Body Mass (g)', 'BIGINT', 2],
      ['Sex', 'VARCHAR', 10],
    ]);
    expect(profile.columns[0]).toMatchObject({ distinct: 3, min: 'Adelie', max: 'Gentoo' });
    expect(profile.columns[5]).toMatchObject({ min: '2700', max: '6300' });
    expect(profile.sampleRows).toEqual(workspace.rows.slice(0, 2));
  });

  it('tells the same of JSON Lines, TSV and Parquet', async () => {
    const csv = await execution.inspect(workspace.penguins, asked);
    const lines = workspace.rows.map((row) => JSON.stringify(row)).join('\n');
    expect(await inspect('jsonl', lines)).toEqual(csv);
    const text = await readFile(workspace.penguins.path, 'utf8');
    expect(await inspect('tsv', text.replaceAll(',', '\t'))).toEqual(csv);
    await workspace.sql(execution, 'FROM penguins', {}, 'all');
    expect(await inspect('parquet', await readFile(join(workspace.folder, 'tables/all.parquet')))).toEqual(
      csv,
    );
  });

  it('reads the first sheet of a workbook', async () => {
    const profile = await inspect(
      'xlsx',
      makeWorkbook([
        ['name', 'n', 'x', 'ok', 'day', 'Name', null],
        ['a', 1, 1.5, true, new Date('2024-02-29'), 'NA', 1],
        ['b', 2, 2, false, new Date('2024-03-01'), 'z', null],
      ]),
    );
    expect(profile.rowCount).toBe(2);
    expect(profile.columns.slice(0, 6).map(({ name, type, nulls }) => [name, type, nulls])).toEqual([
      ['name', 'VARCHAR', 0],
      ['n', 'BIGINT', 0],
      ['x', 'DOUBLE', 0],
      ['ok', 'BOOLEAN', 0],
      ['day', 'TIMESTAMP', 0],
      ['Name_1', 'VARCHAR', 1],
    ]);
    expect(profile.sampleRows[0]).toMatchObject({
      name: 'a',
      n: 1,
      x: 1.5,
      ok: true,
      day: '2024-02-29 00:00:00',
    });
  });

  it('keeps whole numbers exactly, as text where JSON could not', async () => {
    const profile = await inspect('csv', 'n\n9223372036854775807\n1\n');
    expect(profile.sampleRows).toEqual([{ n: '9223372036854775807' }, { n: 1 }]);
    expect(profile.columns[0]).toMatchObject({ max: '9223372036854775807' });
  });

  it('reads other delimiters, a byte order mark, quoted line breaks, one column, no rows', async () => {
    expect((await inspect('csv', '\ufeffa;b\r\n1;"x;\ny"\r\n')).sampleRows).toEqual([{ a: 1, b: 'x;\ny' }]);
    expect((await inspect('csv', 'only\n1\n2\n')).rowCount).toBe(2);
    expect((await inspect('csv', 'a,b\n')).rowCount).toBe(0);
  });

  it('lets the last line decide a type', async () => {
    const numbers = Array.from({ length: 30_000 }, (_, n) => String(n)).join('\n');
    expect((await inspect('csv', `n\n${numbers}\nlate\n`)).columns[0]).toMatchObject({ type: 'VARCHAR' });
  });

  it.each<[string, DatasetFormat, string | Uint8Array]>([
    ['binary under the name of a CSV', 'csv', randomBytes(5_000)],
    ['a CSV with a line too long for its header', 'csv', `a,b\n${'1,2\n'.repeat(9_000)}1,2,3\n`],
    ['a CSV with a line too short', 'csv', 'a,b\n1,2\n1\n'],
    ['prose', 'csv', 'This is no table at all'],
    ['one giant line', 'csv', 'x'.repeat(3_000_000)],
    ['a CSV without a header', 'csv', '\n1,2\n'],
    ['a page of HTML', 'csv', '<!doctype html><html></html>'],
    ['JSON under the name of a CSV', 'csv', '[{"a": 1, "b": 2}]'],
    ['a CSV in Latin-1', 'csv', Buffer.from('name,n\nJos\u00e9,1\n', 'latin1')],
    [
      'a CSV with a late byte that is not UTF-8',
      'csv',
      Buffer.concat([Buffer.from(`a,b\n${'1,x\n'.repeat(90_000)}`), Buffer.from([49, 44, 0xff, 10])]),
    ],
    ['a CSV with an open quote', 'csv', 'a,b\n1,"x\n2,y\n'],
    ['a broken last line', 'jsonl', `${'{"a": 1}\n'.repeat(5_000)}{"a": `],
    ['lines that are no objects', 'jsonl', '[1]\n[2]\n'],
    ['a later line that is no object', 'jsonl', '{"a": 1}\n5\n'],
    ['a ZIP that is no workbook', 'xlsx', Buffer.from('PK\u0003\u0004 and no more')],
    ['text under the name of a workbook', 'xlsx', 'a,b\n1,2\n'],
    ['text under the name of Parquet', 'parquet', 'a,b\n1,2\n'],
    [
      'more than 2,000 columns',
      'csv',
      `${Array.from({ length: 2_001 }, (_, n) => `c${String(n)}`).join(',')}\n`,
    ],
  ])('refuses %s', async (_what, format, content) => {
    await expect(inspect(format, content)).rejects.toMatchObject({
      code: 'INPUT_PARSE_FAILED',
      message: expect.not.stringContaining(workspace.folder),
    });
  });

  it('refuses a Parquet file that was cut', async () => {
    await workspace.sql(execution, 'FROM penguins', {}, 'whole');
    const whole = await readFile(join(workspace.folder, 'tables/whole.parquet'));
    await expect(inspect('parquet', whole.subarray(0, whole.length - 100))).rejects.toMatchObject({
      code: 'INPUT_PARSE_FAILED',
    });
  });

  it.each<[DatasetFormat, string]>([
    ['csv', ''],
    ['csv', ' \n\n'],
    ['jsonl', ''],
    ['parquet', ''],
    ['xlsx', ''],
  ])('refuses an empty %s file', async (format, content) => {
    await expect(inspect(format, content)).rejects.toMatchObject({ code: 'INPUT_EMPTY_FILE' });
  });

  it('copes with 2,000 columns', async () => {
    const names = Array.from({ length: 2_000 }, (_, n) => `c${String(n)}`).join(',');
    const numbers = Array.from({ length: 2_000 }, (_, n) => String(n)).join(',');
    expect((await inspect('csv', `${names}\n${numbers}\n`)).columns).toHaveLength(2_000);
  });
});
