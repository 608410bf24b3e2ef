import { writeFileSync } from 'node:fs';
import * as vega from 'vega';
import { expressionInterpreter } from 'vega-interpreter';
import { compile, type TopLevelSpec } from 'vega-lite';
import type { ChartTask } from '../child-protocol.js';
import type { ExecutionLimits } from '../execution-limits.js';
import type { JsonRow, JsonValue } from '../json-value.js';
import { findRemoteData } from '../remote-data.js';
import type { StepSummary } from '../step-request.js';
import { ChildFailure } from './child-failure.js';
import { quoteName, readNumber, withDuck } from './duck.js';
import { loadTable } from './load-table.js';
import { publicText } from './public-text.js';
import { readDrawableRows } from './table-rows.js';

const TABLE = 'ss_table';

/** Draws a step's table by a Vega-Lite spec, as SVG. */
export async function runChart(task: ChartTask, limits: ExecutionLimits): Promise<StepSummary> {
  const { spec } = task;
  const remote = findRemoteData(spec);
  if (remote !== null) {
    throw new ChildFailure('CHART_REMOTE_DATA', `A chart must not load anything; ${remote || '/'} does.`);
  }
  if (typeof spec !== 'object' || spec === null || Array.isArray(spec)) {
    throw new ChildFailure('CHART_INVALID', 'A chart must be a Vega-Lite spec.');
  }
  const rows = await readTable(task, limits);
  const svg = await draw(spec, rows);
  if (Buffer.byteLength(svg) > limits.chartBytes) {
    throw new ChildFailure('RESULT_TOO_LARGE', 'The chart has more bytes than a step may make.');
  }
  writeFileSync(task.svgPath, svg);
  return { rowCount: rows.length };
}

function readTable({ table }: ChartTask, limits: ExecutionLimits): Promise<JsonRow[]> {
  return withDuck(limits, 'trusted', async (connection) => {
    await loadTable(connection, table);
    const name = quoteName(table.stepId);
    const count = await readNumber(connection, `SELECT count(*) FROM ${name}`);
    if (count > limits.chartRows) {
      const most = `${String(count)} rows; a chart draws ${String(limits.chartRows)} at most`;
      throw new ChildFailure(
        'CHART_TOO_MANY_ROWS',
        `The table has ${most}. Group them in an SQL step first.`,
      );
    }
    return readDrawableRows(connection, `SELECT * FROM ${name}`);
  });
}

async function draw(spec: Record<string, JsonValue>, rows: readonly JsonRow[]): Promise<string> {
  const complaints: string[] = [];
  const logger = complaintsTo(complaints);
  try {
    // Vega-Lite checks its input itself; its type only says what a correct one looks like.
    const named = { ...spec, data: { name: TABLE } } as unknown as TopLevelSpec;
    const { spec: compiled } = compile(named, { logger });
    const view = new vega.View(vega.parse(withRows(compiled, rows), undefined, { ast: true }), {
      renderer: 'none',
      // Expressions are walked, not compiled: nothing in a spec becomes JavaScript.
      expr: expressionInterpreter,
      loader: refusingLoader(),
      logger,
    });
    const svg = await view.toSVG();
    view.finalize();
    if (complaints.length === 0) return svg;
  } catch (error) {
    if (error instanceof ChildFailure) throw error;
    complaints.push(publicText(error));
  }
  throw new ChildFailure(
    'CHART_INVALID',
    `The chart could not be drawn: ${complaints.join('; ').slice(0, 1_500)}`,
  );
}

/** The rows join after compiling, since Vega-Lite repeats a spec that it refuses, and data belongs in no message. */
function withRows(compiled: vega.Spec, rows: readonly JsonRow[]): vega.Spec {
  const data = (compiled.data ?? []).map((source) =>
    source.name === TABLE ? { ...source, values: [...rows] } : source,
  );
  return { ...compiled, data };
}

/** The second line behind `findRemoteData`: whatever slipped through is not loaded, nor linked. */
function refusingLoader(): vega.Loader {
  const refuse = (): Promise<never> =>
    Promise.reject(new ChildFailure('CHART_REMOTE_DATA', 'A chart must not load anything.'));
  return Object.assign(vega.loader(), { load: refuse, sanitize: refuse, http: refuse, file: refuse });
}

/** Keeps errors, of which Vega throws only some. Warnings are for the writer of the spec, who is not here. */
function complaintsTo(complaints: string[]): vega.LoggerInterface {
  const logger: vega.LoggerInterface = {
    // Both to set and to get, as Vega calls it.
    level: (level?: number) => (level === undefined ? vega.Error : logger),
    error: (...args: readonly unknown[]) => {
      complaints.push(args.map((arg) => publicText(arg)).join(' '));
      return logger;
    },
    warn: () => logger,
    info: () => logger,
    debug: () => logger,
  };
  return logger;
}
