/**
 * Workers that have not said goodbye, also those that nobody saw for a while. $1 after so many milliseconds one is taken
 * for dead, $2 at most so many.
 */
export const LIST_WORKERS = `
  SELECT worker.worker_id, worker.build, worker.slots, worker.busy_slots, worker.started_at, worker.seen_at,
    extract(epoch FROM clock_timestamp() - worker.seen_at)::float8 AS heartbeat_age_seconds,
    worker.seen_at > clock_timestamp() - make_interval(secs => $1::double precision / 1000) AS is_alive,
    coalesce(activity.runs, '[]'::jsonb) AS runs
  FROM worker
  LEFT JOIN worker_activity AS activity ON activity.worker_id = worker.worker_id
  WHERE worker.stopped_at IS NULL AND worker.seen_at > clock_timestamp() - interval '1 day'
  ORDER BY worker.started_at, worker.worker_id
  LIMIT $2`;

/** $1 at most so many, the last first. */
export const LAST_MIGRATIONS = `
  SELECT batch_id, kind, started_by, started_at, seen_at, ended_at, counts
  FROM migration_batch
  ORDER BY started_at DESC, batch_id
  LIMIT $1`;

export const NOW = 'SELECT clock_timestamp() AS at';
