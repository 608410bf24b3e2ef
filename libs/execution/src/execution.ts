import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ChartStep, SqlStep } from '#plans';
import type { CommandProfiles } from './command-profiles.js';
import { CommandRunner } from './command-runner.js';
import { EXECUTION_LIMITS, type ExecutionLimits } from './execution-limits.js';
import { fileNameFor } from './file-names.js';
import type { JsonValue } from './json-value.js';
import { keepExisting, PARQUET_TYPE } from './produced-files.js';
import { StepAborted, StepFailed } from './step-failed.js';
import { StepProcess, workFolder } from './step-process.js';
import type {
  DatasetFile,
  DatasetProfile,
  InspectRequest,
  SqlCheck,
  SqlCheckRequest,
  StepOutcome,
  StepRequest,
  StepSummary,
} from './step-request.js';

export interface ExecutionOptions {
  profiles?: CommandProfiles;
  limits?: Partial<ExecutionLimits>;
  /** The worker's own variables; programs see those that their profile passes on, by name. */
  environment?: Readonly<Record<string, string | undefined>>;
  /** PATH of the programs that profiles name. */
  path?: string;
  /** Where datasets are taken apart; the system's folder for temporary files when absent. */
  scratchFolder?: string;
}

const DEFAULT_PATH = '/usr/local/bin:/usr/bin:/bin';

/** Carries out steps and reads datasets; nothing of either runs in the caller's process. */
export class Execution {
  private readonly process: StepProcess;
  private readonly commands: CommandRunner;
  private readonly scratchFolder: string;

  constructor({ profiles = {}, environment = {}, path = DEFAULT_PATH, ...rest }: ExecutionOptions = {}) {
    const limits: ExecutionLimits = { ...EXECUTION_LIMITS, ...rest.limits };
    this.process = new StepProcess({ limits, path });
    this.commands = new CommandRunner(this.process, { profiles, environment, path, limits });
    this.scratchFolder = rest.scratchFolder ?? tmpdir();
  }

  /**
   * Carries out one step. Rejects with `StepFailed`, or with `StepAborted` after the signal; whichever way it
   * ends, no process of the step is left.
   */
  async run(given: StepRequest): Promise<StepOutcome> {
    if (given.signal.aborted) throw new StepAborted();
    const { step } = given;
    if (step.type === 'noop') return { files: [], summary: {} };
    const request = { ...given, workspace: await realpath(given.workspace) };
    const folder = workFolder(request.workspace, fileNameFor(step.step_id));
    try {
      switch (step.type) {
        case 'sql':
          return await this.runSql(step, request, folder);
        case 'chart':
          return await this.runChart(step, request, folder);
        case 'command':
          return await this.commands.run(step, request);
        default:
          return step satisfies never;
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** Reads a whole dataset and says what is in it; refuses one that is not what its format says. */
  async inspect(
    dataset: DatasetFile,
    { sampleRows, timeoutMs, signal }: InspectRequest,
  ): Promise<DatasetProfile> {
    const scratch = await mkdtemp(join(this.scratchFolder, 'ss-inspect-'));
    try {
      const task = { kind: 'inspect', dataset, sampleRows } as const;
      const result = await this.process.run(task, workFolder(scratch, 'inspect'), { timeoutMs, signal });
      // What `inspectDataset` of the child returns.
      return result as DatasetProfile;
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  }

  /**
   * Has DuckDB parse and bind queries against empty tables of the given columns, each query's own columns being there
   * for those after it. Nothing is run, and no data is read.
   */
  async checkSql(
    { tables, queries }: SqlCheckRequest,
    { timeoutMs, signal }: { timeoutMs: number; signal?: AbortSignal },
  ): Promise<SqlCheck[]> {
    const scratch = await mkdtemp(join(this.scratchFolder, 'ss-check-'));
    try {
      const task = { kind: 'check_sql', tables, queries } as const;
      const result = await this.process.run(task, workFolder(scratch, 'check'), { timeoutMs, signal });
      // What `checkSql` of the child returns.
      return result as SqlCheck[];
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  }

  private async runSql(step: SqlStep, request: StepRequest, folder: string): Promise<StepOutcome> {
    const { workspace, datasets, tables } = request;
    const name = fileNameFor(step.step_id);
    const files = [
      { relPath: `tables/${name}.csv`, kind: 'table.csv', contentType: 'text/csv' },
      { relPath: `tables/${name}.parquet`, kind: 'table.parquet', contentType: PARQUET_TYPE },
    ];
    await mkdir(join(workspace, 'tables'), { recursive: true });
    const [csvPath, parquetPath] = files.map(({ relPath }) => join(workspace, relPath));
    if (csvPath === undefined || parquetPath === undefined)
      throw new TypeError('unreachable: two files above');
    const task = { kind: 'sql', sql: step.params.sql, datasets, tables, csvPath, parquetPath } as const;
    return this.outcome(await this.process.run(task, folder, request), workspace, files);
  }

  private async runChart(step: ChartStep, request: StepRequest, folder: string): Promise<StepOutcome> {
    const { workspace, tables } = request;
    const table = tables.find(({ stepId }) => stepId === step.params.step);
    if (table === undefined) {
      throw new StepFailed('TABLE_MISSING', `There is no table of step "${step.params.step}" to draw.`);
    }
    const relPath = `charts/${fileNameFor(step.step_id)}.svg`;
    await mkdir(join(workspace, 'charts'), { recursive: true });
    // A spec came as JSON, from a plan.
    const spec = step.params.spec as JsonValue;
    const task = { kind: 'chart', spec, table, svgPath: join(workspace, relPath) } as const;
    const files = [{ relPath, kind: 'chart.svg', contentType: 'image/svg+xml' }];
    return this.outcome(await this.process.run(task, folder, request), workspace, files);
  }

  private async outcome(
    result: unknown,
    workspace: string,
    files: { relPath: string; kind: string; contentType: string }[],
  ): Promise<StepOutcome> {
    // What the runners in the child return.
    return { files: await keepExisting(workspace, files), summary: result as StepSummary };
  }
}
