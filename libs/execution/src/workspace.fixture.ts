import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Step } from '#plans';
import type { Execution } from './execution.js';
import type { JsonRow, JsonValue } from './json-value.js';
import type { DatasetFile, DatasetFormat, StepOutcome, StepRequest, TableFile } from './step-request.js';

/** For tests: a workspace on disk with the 344 Palmer penguins in it. */
export class TestWorkspace {
  private constructor(
    readonly folder: string,
    readonly penguins: DatasetFile,
    readonly rows: readonly JsonRow[],
  ) {}

  static async open(): Promise<TestWorkspace> {
    const folder = await mkdtemp(join(tmpdir(), 'ss-execution-'));
    const source = await readFile('node_modules/vega-datasets/data/penguins.json', 'utf8');
    // The package ships exactly this.
    const rows = JSON.parse(source) as JsonRow[];
    const path = join(folder, 'penguins.csv');
    await writeFile(path, toCsv(rows));
    return new TestWorkspace(folder, { datasetKey: 'penguins', format: 'csv', path }, rows);
  }

  async close(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  async dataset(format: DatasetFormat, content: string | Uint8Array, datasetKey = 'd'): Promise<DatasetFile> {
    const path = join(this.folder, `${datasetKey}.${format}`);
    await writeFile(path, content);
    return { datasetKey, format, path };
  }

  /** Runs a step over the penguins and the named tables of earlier steps. */
  run(
    execution: Execution,
    step: Step,
    given: Partial<StepRequest> = {},
    steps: string[] = [],
  ): Promise<StepOutcome> {
    const tables: TableFile[] = steps.map((stepId) => ({
      stepId,
      path: join(this.folder, 'tables', `${stepId}.parquet`),
    }));
    const signal = new AbortController().signal;
    const all = {
      step,
      datasets: [this.penguins],
      tables,
      workspace: this.folder,
      timeoutMs: 20_000,
      signal,
    };
    return execution.run({ ...all, ...given });
  }

  sql(
    execution: Execution,
    sql: string,
    given: Partial<StepRequest> = {},
    stepId = 's1',
  ): Promise<StepOutcome> {
    return this.run(execution, { step_id: stepId, type: 'sql', params: { sql } }, given);
  }

  read(relPath: string): Promise<string> {
    return readFile(join(this.folder, relPath), 'utf8');
  }
}

function toCsv(rows: readonly JsonRow[]): string {
  const names = Object.keys(rows[0] ?? {});
  const lines = rows.map((row) => names.map((name) => toCell(row[name] ?? null)).join(','));
  return `${[names.join(','), ...lines].join('\n')}\n`;
}

function toCell(value: JsonValue): string {
  if (value === null) return 'NA';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
