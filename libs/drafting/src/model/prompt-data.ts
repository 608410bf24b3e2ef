import { redact, redactJson } from '#observability';
import type { ColumnProfile, DatasetProfile, DraftRequest } from '../drafter.js';
import { isUsableName } from '../sql-names.js';

/** A column as a model is told of it. Extremes of texts are values of the data, so they are told where rows are. */
export interface PromptColumn {
  name: string;
  type: string;
  nulls: number;
  distinct: number;
  min?: string | null;
  max?: string | null;
}

/** What a model is told of the data. The field names are part of the prompt. */
export interface PromptData {
  datasets: {
    table: string;
    file: string;
    role: string;
    rows: number;
    columns: PromptColumn[];
    columns_left_out?: number;
    sample_rows?: unknown[];
  }[];
}

const MAX_DATA_BYTES = 60_000;
const SAMPLE_ROWS = 5;
/** As many columns a dataset as fit, rows of the sample before columns. */
const STEPS = [
  { columns: 500, rows: SAMPLE_ROWS },
  { columns: 500, rows: 0 },
  { columns: 100, rows: 0 },
  { columns: 20, rows: 0 },
  { columns: 3, rows: 0 },
] as const;
/** Their extremes are figures, not somebody's words. */
const MEASURED = /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|REAL|DECIMAL.*|DATE|TIME.*|BOOLEAN)$/;

/** The data of a request as a model may see it: no secrets that can be told by their looks, and not without end. */
export function promptData({ datasets }: DraftRequest): PromptData {
  const usable = datasets.filter(({ datasetKey }) => isUsableName(datasetKey));
  let data: PromptData = { datasets: [] };
  for (const bounds of STEPS) {
    data = { datasets: usable.map((dataset) => describe(dataset, bounds)) };
    if (Buffer.byteLength(JSON.stringify(data)) <= MAX_DATA_BYTES) return data;
  }
  // Very many datasets: the first of them.
  while (data.datasets.length > 1 && Buffer.byteLength(JSON.stringify(data)) > MAX_DATA_BYTES)
    data.datasets.pop();
  return data;
}

function describe(
  dataset: DatasetProfile,
  bounds: { columns: number; rows: number },
): PromptData['datasets'][number] {
  const usable = dataset.columns.filter(({ name }) => isUsableName(name));
  const shown = usable.slice(0, bounds.columns);
  const leftOut = dataset.columns.length - shown.length;
  const mayShowRows = dataset.sampleRows !== undefined;
  const rows = (dataset.sampleRows ?? []).slice(0, bounds.rows);
  return {
    table: dataset.datasetKey,
    file: redact(dataset.originalName),
    role: dataset.role,
    rows: dataset.rowCount,
    columns: shown.map((column) => describeColumn(column, mayShowRows)),
    ...(leftOut > 0 ? { columns_left_out: leftOut } : {}),
    ...(rows.length > 0 ? { sample_rows: rows.map((row) => redactJson(row)) } : {}),
  };
}

function describeColumn(
  { name, type, nulls, distinct, min, max }: ColumnProfile,
  mayShowRows: boolean,
): PromptColumn {
  const plain = { name, type, nulls, distinct };
  if (!mayShowRows && !MEASURED.test(type.toUpperCase())) return plain;
  return { ...plain, min: min === null ? null : redact(min), max: max === null ? null : redact(max) };
}
