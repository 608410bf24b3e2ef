import type { Database, Scope } from '#database';
import { NO_TURN_YET, placeOf } from './place-in-line.sql.js';
import { QUEUE_SCHEMA, type QueueName, QUEUES } from './queues.js';
import type { Turns } from './turns.js';

interface DueMessage extends Record<string, unknown> {
  id: string;
  tenantId: string;
  priority: number;
}

/** Of queue $1, at most $2; the one that was due first comes first. The index ss_no_turn_yet serves it. */
const FIND_DUE = `
  SELECT id, coalesce(data ->> 'tenant_id', '') AS "tenantId", priority
  FROM ${QUEUE_SCHEMA}.job
  WHERE name = $1 AND state < 'active' AND NOT blocked AND created_on >= ${NO_TURN_YET}
    AND start_after <= clock_timestamp()
  ORDER BY start_after
  LIMIT $2`;

/** $1 queue, $2 messages, $3 their turns. One that was taken meanwhile needs no turn any more. */
const GIVE_TURNS = `
  UPDATE ${QUEUE_SCHEMA}.job AS message
  SET created_on = ${placeOf('given.turn')}, data = message.data || jsonb_build_object('turn', given.turn)
  FROM unnest($2::uuid[], $3::bigint[]) AS given (id, turn)
  WHERE message.name = $1 AND message.id = given.id AND message.state < 'active'
    AND message.created_on >= ${NO_TURN_YET}`;

const PAGE = 1_000;

/**
 * Gives messages whose time has come their turn. Had they got it when they were sent, the line would have moved past
 * them all by then, and a tenant could put any number of jobs in front of everybody by asking for a later time.
 */
export class DueMessages {
  constructor(
    private readonly database: Database,
    private readonly scope: Scope,
    private readonly turns: Turns,
  ) {}

  /** Answers how many got one. Two processes at it give the same message one turn too many; no harm is done. */
  async giveTurns(): Promise<number> {
    let given = 0;
    // The names are those of the table itself.
    for (const name of Object.keys(QUEUES) as QueueName[]) {
      for (;;) {
        const due = await this.database.withoutTenant(this.scope, (tx) =>
          tx.query<DueMessage>(FIND_DUE, [name, PAGE]),
        );
        if (due.length > 0) await this.give(name, due);
        given += due.length;
        if (due.length < PAGE) break;
      }
    }
    return given;
  }

  private async give(name: QueueName, due: readonly DueMessage[]): Promise<void> {
    const turns = await Promise.all(
      due.map(({ tenantId, priority }) => this.turns.take(name, { tenantId, priority })),
    );
    await this.database.withoutTenant(this.scope, (tx) =>
      tx.query(GIVE_TURNS, [name, due.map(({ id }) => id), turns]),
    );
  }
}
