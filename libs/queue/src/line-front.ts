import type { Database, Scope } from '#database';
import type { QueueName } from './queues.js';
import { WITHOUT_WAITING_FOR_THE_DISK } from './turns.js';

/** $1 queues, $2 priorities, $3 turns, sorted by the first two. */
const ADVANCE = `
  INSERT INTO turn_front (queue_name, priority, turn)
  SELECT * FROM unnest($1::text[], $2::integer[], $3::bigint[])
  ON CONFLICT ON CONSTRAINT turn_front_pkey DO UPDATE SET turn = excluded.turn
  WHERE turn_front.turn < excluded.turn`;

/** Turns that say nothing any more: whoever has none begins at the front as well. */
const FORGET_PASSED = `
  DELETE FROM tenant_turn AS mine
  USING turn_front AS front
  WHERE front.queue_name = mine.queue_name AND front.priority = mine.priority AND mine.next_turn <= front.turn`;

/** What was taken: of which queue, of which priority, with which turn. */
export interface TakenTurn {
  name: QueueName;
  priority: number;
  turn: number;
}

/**
 * Keeps how far each line has moved. In transactions of its own, beside the claims and not within them: else every claim
 * would wait for the one before. A front that is told late lets a newcomer stand a little further ahead, and no more.
 */
export class LineFront {
  private readonly passed = new Map<string, TakenTurn>();
  private telling: Promise<void> | null = null;

  constructor(
    private readonly database: Database,
    private readonly scope: Scope,
  ) {}

  /** Notes what was taken and tells the database soon; what cannot be told now is told with the next. */
  saw(taken: readonly TakenTurn[]): void {
    for (const one of taken) {
      const key = `${one.name} ${String(one.priority)}`;
      if (one.turn > (this.passed.get(key)?.turn ?? 0)) this.passed.set(key, one);
    }
    if (this.passed.size === 0) return;
    this.telling ??= this.tell().finally(() => {
      this.telling = null;
    });
  }

  /** Waits for what is being told. */
  async settled(): Promise<void> {
    await this.telling;
  }

  /** Drops the turns of tenants that have had them all. */
  async forgetPassed(): Promise<void> {
    await this.database.acrossTenants(this.scope, (tx) => tx.query(FORGET_PASSED));
  }

  private async tell(): Promise<void> {
    while (this.passed.size > 0) {
      const fronts = [...this.passed.entries()]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([, front]) => front);
      this.passed.clear();
      try {
        await this.database.withoutTenant(this.scope, async (tx) => {
          await tx.query(WITHOUT_WAITING_FOR_THE_DISK);
          await tx.query(ADVANCE, [
            fronts.map(({ name }) => name),
            fronts.map(({ priority }) => priority),
            fronts.map(({ turn }) => turn),
          ]);
        });
      } catch {
        // A front is a hint that grows with every claim: the next one tells more than this one would have.
        return;
      }
    }
  }
}
