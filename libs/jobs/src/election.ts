import type { Tx } from '#database';

/**
 * $1 the worker that asks, $2 the time of a lease in milliseconds. The one that is elected is the oldest of those that
 * live; `rightMs` is how long nobody can think otherwise.
 */
const STAND = `
  WITH alive AS (
    SELECT worker_id, started_at, seen_at
    FROM worker
    WHERE stopped_at IS NULL AND seen_at > clock_timestamp() - make_interval(secs => $2::double precision / 1000)
  )
  SELECT count(*)::integer AS alive,
    coalesce((SELECT worker_id FROM alive ORDER BY started_at, worker_id LIMIT 1) = $1::uuid, false) AS first,
    coalesce(
      (
        SELECT $2::float8 - 1000 * extract(epoch FROM clock_timestamp() - seen_at)::float8
        FROM alive WHERE worker_id = $1::uuid
      ),
      0
    ) AS "rightMs"
  FROM alive`;

export interface Elected {
  /** For so long; 0: not elected. */
  forMs: number;
  /** Workers that live, this one with them. */
  alive: number;
}

/**
 * Chooses the one worker that speaks for the whole system: the oldest of those that live, by their heartbeats and the
 * database's clock. No lock and no connection is held for it, so it works behind a pooler, and a worker that dies is
 * replaced when its heartbeat is too old.
 */
export class Election {
  /** Elected in the last round: whoever was before has noticed by now. */
  private wasFirst = false;

  constructor(
    private readonly workerId: string,
    private readonly leaseMs: number,
  ) {}

  /**
   * Asks once more. Rounds are `everyMs` apart. A worker that is elected beside others waits one round, in which the one
   * before it either notices or runs out of its right.
   */
  async stand(tx: Tx, everyMs: number): Promise<Elected> {
    const [row] = await tx.query<{ alive: number; first: boolean; rightMs: number }>(STAND, [
      this.workerId,
      this.leaseMs,
    ]);
    const { alive = 0, first = false, rightMs = 0 } = row ?? {};
    const isSure = first && (this.wasFirst || alive === 1);
    this.wasFirst = first;
    // Two rounds: one may fail.
    return { forMs: isSure ? Math.max(0, Math.min(rightMs, 2 * everyMs + MARGIN_MS)) : 0, alive };
  }
}

/** What a round may be late. */
const MARGIN_MS = 1_000;
