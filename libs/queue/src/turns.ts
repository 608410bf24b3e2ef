import type { Database, Scope, Tx } from '#database';
import type { QueueName } from './queues.js';

/** Who wants a turn in a queue. Tenants share by turns within a priority; a higher priority goes first. */
export interface TurnWish {
  tenantId: string;
  priority: number;
}

/** Before every other turn of its priority: for a job that had its turn and was interrupted. */
export const FRONT = 0;

/** The function is in the schema migration `share_by_turns`. $1 queue, $2 tenants, $3 priorities, $4 how many each. */
const TAKE_TURNS = 'SELECT first_turn AS "first", apart FROM take_turns($1, $2, $3, $4)';

/** For what may be lost in a crash of the server: an order that is forgotten is no harm, and waiting for the disk is. */
export const WITHOUT_WAITING_FOR_THE_DISK = `SELECT set_config('synchronous_commit', 'off', true)`;

/** So many wishes go into one round. */
const MAX_ROUND = 500;

interface Asked extends TurnWish {
  name: QueueName;
  resolve: (turn: number) => void;
  reject: (error: unknown) => void;
}

/**
 * Hands out turns: virtual times by which messages stand in line (start-time fair queueing). A tenant's turns lie apart
 * by 1/weight, and begin where the line is now: whoever comes anew is next, whoever floods a queue stands far behind.
 */
export class Turns {
  private asked: Asked[] = [];
  private round: Promise<void> | null = null;

  constructor(
    private readonly database: Database,
    private readonly scope: Scope,
  ) {}

  /**
   * A turn from a transaction of its own, for who is about to open one: the row of the tenant's turns is then locked for
   * an instant and not until the caller's commit is on the disk. Callers who ask meanwhile share the next round.
   */
  take(name: QueueName, wish: TurnWish): Promise<number> {
    return new Promise((resolve, reject) => {
      this.asked.push({ name, ...wish, resolve, reject });
      this.round ??= this.serve().finally(() => {
        this.round = null;
      });
    });
  }

  /** Turns for each of the wishes, in their order. The next who wants one of these tenants waits for the caller's commit. */
  async within(tx: Tx, name: QueueName, wishes: readonly TurnWish[]): Promise<number[]> {
    const shares = sharesOf(wishes);
    const rows = await tx.query<{ first: number; apart: number }>(TAKE_TURNS, [
      name,
      shares.map(({ tenantId }) => tenantId),
      shares.map(({ priority }) => priority),
      shares.map(({ members }) => members.length),
    ]);
    const turns: number[] = new Array<number>(wishes.length).fill(FRONT);
    for (const [n, { members }] of shares.entries()) {
      const { first, apart } = rows[n] ?? missing();
      for (const [i, member] of members.entries()) turns[member] = first + i * apart;
    }
    return turns;
  }

  private async serve(): Promise<void> {
    while (this.asked.length > 0) {
      const name = this.asked[0]?.name ?? missing();
      const served = this.asked.filter((asked) => asked.name === name).slice(0, MAX_ROUND);
      this.asked = this.asked.filter((asked) => !served.includes(asked));
      try {
        const turns = await this.database.withoutTenant(this.scope, async (tx) => {
          await tx.query(WITHOUT_WAITING_FOR_THE_DISK);
          return this.within(tx, name, served);
        });
        for (const [n, { resolve }] of served.entries()) resolve(turns[n] ?? missing());
      } catch (error) {
        for (const { reject } of served) reject(error);
      }
    }
  }
}

/** Wishes of the same tenant and priority together, sorted: whoever takes several rows takes them in this order. */
function sharesOf(wishes: readonly TurnWish[]): (TurnWish & { members: number[] })[] {
  const shares = new Map<string, TurnWish & { members: number[] }>();
  for (const [n, { tenantId, priority }] of wishes.entries()) {
    const key = JSON.stringify([tenantId, priority]);
    const share = shares.get(key) ?? { tenantId, priority, members: [] };
    share.members.push(n);
    shares.set(key, share);
  }
  return [...shares.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, share]) => share);
}

function missing(): never {
  throw new Error('take_turns answered fewer rows than were asked for');
}
