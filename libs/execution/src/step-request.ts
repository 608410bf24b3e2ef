import type { Step } from '#plans';
import type { JsonRow } from './json-value.js';

export const DATASET_FORMATS = ['csv', 'tsv', 'jsonl', 'parquet', 'xlsx'] as const;
export type DatasetFormat = (typeof DATASET_FORMATS)[number];

export interface DatasetFile {
  /** Also the name of its table in SQL. */
  datasetKey: string;
  format: DatasetFormat;
  path: string;
}

/** The Parquet file of an earlier step's table; the step's id is the table's name in SQL. */
export interface TableFile {
  stepId: string;
  path: string;
}

export interface Column {
  name: string;
  type: string;
}

export interface ColumnProfile extends Column {
  nulls: number;
  /** Exact for small datasets, otherwise an estimate. */
  distinct: number;
  min: string | null;
  max: string | null;
}

export interface DatasetProfile {
  rowCount: number;
  columns: ColumnProfile[];
  sampleRows: JsonRow[];
}

export interface ProducedFile {
  /** The name that the artifact is to have, `tables/<step>.csv` say. */
  relPath: string;
  kind: string;
  contentType: string;
  /** Where the file lies now, within the workspace. */
  path: string;
}

export interface StepSummary {
  rowCount?: number;
  columns?: Column[];
  preview?: JsonRow[];
  exitCode?: number;
  note?: string;
}

export interface StepOutcome {
  files: ProducedFile[];
  summary: StepSummary;
}

/** What the program of a step printed, while it runs. The whole of it is kept as a file in the end. */
export interface PrintedLines {
  stream: 'stdout' | 'stderr';
  lines: string[];
  /** No more of this stream is told: it is over what is told of a step. */
  isCut: boolean;
}

export interface StepRequest {
  step: Step;
  datasets: DatasetFile[];
  tables: TableFile[];
  /** An existing folder of this run; the step keeps to it. */
  workspace: string;
  timeoutMs: number;
  signal: AbortSignal;
  /** What the program of a `command` step is told of the trace that it is part of. */
  traceVariables?: Readonly<Record<string, string>>;
  /** Told now and then what a `command` step printed. Must neither wait nor throw. */
  onPrinted?: (printed: PrintedLines) => void;
}

export interface InspectRequest {
  sampleRows: number;
  timeoutMs: number;
  signal?: AbortSignal;
}

/** Queries to be bound against tables of these columns, in the order in which they would run. */
export interface SqlCheckRequest {
  tables: { name: string; columns: Column[] }[];
  queries: { stepId: string; sql: string }[];
}

/** Why a query cannot run; null when it binds. */
export interface SqlCheck {
  stepId: string;
  fault: { code: string; message: string } | null;
}
