export { DeliveryNotFound, WebhookNotFound, WebhooksExceeded, WebhookUrlRefused } from './refusals.js';
export { TargetPolicy } from './target-policy.js';
export {
  CALL_ERRORS,
  type CallError,
  type Delivery,
  DELIVERY_STATUSES,
  type DeliveryStatus,
  type DisabledBecause,
  type Webhook,
} from './webhook.js';
export { type Call, type CallOutcome, WebhookCalls } from './webhook-calls.js';
export {
  type OutboxLimits,
  type SettledDelivery,
  type TakenDelivery,
  WebhookOutbox,
} from './webhook-outbox.js';
export { type DeliveryPage, type MadeWebhook, type NewWebhook, Webhooks } from './webhooks.js';
