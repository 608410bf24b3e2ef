import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DuckDBInstance, StatementType, type DuckDBConnection } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { executionOrder, parsePlan, type Step } from '#plans';
import type { ColumnProfile, DatasetProfile } from './drafter.js';
import { RulesDrafter } from './rules-drafter.js';
import { identifier } from './sql-names.js';

type Row = Record<string, unknown>;

/** The example file has no quotes; read here a second time, so that DuckDB's figures are checked against others. */
function readCsv(text: string): Row[] {
  const [header = '', ...lines] = text.trimEnd().split('\n');
  const names = header.split(',');
  return lines.map((line) =>
    Object.fromEntries(line.split(',').map((value, at) => [names[at] ?? '', value])),
  );
}

let duckdb: DuckDBInstance;
let connection: DuckDBConnection;
let penguins: Row[];

beforeAll(async () => {
  duckdb = await DuckDBInstance.create(':memory:', { threads: '1' });
  connection = await duckdb.connect();
  const path = fileURLToPath(new URL('../../../examples/penguins.csv', import.meta.url));
  penguins = readCsv(readFileSync(path, 'utf8'));
  await connection.run(`CREATE TABLE penguins AS SELECT * FROM read_csv('${path}')`);
  await connection.run('SET enable_external_access = false; SET lock_configuration = true');
});

afterAll(() => {
  connection.closeSync();
  duckdb.closeSync();
});

async function rowsOf(sql: string): Promise<Row[]> {
  return (await connection.runAndReadAll(sql)).getRowObjectsJS();
}

const profiles = new Map<string, DatasetProfile>();

async function profileOf(table: string): Promise<DatasetProfile> {
  const profile = profiles.get(table) ?? (await measureProfile(table));
  profiles.set(table, profile);
  return profile;
}

/** The table's profile, as a worker would make it. */
async function measureProfile(table: string): Promise<DatasetProfile> {
  const described = await rowsOf(`DESCRIBE ${identifier(table)}`);
  const [count] = await rowsOf(`SELECT count(*) AS n FROM ${identifier(table)}`);
  const columns = await Promise.all(
    described.map(async ({ column_name, column_type }): Promise<ColumnProfile> => {
      const name = identifier(String(column_name));
      const [figures] = await rowsOf(
        `SELECT count(*) - count(${name}) AS nulls, count(DISTINCT ${name}) AS n FROM ${identifier(table)}`,
      );
      return {
        name: String(column_name),
        type: String(column_type),
        nulls: Number(figures?.['nulls']),
        distinct: Number(figures?.['n']),
        min: null,
        max: null,
      };
    }),
  );
  return {
    datasetKey: table,
    role: 'primary_dataset',
    originalName: `${table}.csv`,
    rowCount: Number(count?.['n']),
    columns,
  };
}

/** Drafts, and carries the drafted SQL out: the tables by step id. */
async function answersTo(requirement: string, ...tables: string[]): Promise<Map<string, Row[]>> {
  const datasets = await Promise.all(tables.map((table) => profileOf(table)));
  const { steps } = await new RulesDrafter().draft({ requirement, datasets }, AbortSignal.timeout(5000));
  const answers = new Map<string, Row[]>();
  for (const step of executionOrder(parsePlan({ plan_version: 2, steps }))) {
    if (step.type === 'sql') answers.set(step.step_id, await rowsOf(step.params.sql));
    if (step.type === 'chart') expectFields(step.params.spec, answers.get(step.params.step) ?? []);
  }
  return answers;
}

/** Every field that a chart's encoding names is a column of its table or is made by the chart itself. */
function expectFields(spec: Record<string, unknown>, rows: readonly Row[]): void {
  const named = [...JSON.stringify(spec['encoding']).matchAll(/"field":("(?:[^"\\]|\\.)*")/g)].map(
    ([, text]) => String(JSON.parse(text ?? '""')).replaceAll(/\\(.)/g, '$1'),
  );
  expect(named.length).toBeGreaterThan(0);
  if (rows[0] !== undefined) expect(Object.keys(rows[0])).toEqual(expect.arrayContaining(named));
}

function numberIn(row: Row, column: string): number | null {
  const text = String(row[column]);
  return text === '' ? null : Number(text);
}

function numbersOf(column: string, where: (row: Row) => boolean): number[] {
  return penguins
    .filter(where)
    .map((row) => numberIn(row, column))
    .filter((value) => value !== null);
}

const meanOf = (numbers: readonly number[]): number =>
  numbers.reduce((sum, value) => sum + value, 0) / numbers.length;

describe('the drafted SQL on the Palmer penguins', () => {
  it('finds the mean body mass of each species', async () => {
    const answers = await answersTo('Compare body mass between species of penguins', 'penguins');
    const table = answers.get('body_mass_g_by_species') ?? [];
    expect(table.map(({ species }) => species)).toEqual(['Adelie', 'Chinstrap', 'Gentoo']);
    for (const { species, n, mean } of table) {
      const masses = numbersOf('body_mass_g', (row) => row['species'] === species);
      expect(Number(n)).toBe(masses.length);
      expect(mean).toBeCloseTo(meanOf(masses), 6);
    }
  });

  it('finds the correlation and the slope of two numbers', async () => {
    const answers = await answersTo('Does body mass go with flipper length?', 'penguins');
    const pairs = penguins.flatMap((row): [number, number][] => {
      const [y, x] = [numberIn(row, 'body_mass_g'), numberIn(row, 'flipper_length_mm')];
      return y !== null && x !== null ? [[y, x]] : [];
    });
    const [meanY, meanX] = [meanOf(pairs.map(([y]) => y)), meanOf(pairs.map(([, x]) => x))];
    const covariance = meanOf(pairs.map(([y, x]) => (y - meanY) * (x - meanX)));
    const [varianceY, varianceX] = [
      meanOf(pairs.map(([y]) => (y - meanY) ** 2)),
      meanOf(pairs.map(([, x]) => (x - meanX) ** 2)),
    ];
    const [line] = answers.get('body_mass_g_on_flipper_length_mm') ?? [];
    expect(Number(line?.['n'])).toBe(342);
    expect(line?.['slope']).toBeCloseTo(covariance / varianceX, 6);
    expect(line?.['correlation']).toBeCloseTo(covariance / Math.sqrt(varianceX * varianceY), 9);
    expect(answers.get('body_mass_g_and_flipper_length_mm_points')).toHaveLength(342);
  });

  it('counts every row once in the bins of a distribution', async () => {
    const bins = (await answersTo('body mass', 'penguins')).get('distribution_of_body_mass_g') ?? [];
    expect(bins.reduce((sum, { n }) => sum + Number(n), 0)).toBe(342);
    expect(bins[0]?.['bin_start']).toBe(2700);
    expect(bins.at(-1)?.['bin_end']).toBeCloseTo(6300, 6);
  });

  it('counts groups, and pairs of groups', async () => {
    const counts = (await answersTo('how many of each species', 'penguins')).get('counts_of_species') ?? [];
    expect(counts.map(({ species, n }) => [species, Number(n)])).toEqual([
      ['Adelie', 152],
      ['Gentoo', 124],
      ['Chinstrap', 68],
    ]);
    const cross = (await answersTo('species by island', 'penguins')).get('species_by_island') ?? [];
    expect(
      cross.map(({ species, island, n }) => `${String(species)} ${String(island)} ${String(n)}`),
    ).toContain('Adelie Dream 56');
    expect(
      cross.filter(({ species }) => species === 'Adelie').reduce((sum, { share }) => sum + Number(share), 0),
    ).toBeCloseTo(1);
  });

  it('groups by two columns, and profiles every column', async () => {
    const answers = await answersTo('body mass by species and sex', 'penguins');
    expect(Object.keys(answers.get('body_mass_g_by_species_and_sex')?.[0] ?? {})).toEqual([
      'species',
      'sex',
      'n',
      'mean',
      'median',
      'sd',
      'min',
      'max',
    ]);
    expect(answers.get('profile_penguins')).toHaveLength(7);
  });

  it('follows a number by month, and samples many points alike at each run', async () => {
    await connection.run(`CREATE TABLE sales AS SELECT
      DATE '2024-01-31' + CAST(i % 90 AS INTEGER) AS sold_on, i / 7.0 AS price, i % 13 + 0.5 AS weight
      FROM range(20000) t(i)`);
    const months = (await answersTo('price over sold_on', 'sales')).get('price_by_month') ?? [];
    expect(months.map(({ month }) => month)).toEqual([
      '2024-01-01',
      '2024-02-01',
      '2024-03-01',
      '2024-04-01',
    ]);
    const [first, second] = [
      await answersTo('price and weight', 'sales'),
      await answersTo('price and weight', 'sales'),
    ];
    expect(first.get('price_and_weight_points')).toHaveLength(5000);
    expect(second.get('price_and_weight_points')).toEqual(first.get('price_and_weight_points'));
  });

  it('runs over NaN, infinities, extremes, empty and constant columns', async () => {
    await connection.run(`CREATE TABLE odd AS SELECT * FROM (VALUES
      ('nan'::DOUBLE, 9223372036854775807::BIGINT, 'infinity'::TIMESTAMP, 'a', NULL::DOUBLE, 1.5::FLOAT),
      ('inf'::DOUBLE, -9223372036854775807::BIGINT, NULL, 'a', NULL, 'inf'::FLOAT),
      (1e308::DOUBLE, 0::BIGINT, '2024-02-03'::TIMESTAMP, NULL, NULL, 1.5::FLOAT),
      (2::DOUBLE, 1::BIGINT, '2024-02-03'::TIMESTAMP, 'a', NULL, 1.5::FLOAT)) t(wild, large, moment, same, empty, real)`);
    await connection.run('CREATE TABLE nothing AS SELECT * FROM odd WHERE false');
    const requirement = 'wild, large, empty, real by same over moment';
    const answers = await answersTo(requirement, 'odd');
    expect(answers.get('wild_by_same')?.map(({ mean }) => mean)).toEqual([2]);
    for (const column of ['wild', 'large', 'moment', 'same', 'empty', 'real'])
      await answersTo(column, 'odd', 'nothing');
    expect((await answersTo(requirement, 'nothing')).get('wild_by_same')).toEqual([]);
  });

  it('runs over hostile names of columns and tables', async () => {
    const names = [
      'a"b',
      "it's",
      'x.y[0]',
      'line\nbreak',
      '💰',
      'select',
      'n',
      'mean',
      'é'.repeat(300),
      '__proto__',
      'url (x)',
      'javascript:0',
      '; DROP TABLE penguins; --',
      '体重',
      'row_place',
    ];
    const columns = names.map(
      (name, index) => `${index % 2 === 0 ? 'i + 0.5' : 'CAST(i % 3 AS VARCHAR)'} AS ${identifier(name)}`,
    );
    const tables = ['penguins"; DROP TABLE penguins; --', 'Select', '../../etc/passwd', '数据 集'];
    for (const table of tables) {
      await connection.run(
        `CREATE TABLE ${identifier(table)} AS SELECT ${columns.join(', ')} FROM range(40) t(i)`,
      );
      for (const [at, name] of names.entries()) {
        const [second, third] = [names[(at + 1) % names.length], names[(at + 2) % names.length]];
        await answersTo(`"${name}" "${second}"`, table); // a number and a group
        await answersTo(`"${name}" "${third}"`, table); // two numbers, or two groups
      }
    }
    expect(await rowsOf('SELECT count(*)::INTEGER AS n FROM penguins')).toEqual([{ n: 344 }]);
  });

  it('is one SELECT a step, whose table can be kept', async () => {
    const { steps } = await new RulesDrafter().draft(
      { requirement: 'body mass, flipper length, species, sex', datasets: [await profileOf('penguins')] },
      AbortSignal.timeout(5000),
    );
    const sql = steps.flatMap((step: Step) => (step.type === 'sql' ? [step.params.sql] : []));
    expect(sql.length).toBeGreaterThan(4);
    for (const text of sql) {
      const statements = await connection.extractStatements(text);
      expect(statements.count).toBe(1);
      expect((await statements.prepare(0)).statementType).toBe(StatementType.SELECT);
      await connection.run(`CREATE OR REPLACE TEMP TABLE kept AS ${text}`);
    }
  });
});
