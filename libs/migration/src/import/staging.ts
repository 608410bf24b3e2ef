import type { Tx } from '#database';
import type { MigrationItem } from './item.js';
import { copyLine, TextArray } from './copy-text.js';
import type { PreparedJob } from './prepare.js';

/** A table that is filled by COPY into a staging table of its columns, and from there by one INSERT … SELECT. */
interface Staged<Row> {
  columns: readonly string[];
  rows: (row: Row) => Iterable<readonly unknown[]>;
}

const JOB_COLUMNS = [
  ...[
    'tenant_id',
    'job_id',
    'version',
    'status',
    'requirement',
    'inputs_fingerprint',
    'draft_revision',
    'plan_id',
  ],
  ...['attempts', 'lease_no', 'run_id', 'trace_id', 'created_at', 'updated_at', 'confirmed_at', 'queued_at'],
  ...['scheduled_at', 'started_at', 'finished_at', 'schema_version', 'legacy'],
] as const;

/** Runs of the legacy service had no worker that we know. */
const NO_WORKER = '00000000-0000-0000-0000-000000000000';
/** Reading each dataset whole would take longer than all the rest; an upload does it. */
const NOT_INSPECTED = { rowCount: 0, columns: [], sampleRows: [] };
/** A run that is kept open is nobody's lease to take away. */
const FOR_EVER = '9999-12-31T00:00:00Z';

/** The tables of a job, in the order in which they are filled: what others refer to comes first. */
export const JOB_TABLES = {
  job: {
    columns: [...JOB_COLUMNS, 'needs', 'legacy_schema_version', 'legacy_sha256'],
    rows: ({ rows: { job }, from, content }) => [
      [...JOB_COLUMNS.map((name) => job[name]), new TextArray(job.needs), from, content.sha256],
    ],
  },
  draft: {
    columns: [
      ...['tenant_id', 'job_id', 'revision', 'source', 'text', 'steps', 'inputs_fingerprint'],
      ...['created_at', 'updated_at', 'legacy'],
    ],
    rows: ({ rows: { job, draft } }) =>
      draft
        ? [
            [
              ...[job.tenant_id, job.job_id, 1, 'client', draft.text, draft.steps, job.inputs_fingerprint],
              ...[draft.created_at, draft.created_at, draft.legacy],
            ],
          ]
        : [],
  },
  plan: {
    columns: [
      ...[
        'tenant_id',
        'job_id',
        'plan_id',
        'plan_version',
        'document',
        'inputs_fingerprint',
        'draft_revision',
      ],
      ...['notes', 'frozen_at', 'legacy'],
    ],
    rows: ({ rows: { job, plan } }) =>
      plan
        ? [
            [
              ...[
                job.tenant_id,
                job.job_id,
                plan.plan_id,
                plan.plan_version,
                plan.document,
                job.inputs_fingerprint,
              ],
              ...[plan.draft_revision, plan.notes, plan.frozen_at, plan.legacy],
            ],
          ]
        : [],
  },
  run: {
    columns: [
      ...['tenant_id', 'job_id', 'run_id', 'attempt', 'lease_no', 'worker_id', 'worker_build', 'started_at'],
      ...['lease_until', 'ended_at', 'outcome', 'legacy'],
    ],
    rows: ({ rows: { job, runs } }) =>
      runs.map((run) => [
        ...[
          job.tenant_id,
          job.job_id,
          run.run_id,
          run.attempt,
          run.lease_no,
          NO_WORKER,
          'legacy',
          run.started_at,
        ],
        ...[run.ended_at ?? FOR_EVER, run.ended_at, run.outcome, run.legacy],
      ]),
  },
  artifact: {
    columns: [
      ...[
        'tenant_id',
        'job_id',
        'rel_path',
        'kind',
        'content_type',
        'bytes',
        'sha256',
        'storage_name',
        'run_id',
      ],
      ...['created_at', 'legacy'],
    ],
    rows: ({ rows: { job, artifacts } }) =>
      artifacts.map((artifact) => [
        ...[
          job.tenant_id,
          job.job_id,
          artifact.rel_path,
          artifact.kind,
          artifact.content_type,
          artifact.bytes,
        ],
        ...[artifact.sha256, artifact.storage_name, artifact.run_id, artifact.created_at, artifact.legacy],
      ]),
  },
  input_dataset: {
    columns: [
      ...['tenant_id', 'job_id', 'dataset_key', 'role', 'original_name', 'format', 'bytes', 'sha256'],
      ...['storage_name', 'profile', 'uploaded_at'],
    ],
    rows: ({ rows: { job, datasets } }) =>
      datasets.map((dataset) => [
        ...[
          job.tenant_id,
          job.job_id,
          dataset.dataset_key,
          dataset.role,
          dataset.original_name,
          dataset.format,
        ],
        ...[dataset.bytes, dataset.sha256, dataset.storage_name, NOT_INSPECTED, dataset.uploaded_at],
      ]),
  },
} as const satisfies Record<string, Staged<PreparedJob>>;

export type JobTable = keyof typeof JOB_TABLES;
export const JOB_TABLE_NAMES = Object.keys(JOB_TABLES) as JobTable[];

const ITEM_COLUMNS = [
  ...[
    'tenant_id',
    'batch_id',
    'kind',
    'path',
    'job_id',
    'sha256',
    'bytes',
    'from_version',
    'to_version',
    'steps',
  ],
  ...['outcome', 'reasons', 'details'],
];

/** Puts the rows of these jobs beside the tables, as fast as PostgreSQL takes them. Answers the tables with rows. */
export async function stageJobs(tx: Tx, jobs: readonly PreparedJob[]): Promise<JobTable[]> {
  const filled: JobTable[] = [];
  for (const table of JOB_TABLE_NAMES) {
    const { columns, rows } = JOB_TABLES[table] as Staged<PreparedJob>;
    const lines: string[] = [];
    for (const job of jobs) for (const row of rows(job)) lines.push(copyLine(row));
    if (lines.length === 0) continue;
    await stage(tx, table, columns, lines);
    filled.push(table);
  }
  return filled;
}

/** Moves what was staged into the table. */
export async function insertStaged(tx: Tx, table: JobTable): Promise<void> {
  const columns = JOB_TABLES[table].columns.join(', ');
  await tx.query(`INSERT INTO ${table} (${columns}) SELECT ${columns} FROM stage_${table}`);
}

/** Writes the lines of the report. */
export async function insertItems(tx: Tx, batchId: string, items: readonly MigrationItem[]): Promise<void> {
  if (items.length === 0) return;
  const columns = ITEM_COLUMNS.join(', ');
  const lines = items.map((item) =>
    copyLine([
      ...[
        item.tenant_id,
        batchId,
        item.kind,
        storable(item.path),
        storable(item.job_id),
        item.sha256,
        item.bytes,
      ],
      ...[item.from_version, item.to_version, new TextArray(item.steps), item.outcome],
      ...[new TextArray(item.reasons), item.details],
    ]),
  );
  await stage(tx, 'migration_item', ITEM_COLUMNS, lines);
  await tx.query(`INSERT INTO migration_item (${columns}) SELECT ${columns} FROM stage_migration_item`);
}

async function stage(tx: Tx, table: string, columns: readonly string[], lines: string[]): Promise<void> {
  const names = columns.join(', ');
  await tx.query(
    `CREATE TEMPORARY TABLE stage_${table} ON COMMIT DROP AS SELECT ${names} FROM public.${table} WITH NO DATA`,
  );
  await tx.copyIn(`COPY pg_temp.stage_${table} (${names}) FROM STDIN`, [lines.join('')]);
}

/** A name from a file system is any text but this. */
function storable(name: string): string {
  return name.toWellFormed();
}
