import type { Instant, Tx } from '#database';
import { QUEUE_SCHEMA, type QueueName } from './queues.js';
import { TELL_WORKERS } from './tell-workers.sql.js';

/** Nothing is taken from this queue until somebody resumes it. */
export interface Pause {
  queue_name: string;
  reason: string;
  paused_by: string;
  paused_at: Instant;
}

const FIND_PAUSE = 'SELECT * FROM queue_pause WHERE queue_name = $1';

const LIST_PAUSES = 'SELECT * FROM queue_pause';

const PAUSE_QUEUE = `
  INSERT INTO queue_pause (queue_name, reason, paused_by)
  VALUES ($1, $2, current_setting('ss.actor_kind') || ':' || current_setting('ss.actor_id'))
  ON CONFLICT ON CONSTRAINT queue_pause_pkey DO NOTHING
  RETURNING *`;

const RESUME_QUEUE = 'DELETE FROM queue_pause WHERE queue_name = $1 RETURNING *';

/** The rows of `queue_pause`. `Queue` reads them in every transaction that takes messages. */
export class Pauses {
  async find(tx: Tx, name: QueueName): Promise<Pause | null> {
    const [pause] = await tx.query<Pause & Record<string, unknown>>(FIND_PAUSE, [name]);
    return pause ?? null;
  }

  async list(tx: Tx): Promise<Pause[]> {
    return tx.query<Pause & Record<string, unknown>>(LIST_PAUSES);
  }

  /** Pauses the queue; null when it is paused already, and stays so as it was. */
  async pause(tx: Tx, name: QueueName, reason: string): Promise<Pause | null> {
    const [pause] = await tx.query<Pause & Record<string, unknown>>(PAUSE_QUEUE, [name, reason]);
    return pause ?? null;
  }

  /** Ends the pause and tells the workers, when the transaction commits. Answers the pause; null when there was none. */
  async resume(tx: Tx, name: QueueName): Promise<Pause | null> {
    const [pause] = await tx.query<Pause & Record<string, unknown>>(RESUME_QUEUE, [name]);
    if (!pause) return null;
    await tx.query(TELL_WORKERS, [QUEUE_SCHEMA, name]);
    return pause;
  }
}
