import { record } from '#audit';
import type { Database, Instant, Scope, Tx } from '#database';
import { DomainError } from '#observability';
import { isQueueName, Messages, type Pause, Pauses, type QueueCounts, type QueueName, QUEUES } from '#queue';
import { PLATFORM, type RepeatableScope, transactOnce } from '#tenancy';

/** A queue as operators see it. */
export interface QueueState extends QueueCounts {
  paused: { since: Instant; by: string; reason: string } | null;
}

export class QueueNotFound extends DomainError {
  constructor(name: string) {
    super(
      'QUEUE_NOT_FOUND',
      `There is no queue of this name. There are: ${Object.keys(QUEUES).join(', ')}.`,
      {
        queue: name,
      },
    );
  }
}

/** The name of a queue, or `QUEUE_NOT_FOUND`. */
export function queueNamed(name: string): QueueName {
  if (!isQueueName(name)) throw new QueueNotFound(name);
  return name;
}

/** Done for a reason, by a client that may ask again. */
type Repeatable = Scope & Partial<RepeatableScope> & { reason: string };

/** What operators do with queues. It touches every tenant's jobs, so its audit is the platform's, not a tenant's. */
export class QueueControl {
  private readonly messages = new Messages();
  private readonly pauses = new Pauses();

  constructor(private readonly database: Database) {}

  async list(scope: Scope): Promise<QueueState[]> {
    return this.onPlatform(scope, (tx) => readQueues(tx, this.messages, this.pauses));
  }

  /** From now on no worker takes anything from the queue; what runs goes on. A paused queue stays as it is. */
  async pause(scope: Repeatable, queue: string): Promise<QueueState> {
    const name = queueNamed(queue);
    return this.onPlatformOnce(scope, async (tx) => {
      const paused = await this.pauses.pause(tx, name, scope.reason);
      if (paused) await record(tx, { action: 'queue.paused', resourceType: 'queue', resourceId: name });
      return this.readOne(tx, name);
    });
  }

  /** Workers look at once. A queue that is not paused stays as it is. */
  async resume(scope: Repeatable, queue: string): Promise<QueueState> {
    const name = queueNamed(queue);
    return this.onPlatformOnce(scope, async (tx) => {
      const ended = await this.pauses.resume(tx, name);
      if (ended) {
        const metadata = { paused_at: ended.paused_at, paused_by: ended.paused_by, paused_for: ended.reason };
        await record(tx, { action: 'queue.resumed', resourceType: 'queue', resourceId: name, metadata });
      }
      return this.readOne(tx, name);
    });
  }

  private async readOne(tx: Tx, name: QueueName): Promise<QueueState> {
    const state = (await readQueues(tx, this.messages, this.pauses)).find((queue) => queue.name === name);
    if (!state) throw new QueueNotFound(name);
    return state;
  }

  /**
   * The answer is kept with the tenant that asked, whose rows the platform's transaction does not see: so by one of
   * its own, after the change. Should it be lost in between, the repeat finds the queue as the first request left it.
   */
  private async onPlatformOnce<T>(scope: Repeatable, work: (tx: Tx) => Promise<T>): Promise<T> {
    const { repeat, tenantId } = scope;
    if (!repeat || tenantId === undefined) return this.onPlatform(scope, work);
    return transactOnce(this.database, { ...scope, tenantId }, () => this.onPlatform(scope, work));
  }

  private async onPlatform<T>(scope: Scope, work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.database.transaction({ ...scope, tenantId: PLATFORM }, work);
  }
}

/** How full each queue is, and whether it is paused. */
export async function readQueues(tx: Tx, messages: Messages, pauses: Pauses): Promise<QueueState[]> {
  const counts = await messages.count(tx);
  const paused = await pauses.list(tx);
  return counts.map((queue) => {
    const pause = paused.find(({ queue_name }) => queue_name === queue.name);
    return { ...queue, paused: pause ? toPaused(pause) : null };
  });
}

function toPaused(pause: Pause): { since: Instant; by: string; reason: string } {
  return { since: pause.paused_at, by: pause.paused_by, reason: pause.reason };
}
