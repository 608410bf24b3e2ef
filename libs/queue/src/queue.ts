import { type Database, type Instant, type Scope, type Subscription, type Tx } from '#database';
import { PgBoss, type Db as IDatabase } from 'pg-boss';
import { type JobRef, QUEUE_SCHEMA, type QueueName, QUEUES } from './queues.js';

/** Messages that nobody holds; $1 queues, $2 keys. pg-boss can delete by id only. */
const FORGET_MESSAGES = `
  DELETE FROM ${QUEUE_SCHEMA}.job
  WHERE name = ANY ($1) AND COALESCE(singleton_key, '') = ANY ($2) AND state < 'active' AND policy = 'exclusive'`;

/** A message that a worker holds until it is settled. */
export interface HeldMessage extends JobRef {
  messageId: string;
}

export interface WakeOptions {
  priority?: number;
  /** Not before this instant; at once when absent. */
  notBefore?: Instant | null;
}

interface MessageBody {
  tenant_id: string;
  job_id: string;
}

export interface QueueSettings {
  /** Workers listen for wake-ups and look after what other workers left behind; the API only sends. */
  consumes: boolean;
  onError: (error: Error) => void;
}

/**
 * Wake-ups between programs, by pg-boss. A message is a hint to look at a job's row: it may come twice, late,
 * or for nothing. Sending and taking happen in the caller's transaction, so that the row and its message
 * cannot disagree.
 */
export class Queue {
  private readonly boss: PgBoss;
  private readonly listeners = new Map<QueueName, () => void>();

  constructor(
    private readonly database: Database,
    private readonly scope: Scope,
    settings: QueueSettings,
  ) {
    this.boss = new PgBoss({
      db: this.adapter(),
      schema: QUEUE_SCHEMA,
      // The owner makes and upgrades these tables (`ssctl schema deploy`), never a starting program.
      migrate: false,
      createSchema: false,
      schedule: false,
      supervise: settings.consumes,
      useListenNotify: settings.consumes,
    });
    this.boss.on('error', settings.onError);
  }

  async start(): Promise<void> {
    await this.boss.start();
  }

  async stop(): Promise<void> {
    await this.boss.stop({ graceful: false, timeout: 2_000 });
  }

  /** Sends a wake-up for the job, in the caller's transaction. One that waits already is enough. */
  async wake(tx: Tx, name: QueueName, ref: JobRef, options: WakeOptions = {}): Promise<void> {
    const body: MessageBody = { tenant_id: ref.tenantId, job_id: ref.jobId };
    await this.boss.send(name, body, {
      db: inTransaction(tx),
      singletonKey: messageKey(ref),
      priority: options.priority ?? 0,
      ...(options.notBefore ? { startAfter: options.notBefore } : {}),
    });
  }

  /** Drops the wake-ups of jobs that have ended, in the caller's transaction. One that is missed does no harm. */
  async forget(tx: Tx, refs: readonly JobRef[]): Promise<void> {
    if (refs.length > 0) await tx.query(FORGET_MESSAGES, [Object.keys(QUEUES), refs.map(messageKey)]);
  }

  /** Takes up to `max` messages out of the queue, in the caller's transaction: gone if and when it commits. */
  async take(tx: Tx, name: QueueName, max: number): Promise<JobRef[]> {
    const messages = await this.boss.fetch<MessageBody>(name, { batchSize: max, db: inTransaction(tx) });
    if (messages.length === 0) return [];
    await this.boss.deleteJob(
      name,
      messages.map((message) => message.id),
      { db: inTransaction(tx) },
    );
    return messages.map((message) => toRef(message.data));
  }

  /** Holds one message while slow work is done for it; `release` or its expiry ends that. */
  async hold(name: QueueName): Promise<HeldMessage | null> {
    const [message] = await this.boss.fetch<MessageBody>(name, { batchSize: 1 });
    return message ? { messageId: message.id, ...toRef(message.data) } : null;
  }

  /** The work for a held message is done: the message goes in the transaction that keeps the result. */
  async settle(tx: Tx, name: QueueName, message: HeldMessage): Promise<void> {
    await this.boss.deleteJob(name, message.messageId, { db: inTransaction(tx) });
  }

  /** Calls `look` when a message may be there. Hints can get lost: whoever listens polls as well. */
  onWake(name: QueueName, look: () => void): void {
    this.listeners.set(name, look);
  }

  /** Throws unless the queue's tables are there, at the version of this release, and readable. */
  async probe(): Promise<void> {
    const queues = await this.boss.getQueues(Object.keys(QUEUES));
    const missing = Object.keys(QUEUES).filter((name) => !queues.some((queue) => queue.name === name));
    if (missing.length > 0) throw new Error(`queues are missing: ${missing.join(', ')}`);
  }

  private adapter(): IDatabase {
    return {
      executeSql: async (text, values) =>
        this.database.withoutTenant(this.scope, async (tx) => inTransaction(tx).executeSql(text, values)),
      // pg-boss tells the channel that its producers notify; its own worker loop is not used.
      listen: (channel) => {
        const subscription: Subscription = this.database.listen(channel, (payload) => {
          this.hear(payload);
        });
        return Promise.resolve(subscription);
      },
    };
  }

  private hear(payload: string): void {
    for (const [name, look] of this.listeners) {
      // No payload: the connection was new, so anything may have been missed.
      if (payload === '' || payload === name) look();
    }
  }
}

function inTransaction(tx: Tx): IDatabase {
  return { executeSql: async (text, values) => ({ rows: await tx.query(text, values ?? []) }) };
}

/** Ids may hold any character, so the parts are kept apart by JSON rather than by a sign of our own. */
function messageKey(ref: JobRef): string {
  return JSON.stringify([ref.tenantId, ref.jobId]);
}

function toRef(body: MessageBody): JobRef {
  return { tenantId: body.tenant_id, jobId: body.job_id };
}
