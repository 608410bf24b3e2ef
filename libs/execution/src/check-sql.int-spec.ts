import { describe, expect, it } from '@jest/globals';
import { Execution } from './execution.js';
import type { SqlCheck } from './step-request.js';

const execution = new Execution();
const PENGUINS = {
  name: 'penguins',
  columns: [
    { name: 'Species', type: 'VARCHAR' },
    { name: 'Body Mass (g)', type: 'BIGINT' },
    { name: 'seen', type: 'TIMESTAMP' },
    { name: 'price', type: 'DECIMAL(18,3)' },
    { name: 'odd "name"', type: 'STRUCT(a INTEGER, "b c" VARCHAR[])' },
  ],
};

async function check(...queries: (readonly [string, string])[]): Promise<SqlCheck[]> {
  const asked = { tables: [PENGUINS], queries: queries.map(([stepId, sql]) => ({ stepId, sql })) };
  return execution.checkSql(asked, { timeoutMs: 20_000 });
}

describe('checkSql', () => {
  it('binds queries against the columns, and against those of the queries before', async () => {
    const checks = await check(
      ['masses', 'SELECT Species, avg("Body Mass (g)") AS mean FROM penguins GROUP BY ALL'],
      ['top', 'SELECT mean + 1 AS more FROM masses ORDER BY mean LIMIT 1'],
      [
        'odd',
        'SELECT "odd ""name""".a + price AS x, date_trunc(\'month\', seen) AS m FROM penguins; -- done',
      ],
    );
    expect(checks.map(({ stepId, fault }) => [stepId, fault])).toEqual([
      ['masses', null],
      ['top', null],
      ['odd', null],
    ]);
  });

  it('says what is wrong, and goes on with the next', async () => {
    const checks = await check(
      ['a', 'SELECT weight FROM penguins'],
      ['b', 'SELECT * FROM a'],
      ['c', 'SELEC 1'],
      ['d', 'SELECT sum(Species) FROM penguins'],
      ['e', 'SELECT 1 AS fine'],
      ['f', 'SELECT * FROM whales'],
    );
    expect(checks.map(({ fault }) => fault?.code ?? null)).toEqual([
      ...['SQL_FAILED', 'SQL_FAILED', 'SQL_FAILED', 'SQL_FAILED'],
      null,
      'SQL_FAILED',
    ]);
    expect(checks[0]!.fault!.message).toMatch(/weight/);
    expect(JSON.stringify(checks)).not.toMatch(/ss-check-|tmp/);
  });

  it.each([
    ['DROP TABLE penguins'],
    ['SELECT 1; SELECT 2'],
    ['INSERT INTO penguins SELECT * FROM penguins'],
    [''],
    ["COPY penguins TO 'x.csv'"],
    ['SET threads = 1'],
  ])('refuses %j, as the step itself would be', async (sql) => {
    expect((await check(['s', sql]))[0]!.fault).toMatchObject({ code: 'SQL_NOT_ALLOWED' });
  });

  it.each([["SELECT * FROM read_csv('/etc/passwd')"], ["SELECT * FROM '/etc/passwd'"]])(
    'reaches no file by %j',
    async (sql) => {
      expect((await check(['s', sql]))[0]!.fault).toMatchObject({ code: 'SQL_FAILED' });
    },
  );

  it('runs nothing: a query that would never end is bound at once', async () => {
    const endless = 'SELECT count(*) AS n FROM range(1000000000000) AS a, range(1000000000000) AS b';
    expect(await check(['s', endless])).toEqual([{ stepId: 's', fault: null }]);
  });
});
