import { record } from '#audit';
import { type Database, type Instant, type TenantScope, type Tx } from '#database';
import { type RepeatableScope, transactOnce } from '#tenancy';
import { randomBytes } from 'node:crypto';
import { DeliveryNotFound, WebhookNotFound, WebhooksExceeded } from './refusals.js';
import type { TargetPolicy } from './target-policy.js';
import type { Delivery, DeliveryStatus, Webhook } from './webhook.js';
import { newSecret, secretText } from './webhook-secret.js';

export interface NewWebhook {
  url: string;
  types: readonly string[];
  description: string | null;
}

/** A webhook with its secret, which is told this once: it is null for a request that came again. */
export interface MadeWebhook {
  webhook: Webhook;
  secret: string | null;
}

export interface DeliveryPage {
  status?: DeliveryStatus | undefined;
  limit: number;
  /** The last delivery of the page before: only older ones follow. */
  after?: { createdAt: Instant; deliveryId: string } | undefined;
}

const MAX_WEBHOOKS = 20;

const SHOWN = `webhook_id, url, types, description, created_at,
  CASE WHEN old_secret_until > clock_timestamp() THEN old_secret_until END AS old_secret_until,
  failing_since, disabled_at, disabled_because`;
const DELIVERY = `delivery_id, webhook_id, event_id, type, status, attempts, created_at, next_at, ended_at,
  response_status, error_code`;

/** Told is what comes behind the number that was given last. */
const INSERT_WEBHOOK = `
  INSERT INTO webhook (tenant_id, webhook_id, url, types, description, secret, told_event_id)
  SELECT $1, $2, $3, $4, $5, $6, CASE WHEN is_called THEN last_value ELSE 0 END FROM audit_event_event_id_seq
  RETURNING ${SHOWN}`;

const FIND_WEBHOOK = `SELECT ${SHOWN} FROM webhook WHERE tenant_id = $1 AND webhook_id = $2`;

const ENABLE = `
  UPDATE webhook SET failing_since = NULL, disabled_at = NULL, disabled_because = NULL
  WHERE tenant_id = $1 AND webhook_id = $2
  RETURNING ${SHOWN}`;

const INSERT_TEST = `
  INSERT INTO webhook_delivery (tenant_id, webhook_id, type, payload, next_at)
  VALUES ($1, $2, 'webhook.test', jsonb_build_object(
    'type', 'webhook.test', 'timestamp', clock_timestamp(), 'data', jsonb_build_object('tenant_id', $1::text, 'webhook_id', $2::text)
  ), clock_timestamp())
  RETURNING ${DELIVERY}`;

const LIST_DELIVERIES = `
  SELECT ${DELIVERY} FROM webhook_delivery
  WHERE tenant_id = $1 AND webhook_id = $2 AND ($3::text IS NULL OR status = $3)
    AND ($4::timestamptz IS NULL OR (created_at, delivery_id) < ($4, $5::uuid))
  ORDER BY created_at DESC, delivery_id DESC
  LIMIT $6`;

/** One that is pending is only called sooner. */
const REPLAY = `
  UPDATE webhook_delivery
  SET status = 'pending', attempts = CASE WHEN status = 'pending' THEN attempts ELSE 0 END, ended_at = NULL,
    next_at = clock_timestamp()
  WHERE tenant_id = $1 AND webhook_id = $2 AND delivery_id = $3
  RETURNING ${DELIVERY}`;

/** The webhooks of a tenant, and what was delivered. Every change is on the audit. */
export class Webhooks {
  constructor(
    private readonly database: Database,
    private readonly policy: TargetPolicy,
  ) {}

  /** Makes a webhook for what happens from now on. Its secret is in the answer and nowhere else, ever again. */
  async create(scope: RepeatableScope, { url, types, description }: NewWebhook): Promise<MadeWebhook> {
    this.policy.assertUrl(url);
    const secret = newSecret();
    const webhookId = `wh_${randomBytes(8).toString('hex')}`;
    let told: string | null = null;
    const made = await transactOnce(this.database, scope, async (tx) => {
      const there = await tx.query('SELECT FROM webhook WHERE tenant_id = $1', [scope.tenantId]);
      if (there.length >= MAX_WEBHOOKS) throw new WebhooksExceeded(MAX_WEBHOOKS);
      const values = [scope.tenantId, webhookId, url, types, description, secret];
      const [webhook] = await tx.query<Webhook & Record<string, unknown>>(INSERT_WEBHOOK, values);
      if (!webhook) throw new Error('INSERT … RETURNING gave no row');
      // Not the path and the query: some targets carry their secret there.
      await tell(tx, 'webhook.created', webhookId, { origin: new URL(url).origin, types });
      told = secretText(secret);
      return webhook;
    });
    return { webhook: made, secret: told };
  }

  async list(scope: TenantScope): Promise<Webhook[]> {
    return this.database.transaction(scope, (tx) =>
      tx.query<Webhook & Record<string, unknown>>(
        `SELECT ${SHOWN} FROM webhook WHERE tenant_id = $1 ORDER BY created_at, webhook_id`,
        [scope.tenantId],
      ),
    );
  }

  async get(scope: TenantScope, webhookId: string): Promise<Webhook> {
    return this.database.transaction(scope, (tx) => getWebhook(tx, scope.tenantId, webhookId));
  }

  /** With all of its deliveries: what is pending is not delivered any more. */
  async remove(scope: TenantScope, webhookId: string): Promise<void> {
    await this.database.transaction(scope, async (tx) => {
      await getWebhook(tx, scope.tenantId, webhookId);
      await tx.query('DELETE FROM webhook WHERE tenant_id = $1 AND webhook_id = $2', [
        scope.tenantId,
        webhookId,
      ]);
      await tell(tx, 'webhook.deleted', webhookId);
    });
  }

  /** Makes a new secret. The old one signs as well until the overlap is over. */
  async rotate(scope: RepeatableScope, webhookId: string, overlapSeconds: number): Promise<MadeWebhook> {
    const secret = newSecret();
    let told: string | null = null;
    const webhook = await transactOnce(this.database, scope, async (tx) => {
      await getWebhook(tx, scope.tenantId, webhookId);
      await tx.query('SELECT rotate_webhook_secret($1, $2, $3)', [webhookId, secret, overlapSeconds]);
      await tell(tx, 'webhook.rotated', webhookId, { overlap_seconds: overlapSeconds });
      told = secretText(secret);
      return getWebhook(tx, scope.tenantId, webhookId);
    });
    return { webhook, secret: told };
  }

  /** Calls it again, from where it was disabled: nothing of what happened meanwhile is left out. */
  async enable(scope: RepeatableScope, webhookId: string): Promise<Webhook> {
    return transactOnce(this.database, scope, async (tx) => {
      const [webhook] = await tx.query<Webhook & Record<string, unknown>>(ENABLE, [
        scope.tenantId,
        webhookId,
      ]);
      if (!webhook) throw new WebhookNotFound(webhookId);
      await tell(tx, 'webhook.enabled', webhookId);
      return webhook;
    });
  }

  /** Owes it a call that says that it is a test. */
  async test(scope: RepeatableScope, webhookId: string): Promise<Delivery> {
    return transactOnce(this.database, scope, async (tx) => {
      await getWebhook(tx, scope.tenantId, webhookId);
      const values = [scope.tenantId, webhookId];
      const [delivery] = await tx.query<Delivery & Record<string, unknown>>(INSERT_TEST, values);
      if (!delivery) throw new Error('INSERT … RETURNING gave no row');
      await tell(tx, 'webhook.tested', webhookId, { delivery_id: delivery.delivery_id });
      return delivery;
    });
  }

  /** Newest first. */
  async deliveries(scope: TenantScope, webhookId: string, page: DeliveryPage): Promise<Delivery[]> {
    return this.database.transaction(scope, async (tx) => {
      await getWebhook(tx, scope.tenantId, webhookId);
      return tx.query<Delivery & Record<string, unknown>>(LIST_DELIVERIES, [
        ...[scope.tenantId, webhookId, page.status ?? null],
        ...[page.after?.createdAt ?? null, page.after?.deliveryId ?? null, page.limit],
      ]);
    });
  }

  /** Owes it the same call once more, under the same id, whatever became of it. */
  async replay(scope: RepeatableScope, webhookId: string, deliveryId: string): Promise<Delivery> {
    return transactOnce(this.database, scope, async (tx) => {
      await getWebhook(tx, scope.tenantId, webhookId);
      const values = [scope.tenantId, webhookId, deliveryId];
      const [delivery] = await tx.query<Delivery & Record<string, unknown>>(REPLAY, values);
      if (!delivery) throw new DeliveryNotFound(deliveryId);
      await tell(tx, 'webhook.delivery_replayed', webhookId, { delivery_id: deliveryId });
      return delivery;
    });
  }
}

async function getWebhook(tx: Tx, tenantId: string, webhookId: string): Promise<Webhook> {
  const [webhook] = await tx.query<Webhook & Record<string, unknown>>(FIND_WEBHOOK, [tenantId, webhookId]);
  if (!webhook) throw new WebhookNotFound(webhookId);
  return webhook;
}

async function tell(tx: Tx, action: string, webhookId: string, metadata = {}): Promise<void> {
  await record(tx, { action, resourceType: 'webhook', resourceId: webhookId, metadata });
}
