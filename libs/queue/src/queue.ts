import {
  type Database,
  type Instant,
  SchemaMismatch,
  type Scope,
  type Subscription,
  type Tx,
} from '#database';
import { type CarriedTrace, carryOn, span } from '#observability';
import { PgBoss, type Db as IDatabase } from 'pg-boss';
import { DueMessages } from './due-messages.js';
import { LineFront } from './line-front.js';
import {
  byPlace,
  type MessageBody,
  messageKey,
  toBody,
  toRef,
  toTaken,
  type TakenMessage,
} from './message-key.js';
import { type FetchedMessage, Parking } from './parking.js';
import { type Pause, Pauses } from './pauses.js';
import { DEAD_QUEUE, type JobRef, QUEUE_SCHEMA, type QueueName, QUEUES } from './queues.js';
import { sending } from './sending-span.js';
import { Turns, type TurnWish } from './turns.js';

/** Messages that nobody holds; $1 queues, $2 keys. pg-boss can delete by id only. */
const FORGET_MESSAGES = `
  DELETE FROM ${QUEUE_SCHEMA}.job
  WHERE name = ANY ($1) AND COALESCE(singleton_key, '') = ANY ($2) AND state < 'active' AND policy = 'exclusive'`;

/**
 * Keeps the message that is there already ($1 queue, $2 key) from being taken or dropped until the transaction ends:
 * whoever did so before would look at the row as it was.
 */
const HOLD_ON_TO_MESSAGE = `
  SELECT FROM ${QUEUE_SCHEMA}.job
  WHERE name = $1 AND COALESCE(singleton_key, '') = $2 AND state <= 'active' AND policy = 'exclusive'
  FOR KEY SHARE`;

/** The message that is there may go just then, and another one come; so often that is tried. */
const WAKE_ATTEMPTS = 5;

/** The tables of pg-boss are there, and queues are not in them. */
export class QueuesMissing extends Error {
  constructor(names: readonly string[]) {
    super(`queues are missing: ${names.join(', ')}; run: npm run ssctl -- schema deploy`);
  }
}

/** A message that a worker holds until it is settled. */
export interface HeldMessage extends TakenMessage {
  messageId: string;
}

/** Which of the messages, in the order of the line, are not to be taken now: their tenant has enough. */
export type FindPast = (refs: readonly JobRef[]) => Promise<ReadonlySet<JobRef>>;

const nobody: ReadonlySet<JobRef> = new Set();
const nothing: FindPast = () => Promise.resolve(nobody);

export interface WakeOptions {
  priority?: number;
  /** Not before this instant; at once when absent. Its turn comes when its time has come. */
  notBefore?: Instant | null;
  /** From {@link Queue.takeTurn}, or `FRONT`. Absent: taken in the transaction that sends. */
  turn?: number | null;
  /** What is known of the job's trace. The span of the sending is carried in its place, where there is one. */
  trace?: CarriedTrace | null;
}

export interface QueueSettings {
  /** Workers listen for wake-ups and look after what other workers left behind; the API only sends. */
  consumes: boolean;
  onError: (error: Error) => void;
  /** Told once when a queue that is taken from turns out to be paused, and once when it is not any more (null). */
  onPause?: (name: QueueName, pause: Pause | null) => void;
}

/**
 * Wake-ups between programs, by pg-boss. A message is a hint to look at a job's row: it may come twice, late,
 * or for nothing. Sending and taking happen in the caller's transaction, so that the row and its message
 * cannot disagree.
 */
export class Queue {
  private readonly boss: PgBoss;
  private readonly listeners = new Map<QueueName, () => void>();
  private readonly pauses = new Pauses();
  private readonly parking = new Parking();
  private readonly paused = new Set<QueueName>();
  private readonly turns: Turns;
  private readonly front: LineFront;
  private readonly due: DueMessages;

  constructor(
    private readonly database: Database,
    private readonly scope: Scope,
    private readonly settings: QueueSettings,
  ) {
    this.turns = new Turns(database, scope);
    this.front = new LineFront(database, scope);
    this.due = new DueMessages(database, scope, this.turns);
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

  /** Throws `SCHEMA_MISMATCH` unless the queue's tables are there and of this release. */
  async start(): Promise<void> {
    try {
      await this.boss.start();
    } catch (error) {
      if (!isOtherVersion(error)) throw error;
      throw new SchemaMismatch(
        'The tables of pg-boss are missing, or not of the version that this release works with; run: ' +
          'npm run ssctl -- schema deploy',
        { pgboss_version: await this.deployedVersion() },
      );
    }
  }

  async stop(): Promise<void> {
    await this.front.settled();
    await this.boss.stop({ graceful: false, timeout: 2_000 });
  }

  /**
   * Takes a turn for a message that is about to be sent, before the transaction that sends it: other callers of the tenant
   * do not wait for that. One that is not used in the end does no harm.
   */
  async takeTurn(name: QueueName, wish: TurnWish): Promise<number> {
    return this.turns.take(name, wish);
  }

  /**
   * Sends a wake-up for the job, in the caller's transaction. One that waits already is enough, and stays until the
   * transaction ends: nobody takes it, or drops it, for what the row said before.
   */
  async wake(tx: Tx, name: QueueName, ref: JobRef, options: WakeOptions = {}): Promise<void> {
    const { trace } = options;
    await span(`send ${name}`, sending(name, ref, trace), async (open) => {
      await this.send(tx, name, ref, { ...options, trace: carryOn(open.context, trace) });
    });
  }

  private async send(tx: Tx, name: QueueName, ref: JobRef, options: WakeOptions): Promise<void> {
    const [message] = await this.inLine(tx, name, [{ ...ref, ...options }]);
    if (!message) throw new Error('one message was wanted and none was made');
    const { data, ...rest } = message;
    for (let attempt = 1; attempt <= WAKE_ATTEMPTS; attempt++) {
      const sent = await this.boss.send(name, data, { db: inTransaction(tx), ...rest });
      if (sent !== null) return;
      if ((await tx.query(HOLD_ON_TO_MESSAGE, [name, messageKey(ref)])).length > 0) return;
    }
    throw new Error(`the message of a job in ${name} comes and goes; it could not be woken`);
  }

  /** Sends wake-ups for many jobs in one statement. Answers how many had none yet. */
  async wakeAll(tx: Tx, name: QueueName, wanted: readonly (JobRef & WakeOptions)[]): Promise<number> {
    if (wanted.length === 0) return 0;
    const messages = await this.inLine(tx, name, wanted);
    const sent = await this.boss.insert(name, messages, { db: inTransaction(tx), returnId: true });
    return sent?.length ?? 0;
  }

  /** Gives messages whose time has come their turn; answers how many. For a worker to call now and then. */
  async giveTurnsToDue(): Promise<number> {
    return this.due.giveTurns();
  }

  /** Drops what is kept of tenants that have had all their turns. For a worker to call now and then. */
  async forgetPassedTurns(): Promise<void> {
    await this.front.forgetPassed();
  }

  /** Drops the wake-ups of jobs that have ended, in the caller's transaction. One that is missed does no harm. */
  async forget(tx: Tx, refs: readonly JobRef[]): Promise<void> {
    if (refs.length > 0) await tx.query(FORGET_MESSAGES, [Object.keys(QUEUES), refs.map(messageKey)]);
  }

  /**
   * Takes up to `max` messages out of the queue, in the caller's transaction: gone if and when it commits. They come in
   * the order of the line. Of those whose tenant has a limit of running jobs, what `findPast` names is not taken but parked.
   */
  async take(tx: Tx, name: QueueName, max: number, findPast: FindPast = nothing): Promise<TakenMessage[]> {
    if (await this.isPaused(tx, name)) return [];
    const fetched = await this.boss.fetch<MessageBody>(name, { batchSize: max, db: inTransaction(tx) });
    if (fetched.length === 0) return [];
    const messages = fetched
      .map(({ id, data }) => ({ id, data, ref: toRef(data) }))
      .sort((one, other) => byPlace(one.data, other.data));
    const limited = await this.parking.takeUnlimited(tx, name, messages);
    const past = limited.length > 0 ? await this.takeLimited(tx, name, limited, findPast) : nobody;
    const taken = messages.filter(({ ref }) => !past.has(ref));
    this.moved(name, taken);
    return taken.map(({ data }) => toTaken(data));
  }

  /** Holds one message while slow work is done for it; `release` or its expiry ends that. */
  async hold(name: QueueName): Promise<HeldMessage | null> {
    return this.database.withoutTenant(this.scope, async (tx) => {
      if (await this.isPaused(tx, name)) return null;
      const [message] = await this.boss.fetch<MessageBody>(name, { batchSize: 1, db: inTransaction(tx) });
      if (message) this.moved(name, [message]);
      return message ? { messageId: message.id, ...toTaken(message.data) } : null;
    });
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
    const wanted = [...Object.keys(QUEUES), DEAD_QUEUE];
    const queues = await this.boss.getQueues(wanted);
    const missing = wanted.filter((name) => !queues.some((queue) => queue.name === name));
    if (missing.length > 0) throw new QueuesMissing(missing);
  }

  /** The messages as pg-boss takes them. Those that may be taken at once have a turn. */
  private async inLine(
    tx: Tx,
    name: QueueName,
    wanted: readonly (JobRef & WakeOptions)[],
  ): Promise<{ data: MessageBody; singletonKey: string; priority: number; startAfter?: string }[]> {
    const wishes = wanted
      .filter(({ turn, notBefore }) => (turn ?? null) === null && !notBefore)
      .map(({ tenantId, priority = 0 }) => ({ tenantId, priority }));
    const taken = wishes.length > 0 ? await this.turns.within(tx, name, wishes) : [];
    return wanted.map(({ priority = 0, notBefore, turn, trace, ...ref }) => {
      const own = notBefore ? null : (turn ?? taken.shift() ?? null);
      return {
        data: toBody(ref, { priority, turn: own, trace: trace ?? null }),
        singletonKey: messageKey(ref),
        priority,
        ...(notBefore ? { startAfter: notBefore } : {}),
      };
    });
  }

  /** Takes what may be taken and parks the rest, which it answers. */
  private async takeLimited(
    tx: Tx,
    name: QueueName,
    messages: readonly FetchedMessage[],
    findPast: FindPast,
  ): Promise<ReadonlySet<JobRef>> {
    const past = await findPast(messages.map(({ ref }) => ref));
    const taken = messages.filter(({ ref }) => !past.has(ref)).map(({ id }) => id);
    if (taken.length > 0) await this.boss.deleteJob(name, taken, { db: inTransaction(tx) });
    await this.parking.park(
      tx,
      name,
      messages.filter(({ ref }) => past.has(ref)),
    );
    return past;
  }

  private moved(name: QueueName, messages: readonly { data: MessageBody }[]): void {
    this.front.saw(messages.map(({ data: { priority = 0, turn = 0 } }) => ({ name, priority, turn })));
  }

  /** Whether nothing may be taken; says so when that has changed since the last look. */
  private async isPaused(tx: Tx, name: QueueName): Promise<boolean> {
    const pause = await this.pauses.find(tx, name);
    if (this.paused.has(name) !== (pause !== null)) {
      if (pause) this.paused.add(name);
      else this.paused.delete(name);
      this.settings.onPause?.(name, pause);
    }
    return pause !== null;
  }

  private async deployedVersion(): Promise<number | null> {
    return (await this.boss.isInstalled()) ? this.boss.schemaVersion() : null;
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

/** pg-boss says both without a code. */
function isOtherVersion(error: unknown): boolean {
  return error instanceof Error && /is not installed|requires migrations/.test(error.message);
}
