import type { Instant, Tx } from '#database';
import type { LogLevel } from '#observability';

/** From `set_at` to `ends_at` this program, or this worker, logs from another level on. */
export interface LogLevelRule {
  /** `api`, `worker`, or the id of one worker. */
  target: string;
  level: LogLevel;
  reason: string;
  set_by: string;
  set_at: Instant;
  ends_at: Instant;
}

/** What holds for a program now, and for how long by the database's clock. */
export interface HoldingLevel {
  level: LogLevel;
  ends_at: Instant;
  left_ms: number;
}

export const LOG_LEVEL_CHANNEL = 'ss_log_level';

/** $1 the targets that a program answers to; the first goes before the others. */
const FIND_HOLDING = `
  SELECT level, ends_at, (extract(epoch FROM ends_at - clock_timestamp()) * 1000)::float8 AS left_ms
  FROM log_level
  WHERE target = ANY ($1) AND ends_at > clock_timestamp()
  ORDER BY array_position($1, target)
  LIMIT 1`;

const LIST_HOLDING = `
  SELECT target, level, reason, set_by, set_at, ends_at
  FROM log_level
  WHERE ends_at > clock_timestamp()
  ORDER BY target`;

/** $1 target, $2 level, $3 reason, $4 for how many seconds. */
const SET_LEVEL = `
  INSERT INTO log_level (target, level, reason, set_by, set_at, ends_at)
  SELECT $1, $2, $3, current_setting('ss.actor_kind') || ':' || current_setting('ss.actor_id'), now.at,
    now.at + make_interval(secs => $4)
  FROM (SELECT clock_timestamp() AS at) AS now
  ON CONFLICT ON CONSTRAINT log_level_pkey DO UPDATE
  SET level = excluded.level, reason = excluded.reason, set_by = excluded.set_by, set_at = excluded.set_at,
    ends_at = excluded.ends_at`;

const END_LEVEL = 'DELETE FROM log_level WHERE target = $1 AND ends_at > clock_timestamp() RETURNING target';

const FORGET_ENDED = 'DELETE FROM log_level WHERE ends_at <= clock_timestamp()';

const TELL_PROGRAMS = `SELECT pg_notify('${LOG_LEVEL_CHANNEL}', '')`;

/** The rows of `log_level`. A change is told to the programs when the caller's transaction commits. */
export class LogLevels {
  async find(tx: Tx, targets: readonly string[]): Promise<HoldingLevel | null> {
    const [holding] = await tx.query<HoldingLevel & Record<string, unknown>>(FIND_HOLDING, [targets]);
    return holding ?? null;
  }

  async list(tx: Tx): Promise<LogLevelRule[]> {
    return tx.query<LogLevelRule & Record<string, unknown>>(LIST_HOLDING);
  }

  /** Holds for so long, whatever held before. */
  async set(
    tx: Tx,
    rule: { target: string; level: LogLevel; reason: string; seconds: number },
  ): Promise<void> {
    await tx.query(FORGET_ENDED);
    await tx.query(SET_LEVEL, [rule.target, rule.level, rule.reason, rule.seconds]);
    await tx.query(TELL_PROGRAMS);
  }

  /** Ends it before its time: the program's own configuration holds again. False: there was nothing to end. */
  async end(tx: Tx, target: string): Promise<boolean> {
    const ended = await tx.query(END_LEVEL, [target]);
    if (ended.length > 0) await tx.query(TELL_PROGRAMS);
    return ended.length > 0;
  }
}
