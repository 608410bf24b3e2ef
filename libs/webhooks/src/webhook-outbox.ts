import { record } from '#audit';
import type { Database, Scope, Tx } from '#database';
import type { EventLog } from '#events';
import type { DisabledBecause, DeliveryStatus } from './webhook.js';
import type { Call, CallOutcome } from './webhook-calls.js';
import {
  ANY_WEBHOOK,
  DISABLE,
  FORGET,
  GIVE_BACK,
  NOTE_FAILURE,
  NOTE_SUCCESS,
  OWE_DELIVERIES,
  SETTLE_DELIVERY,
  TAKE_DELIVERIES,
} from './webhook-outbox.sql.js';

export interface OutboxLimits {
  maxAttempts: number;
  backoffBaseMs: number;
  backoffMaxMs: number;
  /** A webhook whose every call has failed for so long is called no more. */
  disableAfterSeconds: number;
  /** How long what was delivered, or given up, can be looked at and replayed. */
  keepDays: number;
}

/** A call that this process is to make. */
export interface TakenDelivery extends Call {
  tenantId: string;
  webhookId: string;
  attempts: number;
}

export interface SettledDelivery {
  status: DeliveryStatus;
  /** The webhook is called no more. */
  disabled: DisabledBecause | null;
}

/** So many webhooks, and events of each, in one transaction. */
const WEBHOOKS_AT_ONCE = 200;
const EVENTS_AT_ONCE = 500;
const FORGET_AT_ONCE = 5_000;
const GONE = 410;

/**
 * What is owed to webhooks: made from the events of jobs up to their front, called at least once each, given up after so
 * many attempts. All of it is in tables: a worker that dies has lost nothing, and several work side by side.
 */
export class WebhookOutbox {
  constructor(
    private readonly database: Database,
    private readonly scope: Scope,
    private readonly events: EventLog,
    private readonly limits: OutboxLimits,
  ) {}

  /** Owes what has happened since. Answers how much that was, and whether there is more. */
  async owe(): Promise<{ owed: number; hasMore: boolean }> {
    const nothing = { owed: 0, hasMore: false };
    return this.database.acrossTenants(this.scope, async (tx) => {
      if ((await tx.query(ANY_WEBHOOK)).length === 0) return nothing;
      const front = await this.events.tryAdvanceIn(tx);
      if (!front) return nothing;
      const values = [front.eventId, WEBHOOKS_AT_ONCE, EVENTS_AT_ONCE];
      const [made] = await tx.query<{ owed: number; hasMore: boolean }>(OWE_DELIVERIES, values);
      return made ?? nothing;
    });
  }

  /** Takes calls that are due, each webhook's in order. Who takes them has to settle them within `seconds`. */
  async take(
    webhooks: number,
    ofEach: number,
    seconds: number,
    busy: readonly string[],
  ): Promise<TakenDelivery[]> {
    const rows = await this.database.acrossTenants(this.scope, (tx) =>
      tx.query<TakenRow>(TAKE_DELIVERIES, [webhooks, ofEach, seconds, busy]),
    );
    return rows
      .sort((one, other) => (one.eventId ?? 0) - (other.eventId ?? 0))
      .map(({ secret, oldSecret, eventId: _eventId, ...taken }) => ({
        ...taken,
        secrets: oldSecret ? [secret, oldSecret] : [secret],
      }));
  }

  /** Keeps how the call ended, and when the next one is due, if there is one. */
  async settle(taken: TakenDelivery, { status, error }: CallOutcome): Promise<SettledDelivery> {
    const isDelivered = status !== null && status >= 200 && status < 300;
    const next = isDelivered ? 'delivered' : taken.attempts < this.limits.maxAttempts ? 'pending' : 'dead';
    return this.database.acrossTenants(this.scope, async (tx) => {
      await tx.query(SETTLE_DELIVERY, [...keyOf(taken), next, this.pauseMs(taken.attempts), status, error]);
      const webhook = [taken.tenantId, taken.webhookId];
      await tx.query(isDelivered ? NOTE_SUCCESS : NOTE_FAILURE, webhook);
      const disabled = isDelivered ? null : await this.disable(tx, taken, status);
      return { status: next, disabled };
    });
  }

  async giveBack(taken: TakenDelivery): Promise<void> {
    await this.database.acrossTenants(this.scope, (tx) => tx.query(GIVE_BACK, keyOf(taken)));
  }

  /** Removes what was kept long enough. */
  async forget(): Promise<number> {
    const gone = await this.database.acrossTenants(this.scope, (tx) =>
      tx.query(FORGET, [this.limits.keepDays, FORGET_AT_ONCE]),
    );
    return gone.length;
  }

  private async disable(
    tx: Tx,
    { tenantId, webhookId }: TakenDelivery,
    status: number | null,
  ): Promise<DisabledBecause | null> {
    const because = status === GONE ? 'gone' : 'failing';
    const failedForSeconds = status === GONE ? 0 : this.limits.disableAfterSeconds;
    const disabled = await tx.query(DISABLE, [tenantId, webhookId, because, failedForSeconds]);
    if (disabled.length === 0) return null;
    const metadata = { because };
    const event = {
      action: 'webhook.disabled',
      resourceType: 'webhook',
      resourceId: webhookId,
      tenantId,
      metadata,
    };
    await record(tx, event);
    return because;
  }

  /** Doubles with every attempt, and half of it is chance: targets that were away are not called by all at once. */
  private pauseMs(attempts: number): number {
    const { backoffBaseMs, backoffMaxMs } = this.limits;
    const pause = Math.min(backoffBaseMs * 2 ** Math.min(attempts - 1, 40), backoffMaxMs);
    return pause * (0.5 + Math.random() / 2);
  }
}

type TakenRow = Omit<TakenDelivery, 'secrets'> & {
  secret: Buffer;
  oldSecret: Buffer | null;
  eventId: number | null;
} & Record<string, unknown>;

function keyOf({ tenantId, deliveryId, attempts }: TakenDelivery): [string, string, number] {
  return [tenantId, deliveryId, attempts];
}
