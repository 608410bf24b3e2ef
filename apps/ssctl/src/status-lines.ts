import type { QueueState, StatusReport, WorkerState } from '#jobs';
import { table } from './terminal.js';

/** How many runs of a worker are named; the rest is a number. */
const SHOWN_RUNS = 5;

/** The state of a deployment as people read it. */
export function statusLines(status: StatusReport): string[] {
  const { at, release, schema, queues, workers, waiting_tenants: waiting, migrations, seals } = status;
  return [
    `SS ${release} at ${at.slice(0, 19)}Z`,
    `schema    ${schema.version ?? 'none'}${schemaFaults(status)}`,
    `seals     ${sealed(seals)}`,
    '',
    ...queueLines(queues),
    '',
    ...(workers.length === 0 ? ['no worker was seen within a day'] : workerLines(workers)),
    '',
    ...(waiting.length === 0
      ? ['nobody waits']
      : table(
          ['TENANT', 'WAITING', 'PARKED', 'OLDEST'],
          waiting.map((one) => [
            one.tenant_id,
            String(one.waiting),
            String(one.parked),
            age(one.oldest_age_seconds),
          ]),
        )),
    ...(migrations.length === 0
      ? []
      : [
          '',
          ...table(
            ['MIGRATION', 'KIND', 'BEGUN', 'ENDED', 'COUNTS'],
            migrations.map((one) => [
              one.batch_id.slice(0, 8),
              one.kind,
              one.started_at.slice(0, 19),
              one.ended_at?.slice(0, 19) ?? 'not yet',
              Object.entries(one.counts)
                .map(([name, count]) => `${name} ${JSON.stringify(count)}`)
                .join(', '),
            ]),
          ),
        ]),
  ];
}

/** How full each queue is, and whether it is paused. */
export function queueLines(queues: readonly QueueState[]): string[] {
  return table(
    ['QUEUE', 'WAITING', 'PARKED', 'DELAYED', 'ACTIVE', 'DEAD', 'OLDEST', 'PAUSED'],
    queues.map((queue) => [
      queue.name,
      ...[queue.waiting, queue.parked, queue.delayed, queue.active, queue.dead].map(String),
      age(queue.oldest_age_seconds),
      queue.paused === null
        ? '-'
        : `since ${queue.paused.since} by ${queue.paused.by}: ${queue.paused.reason}`,
    ]),
  );
}

function workerLines(workers: readonly WorkerState[]): string[] {
  const [headings = '', ...rows] = table(
    ['WORKER', 'BUILD', 'SLOTS', 'SINCE', 'HEARTBEAT', ''],
    workers.map((worker) => [
      worker.worker_id,
      worker.build,
      `${String(worker.busy_slots)}/${String(worker.slots)}`,
      worker.started_at.slice(0, 19),
      age(worker.heartbeat_age_seconds),
      worker.is_alive ? '' : 'NOT SEEN',
    ]),
  );
  return [headings, ...workers.flatMap((worker, index) => [rows[index] ?? '', ...runLines(worker)])];
}

function runLines({ runs, busy_slots: busy }: WorkerState): string[] {
  const shown = runs.slice(0, SHOWN_RUNS);
  const more = Math.max(busy, runs.length) - shown.length;
  return [
    ...shown.map(
      (run) =>
        `  ${run.tenant_id}/${run.job_id} attempt ${String(run.attempt)} since ${run.started_at.slice(0, 19)}`,
    ),
    ...(more > 0 ? [`  and ${String(more)} more`] : []),
  ];
}

function schemaFaults({ schema: { pending, changed, unknown } }: StatusReport): string {
  const faults = [
    ...(pending.length > 0 ? [`${String(pending.length)} pending`] : []),
    ...(changed.length > 0 ? [`${String(changed.length)} CHANGED`] : []),
    ...(unknown.length > 0 ? [`${String(unknown.length)} of a newer release`] : []),
  ];
  return faults.length === 0 ? '' : `  (${faults.join(', ')})`;
}

function sealed({
  segment_no: segment,
  age_seconds: seconds,
  unsealed_rows: rows,
}: StatusReport['seals']): string {
  const last = segment === null ? 'none yet' : `segment ${String(segment)}, ${age(seconds)} old`;
  return `${last}; at most ${String(rows)} rows unsealed`;
}

/** As long as people say it: seconds, minutes, hours, days. */
function age(seconds: number | null): string {
  if (seconds === null) return '-';
  const units = [
    [172_800, 86_400, 'd'],
    [7_200, 3_600, 'h'],
    [120, 60, 'min'],
  ] as const;
  const [, size, name] = units.find(([from]) => seconds >= from) ?? [0, 1, 's'];
  return `${(seconds / size).toFixed(0)} ${name}`;
}
