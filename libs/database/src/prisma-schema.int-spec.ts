import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestDatabase, testDatabase } from '#testing';

/** A column as both sides can say it: name, PostgreSQL type, whether NULL may stand there, its default if it has one. */
interface Shape {
  columns: Record<string, string>;
  id: string[];
  uniques: string[];
  indexes: string[];
}
type Model = Record<string, Shape>;

const SCHEMA = readFileSync(join(import.meta.dirname, '../../../prisma/schema.prisma'), 'utf8');

const TYPES: Readonly<Record<string, string>> = {
  String: 'text',
  Int: 'integer',
  BigInt: 'bigint',
  Boolean: 'boolean',
  Json: 'jsonb',
  Bytes: 'bytea',
  DateTime: 'timestamp with time zone',
};

/** Reads models of schema.prisma in the forms that the file uses; whatever else it finds, it throws at. */
function parseModels(source: string): Model {
  const models: Model = {};
  for (const [, name = '', body = ''] of source.matchAll(/^model (\w+) \{\n(.*?)^\}/gms)) {
    models[name] = { columns: {}, id: [], uniques: [], indexes: [] };
    for (const line of body.split('\n').map((text) => text.replace(/\/\/.*$/, '').trim())) {
      if (line !== '') readLine(models[name], line);
    }
  }
  return models;
}

function readLine(shape: Shape, line: string): void {
  const block = /^@@(id|unique|index|ignore)(?:\(\[(.*?)\](?:, map: "(\w+)")?(?:, type: Brin)?\))?$/.exec(
    line,
  );
  if (block) {
    const [, kind, list = '', map = ''] = block;
    const fields = list.split(/, /).map((field) => field.replace(/\(sort: Desc\)/, ' DESC'));
    if (kind === 'id') shape.id = fields;
    if (kind === 'unique') shape.uniques.push(`${map}(${fields.join(', ')})`);
    if (kind === 'index') shape.indexes.push(`${map}(${fields.join(', ')})`);
    return;
  }
  const field = /^(\w+)\s+(\w+)(\[\])?(\?)?((?:\s+@.*)?)$/.exec(line);
  if (!field) throw new Error(`schema.prisma has a line that this test cannot read: ${line}`);
  const [, name = '', type = '', list, optional, attributes = ''] = field;
  if (attributes.includes('@relation') || (list !== undefined && !(type in TYPES))) return; // no column of its own
  const isDay = type === 'DateTime' && attributes.includes('@db.Date');
  const plain = attributes.includes('@db.Uuid') ? 'uuid' : isDay ? 'date' : TYPES[type];
  if (plain === undefined) throw new Error(`schema.prisma has a type that this test does not know: ${line}`);
  // A timestamptz(6) is what PostgreSQL calls a timestamptz: six digits are all it has.
  if (type === 'DateTime' && !isDay && !attributes.includes('@db.Timestamptz(6)'))
    throw new Error(`no time zone: ${line}`);
  const preset = /@default\((?:dbgenerated\("(.*?)"\)|(.*?))\)(?=\s|$)/.exec(attributes);
  const value = preset ? ` DEFAULT ${presetText(preset[1] ?? preset[2] ?? '')}` : '';
  shape.columns[name] = `${plain}${list ?? ''}${optional ? '' : ' NOT NULL'}${value}`;
  if (/@id\b/.test(attributes)) shape.id = [name];
}

function presetText(text: string): string {
  if (text === 'autoincrement()') return 'identity';
  return text.replace(/^"(.*)"$/, '$1').toLowerCase();
}

/** The same of the database: every table in `public` but Prisma's own and partitions. */
async function readDatabase(db: TestDatabase): Promise<Model> {
  const tables = `SELECT oid, relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
      AND relname <> '_prisma_migrations'`;
  const columns = await db.sql<{ table: string; name: string; text: string }>(
    `SELECT t.relname AS "table", a.attname AS name,
       format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
         || coalesce(' DEFAULT ' || CASE WHEN a.attidentity <> '' THEN 'identity'
              ELSE lower(regexp_replace(pg_get_expr(d.adbin, d.adrelid), '^''(.*)''::\\w+$', '\\1')) END, '') AS text
     FROM (${tables}) AS t
     JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
     LEFT JOIN pg_attrdef AS d ON d.adrelid = t.oid AND d.adnum = a.attnum
     ORDER BY t.relname, a.attnum`,
  );
  const indexes = await db.sql<{
    table: string;
    name: string;
    is_id: boolean;
    is_unique: boolean;
    fields: string[];
  }>(
    `SELECT t.relname AS "table", k.relname AS name, i.indisprimary AS is_id, i.indisunique AS is_unique,
       (SELECT array_agg(pg_get_indexdef(i.indexrelid, n, true) || CASE WHEN i.indoption[n - 1] & 1 = 1 THEN ' DESC' ELSE '' END
          ORDER BY n) FROM generate_series(1, i.indnatts) AS n) AS fields
     FROM (${tables}) AS t
     JOIN pg_index AS i ON i.indrelid = t.oid AND i.indpred IS NULL
     JOIN pg_class AS k ON k.oid = i.indexrelid
     ORDER BY k.relname`,
  );
  const model: Model = {};
  for (const { table, name, text } of columns) {
    const shape = (model[table] ??= { columns: {}, id: [], uniques: [], indexes: [] });
    shape.columns[name] = text;
  }
  for (const index of indexes) {
    const shape = model[index.table]!;
    const text = `${index.name}(${index.fields.join(', ')})`;
    if (index.is_id) shape.id = index.fields;
    else (index.is_unique ? shape.uniques : shape.indexes).push(text);
  }
  return model;
}

describe('schema.prisma', () => {
  let db: TestDatabase;
  let database: Model;
  const models = parseModels(SCHEMA);

  beforeAll(async () => {
    db = await testDatabase();
    database = await readDatabase(db);
  });
  afterAll(async () => {
    await db.drop();
  });

  it('has a model for every table, and no other', () => {
    expect(Object.keys(models).sort()).toEqual(Object.keys(database).sort());
  });

  it.each(Object.keys(models))(
    'has %s with the columns, types, NULLs and defaults that the table has',
    (name) => {
      expect(models[name]!.columns).toEqual(database[name]?.columns);
    },
  );

  it.each(Object.keys(models))('has %s with the key and the indexes that the table has', (name) => {
    const { id, uniques, indexes } = models[name]!;
    const ignored = name === 'job_move'; // its key holds a column that may be NULL, which Prisma cannot say
    const there = database[name];
    expect({ id, uniques: uniques.sort(), indexes: indexes.sort() }).toEqual({
      id: there?.id,
      uniques: ignored ? [] : there?.uniques,
      indexes: there?.indexes,
    });
  });

  it('is read by this test to the last field', () => {
    const lines = [...SCHEMA.matchAll(/^ {2}\w+ +(String|Int|BigInt|Boolean|Json|Bytes|DateTime)\b/gm)]
      .length;
    const fields = Object.values(models).reduce((sum, shape) => sum + Object.keys(shape.columns).length, 0);
    expect(fields).toBe(lines);
  });
});
