import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Step } from '#plans';
import { Execution } from './execution.js';
import type { StepOutcome } from './step-request.js';
import { TestWorkspace } from './workspace.fixture.js';

let workspace: TestWorkspace;
const execution = new Execution();

beforeAll(async () => {
  workspace = await TestWorkspace.open();
  const sql = `SELECT "Species" AS species, avg("Body Mass (g)") AS mass, DATE '2024-01-01' + row_number() OVER () ::INT AS day
               FROM penguins GROUP BY 1`;
  await workspace.sql(execution, sql, {}, 'mass');
});
afterAll(() => workspace.close());

function draw(spec: Record<string, unknown>, by = execution, table = 'mass'): Promise<StepOutcome> {
  const step: Step = { step_id: 'picture', type: 'chart', params: { step: table, spec } };
  return workspace.run(by, step, { timeoutMs: 10_000 }, ['mass']);
}

const bars = {
  mark: 'bar',
  encoding: { x: { field: 'species', type: 'nominal' }, y: { field: 'mass', type: 'quantitative' } },
};

describe('a chart step', () => {
  it('draws the table of an earlier step as SVG', async () => {
    const { files } = await draw(bars);
    expect(files).toEqual([
      expect.objectContaining({
        relPath: 'charts/picture.svg',
        kind: 'chart.svg',
        contentType: 'image/svg+xml',
      }),
    ]);
    const svg = await workspace.read('charts/picture.svg');
    expect(svg).toMatch(/^<svg /);
    for (const species of ['Adelie', 'Chinstrap', 'Gentoo']) expect(svg).toContain(species);
    expect(svg.match(/aria-roledescription="bar"/g)).toHaveLength(3);
  });

  it('understands dates', async () => {
    await draw({
      mark: 'point',
      encoding: { x: { field: 'day', type: 'temporal' }, y: { field: 'mass', type: 'quantitative' } },
    });
    expect(await workspace.read('charts/picture.svg')).toMatch(/day: [^"]*Jan [^"]*2024/);
  });

  it.each([
    [{ ...bars, data: { url: 'http://127.0.0.1:1/x.csv' } }],
    [{ layer: [{ ...bars, data: { url: 'file:///etc/passwd' } }] }],
    [{ ...bars, mark: { type: 'image', url: 'http://127.0.0.1:1/x.png' } }],
    [{ ...bars, encoding: { ...bars.encoding, href: { value: 'http://x' } } }],
  ])('refuses to load anything: %j', async (spec) => {
    await expect(draw(spec)).rejects.toMatchObject({ code: 'CHART_REMOTE_DATA' });
  });

  it.each([
    [{ mark: 'bar', encoding: { x: { field: 'a' } }, transform: [{ calculate: 'nonsense((', as: 'a' }] }],
    [{ foo: 1 }],
    [{}],
  ])('refuses %j as no chart, without telling data', async (spec) => {
    await expect(draw(spec)).rejects.toMatchObject({
      code: 'CHART_INVALID',
      message: expect.not.stringContaining('Adelie'),
    });
  });

  it('ends a drawing that never would end', async () => {
    const endless = { layer: [{ ...bars, data: { sequence: { start: 0, stop: 1e12 } } }] };
    await expect(draw(endless)).rejects.toMatchObject({
      code: expect.stringMatching(/^(STEP_OUT_OF_MEMORY|STEP_TIMED_OUT|CHART_INVALID)$/),
    });
  });

  it('refuses a table of too many rows, and one that nobody made', async () => {
    await expect(draw(bars, new Execution({ limits: { chartRows: 2 } }))).rejects.toMatchObject({
      code: 'CHART_TOO_MANY_ROWS',
    });
    await expect(draw(bars, execution, 'none')).rejects.toMatchObject({ code: 'TABLE_MISSING' });
  });
});
