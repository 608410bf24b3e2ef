import type { ExecutionLimits } from './execution-limits.js';
import type { JsonValue } from './json-value.js';
import { isStepFailureCode, type StepFailureCode } from './step-failures.js';
import type { DatasetFile, SqlCheckRequest, TableFile } from './step-request.js';

export interface SqlTask {
  kind: 'sql';
  sql: string;
  datasets: DatasetFile[];
  tables: TableFile[];
  csvPath: string;
  parquetPath: string;
}

export interface ChartTask {
  kind: 'chart';
  spec: JsonValue;
  table: TableFile;
  svgPath: string;
}

export interface CommandTask {
  kind: 'command';
  command: string;
  args: string[];
  env: Record<string, string>;
  datasets: DatasetFile[];
  tables: TableFile[];
  stdoutPath: string;
  stderrPath: string;
  maxLogBytes: number;
}

export interface InspectTask {
  kind: 'inspect';
  dataset: DatasetFile;
  sampleRows: number;
}

export interface CheckSqlTask extends SqlCheckRequest {
  kind: 'check_sql';
}

export type ChildTask = SqlTask | ChartTask | CommandTask | InspectTask | CheckSqlTask;

/** The one document that a child reads, as one line; its working folder is the one that it was started in. */
export interface ChildRequest {
  task: ChildTask;
  limits: ExecutionLimits;
}

/** The one document that a child answers with. */
export type ChildAnswer<Result = unknown> =
  { ok: true; result: Result } | { ok: false; code: StepFailureCode; message: string };

export interface CommandEnd {
  exitCode: number | null;
  signal: string | null;
  stderrTail: string;
}

/** Written to standard error by a child that ends itself because it outgrew a limit. */
export const OUTGREW = {
  memory: 'ss-child: outgrew its memory',
  disk: 'ss-child: outgrew its disk',
} as const;

/** Reads an answer; null when it is none, since a child may die in the middle of a word. */
export function parseAnswer(text: string): ChildAnswer | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null || !('ok' in value)) return null;
  if (value.ok === true && 'result' in value) return { ok: true, result: value.result };
  if ('code' in value && isStepFailureCode(value.code) && 'message' in value) {
    return { ok: false, code: value.code, message: String(value.message) };
  }
  return null;
}
